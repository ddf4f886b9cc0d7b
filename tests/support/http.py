"""Credentials in a request."""

from __future__ import annotations

import base64

from flask.testing import FlaskClient


def basic(username: str, password: str = "x") -> dict[str, str]:
    """Return the header of a Basic credential."""
    return {
        "Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    }


def bearer(token: str) -> dict[str, str]:
    """Return the header of a Bearer credential."""
    return {"Authorization": f"Bearer {token}"}


def token_of(client: FlaskClient, username: str, password: str) -> str:
    """Log in and return an access token."""
    answer = client.get("/api/token", headers=basic(username, password))
    assert answer.status_code == 200, answer.text
    token: str = answer.json["token"]
    return token
