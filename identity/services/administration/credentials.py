"""What administrators do with the credentials of other accounts."""

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
    """Lists and revokes sessions and certificates of any account, and sets passwords.

    Every method raises Forbidden if the caller is not an administrator.

    Args:
        transactions: reads and writes credentials.
        authorization: requires administrators.
        administration: sets passwords.
    """

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
        """Return the valid sessions of an account, newest first.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal)

        return self._transactions.read(
            lambda session: sessions_of(
                session,
                get_account(session, ref).id,
                self._transactions.now(),
                current=principal.session,
            )
        )

    def end_session(self, principal: Principal, ref: AccountRef, session_id: str) -> None:
        """Revoke one session of an account.

        Raises:
            NotFound: there is no such account, or it has no such valid session.
        """
        self._authorization.require_admin(principal)
        self._transactions.write(
            principal, lambda tx: _end_session(tx, ref, session_id), lock_admins=True
        )

    def certificates(self, principal: Principal, ref: AccountRef) -> tuple[CertificateView, ...]:
        """Return the certificates of an account that have not expired, newest first.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal)

        return self._transactions.read(
            lambda session: certificates_of(
                session, get_account(session, ref), self._transactions.now()
            )
        )

    def revoke_certificate(self, principal: Principal, ref: AccountRef, serial: str) -> None:
        """Revoke a certificate of an account, as its owner would. The owner gets a mail.

        Raises:
            StepUpRequired: the authentication is too old.
            NotFound: there is no such account, or it has no such unrevoked certificate.
        """
        self._authorization.require_admin(principal, fresh=True)
        self._transactions.write(
            principal, lambda tx: _revoke_certificate(tx, ref, serial), lock_admins=True
        )

    def set_password(
        self, principal: Principal, name: str, password: str, *, must_change: bool = False
    ) -> AccountView:
        """Set the password of an account, which invalidates its sessions and certificates.

        Args:
            principal: an administrator.
            name: the username or email of the account.
            password: the new one, raw.
            must_change: whether the owner must choose another password before they can log in.

        Raises:
            NotFound: no account has this username or email.
            InvalidInput: the password is invalid.
            StepUpRequired, Busy: as for `Administration.change`.
        """
        self._authorization.require_admin(principal, fresh=True)
        account_id = self._transactions.read(lambda session: _find_id(session, name))
        return self._administration.change(
            principal, account_id, ProfileChange(), password=password, must_change=must_change
        )


def _end_session(tx: Transaction, ref: AccountRef, session_id: str) -> None:
    account = get_account(tx.session, ref, lock=True)
    end_session(tx.session, subject_of(account), session_id, tx.now)
    tx.audit(Event.SESSION_REVOKED, subject=subject_of(account))
    tx.session_ended(session_id, account.id)


def _revoke_certificate(tx: Transaction, ref: AccountRef, serial: str) -> None:
    account = get_account(tx.session, ref, lock=True)
    revoke_line(tx.session, account.id, serial, tx.now)
    tx.audit(Event.CERTIFICATE_REVOKED, subject=subject_of(account))
    tx.mail(MailKind.CERTIFICATE_REVOKED, account, certificate=serial)
    tx.changed(account.id)


def _find_id(session: Session, name: str) -> int:
    account = find_by_identifier(session, name)
    if account is None:
        raise NotFound("user")
    return account.id
