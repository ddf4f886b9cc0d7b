"""Which sessions of an account give way when it has too many.

A login makes room in its own pool alone, so that a script that logs in for each request never ends a token that was
made for a device.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, or_, select
from sqlalchemy.orm import Session

from identity.domain.policy import LAST_USED_GRAIN
from identity.domain.token_kinds import TokenKind
from identity.services.work.session_life import ended
from identity.store.models import SESSIONS
from identity.store.types import UtcDateTime

USED_GRAIN: Final = timedelta(hours=1)  # how exactly it is known when a token was last shown
_IN_USE: Final = 2 * USED_GRAIN

_KINDS: Final = {
    kind: [each.value for each in TokenKind if each.pool is kind.pool] for kind in TokenKind
}

_S: Final = SESSIONS.c
_TIME: Final = UtcDateTime()
# Rows from before `shown_at` was kept tell it by `last_used_at`.
WAS_SHOWN: Final = or_(_S.shown_at.is_not(None), _S.last_used_at > _S.created_at)
# Whoever issues a token notes it, to the minute. Once the last one has expired no token can renew the session.
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
_DROP_OVER: Final = delete(SESSIONS).where(_OWN, ended(bindparam("now", type_=_TIME)))
_OF_POOL: Final = select(_S.id).where(_OWN, _S.kind.in_(bindparam("kinds", expanding=True)))
_DROP_BEYOND: Final = (
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
) -> bool:
    """Delete the sessions of an account that are over, and those of a pool beyond so many.

    In this order: whose last access token has expired, which nothing can use any more; never shown; shown and
    never renewed; renewed; and in use within the last two hours last, those that renew at the very end. Within
    each of these the longest unused goes first.

    Args:
        session: the transaction of a login, which has locked the account's row.
        account_id: whose.
        kind: of the token that the login is about to make; its pool is the one that gives way.
        now: the time.
        kept: how many of the pool may stay.
        token_life: how long an access token lives.

    Returns:
        Whether a live one had to go.
    """
    session.execute(_DROP_OVER, {"account": account_id, "now": now})
    given: dict[str, Any] = {
        "account": account_id,
        "kinds": _KINDS[kind],
        "kept": kept,
        "spent_since": now - token_life - LAST_USED_GRAIN,
        "in_use_since": now - _IN_USE,
    }
    return bool(session.execute(_DROP_BEYOND, given).all())
