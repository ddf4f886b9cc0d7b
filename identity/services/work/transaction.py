"""One use case, one transaction; and what a failing database means to a caller."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, Executable, Row
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from identity.domain.errors import Unavailable
from identity.domain.principal import Principal
from identity.services.work.standing import lock_active_admins, require_standing
from identity.store import changes
from identity.store.engines import for_single_reads, for_writing

Result = TypeVar("Result")

_log = logging.getLogger(__name__)
_RETRY_AFTER: Final = timedelta(seconds=2)
_ATTEMPTS: Final = 3
_CHANGED: Final = "identity_changed"
_AFTER_COMMIT: Final = "identity_after_commit"
# PostgreSQL and its kin: serialization failure, deadlock (PostgreSQL manual, appendix A).
_RETRYABLE: Final = frozenset({"40001", "40P01"})


class Transactions:
    """Runs pieces of work, each whole or not at all."""

    def __init__(self, engine: Engine) -> None:
        self._writing = for_writing(engine)
        self._reading = engine
        self._single_reads = for_single_reads(engine)
        self._on_change: list[Callable[[int], None]] = []

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with the id of every account that this process has changed, right after the commit."""
        self._on_change.append(listener)

    def note_change(self, session: Session, account_id: int) -> None:
        """Note in a running transaction that what any process remembers of an account is over."""
        changes.note_change(session, account_id)
        session.info.setdefault(_CHANGED, set()).add(account_id)

    def after_commit(self, session: Session, act: Callable[[], None]) -> None:
        """Have `act` called once the running transaction is committed, and never if it is not."""
        session.info.setdefault(_AFTER_COMMIT, []).append(act)

    def write(
        self, principal: Principal, work: Callable[[Session], Result], *, lock_admins: bool = False
    ) -> Result:
        """Run `work` for a principal in a transaction of its own and commit it.

        The transaction begins by asking whether the principal's account and credential still stand, and
        keeps them from ending until it is committed. `work` may run again when the database asks for
        that, so it must not touch anything else.

        Args:
            principal: on whose behalf.
            work: what to do.
            lock_admins: lock all active administrators first; for what may take one of them away.

        Raises:
            Unauthenticated: the account or the credential ended meanwhile; nothing was changed.
            Forbidden: the principal is no longer an administrator; nothing was changed.
            IntegrityError: a constraint refused the work; nothing was changed.
            Unavailable: the database does not answer or is locked; nothing was changed.
        """

        def allowed(session: Session) -> Result:
            if lock_admins:
                lock_active_admins(session)
            require_standing(session, principal)
            return work(session)

        return self.write_unattended(allowed)

    def write_unattended(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` that is done on behalf of no account, such as counting a try or sending mail; see `write`.

        Raises:
            IntegrityError, Unavailable: as for `write`.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with translated(), Session(self._writing, expire_on_commit=False) as session:
                    with session.begin():
                        result = work(session)
                    self._tell(session.info.get(_CHANGED, ()))
                    for act in session.info.get(_AFTER_COMMIT, ()):
                        act()
                    return result
            except _Again:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _tell(self, changed: Iterable[int]) -> None:
        for account_id in changed:
            for listener in self._on_change:
                listener(account_id)

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Run `work`, which only reads, on one consistent view of the data.

        Raises:
            Unavailable: the database does not answer.
        """
        with translated(), Session(self._reading) as session:
            return work(session)

    def row(self, statement: Executable, parameters: dict[str, Any]) -> Row[Any] | None:
        """Return the first row of one statement, without objects and without a transaction around it.

        Raises:
            Unavailable: the database does not answer.
        """
        with translated(), self._single_reads.connect() as connection:
            return connection.execute(statement, parameters).first()


class _Again(Unavailable):
    """The database asks for the same transaction once more."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what a driver raises into what callers know.

    Raises:
        IntegrityError: as it is; only the use case knows what it means.
        Unavailable: for everything else.
    """
    try:
        yield
    except IntegrityError:
        raise
    except PoolTimeout:
        _log.warning("database pool exhausted")
        raise Unavailable(_RETRY_AFTER) from None
    except DBAPIError as error:
        # The driver's text may quote the row, and the row holds the hash: only its class is told.
        # Without a statement there is no row: it is the connection that could not be made.
        state = getattr(error.orig, "sqlstate", None)
        reason = str(error.orig).partition("\n")[0] if error.statement is None else ""
        _log.error(
            "database refused a statement: %s %s", type(error.orig).__name__, reason or state or ""
        )
        raise (_Again if state in _RETRYABLE else Unavailable)(_RETRY_AFTER, reason) from None
