"""What administrators see and end of other accounts' credentials: sessions, certificates, passwords."""

from __future__ import annotations

from sqlalchemy.orm import Session

from identity.domain.certificates import CertificateView
from identity.domain.errors import NotFound
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.domain.ports import Clock
from identity.domain.principal import Principal
from identity.domain.views import AccountView, SessionView
from identity.services.accounts.profile import ProfileChange
from identity.services.administration.accounts import Administration
from identity.services.certificates.lines import certificates_of, revoke_line
from identity.services.mail.outbox import Outbox
from identity.services.sessions.live import end_session, sessions_of
from identity.services.work.accounts import find_by_identifier, get_account, subject_of
from identity.services.work.audit_log import Audit
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transactions


class AccountCredentials:
    """Lists and ends credentials of any account. Everything here raises Forbidden to all but administrators."""

    def __init__(  # noqa: PLR0913 - collaborators
        self,
        transactions: Transactions,
        *,
        clock: Clock,
        rights: Authorization,
        audit: Audit,
        outbox: Outbox,
        administration: Administration,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._rights = rights
        self._audit = audit
        self._outbox = outbox
        self._administration = administration

    def sessions(self, principal: Principal, account_id: int) -> tuple[SessionView, ...]:
        """Return the live sessions of an account, newest first.

        Raises:
            NotFound: there is no such account.
        """
        self._rights.require_admin(principal)

        def read(session: Session) -> tuple[SessionView, ...]:
            account = get_account(session, account_id)
            return sessions_of(session, account.id, self._clock.now(), current=principal.session)

        return self._transactions.read(read)

    def end_session(self, principal: Principal, account_id: int, session_id: str) -> None:
        """End one live session of an account.

        Raises:
            NotFound: there is no such account, or it has no such live session.
        """
        self._rights.require_admin(principal)

        def end(session: Session) -> None:
            account = get_account(session, account_id, lock=True)
            end_session(session, subject_of(account), session_id, self._clock.now())
            self._audit.record(
                session, Event.SESSION_REVOKED, principal, subject=subject_of(account)
            )
            self._transactions.note_change(session, account.id)

        self._transactions.write(principal, end, lock_admins=True)

    def certificates(self, principal: Principal, account_id: int) -> tuple[CertificateView, ...]:
        """Return the certificates of an account that have not expired, newest first.

        Raises:
            NotFound: there is no such account.
        """
        self._rights.require_admin(principal)

        def read(session: Session) -> tuple[CertificateView, ...]:
            return certificates_of(session, get_account(session, account_id), self._clock.now())

        return self._transactions.read(read)

    def revoke_certificate(self, principal: Principal, account_id: int, serial: str) -> None:
        """Revoke a certificate of an account as its owner would; they are told by mail.

        Raises:
            StepUpRequired: the proof is too old.
            NotFound: there is no such account, or it has no such certificate that is active.
        """
        self._rights.require_admin(principal, fresh=True)

        def revoke(session: Session) -> None:
            account = get_account(session, account_id, lock=True)
            revoke_line(session, account.id, serial, self._clock.now())
            self._audit.record(
                session, Event.CERTIFICATE_REVOKED, principal, subject=subject_of(account)
            )
            self._outbox.put(session, MailKind.CERTIFICATE_REVOKED, account, certificate=serial)
            self._transactions.note_change(session, account.id)

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
        self._rights.require_admin(principal, fresh=True)
        account_id = self._transactions.read(lambda session: _find_id(session, name))
        return self._administration.change(
            principal, account_id, ProfileChange(), password=password, must_change=must_change
        )


def _find_id(session: Session, name: str) -> int:
    account = find_by_identifier(session, name)
    if account is None:
        raise NotFound("user")
    return account.id
