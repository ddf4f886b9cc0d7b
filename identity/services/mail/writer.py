"""Writes mails to the outbox, in the transaction of the action that they report."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, literal
from sqlalchemy.orm import Session

from identity.domain.limits import client_network
from identity.domain.mail import MailKind
from identity.domain.ports import Identifiers
from identity.domain.principal import Origin
from identity.domain.values import canonical_email
from identity.services.mail.limits import MailLimits
from identity.services.work.accounts import Mailbox, mailbox
from identity.store.models import Account, OutboxMail

_RECIPIENT_MAX: Final = 254


class MailWriter:
    """Writes mails.

    Args:
        identifiers: makes message ids.
        limits: decides which mails may be sent.
    """

    def __init__(self, identifiers: Identifiers, limits: MailLimits) -> None:
        self._identifiers = identifiers
        self._limits = limits

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
        """Write a mail to the account's own email, or to another one; see `Transaction.mail`.

        Mails beyond the limits are not kept (`services.mail.limits`), nor are mails to an email
        that is not the account's own. These are written and deleted again: constant work, see
        docs/security.md#enumeration.
        """
        to = to or mailbox(account)
        if to is None:
            return
        # Mails that are not for the owner must not use up the owner's limit.
        email = canonical_email(to.email)
        counted_as = email if to.owned else f"{account.id}:{email}"
        group = client_network(requester.ip) if requester else ""
        admitted = self._limits.admit(session, kind, counted_as, requester=group, now=now)
        row = self._row(kind, account, to.email, now) | {"certificate": certificate}
        mail_id = session.scalar(insert(OutboxMail).values(row).returning(OutboxMail.id))
        unwanted = delete(OutboxMail).where(
            OutboxMail.id == mail_id, literal(not (admitted and to.owned))
        )
        session.execute(unwanted.execution_options(synchronize_session=False))

    def _row(
        self, kind: MailKind, account: Account, recipient: str, now: datetime
    ) -> dict[str, object]:
        return {
            "message_id": self._identifiers.uuid(),
            "kind": kind.value,
            "recipient": recipient[:_RECIPIENT_MAX],
            "account_id": account.id,
            "version": account.version,
            "created_at": now,
            "next_attempt_at": now,
        }
