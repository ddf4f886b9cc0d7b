"""Issues access tokens, and lists and revokes the caller's sessions.

A login opens a session. Its access tokens expire soon and can be renewed until the session's
absolute end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from identity.domain import policy
from identity.domain.claims import AccessClaims
from identity.domain.errors import NoSession, Unauthenticated
from identity.domain.events import Event
from identity.domain.ports import AccessTokens
from identity.domain.principal import Principal, Subject
from identity.domain.token_kinds import Lifetime, TokenKind
from identity.domain.views import IssuedToken, SessionView
from identity.services.sessions.cache import SessionState
from identity.services.sessions.directory import SessionDirectory
from identity.services.sessions.journal import Journal
from identity.services.sessions.live import end_session, sessions_of
from identity.services.sessions.opening import SessionOpener
from identity.services.work.accounts import get_own
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import LoginSession


class Tokens:
    """Issues access tokens, and lists and revokes sessions.

    Args:
        transactions: reads and writes sessions.
        session_opener: opens a session for a login.
        access_tokens: signs tokens.
        directory: finds the session of a token.
        journal: records that tokens are issued.
        token_life: lifetime of an access token.
        session_life: absolute lifetime of its session.
    """

    def __init__(  # noqa: PLR0913 - collaborators and the two lifetimes
        self,
        transactions: Transactions,
        *,
        session_opener: SessionOpener,
        access_tokens: AccessTokens,
        directory: SessionDirectory,
        journal: Journal,
        token_life: timedelta,
        session_life: timedelta,
    ) -> None:
        self._transactions = transactions
        self._session_opener = session_opener
        self._access_tokens = access_tokens
        self._directory = directory
        self._journal = journal
        self._token_life = token_life
        self._session_life = session_life

    def issue(self, principal: Principal) -> IssuedToken:
        """Return an access token: of a new session for a password, of the same one for a token.

        Raises:
            Unauthenticated: the account or the session has become invalid.
        """
        now = self._transactions.now()
        if principal.session is None:
            lifetime = Lifetime(self._session_life)
            session_id = self._session_opener.open_session(principal, TokenKind.ACCESS, lifetime)
            return self._sign(principal, session_id, now, now + lifetime.absolute)
        state = self._directory.find(principal.session)
        if state is None:
            raise Unauthenticated
        if not state.renewed or now - state.last_used_at > policy.LAST_USED_GRAIN:
            self._record_renewal(principal, now)
            self._directory.refresh(principal.session)
        return self._sign(state, state.session, now, state.absolute_end, used=True)

    def sessions(self, principal: Principal) -> tuple[SessionView, ...]:
        """Return the caller's valid sessions, newest first."""
        account, now = principal.account, self._transactions.now()
        return self._transactions.read(
            lambda session: sessions_of(session, account.id, now, current=principal.session)
        )

    def revoke_current(self, principal: Principal) -> None:
        """Revoke the session whose token made this request.

        Raises:
            NoSession: the request was not made with a token.
        """
        if principal.session is None:
            raise NoSession
        self.revoke(principal, principal.session)

    def revoke(self, principal: Principal, session_id: str) -> None:
        """Revoke one of the caller's own sessions.

        Raises:
            NotFound: the caller has no such valid session.
        """
        account, now = principal.account, self._transactions.now()
        self._transactions.write(principal, lambda tx: _revoke(tx, account, session_id, now))

    def revoke_all(self, principal: Principal) -> None:
        """Log out everywhere: invalidate every session of the caller, including this one."""
        self._transactions.write(principal, lambda tx: _revoke_all(tx, principal.account))

    def state(self) -> dict[str, float]:
        """Return the metrics of token checks, by name."""
        return self._directory.state() | self._journal.state()

    def _record_renewal(self, principal: Principal, now: datetime) -> None:
        self._transactions.write(principal, lambda tx: _renew(tx, principal, now))

    def _sign(
        self,
        owner: Principal | SessionState,
        session_id: str,
        now: datetime,
        absolute_end: datetime,
        *,
        used: bool = False,
    ) -> IssuedToken:
        self._journal.note_issue(now)
        end = int(policy.token_end(now, self._token_life, absolute_end).timestamp())
        issued_at = int(now.timestamp())
        claims = AccessClaims(
            session_id, issued_at, end, owner.subject, owner.authenticated_at, owner.proof, used
        )
        return IssuedToken(self._access_tokens.sign(claims), timedelta(seconds=end - issued_at))


def _revoke(tx: Transaction, owner: Subject, session_id: str, now: datetime) -> None:
    end_session(tx.session, owner, session_id, now)
    tx.audit(Event.SESSION_REVOKED)
    tx.session_ended(session_id, owner.id)


def _revoke_all(tx: Transaction, owner: Subject) -> None:
    tx.end_credentials(get_own(tx.session, owner))
    tx.audit(Event.SESSIONS_REVOKED)


def _renew(tx: Transaction, principal: Principal, now: datetime) -> None:
    renewed = update(LoginSession).where(LoginSession.id == principal.session)
    tx.session.execute(renewed.values(last_used_at=now, renewed_at=now))
