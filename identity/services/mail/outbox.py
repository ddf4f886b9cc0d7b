"""Mail that is written with what it is about, and sent afterwards, as often as it takes.

No token is kept: a row says whose letter of which kind it is, and the token is made when it is sent. A sender
claims a row with one conditional UPDATE, so that two never send the same letter at once; one that dies
after sending and before saying so sends it again, with the same message id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from identity.domain import mail as letters
from identity.domain.claims import OneTimeClaims, Purpose
from identity.domain.errors import MailRefused, Unavailable
from identity.domain.mail import MailKind
from identity.domain.ports import Mailer, OneTimeTokens
from identity.domain.values import canonical_email
from identity.services.mail.one_time_tokens import binding
from identity.services.work.transaction import Transactions
from identity.store.models import Account, Certificate, OutboxMail

_log = logging.getLogger(__name__)
_CLAIM: Final = timedelta(minutes=2)
_FIRST_RETRY: Final = timedelta(seconds=5)
_LONGEST_RETRY: Final = timedelta(hours=1)
_ATTEMPTS: Final = 12
LIFETIMES: Final = {
    Purpose.ACTIVATION: timedelta(hours=24),
    Purpose.RESET: timedelta(minutes=15),
    Purpose.INVITATION: timedelta(days=7),
}
# How long a letter is good for: one more of the kind may go out after that, whoever used the limits up.
MAIL_LIFETIMES: Final = dict.fromkeys(MailKind, timedelta(hours=24)) | {
    MailKind.RESET: LIFETIMES[Purpose.RESET]
}
_PURPOSES: Final = {
    MailKind.ACTIVATION: Purpose.ACTIVATION,
    MailKind.RESET: Purpose.RESET,
    MailKind.INVITATION: Purpose.INVITATION,
}
_PATHS: Final = {
    MailKind.ACTIVATION: "activate",
    MailKind.RESET: "reset",
    MailKind.INVITATION: "reset",
}


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How many letters wait to be sent, were sent, and were given up after many attempts, as far as they are kept."""

    waiting: int
    sent: int
    parked: int


class Outbox:
    """Sends mails that are due."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        tokens: OneTimeTokens,
        mailer: Mailer,
        public_url: str,
        service: str,
    ) -> None:
        self._transactions = transactions
        self._tokens = tokens
        self._mailer = mailer
        self._public_url = public_url
        self._service = service

    def state(self) -> OutboxState:
        """Return how many letters wait, were sent, and were given up."""
        unsent = OutboxMail.sent_at.is_(None) & OutboxMail.parked_at.is_(None)
        states = {
            "waiting": unsent,
            "sent": OutboxMail.sent_at.is_not(None),
            "parked": OutboxMail.parked_at.is_not(None),
        }
        query = select(*(func.count().filter(state).label(name) for name, state in states.items()))
        row = self._transactions.row(query.select_from(OutboxMail), {})
        return OutboxState(**(row._mapping if row else dict.fromkeys(states, 0)))  # noqa: SLF001 - SQLAlchemy's public name

    def send_due(self, *, at_most: int = 50) -> int:
        """Send letters that are due and return how many went out."""
        query = (
            select(OutboxMail.id)
            .where(*_due(self._transactions.now()))
            .order_by(OutboxMail.next_attempt_at)
            .limit(at_most)
        )
        ids = self._transactions.read(lambda session: session.scalars(query).all())
        return sum(map(self._send, ids))

    def _send(self, mail_id: int) -> bool:
        try:
            claimed = self._transactions.write_unattended(
                lambda tx: self._claim(tx.session, mail_id)
            )
            if claimed is None:
                return False
            self._mailer.send(claimed)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one letter is made of, the others go out
            refusal = error if isinstance(error, MailRefused) else MailRefused(type(error).__name__)
            reply = f" ({refusal.reply})" if refusal.reply else ""
            then = ", and is parked" if refusal.permanent else ""
            _log.warning("mail %s was not taken%s: %s%s", mail_id, then, refusal, reply)
            park = refusal.permanent
            self._transactions.write_unattended(
                lambda tx: self._postpone(tx.session, mail_id, park=park)
            )
            return False
        done = (
            update(OutboxMail)
            .where(OutboxMail.id == mail_id)
            .values(sent_at=self._transactions.now())
        )
        self._transactions.write_unattended(lambda tx: tx.session.execute(done))
        return True

    def _claim(self, session: Session, mail_id: int) -> letters.Mail | None:
        now = self._transactions.now()
        mine = (
            update(OutboxMail)
            .where(OutboxMail.id == mail_id, *_due(now))
            .values(claimed_until=now + _CLAIM)
        )
        row = session.scalars(mine.returning(OutboxMail)).one_or_none()
        if row is None:
            return None
        account = session.get_one(Account, row.account_id)
        kind = MailKind(row.kind)
        # A token is for the account's email alone; what happened is told to whom it happened.
        if kind in _PURPOSES and canonical_email(row.recipient) not in _emails_for(kind, account):
            row.parked_at = now
            return None
        about = session.get(Certificate, row.certificate) if row.certificate else None
        return self._write(kind, row, account, about=_describe(about) if about else "")

    def _write(
        self, kind: MailKind, row: OutboxMail, account: Account, *, about: str
    ) -> letters.Mail:
        token = link = ""
        lifetime = timedelta(0)
        if purpose := _PURPOSES.get(kind):
            end = int((self._transactions.now() + LIFETIMES[purpose]).timestamp())
            bound = binding(purpose, canonical_email(row.recipient), row.message_id)
            token = self._tokens.sign(purpose, OneTimeClaims(account.id, row.version, end, bound))
            link = f"{self._public_url}/{_PATHS[kind]}?token={token}" if self._public_url else ""
        return letters.write(
            kind,
            service=self._service,
            message_id=row.message_id,
            recipient=row.recipient,
            username=account.username,
            token=token,
            link=link,
            lifetime=lifetime,
            about=about,
        )

    def _postpone(self, session: Session, mail_id: int, *, park: bool) -> None:
        row = session.get(OutboxMail, mail_id)
        if row is None:  # its account went away meanwhile
            return
        row.attempts += 1
        row.claimed_until = None
        row.next_attempt_at = self._transactions.now() + min(
            _FIRST_RETRY * 2**row.attempts, _LONGEST_RETRY
        )
        if park or row.attempts >= _ATTEMPTS:
            row.parked_at = self._transactions.now()


def _describe(certificate: Certificate) -> str:
    renewed = f", renewed from {certificate.parent}" if certificate.parent else ""
    line = f", in the line of {certificate.line}" if certificate.line else ""
    return f"Certificate: {certificate.serial}{renewed}{line}"


def _emails_for(kind: MailKind, account: Account) -> set[str | None]:
    pending = account.pending_email if kind is MailKind.ACTIVATION else None
    return {account.email_canonical} | ({canonical_email(pending)} if pending else set())


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        OutboxMail.sent_at.is_(None),
        OutboxMail.parked_at.is_(None),
        OutboxMail.next_attempt_at <= now,
        or_(OutboxMail.claimed_until.is_(None), OutboxMail.claimed_until <= now),
    )
