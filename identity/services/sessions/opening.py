"""Opening sessions: one row for each login, with the life that its kind of token has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from identity.domain.errors import NotFound, Unauthenticated
from identity.domain.events import Event
from identity.domain.ports import Identifiers, JwtTokens, OpaqueTokens
from identity.domain.principal import Principal, Subject
from identity.domain.token_kinds import TokenKind
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
# Nothing that needs a fresh proof; another moment than that of certificates, whose sessions end with them.
_PROVEN_BY_ANOTHER: Final = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lives: at most `whole`, and `unused` until its first use where that is shorter."""

    whole: timedelta
    unused: timedelta | None = None


# What the documents say (contracts 1.1, 1.2, 1.4; design section 5); seed 000 names no end, so a year is ours.
LIFETIMES: Final = {
    TokenKind.PERSONAL: Lifetime(timedelta(days=365)),
    TokenKind.OPAQUE: Lifetime(timedelta(days=90)),
    TokenKind.JWT: Lifetime(timedelta(hours=1)),
    TokenKind.UUID: Lifetime(timedelta(days=90), unused=timedelta(minutes=5)),
}


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
        if kind is TokenKind.JWT:
            now = self._transactions.now()
            end = now + LIFETIMES[kind].whole
            session_id = self.open_session(principal, kind, LIFETIMES[kind], owner=owner)
            return Login(
                self._jwt_tokens.sign(session_id, (owner or principal.account).uuid, now, end), end
            )
        token = self._opaque_tokens.new(kind)
        self.open_session(
            principal, kind, LIFETIMES[kind], digest=self._opaque_tokens.digest(token), owner=owner
        )
        return Login(token, self._transactions.now() + LIFETIMES[kind].whole)

    def key_set(self) -> dict[str, Any]:
        """Return the public keys with which anybody can check the JWTs (RFC 7517)."""
        return self._jwt_tokens.key_set()

    def open_session(
        self,
        principal: Principal,
        kind: TokenKind,
        life: Lifetime,
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
        proven_at = _PROVEN_BY_ANOTHER if owner else principal.authenticated_at
        if proven_at is None:  # a session never is newer proof than what opened it
            raise Unauthenticated

        row = {
            "id": session_id,
            "account_id": account.id,
            "kind": kind.value,
            "version": account.version,
            "authenticated_at": proven_at,
            "created_at": now,
            "last_used_at": now,
            "idle_end": now + life.unused if life.unused else None,
            "absolute_end": now + life.whole,
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
