"""Limits the mails to one mailbox, in all and for each client that requests them.

What one client requests does not use up what the owner may request from another. All counters are
written every time. Constant work: see docs/security.md#enumeration.
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

_REQUESTERS: Final = 4  # clients that may use their whole limit for one mailbox


class MailLimits:
    """Counts mails by kind and email.

    Args:
        limit: of mails of one kind that one client causes to one email.
        lifetimes: of the tokens in mails, by kind. Once the last mail of a kind is older than that,
            another one may be sent, even if the limits are exceeded.
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
        """Count one mail, and tell whether it may be sent."""
        if not self._by_requester.most:
            return True
        name = f"{kind.value}:{mailbox}"
        within = (
            _within(session, self._by_requester, f"{name}:from:{requester}", now),
            _within(session, self._in_all, name, now),
        )
        again = _within(session, self._again[kind], f"{name}:again", now)
        return all(within) or again


def _within(session: Session, limit: Limit, item: str, now: datetime) -> bool:
    key = Count.of(limit, item).key
    return counters.add(session, key, limit, now).attempts <= limit.most
