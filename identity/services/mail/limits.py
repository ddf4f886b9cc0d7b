"""How many mails one mailbox gets, and how many one IP has sent: no mailbox is a target, and no owner is cut off.

What one IP asks for does not use up what the owner may get by asking from another. All counters are written every
time, whatever they say: a statement less would tell whose mailbox it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from identity.domain.limits import Limit, client_network
from identity.domain.mail import MailKind
from identity.domain.principal import Principal
from identity.services.limits.limits import Count, Limits

_REQUESTERS: Final = 4  # so many use up what all together may ask for


class MailLimits:
    """Counts mails by kind and email.

    Args:
        limits: where they are counted.
        limit: how many mails of a kind one IP may have sent to an email.
        lives: of the tokens in mails; once the last one has expired, another mail may go out in any case.
    """

    def __init__(self, limits: Limits, limit: Limit, *, lives: dict[MailKind, timedelta]) -> None:
        self._limits = limits
        self._by_requester = limit
        self._in_all = replace(limit, most=limit.most * _REQUESTERS)
        self._again = {kind: replace(limit, most=1, window=life) for kind, life in lives.items()}

    def admit(self, session: Session, kind: MailKind, mailbox: str, *, requester: str) -> bool:
        """Count one mail and tell whether it may go out."""
        if not self._by_requester.most:
            return True
        within = (
            self._limits.within(
                session, Count.of(self._by_requester, f"{kind.value}:{mailbox}:from:{requester}")
            ),
            self._limits.within(session, Count.of(self._in_all, f"{kind.value}:{mailbox}")),
        )
        again = self._limits.within(
            session, Count.of(self._again[kind], f"{kind.value}:{mailbox}:again")
        )
        return all(within) or again


class RequestedMails:
    """Limits the mails that one IP has sent to emails that it names: others judge the service by them.

    Counted before anything is looked up, and whether or not a mail follows: the refusal tells nothing of an email.
    """

    def __init__(self, limits: Limits, limit: Limit) -> None:
        self._limits = limits
        self._limit = limit

    def counts(self, principal: Principal) -> tuple[Count, ...]:
        """Return where a request for a mail is counted; nowhere for administrators."""
        by_admin = principal.subject is not None and principal.subject.admin
        return () if by_admin else (Count.of(self._limit, client_network(principal.origin.ip)),)

    def take(self, principal: Principal) -> None:
        """Count one request.

        Raises:
            RateLimited: it is one too many.
        """
        self._limits.take(*self.counts(principal))
