"""The sessions of continuous.sh are JWTs: other services verify them offline, with keys that
rotate.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity import create_app
from identity.adapters.keys.p256 import new_key
from support.app import close, config
from support.clock import ManualClock
from support.http import basic, bearer

USER = {
    "email": "email@domain.tld",
    "password": "correct horse",
    "password_confirm": "correct horse",
}


@pytest.fixture
def user(client: FlaskClient) -> str:
    found: str = client.post("/continuous/users", json=USER).json["id"]
    return found


@pytest.fixture
def token(client: FlaskClient, user: str) -> str:
    assert user
    return session(client)


def session(client: FlaskClient) -> str:
    answer = client.post("/continuous/sessions", json=USER | {"password_confirm": "ignored"})
    assert answer.status_code == 201
    assert answer.json.keys() == {"token"}
    found: str = answer.json["token"]
    return found


def alive(client: FlaskClient, user: str, token: str) -> bool:
    status = client.put(f"/continuous/users/{user}", json={}, headers=bearer(token)).status_code
    assert status in {204, 401}
    return status == 204


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return pyjwt.get_unverified_header(token), pyjwt.decode(
        token, options={"verify_signature": False}
    )


def test_a_session_is_verified_offline_with_the_published_keys(
    client: FlaskClient, clock: ManualClock, user: str
) -> None:
    clock.time = datetime.now(UTC)
    token = session(client)
    keys = client.get("/.well-known/jwks.json")
    assert keys.status_code == 200
    found = pyjwt.PyJWKSet.from_dict(keys.json)[pyjwt.get_unverified_header(token)["kid"]]
    claims = pyjwt.decode(
        token, found, algorithms=["ES256"], audience="identity", issuer="identity"
    )
    assert claims["sub"] == user
    assert claims["exp"] - claims["iat"] == 3600
    assert {"sid", "jti"} <= claims.keys()
    assert "password" not in json.dumps(claims)
    assert all(
        {"kty", "crv", "x", "y", "kid", "use", "alg"} == each.keys() for each in keys.json["keys"]
    )


def test_the_issuer_is_the_public_url_where_there_is_one(make_app: Callable[..., Flask]) -> None:
    client = make_app(public_url="https://id.example.org").test_client()
    client.post("/continuous/users", json=USER)
    assert read(session(client))[1]["iss"] == "https://id.example.org"


def test_a_session_is_valid_for_an_hour(
    client: FlaskClient, clock: ManualClock, user: str, token: str
) -> None:
    clock.advance(seconds=3599)
    assert alive(client, user, token)
    clock.advance(seconds=1)
    assert not alive(client, user, token)


def test_a_session_counts_as_a_basic_username_and_in_the_native_dialect(
    client: FlaskClient, token: str
) -> None:
    for headers in (bearer(token), basic(token)):
        answer = client.get("/api/resource", headers=headers)
        assert (answer.status_code, answer.json) == (200, {"data": "Hello, email@domain.tld!"})


def test_keys_rotate_with_overlap(  # noqa: PLR0917 - fixtures
    make_app: Callable[..., Flask],
    client: FlaskClient,
    clock: ManualClock,
    tmp_path: Path,
    user: str,
    token: str,
) -> None:
    newer = tmp_path / "data" / "jwt_keys" / "0002.pem"
    newer.write_bytes(new_key())
    newer.chmod(0o600)
    rotated = make_app().test_client()
    assert alive(rotated, user, token)
    second = session(rotated)
    assert read(second)[0]["kid"] != read(token)[0]["kid"]
    published = [each["kid"] for each in rotated.get("/.well-known/jwks.json").json["keys"]]
    assert published == [read(token)[0]["kid"], read(second)[0]["kid"]]
    assert not alive(client, user, second)
    clock.advance(seconds=1)
    assert alive(client, user, second)


def test_a_token_of_another_deployment_opens_nothing(
    client: FlaskClient, clock: ManualClock, database_url: str, tmp_path: Path, user: str
) -> None:
    token = session(client)
    other = create_app(config(tmp_path / "elsewhere", database_url=database_url), clock=clock)
    assert not alive(other.test_client(), user, token)
    assert alive(client, user, token)
    close(other)


def test_a_token_ends_with_the_account_and_never_becomes_another_ones(
    client: FlaskClient, app: Flask, user: str, token: str
) -> None:
    listed = client.get("/api/admin/users?search=email", headers=basic("admin", "changeme")).json[
        "users"
    ]
    client.delete(f"/api/admin/users/{listed[0]['id']}", headers=basic("admin", "changeme"))
    assert not alive(client, user, token)
    again = app.test_client().post("/continuous/users", json=USER).json["id"]
    assert again != user
    assert not alive(client, again, token)
