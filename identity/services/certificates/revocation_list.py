"""Publishes the revocation list (RFC 5280 section 5), and signs it only after a change."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select

from identity.domain.ports import CertificateAuthority
from identity.services.sessions.journal import Journal
from identity.services.work.transaction import Transactions
from identity.store.models import Account, Certificate

_KEPT_FOR: Final = timedelta(days=1)  # of the seven for which a list is valid
_CHEAP_SECONDS: Final = 0.02  # of CPU time: less than a login
_REST_FACTOR: Final = 20  # a costly list takes at most one twentieth of a CPU
_LINE: Final = 64


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A signed revocation list in DER and in PEM."""

    der: bytes
    pem: bytes


@dataclass(frozen=True, slots=True)
class _Signed:
    revocations: RevocationList
    at: datetime
    generation: int
    rests_until: float


class Revocations:
    """Publishes the revocation list.

    Args:
        transactions: reads certificates.
        authority: signs the list.
        changes: of accounts, on every node.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        authority: CertificateAuthority,
        changes: Journal,
    ) -> None:
        self._transactions = transactions
        self._authority = authority
        self._changes = changes
        self._signing = threading.Lock()
        self._signed: _Signed | None = None

    def newest(self) -> RevocationList:
        """Return the list of all revoked certificates that have not expired.

        It is signed again after a change, and after a day in any case. A list that was costly to
        sign is kept for at least twenty times as long as that took.

        Raises:
            Unavailable: the database does not answer.
        """
        signed = self._signed
        if signed is not None and self._is_current(signed):
            return signed.revocations
        if not self._signing.acquire(blocking=signed is None):
            return signed.revocations if signed else self.newest()
        try:
            if self._signed is None or self._signed is signed:
                self._signed = self._sign()
            return self._signed.revocations
        finally:
            self._signing.release()

    def _is_current(self, signed: _Signed) -> bool:
        if not signed.at <= self._transactions.now() < signed.at + _KEPT_FOR:
            return False
        unchanged = self._changes.is_current() and self._changes.generation == signed.generation
        return unchanged or time.monotonic() < signed.rests_until

    def _sign(self) -> _Signed:
        self._changes.is_current()  # reads the journal
        generation = self._changes.generation
        now = self._transactions.now()
        began = time.thread_time()
        der = self._authority.revocation_list(self._revoked(now), now)
        revocations = RevocationList(der, _pem(der))
        cost = time.thread_time() - began
        rest = cost * _REST_FACTOR if cost > _CHEAP_SECONDS else 0
        return _Signed(revocations, now, generation, time.monotonic() + rest)

    def _revoked(self, now: datetime) -> list[tuple[str, datetime]]:
        revoked = or_(
            Certificate.revoked_at.is_not(None),
            Account.id.is_(None),
            Certificate.version < Account.version,
        )
        query = (
            select(
                Certificate.serial, func.coalesce(Certificate.revoked_at, Certificate.not_before)
            )
            .outerjoin(Account, Account.id == Certificate.account_id)
            .where(revoked, Certificate.not_after > now)
        )
        rows = self._transactions.read(lambda session: session.execute(query).all())
        return [(serial, at) for serial, at in rows]


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return b"\n".join([b"-----BEGIN X509 CRL-----", *lines, b"-----END X509 CRL-----", b""])
