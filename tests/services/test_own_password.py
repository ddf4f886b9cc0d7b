"""One's own password: changed only with the current one, and the change revokes every other
session."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from identity.domain.errors import (
    CurrentPasswordRequired,
    InvalidInput,
    RateLimited,
    Unauthenticated,
    WrongPassword,
)
from identity.domain.principal import Principal, operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK
from support.app import by_token, principal, services, token_principal
from support.clock import ManualClock
from support.database import rows
from support.hashing import count_hashes

ROW = (
    "SELECT username, email, full_name, password_hash, version, updated_at FROM account WHERE "
    "id = 2"
)
EVERYTHING = ProfileChange("osprey", "hawk@example.org", "H. Awk")


def change(app: Flask, caller: Principal, password: str, current: str | None) -> None:
    services(app).profiles.change(
        caller, ProfileChange(), password=password, current_password=current
    )


def test_password_is_changed_with_the_current_one(app: Flask) -> None:
    change(app, principal(app, *HAWK), "other-pw", "newpwd")
    assert principal(app, "hawk", "other-pw").account.version == 2
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)


@pytest.mark.parametrize(
    "log_in", [principal, lambda *login: token_principal(*login)[1]], ids=["password", "token"]
)
def test_password_is_not_changed_without_the_current_one_after_a_recent_login_either(
    app: Flask, log_in: Callable[..., Principal]
) -> None:
    caller = log_in(app, *HAWK)
    before, hashes = rows(app, ROW), count_hashes(app)
    with pytest.raises(CurrentPasswordRequired):
        change(app, caller, "other-pw", None)
    assert (rows(app, ROW), hashes.checked, hashes.hashed) == (before, [], 0)


def test_password_is_not_changed_with_a_wrong_current_one(app: Flask) -> None:
    token, caller = token_principal(app, *HAWK)
    before = rows(app, ROW)
    with pytest.raises(WrongPassword):
        services(app).profiles.change(
            caller, EVERYTHING, password="other-pw", current_password="wrong"
        )
    assert rows(app, ROW) == before
    assert by_token(app, token).account.id == 2


def test_change_of_password_keeps_the_session_that_asked_and_ends_all_others(
    app: Flask, clock: ManualClock
) -> None:
    others = [token_principal(app, *HAWK)[0] for _ in range(3)]
    own, caller = token_principal(app, *HAWK)
    admins, _ = token_principal(app, *ADMIN)
    clock.advance(minutes=5)
    change(app, caller, "other-pw", "newpwd")
    kept = by_token(app, own)
    assert (kept.account.version, kept.authenticated_at) == (2, clock.now())
    assert [view.id for view in services(app).tokens.sessions(kept)] == [caller.session]
    assert by_token(app, services(app).tokens.issue(kept).token).session == caller.session
    assert by_token(app, admins).account.id == 1
    for token in others:
        with pytest.raises(Unauthenticated):
            by_token(app, token)


def test_change_of_password_by_password_ends_every_session(app: Flask) -> None:
    tokens = [token_principal(app, *HAWK)[0] for _ in range(2)]
    change(app, principal(app, *HAWK), "other-pw", "newpwd")
    for token in tokens:
        with pytest.raises(Unauthenticated):
            by_token(app, token)


def test_change_of_password_does_not_revive_a_session_that_was_ended(app: Flask) -> None:
    token, caller = token_principal(app, *HAWK)
    services(app).tokens.revoke_current(caller)
    with pytest.raises(Unauthenticated):
        change(app, caller, "other-pw", "newpwd")
    with pytest.raises(Unauthenticated):
        by_token(app, token)
    assert principal(app, *HAWK)


def test_password_may_stay_the_same_and_still_ends_the_other_sessions(app: Flask) -> None:
    other, _ = token_principal(app, *HAWK)
    change(app, principal(app, *HAWK), "newpwd", "newpwd")
    with pytest.raises(Unauthenticated):
        by_token(app, other)


def test_guessing_the_current_password_is_limited_like_any_login(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(lockout_failures="3")
    services(app).accounts.create(operator(), NewAccount(*HAWK), admin=False)
    _, caller = token_principal(app, *HAWK)
    for _ in range(3):
        with pytest.raises(WrongPassword):
            change(app, caller, "other-pw", "wrong")
    with pytest.raises(RateLimited):
        change(app, caller, "other-pw", "newpwd")


def test_guessing_the_current_password_with_a_password_is_counted_as_a_login(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(lockout_failures="3")
    services(app).accounts.create(operator(), NewAccount(*HAWK), admin=False)
    caller = principal(app, *HAWK)
    for _ in range(3):
        with pytest.raises(WrongPassword):
            change(app, caller, "other-pw", "wrong")
    with pytest.raises(RateLimited):
        principal(app, *HAWK)


@pytest.mark.parametrize("password", ["Hawkhawk1", "hawk@example.org"])
def test_hardened_service_refuses_the_users_name_or_email_as_a_new_password(
    make_app: Callable[..., Flask], password: str
) -> None:
    app = make_app(hardened="true", argon2_memory_kib="19456", argon2_time="2")
    wanted = NewAccount("hawkhawk1", "correct horse", "hawk@example.org")
    services(app).accounts.create(operator(), wanted, admin=False)
    caller = principal(app, "hawkhawk1", "correct horse")
    with pytest.raises(InvalidInput):
        change(app, caller, password, "correct horse")
