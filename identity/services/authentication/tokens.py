"""Authenticates tokens: the format of a token decides its kind, and the kind how it is checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update

from identity.domain import policy
from identity.domain.claims import AccessClaims
from identity.domain.errors import Unauthenticated
from identity.domain.ports import AccessTokens, JwtTokens, OpaqueTokens
from identity.domain.principal import Origin, Principal
from identity.domain.token_kinds import MAX_TOKEN_CHARACTERS, Storage, TokenKind, token_kind
from identity.services.sessions.cache import SessionState
from identity.services.sessions.directory import SessionDirectory
from identity.services.sessions.journal import Journal
from identity.services.sessions.pools import USED_GRAIN
from identity.services.sessions.usage import UsageRecorder
from identity.services.work.session_life import is_expired
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import LoginSession

# Module names, because looking up a member of an enum class is slow.
_ACCESS: Final = TokenKind.ACCESS
_BY_ACCESS_TOKEN: Final = _ACCESS.credential


class TokenAuthenticator:
    """Checks tokens of every kind against their sessions.

    Args:
        transactions: writes sliding sessions and uses.
        journal: tells whether the claims of a token are still true.
        directory: finds the session of a token, where its claims do not suffice.
        access_tokens: verifies access tokens.
        jwt_tokens: verifies JWTs.
        opaque_tokens: digests opaque tokens.
    """

    def __init__(  # noqa: PLR0913 - collaborators
        self,
        transactions: Transactions,
        *,
        journal: Journal,
        directory: SessionDirectory,
        access_tokens: AccessTokens,
        jwt_tokens: JwtTokens,
        opaque_tokens: OpaqueTokens,
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._directory = directory
        self._access_tokens = access_tokens
        self._jwt_tokens = jwt_tokens
        self._opaque_tokens = opaque_tokens
        self._uses = UsageRecorder(transactions, directory)

    def principal(self, token: str, origin: Origin) -> Principal:
        """Return the principal of a token.

        Raises:
            Unauthenticated: the token is forged or expired, or its session was revoked.
        """
        now = self._transactions.now()
        kind = token_kind(token) if len(token) <= MAX_TOKEN_CHARACTERS else None
        if kind is _ACCESS:  # by far the most frequent kind
            return self._of_access_token(token, origin, now)
        state = self._find(kind, token, now) if kind else None
        if kind is None or state is None or is_expired(state, now):
            raise Unauthenticated
        end = state.absolute_end
        if state.idle_end is not None:
            end = self._slide(state, state.idle_end, kind, now)
            if end is not state.idle_end:
                self._directory.refresh(self._key(kind, token, state))
        elif not state.shown or now - state.last_used_at > USED_GRAIN:
            self._uses.note(state.session, self._key(kind, token, state), now)
        return Principal(
            origin,
            state.subject,
            kind.credential,
            state.authenticated_at,
            state.session,
            expires_at=int(end.timestamp()),
            checked_at=now.timestamp(),
            proof=state.proof,
        )

    def _of_access_token(self, token: str, origin: Origin, now: datetime) -> Principal:
        claims = self._access_tokens.verify(token)
        seconds = now.timestamp()
        if claims is None or not policy.within_lifetime(claims, seconds):
            raise Unauthenticated
        if not self._journal.confirms(claims):
            claims = self._claims_of_row(claims, now)
        if not claims.used:
            self._uses.note(claims.session, claims.session, now)
        return Principal(
            origin,
            claims.subject,
            _BY_ACCESS_TOKEN,
            claims.authenticated_at,
            claims.session,
            None,
            claims.expires_at,
            seconds,
            claims.proof,
        )

    def _claims_of_row(self, claims: AccessClaims, now: datetime) -> AccessClaims:
        state = self._directory.find(claims.session)
        if state is None or is_expired(state, now):
            raise Unauthenticated
        return claims._replace(
            subject=state.subject,
            authenticated_at=state.authenticated_at,
            proof=state.proof,
            used=state.shown,
        )

    def _find(self, kind: TokenKind, token: str, now: datetime) -> SessionState | None:
        if kind.storage is Storage.JWT:
            session = self._jwt_tokens.verify(token, now)
            return self._directory.find(session) if session else None
        digest = self._opaque_tokens.digest(token)
        return self._directory.find_by_digest(digest) if digest else None

    def _key(self, kind: TokenKind, token: str, state: SessionState) -> str:
        by_digest = kind.storage is Storage.DIGEST
        return self._opaque_tokens.digest(token) or "" if by_digest else state.session

    def _slide(
        self, state: SessionState, idle_end: datetime, kind: TokenKind, now: datetime
    ) -> datetime:
        """Extend the idle lifetime of a session, at most once a minute; return its end."""
        sliding = kind.lifetime.sliding if kind.lifetime else timedelta()
        end = min(now + sliding, state.absolute_end)
        if end - idle_end <= policy.LAST_USED_GRAIN:
            return idle_end

        self._transactions.write_unattended(lambda tx: _extend(tx, state, end, now))
        return end


def _extend(tx: Transaction, state: SessionState, end: datetime, now: datetime) -> None:
    used = update(LoginSession).where(LoginSession.id == state.session, LoginSession.idle_end > now)
    tx.session.execute(used.values(idle_end=end, last_used_at=now, shown_at=now))
