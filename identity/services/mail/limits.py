"""How many mails one mailbox gets, and how many one IP has sent: no mailbox is a target, and no owner is cut off.

What one IP asks for does not use up what the owner may get by asking from another. All counters are written every
time, whatever they say: a statement less would tell whose mailbox it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from identity.domain.limits import Limit
from identity.domain.mail import MailKind
from identity.services.limits import counters
from identity.services.limits.limits import Count

_REQUESTERS: Final = 4  # so many use up what all together may ask for


class MailLimits:
    """Counts mails by kind and email.

    Args:
        limit: how many mails of a kind one IP may have sent to an email.
        lifetimes: of the tokens in mails; once the last one has expired, another mail may go out in any case.
    """

    def __init__(self, limit: Limit, *, lifetimes: dict[MailKind, timedelta]) -> None:
        self._by_requester = limit
        self._in_all = replace(limit, most=limit.most * _REQUESTERS)
        self._again = {
            kind: replace(limit, most=1, window=life) for kind, life in lifetimes.items()
        }

    def admit(
        self, session: Session, kind: MailKind, mailbox: str, *, requester: str, now: datetime
    ) -> bool:
        """Count one mail and tell whether it may go out."""
        if not self._by_requester.most:
            return True
        name = f"{kind.value}:{mailbox}"
        within = (
            _within(session, self._by_requester, f"{name}:from:{requester}", now),
            _within(session, self._in_all, name, now),
        )
        again = _within(session, self._again[kind], f"{name}:again", now)
        return all(within) or again


def _within(session: Session, limit: Limit, what: str, now: datetime) -> bool:
    key = Count.of(limit, what).key
    return counters.add(session, key, limit, now).tries <= limit.most
