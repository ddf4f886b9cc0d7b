"""Sends the mails of the outbox, and retries those that fail.

No token is stored: a row names the account and the kind of mail, and the token is signed when the
mail is sent. A sender claims a row with one conditional UPDATE, so that two senders never send the
same mail at once. If a sender dies between sending and recording that, the mail is sent again with
the same message id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from identity.domain import mail as mails
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
# After this time another mail of the kind may be sent, even if the limits are exceeded.
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
    """How many mails of the outbox are waiting, sent, and parked after too many attempts."""

    waiting: int
    sent: int
    parked: int


class Outbox:
    """Sends mails that are due.

    Args:
        transactions: reads and writes the outbox.
        tokens: signs one-time tokens.
        mailer: sends mails.
        public_url: of the service, for links; empty for mails without links.
        service: the name of the service.
    """

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
        """Return the number of mails in each state."""
        unsent = OutboxMail.sent_at.is_(None) & OutboxMail.parked_at.is_(None)
        states = {
            "waiting": unsent,
            "sent": OutboxMail.sent_at.is_not(None),
            "parked": OutboxMail.parked_at.is_not(None),
        }
        query = select(*(func.count().filter(state).label(name) for name, state in states.items()))
        row = self._transactions.row(query.select_from(OutboxMail), {})
        counts = row._mapping if row else dict.fromkeys(states, 0)  # noqa: SLF001 - a public name
        return OutboxState(**counts)

    def send_due(self, *, at_most: int = 50) -> int:
        """Send up to `at_most` mails that are due; return how many were sent."""
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
        except Exception as error:  # noqa: BLE001 - one bad mail must not stop the others
            refusal = error if isinstance(error, MailRefused) else MailRefused(type(error).__name__)
            self._reject(mail_id, refusal)
            return False
        mark_sent = (
            update(OutboxMail)
            .where(OutboxMail.id == mail_id)
            .values(sent_at=self._transactions.now())
        )
        self._transactions.write_unattended(lambda tx: tx.session.execute(mark_sent))
        return True

    def _reject(self, mail_id: int, refusal: MailRefused) -> None:
        reply = f" ({refusal.reply})" if refusal.reply else ""
        parked = " and parked" if refusal.permanent else ""
        _log.warning("mail %s was rejected%s: %s%s", mail_id, parked, refusal, reply)
        self._transactions.write_unattended(
            lambda tx: self._postpone(tx.session, mail_id, park=refusal.permanent)
        )

    def _claim(self, session: Session, mail_id: int) -> mails.Mail | None:
        now = self._transactions.now()
        claim = (
            update(OutboxMail)
            .where(OutboxMail.id == mail_id, *_due(now))
            .values(claimed_until=now + _CLAIM)
        )
        row = session.scalars(claim.returning(OutboxMail)).one_or_none()
        if row is None:
            return None
        account = session.get_one(Account, row.account_id)
        kind = MailKind(row.kind)
        # A token is sent to the account's own email only; a notice goes where it was addressed.
        if kind in _PURPOSES and canonical_email(row.recipient) not in _emails_for(kind, account):
            row.parked_at = now
            return None
        about = session.get(Certificate, row.certificate) if row.certificate else None
        return self._write(kind, row, account, about=_describe(about) if about else "")

    def _write(
        self, kind: MailKind, row: OutboxMail, account: Account, *, about: str
    ) -> mails.Mail:
        token = link = ""
        lifetime = timedelta(0)
        if purpose := _PURPOSES.get(kind):
            end = int((self._transactions.now() + LIFETIMES[purpose]).timestamp())
            bound_to = binding(purpose, canonical_email(row.recipient), row.message_id)
            claims = OneTimeClaims(account.id, row.version, end, bound_to)
            token = self._tokens.sign(purpose, claims)
            link = f"{self._public_url}/{_PATHS[kind]}?token={token}" if self._public_url else ""
        return mails.write(
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
        if row is None:  # its account was deleted meanwhile
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
