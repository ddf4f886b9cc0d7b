"""Records in the background when the token of a session was last used."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, case, or_, update

from identity.caching import BoundedCache
from identity.domain.errors import Unavailable
from identity.services.sessions.directory import SessionDirectory
from identity.services.sessions.pools import USED_GRAIN
from identity.services.work.transaction import Transactions
from identity.store.models import SESSIONS
from identity.store.types import UtcDateTime

_log = logging.getLogger(__name__)

IN_BACKGROUND = True  # tests set False, so that uses are written at once
_MOST_WAITING: Final = 1_000  # further uses are recorded at a later check
_BATCH: Final = 250
_PAUSE_SECONDS: Final = 0.5
_RETRY_AFTER: Final = timedelta(minutes=1)
_TIME: Final = UtcDateTime()
_RECORD_USE: Final = (
    update(SESSIONS)
    .where(
        SESSIONS.c.id == bindparam("session"),
        or_(SESSIONS.c.shown_at.is_(None), SESSIONS.c.shown_at < bindparam("before", type_=_TIME)),
    )
    .values(
        shown_at=bindparam("now", type_=_TIME),
        last_used_at=case(
            (
                SESSIONS.c.last_used_at < bindparam("now", type_=_TIME),
                bindparam("now", type_=_TIME),
            ),
            else_=SESSIONS.c.last_used_at,
        ),
    )
)


class UsageRecorder:
    """Collects uses from token checks, and writes them in one thread of each worker.

    A use only decides which session is evicted when an account has too many, so one that is lost or
    late does no harm. The first use is recorded soon, later ones once an hour.

    Args:
        transactions: writes uses.
        directory: reads a session again after its use was written.
    """

    def __init__(self, transactions: Transactions, directory: SessionDirectory) -> None:
        self._transactions = transactions
        self._directory = directory
        # When a session may be recorded again.
        self._not_before: BoundedCache[datetime] = BoundedCache(bound=_MOST_WAITING)
        self._waiting: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, session_id: str, key: str, now: datetime) -> None:
        """Record that a session is in use.

        Args:
            session_id: of the session.
            key: of the session in the session directory.
            now: the time of the token check.
        """
        not_before = self._not_before.find(session_id)
        is_noted = not_before is not None and now < not_before
        if is_noted or len(self._waiting) >= _MOST_WAITING:
            return
        self._not_before.put(session_id, now + USED_GRAIN)
        with self._lock:
            self._waiting[session_id] = key, now
            if IN_BACKGROUND and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="session-usage", daemon=True)
                self._thread.start()
        if IN_BACKGROUND:
            self._wake.set()
        else:
            self._write()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(_PAUSE_SECONDS)  # collects a batch
            try:
                self._write()
            except Exception:  # noqa: BLE001 - one failure must not end the thread
                _log.exception("could not record the use of sessions")
            if self._waiting:
                self._wake.set()

    def _write(self) -> None:
        with self._lock:
            batch = {session: self._waiting[session] for session in list(self._waiting)[:_BATCH]}
            for session in batch:
                del self._waiting[session]
        if not batch:  # the previous batch included the use that woke this thread
            return
        used = [
            {"session": session, "now": now, "before": now - USED_GRAIN}
            for session, (_, now) in batch.items()
        ]
        try:
            self._transactions.write_unattended(lambda tx: tx.session.execute(_RECORD_USE, used))
        except Unavailable:  # the tokens are valid all the same
            for session, (_, now) in batch.items():
                self._not_before.put(session, now + _RETRY_AFTER)
            return
        for key, _ in batch.values():
            self._directory.refresh(key)
