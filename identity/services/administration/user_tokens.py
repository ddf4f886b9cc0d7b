"""Tokens that administrators make and end for other people."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from identity.domain.account_ref import AccountRef
from identity.domain.errors import NotFound, Unauthenticated
from identity.domain.events import Event
from identity.domain.principal import Principal, Subject
from identity.domain.token_kinds import TokenKind
from identity.services.authentication.passwords import Authentication
from identity.services.sessions.opening import Login, SessionOpener
from identity.services.work.accounts import get_account, subject_of
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import SESSIONS


class UserTokens:
    """Makes and ends tokens of others. Everything here raises Forbidden to all but administrators."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        authorization: Authorization,
        authentication: Authentication,
        session_opener: SessionOpener,
    ) -> None:
        self._transactions = transactions
        self._authorization = authorization
        self._authentication = authentication
        self._session_opener = session_opener

    def create(self, principal: Principal, ref: AccountRef, kind: TokenKind) -> Login:
        """Open a session for an account and return its token, which never counts as a fresh proof.

        Raises:
            StepUpRequired: the proof is too old; such a token is as good as the account.
            NotFound: there is no such account, or it is disabled.
        """
        self._authorization.require_admin(principal, fresh=True)
        return self._session_opener.open(principal, kind, owner=self._owner(ref))

    def revoke(self, principal: Principal, ref: AccountRef, token: str) -> None:
        """End the session of a token of an account.

        Raises:
            NotFound: the token is not live, or another account's.
        """
        self._authorization.require_admin(principal)
        try:
            shown = self._authentication.by_token(token, principal.origin)
        except Unauthenticated:
            raise NotFound("token") from None
        owner = self._transactions.read(lambda session: get_account(session, ref).id)
        if shown.account.id != owner:
            raise NotFound("token")
        live = update(SESSIONS).where(
            SESSIONS.c.id == shown.session, SESSIONS.c.revoked_at.is_(None)
        )

        def end(tx: Transaction) -> None:
            ended = live.values(revoked_at=tx.now).returning(SESSIONS.c.id)
            if tx.session.execute(ended).first() is None:
                raise NotFound("token")
            tx.audit(Event.SESSION_REVOKED, subject=shown.account)
            tx.changed(owner)

        self._transactions.write(principal, end)

    def _owner(self, ref: AccountRef) -> Subject:
        def read(session: Session) -> Subject:
            account = get_account(session, ref)
            if account.disabled:
                raise NotFound("user")
            return subject_of(account)

        return self._transactions.read(read)
