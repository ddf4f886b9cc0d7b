"""A third-party client of Wekan, python-wekan, against a real service, with only its base URL
changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from wekan import (
    UsernameAlreadyExists,
    WekanAPIError,
    WekanAuthenticationError,
    WekanClient,
    WekanConnectionError,
    WekanUser,
)

from support.live import serving
from support.postgresql import Database

ADMIN = {"username": "Dr. Mary O'Connor", "email": "mary@example.org", "password": "m4ry's secret"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where Wekan's dialect is spoken; its administrator is who registered first."""
    data_dir = tmp_path_factory.mktemp("wekan")
    settings = {"admin_username": ""}
    with ExitStack() as stack:
        if request.param == "postgresql":
            database = Database(request.getfixturevalue("postgresql_server"), "template0")
            database.name += "_boards"  # the other databases of this process are counted elsewhere
            settings["database_url"] = stack.enter_context(database)
        url = stack.enter_context(serving(data_dir, **settings)).base + "/wekan"
        assert requests.post(f"{url}/users/register", json=ADMIN, timeout=60).status_code == 200
        yield url


@pytest.fixture(scope="module")
def admin(base: str) -> WekanClient:
    return client(base, ADMIN["username"], ADMIN["password"])


def client(base: str, username: str, password: str) -> WekanClient:
    return WekanClient(base_url=base, username=username, password=password)


def added(admin: WekanClient, username: str) -> WekanUser:
    return admin.add_user(
        username=username, email=f"{abs(hash(username))}@example.org", password="tester"
    )


def test_it_logs_in_with_an_id_and_a_token_it_keeps_for_ninety_days(admin: WekanClient) -> None:
    assert len(admin.user_id) == 17
    assert len(admin.token) == 43
    end: Any = WekanClient.parse_iso_date(admin.token_expire_date)
    assert timedelta(days=89) < end - datetime.now(UTC) <= timedelta(days=90)


def test_the_first_to_register_is_an_administrator_and_sees_the_profile(admin: WekanClient) -> None:
    own = admin.get_current_user()
    assert (own.id, own.username, own.is_admin) == (admin.user_id, ADMIN["username"], True)
    assert own.emails == [{"address": "mary@example.org", "verified": False}]
    assert (own.services, own.session_data, own.profile) == ({}, {}, {})


@pytest.mark.parametrize(
    "username", ["tester", "Dr. Mary O'Hara", "Jean-Luc D'Arc", "name@example.org", "X"]
)
def test_a_user_it_adds_can_log_in_and_be_deleted(
    base: str, admin: WekanClient, username: str
) -> None:
    user: Any = added(admin, username)
    assert len(user.id) == 17
    assert (user.username, user.is_admin, user.authentication_method) == (
        username,
        False,
        "password",
    )
    assert user.created_at.tzinfo is not None
    assert user.created_at <= user.modified_at
    assert admin.find_user(username=username) == user
    assert client(base, username, "tester").user_id == user.id
    user.delete()
    assert admin.find_user(username=username) is None
    with pytest.raises(WekanAuthenticationError):
        client(base, username, "tester")


def test_it_lists_users_by_a_pattern(admin: WekanClient) -> None:
    users = [added(admin, name) for name in ("list-a", "list-b", "other")]
    assert {user.username for user in admin.get_users(regex_filter="^list-")} == {
        "list-a",
        "list-b",
    }
    assert {user.id for user in users} <= {user.id for user in admin.get_users()}


def test_a_duplicate_is_its_own_error(admin: WekanClient) -> None:
    user = added(admin, "twice")
    for same in ("twice", "Twice"):
        with pytest.raises(UsernameAlreadyExists):
            admin.add_user(username=same, email="another@example.org", password="tester")
    with pytest.raises(WekanAPIError, match="Email already exists") as refused:
        admin.add_user(username="third", email=user.emails[0]["address"], password="tester")
    assert refused.value.status_code == 400


def test_a_disabled_login_is_closed_until_it_is_enabled(base: str, admin: WekanClient) -> None:
    user = added(admin, "sometimes")
    own = client(base, "sometimes", "tester")
    user.edit("disableLogin")
    with pytest.raises(WekanAuthenticationError):
        client(base, "sometimes", "tester")
    assert own.fetch_json("/api/user")["error"] == "Unauthorized"
    user.edit("enableLogin")
    assert client(base, "sometimes", "tester").user_id == user.id


def test_it_finds_no_boards(admin: WekanClient) -> None:
    assert admin.list_boards() == []
    assert admin.get_current_user().get_boards() == []
    admin.get_current_user().edit("takeOwnership")


@pytest.mark.parametrize(
    ("username", "password"), [(ADMIN["username"], "wrong"), ("nobody", "wrong"), ("", "")]
)
def test_wrong_credentials_are_its_authentication_error(
    base: str, username: str, password: str
) -> None:
    with pytest.raises(WekanAuthenticationError) as refused:
        client(base, username, password)
    assert refused.value.status_code == 401
    assert password not in str(refused.value.message) or not password


def test_another_user_is_no_administrator_to_it(base: str, admin: WekanClient) -> None:
    added(admin, "plain")
    own = client(base, "plain", "tester")
    assert own.fetch_json("/api/users")["error"] == "Forbidden"
    assert own.fetch_json("/api/user")["username"] == "plain"


def test_no_answer_is_reported() -> None:
    with pytest.raises(WekanConnectionError):
        client("http://127.0.0.1:9/wekan", "x", "y")
