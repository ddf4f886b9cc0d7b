"""Sessions of every kind: their lifetimes, and that the database has only the digest of their
secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from identity.domain.errors import Unauthenticated
from identity.domain.principal import operator
from identity.domain.token_kinds import TokenKind
from support.app import ORIGIN, principal, services
from support.clock import ManualClock

KINDS = {
    TokenKind.PERSONAL: (TokenKind.PERSONAL.credential, timedelta(days=365)),
    TokenKind.OPAQUE: (TokenKind.OPAQUE.credential, timedelta(days=90)),
    TokenKind.JWT: (TokenKind.JWT.credential, timedelta(hours=1)),
    TokenKind.UUID: (TokenKind.UUID.credential, timedelta(minutes=5)),
}


def opened(app: Flask, kind: TokenKind) -> str:
    return services(app).logins.open(principal(app, "hawk", "newpwd"), kind).token


def alive(app: Flask, token: str) -> bool:
    try:
        return services(app).authentication.by_token(token, ORIGIN).account.username == "hawk"
    except Unauthenticated:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_is_valid_for_its_lifetime_and_no_longer(
    app: Flask, clock: ManualClock, kind: TokenKind
) -> None:
    token = opened(app, kind)
    clock.time += KINDS[kind][1] - timedelta(seconds=1)
    assert (
        services(app).authentication.by_token(opened(app, kind), ORIGIN).credential
        is KINDS[kind][0]
    )
    clock.advance(seconds=1)
    assert not alive(app, token)


@pytest.mark.parametrize("kind", [TokenKind.PERSONAL, TokenKind.OPAQUE, TokenKind.JWT])
def test_use_does_not_extend_a_lifetime(app: Flask, clock: ManualClock, kind: TokenKind) -> None:
    token = opened(app, kind)
    clock.time += KINDS[kind][1] - timedelta(seconds=1)
    assert alive(app, token)
    clock.advance(seconds=1)
    assert not alive(app, token)


def test_a_uuid_slides_by_two_weeks_with_each_use_up_to_its_absolute_end(
    app: Flask, clock: ManualClock
) -> None:
    token = opened(app, TokenKind.UUID)
    clock.advance(minutes=4, seconds=59)
    assert alive(app, token)
    for _ in range(6):
        clock.advance(days=13, hours=23)
        assert alive(app, token)
    clock.advance(days=6, hours=5)
    assert alive(app, token)
    clock.advance(hours=1)
    assert not alive(app, token)  # 90 days after the login


def test_a_uuid_ends_two_weeks_after_its_last_use(app: Flask, clock: ManualClock) -> None:
    token = opened(app, TokenKind.UUID)
    assert alive(app, token)
    clock.advance(days=14)
    assert not alive(app, token)


@pytest.mark.parametrize("kind", [TokenKind.PERSONAL, TokenKind.OPAQUE, TokenKind.UUID])
def test_no_secret_is_kept(app: Flask, database_url: str, kind: TokenKind) -> None:
    token = opened(app, kind)
    engine = create_engine(database_url)
    with engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM session")).all())
        trail = str(connection.execute(text("SELECT * FROM audit_event")).all())
    engine.dispose()
    assert token not in rows + trail
    assert token[4:30] not in rows + trail


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_of_an_account_that_went_away_opens_nothing(app: Flask, kind: TokenKind) -> None:
    proven = principal(app, "hawk", "newpwd")
    services(app).administration.delete(operator(), proven.account.id)
    with pytest.raises(Unauthenticated):
        services(app).logins.open(proven, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_principal_from_before_a_change_can_do_nothing(app: Flask, kind: TokenKind) -> None:
    proven = principal(app, "hawk", "newpwd")
    services(app).administration.revoke_sessions(operator(), proven.account.id)
    with pytest.raises(Unauthenticated):
        services(app).logins.open(proven, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["disable", "revoke_sessions", "delete"])
def test_a_session_of_any_kind_ends_with_its_account(
    app: Flask, kind: TokenKind, change: str
) -> None:
    token = opened(app, kind)
    assert alive(app, token)
    getattr(services(app).administration, change)(operator(), 2)
    assert not alive(app, token)


def test_expired_sessions_are_cleared_away_at_the_next_login(
    app: Flask, clock: ManualClock, database_url: str
) -> None:
    for _ in range(20):
        opened(app, TokenKind.UUID)
    clock.advance(minutes=5)
    opened(app, TokenKind.UUID)
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM session")).scalar_one() == 1
    engine.dispose()
