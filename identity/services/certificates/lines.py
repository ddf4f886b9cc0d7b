"""Certificate lines: a certificate and all that were renewed from it, on any key.

A thief of a certificate can renew it on another key. So revoking one revokes its descendants, and a
line may have only a few valid members, as with the token families of RFC 9700 section 4.14.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session

from identity.domain.certificates import CertificateView
from identity.domain.credentials import ProofMethod
from identity.domain.errors import BadCertificateRequest, NotFound
from identity.services.work.session_life import in_force
from identity.store.models import Account, Certificate, LoginSession

LIVE_PER_LINE: Final = 5
_REASON: Final = "revoked"


def revoke_line(session: Session, account_id: int, serial: str, now: datetime) -> None:
    """Revoke a certificate of an account, all others on its key, and all renewed from these.

    The sessions that certificates of the account have opened are revoked too.

    Raises:
        NotFound: the account has no such certificate, or it is already revoked.
    """
    unrevoked = (Certificate.account_id == account_id, Certificate.revoked_at.is_(None))
    query = select(Certificate.serial).where(Certificate.serial == serial, *unrevoked)
    if session.scalar(query) is None:
        raise NotFound("certificate")
    members = update(Certificate).where(
        Certificate.serial.in_(_members(account_id, serial)), *unrevoked
    )
    values = members.values(revoked_at=now, reason=_REASON)
    session.execute(values.execution_options(synchronize_session=False))
    opened = (
        LoginSession.account_id == account_id,
        LoginSession.proof == ProofMethod.CERTIFICATE.value,
    )
    session.execute(
        update(LoginSession)
        .where(*opened, LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def certificates_of(
    session: Session, account: Account, now: datetime
) -> tuple[CertificateView, ...]:
    """Return the certificates of an account that have not expired, newest first."""
    query = (
        select(Certificate)
        .where(Certificate.account_id == account.id, Certificate.not_after > now)
        .order_by(Certificate.not_before.desc(), Certificate.serial)
    )
    return tuple(
        _view(row, current=row.version == account.version) for row in session.scalars(query)
    )


def find_parent(session: Session, serial: str | None) -> Certificate | None:
    """Return the certificate that authenticated a renewal, or None."""
    return None if serial is None else session.get(Certificate, serial)


def require_room_in_line(
    session: Session, account: Account, parent: Certificate, now: datetime
) -> None:
    """Require that a line has room for another valid certificate.

    Raises:
        BadCertificateRequest: it has `LIVE_PER_LINE`.
    """
    valid = (
        Certificate.account_id == account.id,
        in_force(Certificate, account.version),
        Certificate.not_after > now,
    )
    of_line = or_(Certificate.line == line_of(parent), Certificate.serial == line_of(parent))
    if (session.scalar(select(func.count()).where(of_line, *valid)) or 0) >= LIVE_PER_LINE:
        raise BadCertificateRequest(
            f"{LIVE_PER_LINE} active certificates were renewed from one another; revoke one first."
        )


def line_of(certificate: Certificate) -> str:
    """Return the serial of the first certificate of a line."""
    return certificate.line or certificate.serial


def _members(account_id: int, serial: str) -> Select[tuple[str]]:
    first = select(Certificate.serial, Certificate.public_key).where(Certificate.serial == serial)
    members = first.cte("members", recursive=True)
    related = or_(
        Certificate.parent == members.c.serial, Certificate.public_key == members.c.public_key
    )
    more = select(Certificate.serial, Certificate.public_key).where(
        Certificate.account_id == account_id, related
    )
    return select(members.union(more).c.serial)


def _view(row: Certificate, *, current: bool) -> CertificateView:
    revoked_at = row.revoked_at or (None if current else row.not_before)
    return CertificateView(
        serial=row.serial,
        fingerprint=row.fingerprint,
        description=row.description,
        not_before=row.not_before,
        not_after=row.not_after,
        revoked_at=revoked_at,
        renewed_from=row.parent,
        line=line_of(row),
    )
