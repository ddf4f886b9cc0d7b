"""Activation and reset in the words of continuous.sh, on the same tokens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from support.http import basic
from support.mail import EMAIL, Mailbox

BASE = "/continuous"
REGISTRATION = {
    "email": EMAIL,
    "password": "newpwd",
    "password_confirm": "newpwd",
    "fullname": "A. Hawk",
}


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    return Mailbox(app)


@pytest.fixture
def uuid(client: FlaskClient) -> str:
    """A user made in this dialect."""
    made: str = client.post(f"{BASE}/users", json=REGISTRATION).json["id"]
    return made


@pytest.fixture
def closed(app: Flask, make_app: Callable[..., Flask]) -> FlaskClient:
    """The same service, hardened."""
    del app
    return make_app(hardened="true", argon2_memory_kib="19456", argon2_time="2").test_client(
        use_cookies=False
    )


def reset(client: FlaskClient, token: str, **changed: str) -> int:
    body = {
        "email": EMAIL,
        "password": "brand new!",
        "password_confirm": "brand new!",
        "token": token,
    } | changed
    return client.post(f"{BASE}/passwords", json=body).status_code


def opens(client: FlaskClient, password: str) -> bool:
    return (
        client.post(f"{BASE}/sessions", json={"email": EMAIL, "password": password}).status_code
        == 201
    )


def test_a_user_is_activated_by_id(client: FlaskClient, mailbox: Mailbox, uuid: str) -> None:
    assert client.get(f"{BASE}/users/{uuid}").json == {
        "id": uuid,
        "email": EMAIL,
        "activated": False,
    }
    answer = client.get(f"{BASE}/users/{uuid}/activate")
    assert (answer.status_code, answer.json) == (200, {"id": uuid, "activated": True})
    assert client.get(f"{BASE}/users/{uuid}").json["activated"] is True


def test_an_activation_by_id_verifies_no_email(
    client: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    client.get(f"{BASE}/users/{uuid}/activate")
    assert (
        client.get("/api/users/me", headers=basic(EMAIL, "newpwd")).json["email_verified"] is False
    )


def test_an_activation_by_the_mailed_token_verifies_the_email(
    client: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    token = mailbox.token("Confirm your email address")
    answer = client.get(f"{BASE}/users/{uuid}/activate?token={token}")
    assert (answer.status_code, answer.json) == (200, {"id": uuid, "activated": True})
    assert (
        client.get("/api/users/me", headers=basic(EMAIL, "newpwd")).json["email_verified"] is True
    )


def test_a_token_activates_only_its_own_user(
    client: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    other = client.post(f"{BASE}/users", json=REGISTRATION | {"email": "kite@example.org"}).json[
        "id"
    ]
    token = mailbox.token("Confirm your email address")  # the last mail: kite's
    assert client.get(f"{BASE}/users/{uuid}/activate?token={token}").status_code == 404
    assert client.get(f"{BASE}/users/{other}/activate?token=").status_code == 404
    assert [client.get(f"{BASE}/users/{each}").json["activated"] for each in (uuid, other)] == [
        False,
        False,
    ]


def test_an_unknown_user_is_not_activated(client: FlaskClient) -> None:
    for name in ("00000000-0000-4000-8000-000000000000", "1", "me", "x" * 200):
        assert client.get(f"{BASE}/users/{name}/activate").status_code == 404


def test_hardened_only_the_token_activates(
    closed: FlaskClient, client: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    assert closed.get(f"{BASE}/users/{uuid}/activate").status_code == 404
    assert client.get(f"{BASE}/users/{uuid}").json["activated"] is False
    token = mailbox.token("Confirm your email address")
    assert closed.get(f"{BASE}/users/{uuid}/activate?token={token}").json == {
        "id": uuid,
        "activated": True,
    }


def test_a_password_is_set_by_the_mailed_token(
    client: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    answer = client.post(f"{BASE}/passwords/reset", json={"email": EMAIL})
    assert (answer.status_code, answer.data) == (204, b"")
    token = mailbox.token("Choose a new password")
    assert reset(client, token) == 204
    assert opens(client, "brand new!")
    assert not opens(client, "newpwd")
    assert reset(client, token) == 404


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"email": "kite@example.org"}, 404),
        ({"email": ""}, 404),
        ({"token": "x"}, 404),
        ({"password_confirm": "another"}, 400),
    ],
)
def test_a_reset_with_something_wrong_changes_nothing(
    client: FlaskClient, mailbox: Mailbox, uuid: str, changed: dict[str, str], status: int
) -> None:
    client.post(f"{BASE}/users", json=REGISTRATION | {"email": "kite@example.org"})
    client.post(f"{BASE}/passwords/reset", json={"email": EMAIL})
    token = mailbox.token("Choose a new password")
    assert reset(client, **({"token": token} | changed)) == status
    assert opens(client, "newpwd")
    assert reset(client, token, email=EMAIL.upper()) == 204


def test_an_unknown_email_is_404_as_documented_and_204_when_hardened(
    client: FlaskClient, closed: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    unknown = {"email": "nobody@example.org"}
    assert client.post(f"{BASE}/passwords/reset", json=unknown).status_code == 404
    answers = [
        closed.post(f"{BASE}/passwords/reset", json={"email": each})
        for each in ("nobody@example.org", EMAIL)
    ]
    assert [(answer.status_code, answer.data) for answer in answers] == [(204, b"")] * 2
    assert len({tuple(name for name, _ in answer.headers) for answer in answers}) == 1


def test_hardened_a_wrong_token_is_204_and_changes_nothing(
    client: FlaskClient, closed: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    client.post(f"{BASE}/passwords/reset", json={"email": EMAIL})
    token = mailbox.token("Choose a new password")
    assert reset(closed, "x") == reset(closed, token, email="nobody@example.org") == 204
    assert opens(client, "newpwd")
    assert reset(closed, token) == 204
    assert opens(client, "brand new!")


def test_a_token_asked_for_here_is_used_in_the_native_dialect(
    client: FlaskClient, mailbox: Mailbox, uuid: str
) -> None:
    client.post(f"{BASE}/passwords/reset", json={"email": EMAIL})
    token = mailbox.token("Choose a new password")
    answer = client.post("/api/password-resets/redeem", json={"token": token, "password": "native"})
    assert answer.status_code == 204
    assert opens(client, "native")
