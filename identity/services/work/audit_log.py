"""Writing the trail of what happened, in the transaction in which it happened."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.orm import Session

from identity.domain.events import Event, Outcome
from identity.domain.ports import Clock, Pseudonyms
from identity.domain.principal import Credential, Principal, Subject
from identity.domain.values import is_username
from identity.domain.views import AuditView
from identity.services.work.transaction import Transactions
from identity.store.models import AUDIT_EVENTS

_log = logging.getLogger("identity.audit")
_NAME_MAX: Final = 64
_INSERT: Final = insert(AUDIT_EVENTS).returning(AUDIT_EVENTS.c.id)


class Audit:
    """Writes events for the other use cases.

    Args:
        transactions: tells when an event is committed.
        clock: the time.
        pseudonyms: what is kept of names that no account has.
        log: whether each event is also a log line, once it is committed.
        sessions: whether a session is an event also where the login that opened it is one.
    """

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        pseudonyms: Pseudonyms,
        *,
        log: bool,
        sessions: bool = True,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._pseudonyms = pseudonyms
        self._log = log
        self._sessions = sessions

    def record_session(self, session: Session, principal: Principal, owner: Subject) -> None:
        """Add that a session was opened, unless the event of the login says so already.

        A password that opens one's own session was recorded a moment ago, as a login or a registration.
        """
        own_login = owner == principal.subject and principal.credential is Credential.PASSWORD
        if self._sessions or not own_login:
            self.record(session, Event.SESSION_OPENED, principal, subject=owner)

    def record(  # noqa: PLR0913 - an event has that many sides
        self,
        session: Session,
        kind: Event,
        principal: Principal,
        *,
        subject: Subject | None = None,
        name: str | None = None,
        network: str | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
        credential: Credential | None = None,
    ) -> None:
        """Add one event to the caller's transaction.

        Args:
            session: the transaction of what happened.
            kind: what happened.
            principal: who did it, and from where.
            subject: to whom; the principal's own account if not given.
            name: to which name, where no account is known to have it; its pseudonym is kept if it could be a name.
            network: to which client network, where no account is concerned.
            outcome: how it ended.
            credential: by what proof, where it is not the principal's.
        """
        actor = principal.subject
        subject = None if network else subject or actor
        # Also where it is not needed: a step that is left out would tell that the account exists.
        origin, called = principal.origin, self._called(name)
        values: dict[str, Any] = {
            "at": self._clock.now(),
            "kind": kind.value,
            "outcome": outcome.value,
            "actor_id": actor.id if actor else None,
            "actor": actor.username if actor else None,
            "subject_id": subject.id if subject else None,
            "subject": subject.username if subject else network or called,
            "credential": (credential or principal.credential).value,
            "ip": origin.ip[:_NAME_MAX],
            "dialect": origin.dialect,
            "request_id": origin.request_id[:_NAME_MAX],
        }
        number = session.execute(_INSERT, values).scalar_one()
        if self._log:
            self._transactions.after_commit(session, lambda: _tell(AuditView(id=number, **values)))

    def _called(self, name: str | None) -> str | None:
        # A failed login may carry anything where the name stands, even a password typed into the wrong field: nothing
        # is kept of what could not be a username.
        return self._pseudonyms.of(name) if name is not None and is_username(name) else None


def _tell(event: AuditView) -> None:
    _log.info("audit", extra={"fields": dataclasses.asdict(event) | {"at": event.at.isoformat()}})
