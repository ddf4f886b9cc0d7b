"""One use case, one transaction; and what a failing database means to a caller."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Engine, Executable, Row
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from identity.domain.credentials import Credential
from identity.domain.errors import Unavailable
from identity.domain.events import Event, Outcome
from identity.domain.mail import MailKind
from identity.domain.ports import Clock
from identity.domain.principal import Origin, Principal, Subject
from identity.services.work.accounts import Mailbox
from identity.services.work.audit_log import AuditLog, Entry
from identity.services.work.standing import lock_active_admins, require_standing
from identity.store import changes
from identity.store.engines import for_single_reads, for_writing
from identity.store.models import Account

Result = TypeVar("Result")

_log = logging.getLogger(__name__)
_RETRY_AFTER: Final = timedelta(seconds=2)
_ATTEMPTS: Final = 3
_SERVICE: Final = Principal(Origin(ip="local", request_id="-", dialect="service"))
# PostgreSQL and its kin: serialization failure, deadlock (PostgreSQL manual, appendix A).
_RETRYABLE: Final = frozenset({"40001", "40P01"})


class MailWriter(Protocol):
    """Writes mails that are sent after the commit; see `services.mail.outbox`."""

    def put(  # noqa: PLR0913 - a mail has that many sides
        self,
        session: Session,
        kind: MailKind,
        account: Account,
        *,
        now: datetime,
        to: Mailbox | None,
        requester: Origin | None,
        certificate: str | None,
    ) -> None:
        """Write a mail in a running transaction."""


class Transaction:
    """A running transaction: its session, its time, and what a use case notes in it.

    Args:
        session: of the database.
        now: the time at which the transaction began.
        principal: on whose behalf it runs.
        audit_log: where events are written.
        mails: where mails are written.
    """

    def __init__(
        self,
        session: Session,
        now: datetime,
        principal: Principal,
        *,
        audit_log: AuditLog,
        mails: MailWriter,
    ) -> None:
        self.session = session
        self.now = now
        self.principal = principal
        self._audit_log = audit_log
        self._mails = mails
        self.changed_accounts: set[int] = set()
        self.committed: list[Callable[[], None]] = []

    def changed(self, account_id: int) -> None:
        """Note that every process must forget what it remembers of an account."""
        changes.note_change(self.session, account_id)
        self.changed_accounts.add(account_id)

    def end_credentials(self, account: Account) -> None:
        """End all sessions and certificates of an account, and the tokens in its mails.

        A pending email is dropped, because the token that would confirm it ends, too.
        """
        account.version += 1
        account.pending_email = None
        self.changed(account.id)

    def audit(  # noqa: PLR0913 - an event has that many sides
        self,
        kind: Event,
        *,
        by: Principal | None = None,
        subject: Subject | None = None,
        name: str | None = None,
        network: str | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
        credential: Credential | None = None,
    ) -> None:
        """Write an event.

        Args:
            kind: what happened.
            by: who did it; the principal of the transaction if not given.
            subject: to which account; the principal's own if not given.
            name: to which name, if no account is known to have it.
            network: to which client network, if no account is concerned.
            outcome: how it ended.
            credential: which credential was used, if not that of the principal.
        """
        entry = Entry(kind, by or self.principal, subject, name, network, outcome, credential)
        tell = self._audit_log.write(self.session, entry, self.now)
        if tell is not None:
            self.committed.append(tell)

    def audit_session(self, owner: Subject) -> None:
        """Write that a session was opened for `owner`, unless the event of the login says so."""
        if self._audit_log.records_session(self.principal, owner):
            self.audit(Event.SESSION_OPENED, subject=owner)

    def mail(
        self,
        kind: MailKind,
        account: Account,
        *,
        to: Mailbox | None = None,
        requester: Origin | None = None,
        certificate: str | None = None,
    ) -> None:
        """Write a mail to the account's own email, or to another one; it is sent after the commit.

        Args:
            kind: which mail.
            account: about whom.
            to: the mailbox, if not the account's own.
            requester: who asked for it, if that may be anyone; their requests are counted apart.
            certificate: the serial of the certificate that it is about.
        """
        self._mails.put(
            self.session,
            kind,
            account,
            now=self.now,
            to=to,
            requester=requester,
            certificate=certificate,
        )


class Transactions:
    """Runs pieces of work, each whole or not at all.

    Args:
        engine: of the database.
        clock: the time.
        audit_log: where events are written.
        mails: where mails are written.
    """

    def __init__(
        self, engine: Engine, *, clock: Clock, audit_log: AuditLog, mails: MailWriter
    ) -> None:
        self._writing = for_writing(engine)
        self._reading = engine
        self._single_reads = for_single_reads(engine)
        self._clock = clock
        self._audit_log = audit_log
        self._mails = mails
        self._on_change: list[Callable[[int], None]] = []

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        return self._clock.now()

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with the id of every account that this process changed, after the commit."""
        self._on_change.append(listener)

    def write(
        self,
        principal: Principal,
        work: Callable[[Transaction], Result],
        *,
        lock_admins: bool = False,
    ) -> Result:
        """Run `work` for a principal in a transaction of its own and commit it.

        The transaction begins by asking whether the principal's account and credential still stand, and
        keeps them from ending until it is committed. `work` may run again if the database asks for
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

        def allowed(tx: Transaction) -> Result:
            if lock_admins:
                lock_active_admins(tx.session)
            require_standing(tx.session, principal)
            return work(tx)

        return self.write_unattended(allowed, principal)

    def write_unattended(
        self, work: Callable[[Transaction], Result], principal: Principal = _SERVICE
    ) -> Result:
        """Run `work` that needs no right, such as counting an attempt or sending mail; see `write`.

        Args:
            work: what to do.
            principal: who is recorded in the audit log; the service itself if not given.

        Raises:
            IntegrityError, Unavailable: as for `write`.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._run(work, principal)
            except _Again:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _run(self, work: Callable[[Transaction], Result], principal: Principal) -> Result:
        with translated(), Session(self._writing, expire_on_commit=False) as session:
            tx = Transaction(
                session, self._clock.now(), principal, audit_log=self._audit_log, mails=self._mails
            )
            with session.begin():
                result = work(tx)
            self._notify(tx.changed_accounts)
            for act in tx.committed:
                act()
            return result

    def _notify(self, changed: Iterable[int]) -> None:
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
