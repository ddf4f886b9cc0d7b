"""Tokens that administrators issue and revoke for other accounts."""

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
    """Issues and revokes tokens of other accounts.

    Every method raises Forbidden if the caller is not an administrator.

    Args:
        transactions: reads accounts and writes sessions.
        authorization: requires administrators.
        authentication: checks tokens.
        session_opener: opens sessions.
    """

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
        """Open a session for an account and return its token.

        The token does not count as recent authentication.

        Args:
            principal: an administrator.
            ref: the account.
            kind: of the token.

        Raises:
            StepUpRequired: the authentication is too old.
            NotFound: there is no such account, or it is disabled.
        """
        self._authorization.require_admin(principal, fresh=True)
        return self._session_opener.open(principal, kind, owner=self._owner(ref))

    def revoke(self, principal: Principal, ref: AccountRef, token: str) -> None:
        """Revoke the session of a token.

        Args:
            principal: an administrator.
            ref: the account to which the token must belong.
            token: as received.

        Raises:
            NotFound: the token is not valid, or belongs to another account.
        """
        self._authorization.require_admin(principal)
        try:
            owner = self._authentication.by_token(token, principal.origin)
        except Unauthenticated:
            raise NotFound("token") from None
        account_id = self._transactions.read(lambda session: get_account(session, ref).id)
        if owner.account.id != account_id:
            raise NotFound("token")
        self._transactions.write(principal, lambda tx: _revoke(tx, owner))

    def _owner(self, ref: AccountRef) -> Subject:
        return self._transactions.read(lambda session: _enabled_subject(session, ref))


def _revoke(tx: Transaction, owner: Principal) -> None:
    unrevoked = update(SESSIONS).where(
        SESSIONS.c.id == owner.session, SESSIONS.c.revoked_at.is_(None)
    )
    statement = unrevoked.values(revoked_at=tx.now).returning(SESSIONS.c.id)
    if tx.session.execute(statement).first() is None:
        raise NotFound("token")
    tx.audit(Event.SESSION_REVOKED, subject=owner.account)
    tx.session_ended(owner.session or "", owner.account.id)


def _enabled_subject(session: Session, ref: AccountRef) -> Subject:
    account = get_account(session, ref)
    if account.disabled:
        raise NotFound("user")
    return subject_of(account)
