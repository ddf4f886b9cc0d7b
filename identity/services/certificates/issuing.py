"""Client certificates: signed for who has proven himself, alive as long as their account has not moved on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from identity.domain.certificates import CertificateView, IssuedCertificate, SigningRequest
from identity.domain.credentials import Credential, ProofMethod
from identity.domain.errors import BadCertificateRequest, InvalidInput, Unauthenticated
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.domain.ports import CertificateAuthority
from identity.domain.principal import Origin, Principal
from identity.services.certificates.lines import (
    certificates_of,
    find_parent,
    line_of,
    require_room_in_line,
    revoke_line,
)
from identity.services.limits.requests import RequestLimits
from identity.services.work.accounts import get_own, subject_of
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account, Certificate, Counter
from identity.store.upsert import insert

_BACKDATED: Final = timedelta(minutes=5)
_LIVE_PER_ACCOUNT: Final = 100
_DESCRIPTION_MAX: Final = 128


class Certificates:
    """Signs, lists and revokes certificates, and knows whose one is."""

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
        """Return a new certificate in PEM; its serial is recorded before.

        Args:
            principal: whose proof must be fresh.
            request: the CSR in PEM, or the base64 of that (NervesHub's clients).
            description: what the owner calls it.

        Raises:
            StepUpRequired: the proof is too old.
            BadCertificateRequest: the request is not signed, whoever asks.
            RateLimited: the account has asked for too many.
        """
        self._authorization.require_fresh_proof(principal)
        return self._sign(principal, request, description)

    def renew(self, principal: Principal, request: str) -> str:
        """Return a new certificate for the owner of the living one that made this request.

        Raises:
            Unauthenticated: the request was not made with a certificate.
            BadCertificateRequest, RateLimited: as for `sign`.
        """
        if principal.credential is not Credential.CERTIFICATE:
            raise Unauthenticated
        return self._sign(principal, request, "renewed")

    def list(self, principal: Principal) -> tuple[CertificateView, ...]:
        """Return the caller's certificates that time has not ended, newest first."""
        return self._transactions.read(
            lambda session: certificates_of(
                session, get_own(session, principal.account, lock=False), self._transactions.now()
            )
        )

    def revoke(self, principal: Principal, serial: str) -> None:
        """Revoke one of the caller's own certificates, with all on its key and all renewed from these.

        The sessions that certificates of the caller have opened end with it.

        Raises:
            StepUpRequired: the proof is too old.
            NotFound: it is not the caller's, or already revoked.
        """
        self._authorization.require_fresh_proof(principal)
        own, now = principal.account, self._transactions.now()

        def revoke(tx: Transaction) -> None:
            account = get_own(tx.session, own)
            revoke_line(tx.session, own.id, serial, now)
            tx.audit(Event.CERTIFICATE_REVOKED)
            tx.mail(MailKind.CERTIFICATE_REVOKED, account, certificate=serial)
            tx.changed(own.id)

        self._transactions.write(principal, revoke)

    def principal(self, der: bytes, origin: Origin) -> Principal:
        """Return whose certificate this is: by our own row of it, never by what its subject says.

        Raises:
            Unauthenticated: not ours, over, revoked, or its account has moved on.
        """
        now = self._transactions.now()
        fingerprint = self._authority.fingerprint(der, now)
        query = (
            select(Account, Certificate.serial, Certificate.not_after)
            .join(
                Certificate,
                and_(Certificate.account_id == Account.id, Certificate.version == Account.version),
            )
            .where(
                Certificate.fingerprint == fingerprint,
                Certificate.revoked_at.is_(None),
                Account.disabled.is_(False),
            )
        )
        found = (
            self._transactions.read(lambda session: session.execute(query).one_or_none())
            if fingerprint
            else None
        )
        if found is None:
            raise Unauthenticated
        account, serial, not_after = found
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
        """Return the authority's certificates in PEM."""
        return self._authority.chain()

    def server_identity(self, names: tuple[str, ...]) -> str:
        """Return a new key and its certificate for a server of these host names and addresses, in PEM."""
        return self._authority.server_identity(names, self._transactions.now())

    def _sign(self, principal: Principal, request: str, description: str) -> str:
        if len(description) > _DESCRIPTION_MAX or not description.isprintable():
            raise InvalidInput.of(
                "description", f"use one line of up to {_DESCRIPTION_MAX} characters"
            )
        self._requests.limits.take(*self._requests.certificate(principal))
        wanted, now = self._authority.read_request(request), self._transactions.now()
        not_before, not_after = (
            (now - _BACKDATED).replace(microsecond=0),
            (now + self._life).replace(microsecond=0),
        )
        made = self._authority.issue(
            wanted, name=principal.account.uuid, not_before=not_before, not_after=not_after
        )

        def record(tx: Transaction) -> None:
            account = get_own(tx.session, principal.account)
            _take_turns(tx.session, wanted, now)
            _require_own_key(tx.session, account, wanted)
            _require_room(tx.session, account, now)
            parent = find_parent(tx.session, principal.certificate)
            if parent is not None:
                require_room_in_line(tx.session, account, parent, now)
            tx.session.add(_row(account, wanted, made, description=description, parent=parent))
            tx.audit(Event.CERTIFICATE_ISSUED)
            tx.mail(MailKind.CERTIFICATE_ISSUED, account, certificate=made.serial)

        try:
            self._transactions.write(principal, record)
        except IntegrityError:
            raise BadCertificateRequest("This certificate exists already; try again.") from None
        return made.pem


def _take_turns(session: Session, wanted: SigningRequest, now: datetime) -> None:
    # Two people with one key at the same moment write one row, one after the other: the second then finds the
    # first one's certificate. The row says nothing and is swept away with the counters that are over.
    turn = insert(session.get_bind().dialect.name, Counter).values(
        key=wanted.public_key, count=0, ends_at=now
    )
    session.execute(turn.on_conflict_do_update(index_elements=[Counter.key], set_={"ends_at": now}))


def _require_own_key(session: Session, account: Account, wanted: SigningRequest) -> None:
    others = or_(
        Certificate.account_id != account.id,
        Certificate.account_id.is_(None),
        Certificate.revoked_at.is_not(None),
    )
    if session.scalar(
        select(Certificate.serial)
        .where(Certificate.public_key == wanted.public_key, others)
        .limit(1)
    ):
        raise BadCertificateRequest(
            "This key belongs to somebody else, or was revoked; make a new one."
        )


def _require_room(session: Session, account: Account, now: datetime) -> None:
    live = (
        Certificate.account_id == account.id,
        Certificate.version == account.version,
        Certificate.revoked_at.is_(None),
        Certificate.not_after > now,
    )
    if (session.scalar(select(func.count()).where(*live)) or 0) >= _LIVE_PER_ACCOUNT:
        raise BadCertificateRequest(
            f"You have {_LIVE_PER_ACCOUNT} active certificates; revoke one first."
        )


def _row(
    account: Account,
    wanted: SigningRequest,
    made: IssuedCertificate,
    *,
    description: str,
    parent: Certificate | None,
) -> Certificate:
    return Certificate(
        serial=made.serial,
        account_id=account.id,
        version=account.version,
        fingerprint=made.fingerprint,
        subject_key_id=made.subject_key_id,
        authority_key_id=made.authority_key_id,
        public_key=wanted.public_key,
        description=description,
        not_before=made.not_before,
        not_after=made.not_after,
        parent=parent.serial if parent else None,
        line=line_of(parent) if parent else None,
    )
