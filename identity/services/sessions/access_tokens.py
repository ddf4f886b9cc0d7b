"""Access tokens and the sessions behind them.

A login opens a session; its tokens are short and renew each other until the session's absolute end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from identity.domain import policy
from identity.domain.claims import AccessClaims
from identity.domain.errors import NoSession, Unauthenticated
from identity.domain.events import Event
from identity.domain.ports import AccessTokens
from identity.domain.principal import Principal
from identity.domain.token_kinds import Lifetime, TokenKind
from identity.domain.views import IssuedToken, SessionView
from identity.services.sessions.directory import SessionDirectory
from identity.services.sessions.live import end_session, sessions_of
from identity.services.sessions.opening import SessionOpener
from identity.services.work.accounts import get_own
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import LoginSession


class Tokens:
    """Issues tokens, and lists and ends sessions."""

    def __init__(  # noqa: PLR0913 - collaborators and the two lives
        self,
        transactions: Transactions,
        *,
        session_opener: SessionOpener,
        access_tokens: AccessTokens,
        directory: SessionDirectory,
        token_life: timedelta,
        session_life: timedelta,
    ) -> None:
        self._transactions = transactions
        self._session_opener = session_opener
        self._access_tokens = access_tokens
        self._directory = directory
        self._token_life = token_life
        self._session_life = session_life

    def issue(self, principal: Principal) -> IssuedToken:
        """Return a token: from a password, of a new session; from a token, of the same session.

        Raises:
            Unauthenticated: the account or the session ended meanwhile.
        """
        now = self._transactions.now()
        if principal.session is None:
            lifetime = Lifetime(self._session_life)
            return self._sign(
                self._session_opener.open_session(principal, TokenKind.ACCESS, lifetime),
                now,
                now + lifetime.absolute,
            )
        found = self._directory.find(principal.session)
        if found is None:
            raise Unauthenticated
        if not found.renewed or now - found.last_used_at > policy.LAST_USED_GRAIN:
            self._touch(principal, now)
        return self._sign(principal.session, now, found.absolute_end)

    def sessions(self, principal: Principal) -> tuple[SessionView, ...]:
        """Return the caller's live sessions, newest first."""
        account, now = principal.account, self._transactions.now()
        return self._transactions.read(
            lambda session: sessions_of(session, account.id, now, current=principal.session)
        )

    def revoke_current(self, principal: Principal) -> None:
        """End the session whose token made this request.

        Raises:
            NoSession: the request was made with a password.
        """
        if principal.session is None:
            raise NoSession
        self.revoke(principal, principal.session)

    def revoke(self, principal: Principal, session_id: str) -> None:
        """End one of the caller's own live sessions.

        Raises:
            NotFound: it is not his, or not live.
        """
        account, now = principal.account, self._transactions.now()

        def end(tx: Transaction) -> None:
            end_session(tx.session, account, session_id, now)
            tx.audit(Event.SESSION_REVOKED)
            tx.changed(account.id)

        self._transactions.write(principal, end)

    def revoke_all(self, principal: Principal) -> None:
        """Log out everywhere: end every session of the caller, this one included."""

        def end(tx: Transaction) -> None:
            tx.end_credentials(get_own(tx.session, principal.account))
            tx.audit(Event.SESSIONS_REVOKED)

        self._transactions.write(principal, end)

    def _touch(self, principal: Principal, now: datetime) -> None:
        def touch(tx: Transaction) -> None:
            used = update(LoginSession).where(LoginSession.id == principal.session)
            tx.session.execute(used.values(last_used_at=now, renewed_at=now))
            tx.changed(principal.account.id)

        self._transactions.write(principal, touch)

    def _sign(self, session_id: str, now: datetime, absolute_end: datetime) -> IssuedToken:
        end = int(policy.token_end(now, self._token_life, absolute_end).timestamp())
        issued_at = int(now.timestamp())
        token = self._access_tokens.sign(AccessClaims(session_id, issued_at, end))
        return IssuedToken(token, timedelta(seconds=end - issued_at))
