"""Signs, lists, revokes and authenticates client certificates.

A certificate is valid until it expires, is revoked, or the account's credentials are invalidated.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from identity.domain.certificates import CertificateView
from identity.domain.credentials import Credential, ProofMethod
from identity.domain.errors import BadCertificateRequest, InvalidInput, Unauthenticated
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.domain.ports import CertificateAuthority
from identity.domain.principal import Origin, Principal
from identity.services.certificates.lines import certificates_of, revoke_line
from identity.services.certificates.recording import record
from identity.services.limits.requests import RequestLimits
from identity.services.work.accounts import get_own, subject_of
from identity.services.work.authorization import Authorization
from identity.services.work.session_life import in_force
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account, Certificate

_BACKDATED: Final = timedelta(minutes=5)
_DESCRIPTION_MAX: Final = 128


class Certificates:
    """Signs, lists and revokes client certificates, and authenticates them.

    Args:
        transactions: reads and writes certificates.
        authority: signs certificates.
        authorization: requires recent authentication.
        requests: limits requests for certificates.
        life: how long a certificate is valid.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        authority: CertificateAuthority,
        authorization: Authorization,
        requests: RequestLimits,
        life: timedelta,
    ) -> None:
        self._transactions = transactions
        self._authority = authority
        self._authorization = authorization
        self._requests = requests
        self._life = life

    def sign(self, principal: Principal, request: str, description: str) -> str:
        """Return a new certificate in PEM, after it was recorded.

        Args:
            principal: the owner, authenticated recently.
            request: the CSR in PEM, or the base64 of that, as NervesHub's clients send it.
            description: one line by the owner, of at most 128 characters.

        Raises:
            StepUpRequired: the authentication is too old.
            InvalidInput: the description is invalid.
            BadCertificateRequest: no certificate is signed for this request.
            RateLimited: the account has requested too many certificates.
        """
        self._authorization.require_recent_authentication(principal)
        return self._sign(principal, request, description)

    def renew(self, principal: Principal, request: str) -> str:
        """Return a new certificate in PEM for a caller who is authenticated by a certificate.

        Raises:
            Unauthenticated: the caller is not authenticated by a certificate.
            BadCertificateRequest, RateLimited: as for `sign`.
        """
        if principal.credential is not Credential.CERTIFICATE:
            raise Unauthenticated
        return self._sign(principal, request, "renewed")

    def list(self, principal: Principal) -> tuple[CertificateView, ...]:
        """Return the caller's certificates that have not expired, newest first."""
        return self._transactions.read(
            lambda session: certificates_of(
                session, get_own(session, principal.account, lock=False), self._transactions.now()
            )
        )

    def revoke(self, principal: Principal, serial: str) -> None:
        """Revoke one of the caller's own certificates, all on its key, and all renewed from these.

        The sessions that certificates of the caller have opened are revoked too.

        Raises:
            StepUpRequired: the authentication is too old.
            NotFound: the caller has no such certificate, or it is already revoked.
        """
        self._authorization.require_recent_authentication(principal)
        now = self._transactions.now()
        self._transactions.write(principal, lambda tx: _revoke(tx, serial, now))

    def principal(self, der: bytes, origin: Origin) -> Principal:
        """Authenticate a certificate by its stored fingerprint; its subject name is not read.

        Args:
            der: the certificate in DER.
            origin: of the request.

        Raises:
            Unauthenticated: the certificate is not ours, expired or revoked, or the account's
                credentials were invalidated.
        """
        now = self._transactions.now()
        fingerprint = self._authority.fingerprint(der, now)
        if not fingerprint:
            raise Unauthenticated
        query = _valid_by_fingerprint(fingerprint)
        row = self._transactions.read(lambda session: session.execute(query).one_or_none())
        if row is None:
            raise Unauthenticated
        account, serial, not_after = row
        return Principal(
            origin,
            subject_of(account),
            Credential.CERTIFICATE,
            now,
            certificate=serial,
            expires_at=int(not_after.timestamp()),
            checked_at=now.timestamp(),
            proof=ProofMethod.CERTIFICATE,
        )

    def chain(self) -> str:
        """Return the certificates of the CA in PEM."""
        return self._authority.chain()

    def server_identity(self, names: tuple[str, ...]) -> str:
        """Return a new key and a certificate for a server with these host names and IPs, in PEM."""
        return self._authority.server_identity(names, self._transactions.now())

    def _sign(self, principal: Principal, request: str, description: str) -> str:
        if len(description) > _DESCRIPTION_MAX or not description.isprintable():
            raise InvalidInput.of(
                "description", f"use one line of up to {_DESCRIPTION_MAX} characters"
            )
        self._requests.limits.take(*self._requests.certificate(principal))
        signing_request = self._authority.read_request(request)
        now = self._transactions.now()
        issued = self._authority.issue(
            signing_request,
            name=principal.account.uuid,
            not_before=(now - _BACKDATED).replace(microsecond=0),
            not_after=(now + self._life).replace(microsecond=0),
        )
        work = partial(record, signing_request, issued, description, now)
        try:
            self._transactions.write(principal, work)
        except IntegrityError:
            raise BadCertificateRequest("This certificate exists already; try again.") from None
        return issued.pem


def _valid_by_fingerprint(fingerprint: str) -> Select[Account, str, datetime]:
    return (
        select(Account, Certificate.serial, Certificate.not_after)
        .join(Certificate, Certificate.account_id == Account.id)
        .where(
            Certificate.fingerprint == fingerprint,
            in_force(Certificate, Account.version),
            Account.disabled.is_(False),
        )
    )


def _revoke(tx: Transaction, serial: str, now: datetime) -> None:
    account = get_own(tx.session, tx.principal.account)
    revoke_line(tx.session, account.id, serial, now)
    tx.audit(Event.CERTIFICATE_REVOKED)
    tx.mail(MailKind.CERTIFICATE_REVOKED, account, certificate=serial)
    tx.changed(account.id)
