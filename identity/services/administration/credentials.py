"""What administrators see and end of other accounts' credentials: sessions, certificates, passwords."""

from __future__ import annotations

from sqlalchemy.orm import Session

from identity.domain.account_ref import AccountRef
from identity.domain.certificates import CertificateView
from identity.domain.errors import NotFound
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.domain.principal import Principal
from identity.domain.views import AccountView, SessionView
from identity.services.accounts.changes import ProfileChange
from identity.services.administration.accounts import Administration
from identity.services.certificates.lines import certificates_of, revoke_line
from identity.services.sessions.live import end_session, sessions_of
from identity.services.work.accounts import find_by_identifier, get_account, subject_of
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transaction, Transactions


class AccountCredentials:
    """Lists and ends credentials of any account. Everything here raises Forbidden to all but administrators."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        authorization: Authorization,
        administration: Administration,
    ) -> None:
        self._transactions = transactions
        self._authorization = authorization
        self._administration = administration

    def sessions(self, principal: Principal, ref: AccountRef) -> tuple[SessionView, ...]:
        """Return the live sessions of an account, newest first.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal)

        def read(session: Session) -> tuple[SessionView, ...]:
            account = get_account(session, ref)
            return sessions_of(
                session, account.id, self._transactions.now(), current=principal.session
            )

        return self._transactions.read(read)

    def end_session(self, principal: Principal, ref: AccountRef, session_id: str) -> None:
        """End one live session of an account.

        Raises:
            NotFound: there is no such account, or it has no such live session.
        """
        self._authorization.require_admin(principal)

        def end(tx: Transaction) -> None:
            account = get_account(tx.session, ref, lock=True)
            end_session(tx.session, subject_of(account), session_id, tx.now)
            tx.audit(Event.SESSION_REVOKED, subject=subject_of(account))
            tx.changed(account.id)

        self._transactions.write(principal, end, lock_admins=True)

    def certificates(self, principal: Principal, ref: AccountRef) -> tuple[CertificateView, ...]:
        """Return the certificates of an account that have not expired, newest first.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal)

        def read(session: Session) -> tuple[CertificateView, ...]:
            return certificates_of(session, get_account(session, ref), self._transactions.now())

        return self._transactions.read(read)

    def revoke_certificate(self, principal: Principal, ref: AccountRef, serial: str) -> None:
        """Revoke a certificate of an account as its owner would; they are told by mail.

        Raises:
            StepUpRequired: the proof is too old.
            NotFound: there is no such account, or it has no such certificate that is active.
        """
        self._authorization.require_admin(principal, fresh=True)

        def revoke(tx: Transaction) -> None:
            account = get_account(tx.session, ref, lock=True)
            revoke_line(tx.session, account.id, serial, tx.now)
            tx.audit(Event.CERTIFICATE_REVOKED, subject=subject_of(account))
            tx.mail(MailKind.CERTIFICATE_REVOKED, account, certificate=serial)
            tx.changed(account.id)

        self._transactions.write(principal, revoke, lock_admins=True)

    def set_password(
        self, principal: Principal, name: str, password: str, *, must_change: bool = False
    ) -> AccountView:
        """Set the password of the account with this username or email; all its sessions and certificates end.

        Raises:
            NotFound: no account has this name.
            InvalidInput: the password cannot be used.
            StepUpRequired, Busy: as for `Administration.change`.
        """
        self._authorization.require_admin(principal, fresh=True)
        account_id = self._transactions.read(lambda session: _find_id(session, name))
        return self._administration.change(
            principal, account_id, ProfileChange(), password=password, must_change=must_change
        )


def _find_id(session: Session, name: str) -> int:
    account = find_by_identifier(session, name)
    if account is None:
        raise NotFound("user")
    return account.id
