"""How many mails one mailbox gets, however many ask for them: no mailbox is a target, and no owner is cut off.

What one IP asks for does not use up what the owner may get by asking from another. All counters are written every
time, whatever they say: a statement less would tell whose mailbox it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from identity.domain.letters import LetterKind
from identity.domain.limits import Limit
from identity.services.limits import Count, Limits

_REQUESTERS: Final = 4  # so many use up what all together may ask for


class MailLimits:
    """Counts mails by kind and email.

    Args:
        limits: where they are counted.
        limit: how many mails of a kind one IP may have sent to an email.
        lives: of the tokens in mails; once the last one has expired, another mail may go out in any case.
    """

    def __init__(self, limits: Limits, limit: Limit, *, lives: dict[LetterKind, timedelta]) -> None:
        self._limits = limits
        self._by_requester = limit
        self._in_all = replace(limit, most=limit.most * _REQUESTERS)
        self._again = {kind: replace(limit, most=1, window=life) for kind, life in lives.items()}

    def admit(self, session: Session, kind: LetterKind, mailbox: str, *, requester: str) -> bool:
        """Count one mail and tell whether it may go out."""
        if not self._by_requester.most:
            return True
        within = (
            self._limits.within(session, Count.of(self._by_requester, f"{kind.value}:{mailbox}:from:{requester}")),
            self._limits.within(session, Count.of(self._in_all, f"{kind.value}:{mailbox}")),
        )
        again = self._limits.within(session, Count.of(self._again[kind], f"{kind.value}:{mailbox}:again"))
        return all(within) or again
