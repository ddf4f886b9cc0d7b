"""When the authentication is not recent, each dialect answers 401 with RFC 9470's challenge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from identity.domain.errors import StepUpRequired
from identity.domain.token_kinds import TokenKind
from support.accounts import ADMIN, HAWK, populate
from support.app import principal, services
from support.clock import ManualClock
from support.http import basic, bearer, token_of

CHALLENGES = [
    'Basic realm="Authentication Required"',
    'Bearer realm="Authentication Required"',
    'Bearer error="insufficient_user_authentication", max_age=900',
]
Call = tuple[str, str, dict[str, Any] | None]
# What an administrator needs a recent authentication for, in an order in which it can be done.
STEP_UP: list[Call] = [
    ("POST", "/api/admin/users", {"username": "owl", "password": "hoot hoot", "admin": True}),
    ("PATCH", "/api/admin/users/2", {"admin": True}),
    ("PATCH", "/api/admin/users/2", {"admin": False}),
    ("PATCH", "/api/admin/users/2", {"email": "thief@example.org"}),
    ("PATCH", "/api/admin/users/2", {"username": "osprey"}),
    ("POST", "/api/admin/users/2/revoke", None),
    ("DELETE", "/api/admin/users/2", None),
]
ANY: list[Call] = [
    ("POST", "/api/admin/users", {"username": "eagle", "password": "newpwd"}),
    ("PATCH", "/api/admin/users/2", {"full_name": "H. Awk"}),
    ("POST", "/api/admin/users/2/disable", None),
    ("POST", "/api/admin/users/2/enable", None),
    ("POST", "/api/admin/users/2/unlock", None),
    ("GET", "/api/admin/users/2", None),
    ("GET", "/api/admin/users", None),
    ("GET", "/api/admin/audit", None),
]


def require_step_up(answer: TestResponse) -> Any:
    assert answer.status_code == 401, answer.text
    assert answer.headers.getlist("WWW-Authenticate") == CHALLENGES
    return answer.json


def asked(client: FlaskClient, call: Call, headers: dict[str, str]) -> TestResponse:
    method, path, body = call
    return client.open(path, method=method, json=body, headers=headers)


def old_token(
    app: Flask, clock: ManualClock, kind: TokenKind, who: tuple[str, str] = ADMIN
) -> dict[str, str]:
    token = services(app).logins.open(principal(app, *who), kind).token
    clock.advance(minutes=3)
    services(app).authentication.by_token(
        token, principal(app, *who).origin
    )  # a sliding one lives on
    clock.advance(minutes=12, seconds=1)
    return bearer(token)


def test_an_admins_old_token_does_what_can_be_taken_back_and_nothing_else(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    old = old_token(app, clock, TokenKind.OPAQUE)
    for call in STEP_UP:
        assert require_step_up(asked(client, call, old))["code"] == "step_up_required", call
    for call in ANY:
        assert asked(client, call, old).status_code < 300, call


def test_an_administrators_recent_token_or_password_suffices(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    token = services(app).logins.open(principal(app, *ADMIN), TokenKind.OPAQUE).token
    clock.advance(minutes=15)
    for call in STEP_UP[:-1]:
        assert asked(client, call, bearer(token)).status_code < 300, call
    clock.advance(seconds=1)
    assert asked(client, STEP_UP[-1], basic(*ADMIN)).status_code == 204


def test_the_native_dialect_says_what_to_do(client: FlaskClient, clock: ManualClock) -> None:
    token = token_of(client, *HAWK)
    for _ in range(2):
        clock.advance(minutes=9)
        token = client.get("/api/token", headers=bearer(token)).json["token"]
    refusal = require_step_up(client.delete("/api/users/me", headers=bearer(token)))
    assert (refusal["code"], refusal["title"], refusal["detail"]) == (
        *("step_up_required", "Unauthorized"),
        StepUpRequired.detail,
    )
    assert "curl -u" in refusal["detail"]
    assert client.delete("/api/users/me", headers=basic(*HAWK)).status_code == 204


def test_revoking_a_certificate_needs_recent_authentication(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    old = old_token(app, clock, TokenKind.PERSONAL, HAWK)
    require_step_up(client.delete("/api/certificates/1234567890", headers=old))
    assert client.delete("/api/certificates/1234567890", headers=basic(*HAWK)).status_code == 404


def test_wekans_old_token_deletes_no_account(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    hawk = principal(app, *HAWK).account.short_id
    old = old_token(app, clock, TokenKind.OPAQUE)
    refusal = require_step_up(client.delete(f"/wekan/api/users/{hawk}", headers=old))
    assert refusal == {"error": "step-up-required", "reason": StepUpRequired.detail}
    assert (
        client.put(
            f"/wekan/api/users/{hawk}", json={"action": "disableLogin"}, headers=old
        ).status_code
        == 200
    )
    assert client.delete(f"/wekan/api/users/{hawk}", headers=basic(*ADMIN)).json == {"_id": hawk}


def test_continuous_and_azuma_ask_for_a_new_login(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    uuid = principal(app, *HAWK).account.uuid
    old = old_token(app, clock, TokenKind.UUID, HAWK)
    refusal = require_step_up(
        client.put(f"/continuous/users/{uuid}", json={"email": "h@example.org"}, headers=old)
    )
    assert refusal["code"] == "step_up_required"
    refusal = require_step_up(
        client.patch("/azuma/user/update", json={"name": "osprey"}, headers=old)
    )
    assert refusal == {"message": "STEP_UP_REQUIRED"}


def test_the_limit_is_a_setting_and_zero_takes_it_away(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    for seconds, status in (("60", 401), ("0", 200)):
        app = make_app(step_up_seconds=seconds)
        if seconds == "60":
            populate(app)
        client = app.test_client(use_cookies=False)
        token = token_of(client, *HAWK)
        clock.advance(seconds=61)
        answer = client.patch("/api/users/me", json={"username": "hawk"}, headers=bearer(token))
        assert answer.status_code == status
        if status == 401:
            assert "max_age=60" in answer.headers.getlist("WWW-Authenticate")[-1]
