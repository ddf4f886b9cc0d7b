"""Tokens that administrators make and end for other people."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from identity.domain.errors import NotFound, Unauthenticated
from identity.domain.events import Event
from identity.domain.ports import Clock
from identity.domain.principal import Principal, Subject
from identity.domain.token_kinds import TokenKind
from identity.services.authentication.passwords import Authentication
from identity.services.sessions.opening import Login, SessionOpener
from identity.services.work.accounts import get_account, subject_of
from identity.services.work.audit_log import Audit
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transactions
from identity.store.models import SESSIONS


class UserTokens:
    """Makes and ends tokens of others. Everything here raises Forbidden to all but administrators."""

    def __init__(  # noqa: PLR0913 - collaborators
        self,
        transactions: Transactions,
        *,
        clock: Clock,
        rights: Authorization,
        authentication: Authentication,
        logins: SessionOpener,
        audit: Audit,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._rights = rights
        self._authentication = authentication
        self._logins = logins
        self._audit = audit

    def create(self, principal: Principal, account_id: int, kind: TokenKind) -> Login:
        """Open a session for an account and return its token, which never counts as a fresh proof.

        Raises:
            StepUpRequired: the proof is too old; such a token is as good as the account.
            NotFound: there is no such account, or it is disabled.
        """
        self._rights.require_admin(principal, fresh=True)
        return self._logins.open(principal, kind, owner=self._owner(account_id))

    def revoke(self, principal: Principal, account_id: int, token: str) -> None:
        """End the session of a token of an account.

        Raises:
            NotFound: the token is not live, or another account's.
        """
        self._rights.require_admin(principal)
        try:
            shown = self._authentication.by_token(token, principal.origin)
        except Unauthenticated:
            raise NotFound("token") from None
        if shown.account.id != account_id:
            raise NotFound("token")
        now = self._clock.now()
        live = update(SESSIONS).where(
            SESSIONS.c.id == shown.session, SESSIONS.c.revoked_at.is_(None)
        )

        def end(session: Session) -> None:
            if (
                session.execute(live.values(revoked_at=now).returning(SESSIONS.c.id)).first()
                is None
            ):
                raise NotFound("token")
            self._audit.record(session, Event.SESSION_REVOKED, principal, subject=shown.account)
            self._transactions.note_change(session, account_id)

        self._transactions.write(principal, end)

    def _owner(self, account_id: int) -> Subject:
        def read(session: Session) -> Subject:
            account = get_account(session, account_id)
            if account.disabled:
                raise NotFound("user")
            return subject_of(account)

        return self._transactions.read(read)
