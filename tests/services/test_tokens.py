"""Access tokens: issue, renewal, and that none outlives its session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from identity.domain.claims import AccessClaims
from identity.domain.errors import Unauthenticated
from identity.domain.principal import Principal, operator
from identity.domain.token_kinds import TokenKind
from support.accounts import HAWK, populate
from support.app import ORIGIN, by_token, principal, services, token_principal
from support.clock import ManualClock
from support.database import rows, statements
from support.hashing import count_hashes

SESSION = (
    "SELECT id, version, authenticated_at, created_at, last_used_at, absolute_end, revoked_at "
    "FROM session"
)
MONTH = timedelta(days=30)


def renewed(app: Flask, token: str) -> str:
    return services(app).tokens.issue(by_token(app, token)).token


def test_password_opens_a_new_session_for_every_token(app: Flask) -> None:
    caller = principal(app, *HAWK)
    tokens = {services(app).tokens.issue(caller).token for _ in range(3)}
    assert len(tokens) == len(rows(app, SESSION)) == 3


def test_token_makes_the_principal_of_its_session(app: Flask, clock: ManualClock) -> None:
    began = clock.now()
    token, _ = token_principal(app, *HAWK)
    clock.advance(minutes=5)
    found = by_token(app, token)
    ((session_id, *_),) = rows(app, SESSION)
    assert (found.account.id, found.account.username, found.account.version) == (2, "hawk", 1)
    assert (found.credential, found.session) == (TokenKind.ACCESS.credential, session_id)
    assert (found.authenticated_at, found.origin) == (began, ORIGIN)


def test_token_says_its_lifetime(app: Flask) -> None:
    assert services(app).tokens.issue(principal(app, *HAWK)).duration == timedelta(seconds=600)


@pytest.mark.parametrize(
    ("seconds", "alive"), [(-3600, False), (-6, False), (-5, True), (599, True), (600, False)]
)
def test_token_is_valid_from_a_little_before_its_issue_until_its_end(
    app: Flask,
    clock: ManualClock,
    seconds: int,
    alive: bool,
) -> None:
    token, _ = token_principal(app, *HAWK)
    clock.advance(seconds=seconds)
    if alive:
        assert by_token(app, token).account.id == 2
    else:
        with pytest.raises(Unauthenticated):
            by_token(app, token)


def test_token_of_a_session_that_never_was_is_refused(app: Flask, clock: ManualClock) -> None:
    now = int(clock.now().timestamp())
    with pytest.raises(Unauthenticated):
        by_token(
            app, services(app).tokens._access_tokens.sign(AccessClaims("0" * 32, now, now + 600))
        )


def test_token_check_writes_nothing_and_computes_no_hash(app: Flask) -> None:
    token, _ = token_principal(app, *HAWK)
    hashes, before = count_hashes(app), rows(app, SESSION)
    with statements(app) as seen:
        for _ in range(5):
            by_token(app, token)
    written = [each for each in seen if not each.startswith(("SELECT", "PRAGMA", "BEGIN"))]
    assert all(each.startswith("INSERT INTO journal") for each in written)  # that some are issued
    assert len(written) <= 4
    assert (rows(app, SESSION), hashes.checked) == (before, [])


def test_token_buys_the_next_one_of_the_same_session(app: Flask, clock: ManualClock) -> None:
    first, caller = token_principal(app, *HAWK)
    clock.advance(seconds=300)
    second = renewed(app, first)
    assert second != first
    clock.advance(seconds=300)
    with pytest.raises(Unauthenticated):
        by_token(app, first)
    again = by_token(app, second)
    assert (again.session, again.authenticated_at) == (caller.session, caller.authenticated_at)
    assert len(rows(app, SESSION)) == 1


def test_renewing_again_changes_no_session_within_a_minute(app: Flask, clock: ManualClock) -> None:
    token = renewed(app, token_principal(app, *HAWK)[0])
    before = rows(app, SESSION)
    with statements(app) as seen:
        for _ in range(4):
            clock.advance(seconds=15)
            token = renewed(app, token)
    written = [each for each in seen if not each.startswith(("SELECT", "PRAGMA", "BEGIN"))]
    assert all(each.startswith("INSERT INTO journal") for each in written)  # that some are issued
    assert len(written) <= 4
    assert rows(app, SESSION) == before


def test_renewing_after_a_minute_notes_the_use_once(app: Flask, clock: ManualClock) -> None:
    token, caller = token_principal(app, *HAWK)
    clock.advance(seconds=61)
    for _ in range(3):
        token = renewed(app, token)
    (view,) = services(app).tokens.sessions(by_token(app, token))
    assert view.last_used_at == clock.now()
    clock.advance(seconds=30)
    renewed(app, token)
    (view,) = services(app).tokens.sessions(caller)
    assert view.last_used_at == clock.now() - timedelta(seconds=30)


def test_renewing_goes_on_until_the_absolute_end_and_no_second_longer(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    app = make_app(session_seconds="46800")  # 13 hours
    populate(app)
    token, _ = token_principal(app, *HAWK)
    end = clock.now() + timedelta(hours=13)
    while clock.now() + timedelta(minutes=5) < end:
        clock.advance(minutes=5)
        issued = services(app).tokens.issue(by_token(app, token))
        assert issued.duration == min(timedelta(minutes=10), end - clock.now())
        token = issued.token
    clock.time = end - timedelta(seconds=1)
    last = services(app).tokens.issue(by_token(app, token))
    assert last.duration == timedelta(seconds=1)
    clock.time = end
    for each in (token, last.token):
        with pytest.raises(Unauthenticated):
            by_token(app, each)


def test_token_of_a_short_session_ends_with_it(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    app = make_app(session_seconds="60")
    populate(app)
    issued = services(app).tokens.issue(principal(app, *HAWK))
    assert issued.duration == timedelta(seconds=60)
    clock.advance(seconds=60)
    with pytest.raises(Unauthenticated):
        by_token(app, issued.token)


def test_absolute_end_is_30_days_after_the_login(app: Flask, clock: ManualClock) -> None:
    _, caller = token_principal(app, *HAWK)
    (view,) = services(app).tokens.sessions(caller)
    assert view.absolute_end == clock.now() + MONTH


def test_session_that_ended_between_the_check_and_the_renewal_buys_nothing(app: Flask) -> None:
    _, caller = token_principal(app, *HAWK)
    services(app).tokens.revoke_current(caller)
    with pytest.raises(Unauthenticated):
        services(app).tokens.issue(caller)


@pytest.mark.parametrize("end", ["disable", "delete", "revoke_sessions"])
def test_account_invalidated_between_its_login_and_the_token_gets_no_valid_one(
    app: Flask, end: str
) -> None:
    caller = principal(app, *HAWK)
    getattr(services(app).administration, end)(operator(), 2)
    try:
        token = services(app).tokens.issue(caller).token
    except Unauthenticated:
        return
    with pytest.raises(Unauthenticated):
        by_token(app, token)


def test_token_of_another_nodes_key_is_refused(app: Flask, make_app: Callable[..., Flask]) -> None:
    other = make_app(secret_keys="k" * 16 + "0123456789abcdef")
    token, _ = token_principal(app, *HAWK)
    with pytest.raises(Unauthenticated):
        by_token(other, token)


def test_rotation_keeps_tokens_of_the_old_key_until_it_is_removed(
    make_app: Callable[..., Flask],
) -> None:
    old, new = "0123456789abcdef" * 2, "fedcba9876543210" * 2
    before, while_both, after = (make_app(secret_keys=keys) for keys in (old, f"{old},{new}", new))
    populate(before)
    token, _ = token_principal(before, *HAWK)
    assert by_token(while_both, token).account.id == 2
    with pytest.raises(Unauthenticated):
        by_token(after, token)
    assert by_token(after, renewed(while_both, token)).account.id == 2


def test_anonymous_gets_no_token(app: Flask) -> None:
    with pytest.raises(Unauthenticated):
        services(app).tokens.issue(Principal(ORIGIN))
