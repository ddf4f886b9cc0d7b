"""Runs each use case in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Engine, Executable, Row
from sqlalchemy.orm import Session

from identity.domain.credentials import Credential
from identity.domain.events import Event, Outcome
from identity.domain.mail import MailKind
from identity.domain.ports import Clock
from identity.domain.principal import Origin, Principal, Subject
from identity.services.work.accounts import Mailbox
from identity.services.work.audit_log import AuditLog, Entry
from identity.services.work.database_errors import Retryable, translated
from identity.services.work.standing import lock_active_admins, require_standing
from identity.store import journal
from identity.store.engines import for_single_reads, for_writing
from identity.store.journal import Change
from identity.store.models import Account

Result = TypeVar("Result")

_ATTEMPTS: Final = 3
_SERVICE: Final = Principal(Origin(ip="local", request_id="-", dialect="service"))


class MailWriter(Protocol):
    """Writes mails, which are sent after the commit; see `services.mail.outbox`."""

    def put(  # noqa: PLR0913 - a mail has that many parts
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
        """Write a mail; see `Transaction.mail`."""


class Transaction:
    """A running transaction: its session, its time, and what a use case reports in it.

    Args:
        session: of the database.
        now: the time at which the transaction began.
        principal: on whose behalf it runs.
        audit_log: writes events.
        mails: writes mails.
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
        self.journaled: list[Change] = []
        self.committed: list[Callable[[], None]] = []

    def changed(self, account_id: int) -> None:
        """Write to the journal that what tokens and caches say about an account is outdated."""
        self.journal(Change(int(self.now.timestamp()), account_id))

    def session_ended(self, session_id: str, account_id: int) -> None:
        """Write to the journal that a session has ended; others of the account continue."""
        self.journal(Change(int(self.now.timestamp()), account_id, session_id))

    def journal(self, change: Change) -> None:
        """Write an entry, which every process then reads."""
        if change not in self.journaled:
            journal.record(self.session.connection(), [change])
            self.journaled.append(change)

    def end_credentials(self, account: Account) -> None:
        """Invalidate all sessions, certificates and one-time tokens of an account.

        A pending email is dropped, because the token that would confirm it is invalidated too.
        """
        account.version += 1
        account.pending_email = None
        self.changed(account.id)

    def audit(  # noqa: PLR0913 - an event has that many parts
        self,
        kind: Event,
        *,
        subject: Subject | None = None,
        name: str | None = None,
        network: str | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
        credential: Credential | None = None,
    ) -> None:
        """Write an event; its actor is the principal of the transaction.

        Args:
            kind: what happened.
            subject: the account that it concerns; by default the principal's own.
            name: the name that it concerns, if no account has it.
            network: the client network that it concerns, if it concerns no account.
            outcome: accepted or refused.
            credential: the credential that was used; by default that of the principal.
        """
        entry = Entry(kind, self.principal, subject, name, network, outcome, credential)
        log_event = self._audit_log.write(self.session, entry, self.now)
        if log_event is not None:
            self.committed.append(log_event)

    def audit_session(self, owner: Subject) -> None:
        """Record that a session was opened, unless the event of the login implies it."""
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
        """Write a mail, which is sent after the commit.

        Args:
            kind: of the mail.
            account: that the mail is about.
            to: the mailbox; by default the account's own.
            requester: who caused it, if anyone may; each requester has a limit of their own.
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
    """Runs transactions.

    Args:
        engine: of the database.
        clock: the time.
        audit_log: writes events.
        mails: writes mails.
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
        self._on_commit: list[Callable[[Sequence[Change]], None]] = []

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        return self._clock.now()

    def on_commit(self, listener: Callable[[Sequence[Change]], None]) -> None:
        """Call `listener` after each commit with the changes that it added to the journal."""
        self._on_commit.append(listener)

    def write(
        self,
        principal: Principal,
        work: Callable[[Transaction], Result],
        *,
        lock_admins: bool = False,
    ) -> Result:
        """Run `work` for a principal in its own transaction, and commit it.

        The transaction first checks that the principal's account and credential are still valid,
        and keeps them so until the commit. `work` runs again if the database reports a deadlock or
        a serialization failure, so it must have no effect outside the transaction. After an error,
        nothing was changed.

        Args:
            principal: on whose behalf.
            work: what to do.
            lock_admins: lock all active administrators first; for work that may remove one.

        Raises:
            Unauthenticated: the account or the credential has become invalid.
            Forbidden: the principal is no longer an administrator.
            IntegrityError: the work violated a constraint.
            Unavailable: the database does not answer or is locked.
        """
        attended = partial(_attended, principal, work, lock_admins=lock_admins)
        return self.write_unattended(attended, principal)

    def write_unattended(
        self, work: Callable[[Transaction], Result], principal: Principal = _SERVICE
    ) -> Result:
        """Run `work` that needs no rights, such as counting an attempt; see `write`.

        Args:
            work: what to do.
            principal: the actor in the audit log; by default the service itself.

        Raises:
            IntegrityError, Unavailable: as for `write`.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._run(work, principal)
            except Retryable:
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
            if tx.journaled:
                for listener in self._on_commit:
                    listener(tx.journaled)
            for callback in tx.committed:
                callback()
            return result

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Run `work`, which only reads, on one consistent snapshot of the database.

        Raises:
            Unavailable: the database does not answer.
        """
        with translated(), Session(self._reading) as session:
            return work(session)

    def row(self, statement: Executable, parameters: dict[str, Any]) -> Row[Any] | None:
        """Return the first row of one statement, without a transaction and without ORM objects.

        Raises:
            Unavailable: the database does not answer.
        """
        with translated(), self._single_reads.connect() as connection:
            return connection.execute(statement, parameters).first()


def _attended(
    principal: Principal,
    work: Callable[[Transaction], Result],
    tx: Transaction,
    *,
    lock_admins: bool,
) -> Result:
    if lock_admins:
        lock_active_admins(tx.session)
    require_standing(tx.session, principal)
    return work(tx)
