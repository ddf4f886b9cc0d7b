"""From a token to a principal: by its form, its kind; by its kind, the one way to check it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update

from identity.domain import policy
from identity.domain.errors import Unauthenticated
from identity.domain.ports import AccessTokens, JwtTokens, OpaqueTokens
from identity.domain.principal import Origin, Principal
from identity.domain.token_kinds import MAX_TOKEN_CHARACTERS, Storage, TokenKind, token_kind
from identity.services.sessions.cache import SessionState
from identity.services.sessions.directory import SessionDirectory
from identity.services.sessions.pools import USED_GRAIN
from identity.services.sessions.usage import UsageRecorder
from identity.services.work.session_life import is_expired
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import LoginSession

# Both by a short name: a member is looked up anew, slowly, each time its class is asked.
_ACCESS: Final = TokenKind.ACCESS
_BY_ACCESS_TOKEN: Final = _ACCESS.credential


class TokenAuthenticator:
    """Checks tokens of every kind against the session behind them."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        directory: SessionDirectory,
        access_tokens: AccessTokens,
        jwt_tokens: JwtTokens,
        opaque_tokens: OpaqueTokens,
    ) -> None:
        self._transactions = transactions
        self._directory = directory
        self._access_tokens = access_tokens
        self._jwt_tokens = jwt_tokens
        self._opaque_tokens = opaque_tokens
        self._uses = UsageRecorder(transactions, directory)

    def principal(self, token: str, origin: Origin) -> Principal:
        """Return the principal of a token.

        Raises:
            Unauthenticated: not genuine, over, or its session was ended.
        """
        now = self._transactions.now()
        kind = token_kind(token) if len(token) <= MAX_TOKEN_CHARACTERS else None
        if kind is _ACCESS:  # by far the most frequent
            return self._of_access_token(token, origin, now)
        found = self._find(kind, token, now) if kind else None
        if kind is None or found is None or is_expired(found, now):
            raise Unauthenticated
        end = found.absolute_end
        if found.idle_end is not None:
            end = self._slide(found, found.idle_end, kind, now)
        elif not found.shown or now - found.last_used_at > USED_GRAIN:
            self._note_use(found, token, kind, now)
        return Principal(
            origin,
            found.subject,
            kind.credential,
            found.authenticated_at,
            found.session,
            expires_at=int(end.timestamp()),
            checked_at=now.timestamp(),
            proof=found.proof,
        )

    def _of_access_token(self, token: str, origin: Origin, now: datetime) -> Principal:
        claims, seconds = self._access_tokens.verify(token), now.timestamp()
        found = (
            self._directory.find(claims.session)
            if claims and policy.within_lifetime(claims, seconds)
            else None
        )
        if claims is None or found is None or is_expired(found, now):
            raise Unauthenticated
        if not found.shown:
            self._note_use(found, token, _ACCESS, now)
        return Principal(
            origin,
            found.subject,
            _BY_ACCESS_TOKEN,
            found.authenticated_at,
            found.session,
            None,
            claims.expires_at,
            seconds,
            found.proof,
        )

    def _find(self, kind: TokenKind, token: str, now: datetime) -> SessionState | None:
        if kind.storage is Storage.JWT:
            session = self._jwt_tokens.verify(token, now)
            return self._directory.find(session) if session else None
        digest = self._opaque_tokens.digest(token)
        return self._directory.find_by_digest(digest) if digest else None

    def _note_use(self, found: SessionState, token: str, kind: TokenKind, now: datetime) -> None:
        by_id = kind.storage is not Storage.DIGEST
        self._uses.note(
            found.session, found.session if by_id else self._opaque_tokens.digest(token) or "", now
        )

    def _slide(
        self, found: SessionState, idle_end: datetime, kind: TokenKind, now: datetime
    ) -> datetime:
        """Move the end of a sliding session, at most once a minute, and return it."""
        sliding = kind.lifetime.sliding if kind.lifetime else timedelta()
        end = min(now + sliding, found.absolute_end)
        if end - idle_end <= policy.LAST_USED_GRAIN:
            return idle_end

        def slide(tx: Transaction) -> None:
            used = update(LoginSession).where(
                LoginSession.id == found.session, LoginSession.idle_end > now
            )
            tx.session.execute(used.values(idle_end=end, last_used_at=now, shown_at=now))
            tx.changed(found.subject.id)

        self._transactions.write_unattended(slide)
        return end
