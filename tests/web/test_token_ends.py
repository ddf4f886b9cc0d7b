"""When a token ends: by time, and at once with its session or its account."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.claims import AccessClaims
from support.accounts import ADMIN, HAWK
from support.app import services
from support.clock import ManualClock
from support.http import basic, bearer, token_of
from support.native_api import NativeApi, statuses
from support.tokens import session_of


@pytest.mark.parametrize(
    ("issued", "expires", "status"),
    [
        (0, 600, 200),
        (0, 1, 200),
        (0, 0, 401),
        (-600, 0, 401),
        (-600, -1, 401),
        (-3600, 1, 200),
        (3, 603, 200),
        (5, 605, 200),
        (6, 606, 401),
        (3600, 4200, 401),
    ],
)
def test_a_token_counts_from_its_issue_to_its_end(
    api: NativeApi, issued: int, expires: int, status: int
) -> None:
    session = session_of(token_of(api.client, *HAWK))
    now = int(api.clock.now().timestamp())
    claims = AccessClaims(session, now + issued, now + expires)
    assert statuses(api.client, services(api.app).tokens._access_tokens.sign(claims)) == {status}


def test_a_token_ends_after_its_600_seconds(client: FlaskClient, clock: ManualClock) -> None:
    token = token_of(client, *HAWK)
    clock.advance(seconds=599)
    assert statuses(client, token) == {200}
    clock.advance(seconds=1)
    assert statuses(client, token) == {401}


ENDS: dict[str, Callable[[FlaskClient, str], int]] = {
    "logged out": lambda c, t: c.delete("/api/token", headers=bearer(t)).status_code,
    "logged out everywhere": lambda c, _: (
        c.delete("/api/sessions", headers=basic(*HAWK)).status_code
    ),
    "session ended": lambda c, t: (
        c.delete(f"/api/sessions/{session_of(t)}", headers=basic(*HAWK)).status_code
    ),
    "password changed": lambda c, _: _change_password(c),
    "disabled": lambda c, _: _act(c, "disable"),
    "disabled and enabled": lambda c, _: _act(c, "disable") and _act(c, "enable"),
    "revoked": lambda c, _: _act(c, "revoke"),
    "deleted by an administrator": lambda c, _: (
        c.delete("/api/admin/users/2", headers=basic(*ADMIN)).status_code
    ),
    "deleted by its user": lambda c, _: c.delete("/api/users/me", headers=basic(*HAWK)).status_code,
    "deleted and registered anew": lambda c, _: _register_anew(c),
}


def _act(client: FlaskClient, action: str) -> int:
    return client.post(f"/api/admin/users/2/{action}", headers=basic(*ADMIN)).status_code


def _change_password(client: FlaskClient) -> int:
    body = {"password": "another", "current_password": HAWK[1]}
    return client.patch("/api/users/me", headers=basic(*HAWK), json=body).status_code


def _register_anew(client: FlaskClient) -> int:
    assert client.delete("/api/users/me", headers=basic(*HAWK)).status_code == 204
    made = client.post("/api/users", json=dict(zip(("username", "password"), HAWK, strict=True)))
    assert made.headers["Location"].endswith("/api/users/3")  # an id is never used again
    return made.status_code


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_token_ends_at_once_when_its_session_or_account_does(
    client: FlaskClient, end: Callable[[FlaskClient, str], int]
) -> None:
    token = token_of(client, *HAWK)
    assert statuses(client, token) == {200}
    assert end(client, token) in {200, 201, 204}
    assert statuses(client, token) == {401}
    assert client.get("/api/token", headers=bearer(token)).status_code == 401


def test_an_administrator_s_token_loses_its_rights_with_its_owner(
    app: Flask, client: FlaskClient
) -> None:
    assert (
        client.patch("/api/admin/users/2", headers=basic(*ADMIN), json={"admin": True}).status_code
        == 200
    )
    token = token_of(client, *HAWK)
    assert client.get("/api/admin/users", headers=bearer(token)).status_code == 200
    assert (
        client.patch("/api/admin/users/2", headers=basic(*ADMIN), json={"admin": False}).status_code
        == 200
    )
    assert app.test_client().get("/api/admin/users", headers=bearer(token)).status_code == 403
