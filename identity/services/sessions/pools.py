"""Decides which sessions of an account are evicted when it has too many.

A login evicts sessions of its own pool only, so that a script that logs in for each request never
ends a token that was made for a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, or_, select
from sqlalchemy.orm import Session

from identity.domain.policy import LAST_USED_GRAIN
from identity.domain.token_kinds import TokenKind
from identity.services.work.session_life import ended
from identity.store.models import SESSIONS
from identity.store.types import UtcDateTime

USED_GRAIN: Final = timedelta(hours=1)  # how exactly the last use of a token is recorded
_IN_USE: Final = 2 * USED_GRAIN

_KINDS: Final = {
    kind: [each.value for each in TokenKind if each.pool is kind.pool] for kind in TokenKind
}

_S: Final = SESSIONS.c
_TIME: Final = UtcDateTime()
# Rows older than the column `shown_at` tell it by `last_used_at`.
WAS_SHOWN: Final = or_(_S.shown_at.is_not(None), _S.last_used_at > _S.created_at)
# Issuing a token is recorded to the minute. Once the last token has expired, none can renew the
# session.
_SPENT: Final = and_(
    _S.kind == TokenKind.ACCESS.value, _S.last_used_at <= bindparam("spent_since", type_=_TIME)
)
_IS_IN_USE: Final = and_(WAS_SHOWN, _S.last_used_at > bindparam("in_use_since", type_=_TIME))


def _true_first(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 0), else_=1)


_KEPT_FIRST: Final = (
    _true_first(_SPENT).desc(),
    _true_first(_IS_IN_USE),
    _true_first(_S.renewed_at.is_not(None)),
    _true_first(WAS_SHOWN),
    _S.last_used_at.desc(),
    _S.created_at.desc(),
    _S.id,
)
# Prepared once: every login runs them.
_OWN: Final = _S.account_id == bindparam("account")
_DELETE_ENDED: Final = delete(SESSIONS).where(_OWN, ended(bindparam("now", type_=_TIME)))
_OF_POOL: Final = select(_S.id).where(_OWN, _S.kind.in_(bindparam("kinds", expanding=True)))
_EVICT: Final = (
    delete(SESSIONS)
    .where(_S.id.in_(_OF_POOL.order_by(*_KEPT_FIRST).offset(bindparam("kept"))))
    .returning(_S.id)
)


def make_room(  # noqa: PLR0913 - an account, a pool and two spans
    session: Session,
    account_id: int,
    kind: TokenKind,
    *,
    now: datetime,
    kept: int,
    token_life: timedelta,
) -> Sequence[str]:
    """Delete the ended sessions of an account, and evict sessions beyond the cap of a pool.

    Sessions are evicted in this order; within each group, the least recently used one first:

    1. those whose last access token has expired, which cannot be used any more
    2. those whose token was never used
    3. those that were used and never renewed
    4. those that were renewed
    5. those in use within the last two hours, and of these the renewed ones last

    Args:
        session: the transaction of a login, which has locked the account's row.
        account_id: of the account.
        kind: of the token that the login is about to issue; it selects the pool.
        now: the time.
        kept: how many sessions of the pool may stay.
        token_life: lifetime of an access token.

    Returns:
        The ids of the sessions that were evicted.
    """
    session.execute(_DELETE_ENDED, {"account": account_id, "now": now})
    parameters: dict[str, Any] = {
        "account": account_id,
        "kinds": _KINDS[kind],
        "kept": kept,
        "spent_since": now - token_life - LAST_USED_GRAIN,
        "in_use_since": now - _IN_USE,
    }
    return session.scalars(_EVICT, parameters).all()
