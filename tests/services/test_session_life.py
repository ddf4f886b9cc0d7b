"""Whether a session is valid: the SQL and the function agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import select, update

from identity.domain.token_kinds import TokenKind
from identity.services.work.session_life import alive, ended, is_expired
from identity.store.models import Account, LoginSession
from support.accounts import HAWK
from support.app import principal, services

NOW = datetime(2026, 6, 1, tzinfo=UTC)
STEP = timedelta(seconds=1)
TIMES = (-STEP, timedelta(), STEP)
ABSOLUTE = TIMES
IDLE = (None, *TIMES)
CASES = list(product(ABSOLUTE, IDLE, (False, True), (0, 1), (False, True)))


@pytest.fixture
def session_id(app: Flask) -> str:
    hawk = principal(app, *HAWK)
    services(app).logins.open(hawk, TokenKind.OPAQUE)
    return services(app).tokens.sessions(hawk)[0].id


def test_sql_and_function_agree_on_every_session(app: Flask, session_id: str) -> None:
    transactions = services(app).audit._transactions
    for absolute, idle, revoked, newer, disabled in CASES:
        row = {
            "absolute_end": NOW + absolute,
            "idle_end": None if idle is None else NOW + idle,
            "revoked_at": NOW if revoked else None,
        }
        account = {"version": 5 + newer, "disabled": disabled}

        def judge(session):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            session.execute(update(LoginSession).values(**row, version=5))  # noqa: B023 - run at once
            session.execute(update(Account).where(Account.id == 2).values(**account))  # noqa: B023
            is_alive = select(LoginSession.id).join(Account).where(alive(NOW))
            has_ended = select(LoginSession.id).where(ended(NOW))
            found = session.get(LoginSession, session_id)
            session.refresh(found)
            result = (
                session.scalar(is_alive) is not None,
                session.scalar(has_ended) is not None,
                is_expired(found, NOW),
            )
            session.rollback()
            return result

        sql_alive, sql_ended, expired = transactions.read(judge)
        stands = not revoked and not newer and not disabled
        assert sql_alive == (stands and not expired), (absolute, idle, revoked, newer, disabled)
        assert sql_ended == (expired or revoked or bool(newer))
        assert expired == (absolute <= timedelta() or (idle is not None and idle <= timedelta()))
