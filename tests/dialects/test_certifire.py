"""The examples of Certifire's document, sent by real curl to a real service on each database."""

from __future__ import annotations

import pytest

from support.live import Live


@pytest.fixture
def hawk(live: Live) -> None:
    """The document's user, registered as the document does."""
    live.curl(
        "/api/users",
        *("-u", "admin:changeme", "-X", "POST"),
        *("-H", "Content-Type: application/json", "-d", '{"username":"hawk","password":"newpwd"}'),
    )


def test_registering_answers_201_with_the_name_and_where_it_is(live: Live) -> None:
    answer = live.curl(
        "/api/users",
        *("-u", "admin:changeme", "-X", "POST"),
        *(
            "-H",
            "Content-Type: application/json",
            "-d",
            '{"username":"falcon","password":"newpwd"}',
        ),
    )
    assert (answer.status, answer.body) == (201, '{"username":"falcon"}\n')
    assert answer.header("Content-Type") == "application/json"
    location = answer.header("Location") or ""
    assert location.startswith(f"{live.base}/api/users/")
    assert live.curl(location.removeprefix(live.base)).body == '{"username":"falcon"}\n'


@pytest.mark.usefixtures("hawk")
def test_a_password_opens_the_resource(live: Live) -> None:
    answer = live.curl("/api/resource", "-u", "hawk:newpwd", "-X", "GET")
    assert (answer.status, answer.body) == (200, '{"data":"Hello, hawk!"}\n')
    assert answer.header("Content-Length") == "24"


@pytest.mark.usefixtures("hawk")
def test_a_wrong_password_gets_the_documented_page(live: Live) -> None:
    answer = live.curl("/api/resource", "-u", "hawk:loremipsum", "-X", "GET")
    assert (answer.status, answer.body) == (401, "Unauthorized Access")
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Content-Length") == "19"
    assert answer.header("WWW-Authenticate") == 'Basic realm="Authentication Required"'


def test_a_token_is_valid_for_600_seconds_and_is_in_a_header_too(live: Live) -> None:
    answer = live.curl("/api/token", "-u", "admin:changeme", "-X", "GET")
    assert answer.status == 200
    assert answer.json() == {"duration": 600, "token": answer.header("token")}
    assert answer.header("Cache-Control") == "no-store"


def test_a_token_is_used_as_the_username_with_any_password(live: Live) -> None:
    token = live.curl("/api/token", "-u", "admin:changeme").json()["token"]
    for password in ("x", "", "changeme", "a:b"):
        answer = live.curl("/api/resource", "-u", f"{token}:{password}", "-X", "GET")
        assert (answer.status, answer.body) == (200, '{"data":"Hello, admin!"}\n')
        assert answer.header("Content-Length") == "25"


def test_a_live_token_buys_the_next_one(live: Live) -> None:
    first = live.curl("/api/token", "-u", "admin:changeme").json()["token"]
    second = live.curl("/api/token", "-u", f"{first}:unused").json()
    assert second["duration"] == 600
    assert (
        live.curl("/api/resource", "-u", f"{second['token']}:x").body
        == '{"data":"Hello, admin!"}\n'
    )
