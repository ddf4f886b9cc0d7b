"""The revocation list: signed anew only when something may have changed, and never again and again for strangers."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select

from identity.domain.ports import CertificateAuthority
from identity.services.sessions.directory import SessionDirectory
from identity.services.work.transaction import Transactions
from identity.store.models import Account, Certificate

_KEPT_FOR: Final = timedelta(days=1)  # of the seven that a list is good for
_CHEAP_SECONDS: Final = 0.02  # of a processor: less than a login
_REST: Final = 20  # a costly list takes one twentieth of a processor at most
_LINE: Final = 64


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A signed list in both of its encodings."""

    der: bytes
    pem: bytes


@dataclass(frozen=True, slots=True)
class _Made:
    shown: RevocationList
    at: datetime
    generation: int
    rests_until: float


class Revocations:
    """Publishes what is revoked.

    Args:
        transactions: how rows are read.
        authority: signs.
        directory: hears of every change of an account, on every node.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        authority: CertificateAuthority,
        directory: SessionDirectory,
    ) -> None:
        self._transactions = transactions
        self._authority = authority
        self._directory = directory
        self._making = threading.Lock()
        self._made: _Made | None = None

    def newest(self) -> RevocationList:
        """Return the list of everything revoked that time has not ended.

        One is made after a change that was heard of, at the latest after a day. One that is costly to make is kept
        for twenty times as long as it took.

        Raises:
            Unavailable: the database does not answer.
        """
        made = self._made
        if made is not None and self._stands(made):
            return made.shown
        if not self._making.acquire(blocking=made is None):
            return made.shown if made else self.newest()
        try:
            if self._made is None or self._made is made:
                self._made = self._make()
            return self._made.shown
        finally:
            self._making.release()

    def _stands(self, made: _Made) -> bool:
        if not made.at <= self._transactions.now() < made.at + _KEPT_FOR:
            return False
        unchanged = self._directory.is_current() and self._directory.generation == made.generation
        return unchanged or time.monotonic() < made.rests_until

    def _make(self) -> _Made:
        self._directory.is_current()  # hears what there is to hear
        generation, now, began = (
            self._directory.generation,
            self._transactions.now(),
            time.thread_time(),
        )
        der = self._authority.revocation_list(self._revoked(now), now)
        shown = RevocationList(der, _pem(der))
        cost = time.thread_time() - began
        return _Made(
            shown,
            now,
            generation,
            time.monotonic() + (cost * _REST if cost > _CHEAP_SECONDS else 0),
        )

    def _revoked(self, now: datetime) -> list[tuple[str, datetime]]:
        dead = or_(
            Certificate.revoked_at.is_not(None),
            Account.id.is_(None),
            Certificate.version < Account.version,
        )
        query = (
            select(
                Certificate.serial, func.coalesce(Certificate.revoked_at, Certificate.not_before)
            )
            .outerjoin(Account, Account.id == Certificate.account_id)
            .where(dead, Certificate.not_after > now)
        )
        rows = self._transactions.read(lambda session: session.execute(query).all())
        return [(serial, at) for serial, at in rows]


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return b"\n".join([b"-----BEGIN X509 CRL-----", *lines, b"-----END X509 CRL-----", b""])
