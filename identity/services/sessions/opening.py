"""Opening sessions: one row for each login, with the life that its kind of token has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from identity.domain.credentials import ProofMethod
from identity.domain.errors import NotFound, Unauthenticated
from identity.domain.events import Event
from identity.domain.ports import Identifiers, JwtTokens, OpaqueTokens
from identity.domain.principal import Principal, Subject
from identity.domain.token_kinds import Lifetime, Storage, TokenKind
from identity.services.sessions.pools import make_room
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import ACCOUNTS, SESSIONS

_ORIGIN_MAX: Final = 64

_INSERT: Final = insert(SESSIONS)
_OWNER: Final = (
    select(ACCOUNTS.c.id)
    .where(
        ACCOUNTS.c.id == bindparam("id"),
        ACCOUNTS.c.version == bindparam("version"),
        ACCOUNTS.c.disabled.is_(False),
    )
    .with_for_update(key_share=True)
)


@dataclass(frozen=True, slots=True)
class Login:
    """A new session's token, shown this once, and when it ends at the latest."""

    token: str
    expires_at: datetime


class SessionOpener:
    """Opens sessions for principals who have just proven themselves."""

    def __init__(  # noqa: PLR0913 - collaborators
        self,
        transactions: Transactions,
        *,
        identifiers: Identifiers,
        opaque_tokens: OpaqueTokens,
        jwt_tokens: JwtTokens,
        per_account: int,
        token_life: timedelta,
    ) -> None:
        self._transactions = transactions
        self._identifiers = identifiers
        self._opaque_tokens = opaque_tokens
        self._jwt_tokens = jwt_tokens
        self._per_account = per_account
        self._token_life = token_life

    def open(self, principal: Principal, kind: TokenKind, *, owner: Subject | None = None) -> Login:
        """Open a session and return its token; another of its pool gives way where it has too many.

        With an `owner` the session is theirs, who proved nothing.

        Raises:
            Unauthenticated: the account has moved on or went away since the proof.
            NotFound: the owner's has.
        """
        lifetime = kind.lifetime
        if lifetime is None:
            raise ValueError(kind)  # its sessions are opened by `open_session`
        now = self._transactions.now()
        end = now + lifetime.absolute
        if kind.storage is Storage.JWT:
            session_id = self.open_session(principal, kind, lifetime, owner=owner)
            uuid = (owner or principal.account).uuid
            return Login(self._jwt_tokens.sign(session_id, uuid, now, end), end)
        token = self._opaque_tokens.new(kind)
        digest = self._opaque_tokens.digest(token)
        self.open_session(principal, kind, lifetime, digest=digest, owner=owner)
        return Login(token, end)

    def key_set(self) -> dict[str, Any]:
        """Return the public keys with which anybody can check the JWTs (RFC 7517)."""
        return self._jwt_tokens.key_set()

    def open_session(
        self,
        principal: Principal,
        kind: TokenKind,
        lifetime: Lifetime,
        *,
        digest: str | None = None,
        owner: Subject | None = None,
    ) -> str:
        """Write the session of a login and return its id; see `open`."""
        account, session_id, now = (
            owner or principal.account,
            self._identifiers.session_id(),
            self._transactions.now(),
        )
        # A session is never newer proof than what opened it.
        proof, proven_at = principal.proof, principal.authenticated_at
        if owner:
            proof, proven_at = ProofMethod.ADMINISTRATOR, now
        if proven_at is None:
            raise Unauthenticated

        row = {
            "id": session_id,
            "account_id": account.id,
            "kind": kind.value,
            "version": account.version,
            "authenticated_at": proven_at,
            "proof": proof.value,
            "created_at": now,
            "last_used_at": now,
            "idle_end": now + lifetime.idle if lifetime.idle else None,
            "absolute_end": now + lifetime.absolute,
            "digest": digest,
            "origin": principal.origin.ip[:_ORIGIN_MAX],
        }

        def write(tx: Transaction) -> None:
            if owner:
                _lock_owner(tx.session, owner)
            self._make_room(tx, account, kind)
            tx.session.execute(_INSERT, row)
            tx.audit_session(account)

        # Two administrators who act on each other lock both accounts in one order.
        self._transactions.write(principal, write, lock_admins=owner is not None)
        return session_id

    def _make_room(self, tx: Transaction, account: Subject, kind: TokenKind) -> None:
        kept = self._per_account - 1
        if make_room(
            tx.session, account.id, kind, now=tx.now, kept=kept, token_life=self._token_life
        ):
            tx.audit(Event.SESSIONS_DROPPED, subject=account)
            tx.changed(account.id)


def _lock_owner(session: Session, owner: Subject) -> None:
    # Their credentials may have been invalidated since the account was read.
    if session.execute(_OWNER, {"id": owner.id, "version": owner.version}).first() is None:
        raise NotFound("user")
