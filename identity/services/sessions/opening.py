"""Opens sessions: one row for each login, with the lifetime of its token kind."""

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
    """The token of a new session, which is not stored, and its absolute end."""

    token: str
    expires_at: datetime


class SessionOpener:
    """Opens sessions for principals who have just been authenticated.

    Args:
        transactions: writes sessions.
        identifiers: makes session ids.
        opaque_tokens: makes opaque tokens.
        jwt_tokens: signs JWTs.
        per_account: how many sessions one pool of an account may have.
        token_life: lifetime of an access token.
    """

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
        """Open a session and return its token. If its pool is full, another session is evicted.

        Args:
            principal: who was authenticated.
            kind: of the token.
            owner: whose session it is, if an administrator opens it for another account.

        Raises:
            Unauthenticated: the principal's account was deleted, or its credentials were
                invalidated.
            NotFound: the same of the owner's account.
        """
        lifetime = kind.lifetime
        if lifetime is None:
            raise ValueError(kind)  # access tokens: see `open_session`
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
        """Return the public keys that verify JWTs, as a JWK Set (RFC 7517 section 5)."""
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
        """Write the session of a login and return its id; see `open`.

        Args:
            principal: who was authenticated.
            kind: of the token.
            lifetime: of the session.
            digest: of the token, if the token is opaque.
            owner: whose session it is, if not the principal's.

        Raises:
            Unauthenticated, NotFound: as for `open`.
        """
        session_id = self._identifiers.session_id()
        now = self._transactions.now()
        row = {
            "id": session_id,
            "kind": kind.value,
            "created_at": now,
            "last_used_at": now,
            "idle_end": now + lifetime.idle if lifetime.idle else None,
            "absolute_end": now + lifetime.absolute,
            "digest": digest,
            "origin": principal.origin.ip[:_ORIGIN_MAX],
        }
        row |= _authentication_columns(principal, owner, now)
        # Two administrators who act on each other lock both accounts in one order.
        self._transactions.write(
            principal, lambda tx: self._insert(tx, kind, row, owner), lock_admins=owner is not None
        )
        return session_id

    def _insert(
        self, tx: Transaction, kind: TokenKind, row: dict[str, object], owner: Subject | None
    ) -> None:
        account = owner or tx.principal.account
        if owner:
            _lock_owner(tx.session, owner)
        self._make_room(tx, account, kind)
        tx.session.execute(_INSERT, row)
        tx.audit_session(account)

    def _make_room(self, tx: Transaction, account: Subject, kind: TokenKind) -> None:
        evicted = make_room(
            tx.session,
            account.id,
            kind,
            now=tx.now,
            kept=self._per_account - 1,
            token_life=self._token_life,
        )
        if evicted:
            tx.audit(Event.SESSIONS_DROPPED, subject=account)
        for session_id in evicted:
            tx.session_ended(session_id, account.id)


def _authentication_columns(
    principal: Principal, owner: Subject | None, now: datetime
) -> dict[str, object]:
    """Return whose session it is, and the method and time of the authentication.

    The time is that of the principal's own authentication: opening a session does not renew it.

    Raises:
        Unauthenticated: the principal was not authenticated.
    """
    account = owner or principal.account
    proof, authenticated_at = principal.proof, principal.authenticated_at
    if owner:
        proof, authenticated_at = ProofMethod.ADMINISTRATOR, now
    if authenticated_at is None:
        raise Unauthenticated
    return {
        "account_id": account.id,
        "version": account.version,
        "authenticated_at": authenticated_at,
        "proof": proof.value,
    }


def _lock_owner(session: Session, owner: Subject) -> None:
    # Their credentials may have been invalidated since the account was read.
    if session.execute(_OWNER, {"id": owner.id, "version": owner.version}).first() is None:
        raise NotFound("user")
