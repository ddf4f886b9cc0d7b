"""Records a new certificate, if its key is the account's own and there is room for it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from identity.domain.certificates import IssuedCertificate, SigningRequest
from identity.domain.errors import BadCertificateRequest
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.services.certificates.lines import find_parent, line_of, require_room_in_line
from identity.services.work.accounts import get_own
from identity.services.work.session_life import in_force
from identity.services.work.transaction import Transaction
from identity.store.models import Account, Certificate, Counter
from identity.store.upsert import insert

_VALID_PER_ACCOUNT: Final = 100


def record(
    request: SigningRequest,
    issued: IssuedCertificate,
    description: str,
    now: datetime,
    tx: Transaction,
) -> None:
    """Record a new certificate of the principal, with its event and its mail.

    Raises:
        BadCertificateRequest: another account has had the key, a certificate on it was revoked, or
            the account or the line has no room for another certificate.
    """
    account = get_own(tx.session, tx.principal.account)
    _lock_key(tx.session, request, now)
    _require_own_key(tx.session, account, request)
    _require_room(tx.session, account, now)
    parent = find_parent(tx.session, tx.principal.certificate)
    if parent is not None:
        require_room_in_line(tx.session, account, parent, now)
    tx.session.add(_row(account, request, issued, description=description, parent=parent))
    tx.audit(Event.CERTIFICATE_ISSUED)
    tx.mail(MailKind.CERTIFICATE_ISSUED, account, certificate=issued.serial)


def _lock_key(session: Session, request: SigningRequest, now: datetime) -> None:
    # Parallel requests for one key write the same row, one after the other, so that the second
    # finds the certificate of the first. The row counts nothing, and is deleted with the expired
    # counters.
    row = insert(session.get_bind().dialect.name, Counter).values(
        key=request.public_key, count=0, ends_at=now
    )
    session.execute(row.on_conflict_do_update(index_elements=[Counter.key], set_={"ends_at": now}))


def _require_own_key(session: Session, account: Account, request: SigningRequest) -> None:
    others = or_(
        Certificate.account_id != account.id,
        Certificate.account_id.is_(None),
        Certificate.revoked_at.is_not(None),
    )
    if session.scalar(
        select(Certificate.serial)
        .where(Certificate.public_key == request.public_key, others)
        .limit(1)
    ):
        raise BadCertificateRequest(
            "This key is in use by another account, or was revoked; create a new one."
        )


def _require_room(session: Session, account: Account, now: datetime) -> None:
    valid = (
        Certificate.account_id == account.id,
        in_force(Certificate, account.version),
        Certificate.not_after > now,
    )
    if (session.scalar(select(func.count()).where(*valid)) or 0) >= _VALID_PER_ACCOUNT:
        raise BadCertificateRequest(
            f"You have {_VALID_PER_ACCOUNT} active certificates; revoke one first."
        )


def _row(
    account: Account,
    request: SigningRequest,
    issued: IssuedCertificate,
    *,
    description: str,
    parent: Certificate | None,
) -> Certificate:
    return Certificate(
        serial=issued.serial,
        account_id=account.id,
        version=account.version,
        fingerprint=issued.fingerprint,
        subject_key_id=issued.subject_key_id,
        authority_key_id=issued.authority_key_id,
        public_key=request.public_key,
        description=description,
        not_before=issued.not_before,
        not_after=issued.not_after,
        parent=parent.serial if parent else None,
        line=line_of(parent) if parent else None,
    )
