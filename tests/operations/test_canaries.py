"""Planted passwords and tokens appear nowhere but in the answers that issue them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from support.live import Answer, Live, serving

ADMIN = "canary-admin-Passw0rd"
FIRST = "canary-first-Passw0rd"
SECOND = "canary-second-Passw0rd"
GIVEN = "canary-given-Passw0rd"
WRONG = "canary-wrong-Passw0rd"
PLACED_WRONG = "canary-placed-wrong-Passw0rd!"  # typed where a name or an id should stand
PASSWORDS = (ADMIN, FIRST, SECOND, GIVEN, WRONG, PLACED_WRONG)


class Caller:
    """Calls one service with curl and keeps every answer that no secret was asked of."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.answers: list[tuple[str, Answer]] = []
        self.tokens: list[str] = []

    def __call__(
        self,
        method: str,
        path: str,
        user: str | None = None,
        body: object = None,
        *,
        header: str | None = None,
    ) -> Answer:
        """Make one call; `user` is what stands behind `curl -u`."""
        arguments = ["-X", method]
        arguments += ["-u", user] if user else []
        arguments += ["-H", header] if header else []
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            arguments += ["-H", "Content-Type: application/json", "--data-binary", text]
        answer = self.live.curl(path, *arguments)
        if path == "/api/token" and answer.status == HTTPStatus.OK:
            self.tokens.append(answer.json()["token"])
        else:
            self.answers.append((f"{method} {path}", answer))
        return answer

    def token(self, user: str) -> str:
        """Log in."""
        token: str = self("GET", "/api/token", user).json()["token"]
        return token


@pytest.fixture
def call(tmp_path: Path, empty_database_url: str) -> Iterator[Caller]:
    """A service that logs all it can, with an administrator whose password is planted."""
    with serving(
        tmp_path,
        "--workers",
        "1",
        database_url=empty_database_url,
        admin_password=ADMIN,
        log_requests="all",
    ) as live:
        yield Caller(live)


def walk_own_account(call: Caller) -> None:
    assert call("POST", "/api/users", body={"username": "hawk", "password": FIRST}).status == 201
    assert call("POST", "/api/users", body={"username": "hawk", "password": GIVEN}).status == 400
    token = call.token(f"hawk:{FIRST}")
    assert call("POST", "/api/token", f"{token}:x").status == 200
    bearer = f"Authorization: Bearer {token}"
    assert call("GET", "/api/resource", header=bearer).status == 200
    assert call("GET", "/api/users/me", header=bearer).status == 200
    assert call("GET", "/api/sessions", header=bearer).status == 200
    wrong = {"password": SECOND, "current_password": WRONG}
    assert call("PATCH", "/api/users/me", f"{token}:x", wrong).status == 403
    right = {"password": SECOND, "current_password": FIRST, "email": "hawk@example.org"}
    assert call("PATCH", "/api/users/me", f"{token}:x", right).status == 200
    other = call.token(f"hawk:{SECOND}")
    sessions = call("GET", "/api/sessions", f"{other}:x").json()["sessions"]
    (old,) = [session["id"] for session in sessions if not session["current"]]
    assert call("DELETE", f"/api/sessions/{old}", f"{other}:x").status == 204
    assert call("DELETE", "/api/token", f"{other}:x").status == 204
    assert call("DELETE", "/api/sessions", f"hawk:{SECOND}").status == 204


def walk_administration(call: Caller) -> None:
    admin = f"{call.token(f'admin:{ADMIN}')}:x"
    made = {"username": "kite", "password": GIVEN, "admin": True}
    kite = call("POST", "/api/admin/users", admin, made).json()["id"]
    assert call("PATCH", f"/api/admin/users/{kite}", admin, {"full_name": "A. Kite"}).status == 200
    for verb in ("disable", "enable", "unlock", "revoke"):
        assert call("POST", f"/api/admin/users/{kite}/{verb}", admin).status == 200
    assert call("GET", f"/api/admin/users/{kite}", admin).status == 200
    assert call("GET", "/api/admin/users?limit=100", admin).status == 200
    assert call("DELETE", f"/api/admin/users/{kite}", admin).status == 204


def walk_astray(call: Caller, token: str) -> None:
    """Make the mistakes people make with secrets."""
    for path in ("/api/resource", "/api/token", "/api/admin/users", "/api/users/me"):
        assert call("GET", path, f"hawk:{WRONG}").status == 401
        assert call("GET", path, f"{PLACED_WRONG}:hawk").status == 401
        assert call("GET", path, f"{token[:-1]}{'A' if token[-1] != 'A' else 'E'}:x").status == 401
        assert call("GET", path, header=f"Authorization: Bearer {PLACED_WRONG}").status == 401
        assert call("GET", path, header=f"Authorization: {PLACED_WRONG}").status == 401
    for path in (
        f"/api/users/{PLACED_WRONG}",
        f"/{token}",
        f"/docs/{PLACED_WRONG}",
        f"/api/sessions/{token}",
    ):
        assert call("GET", path, f"{token}:x").status in {404, 405}
    assert call("GET", f"/api/resource?password={PLACED_WRONG}").status in {400, 401}
    assert call("GET", f"/api/admin/users?{PLACED_WRONG}={token}", f"{token}:x").status == 400
    assert call("GET", f"/api/admin/audit?limit={PLACED_WRONG}", f"{token}:x").status == 400
    for body in (
        {"username": PLACED_WRONG + ":", "password": WRONG},
        {"username": {"password": WRONG}, "password": [PLACED_WRONG]},
        {"username": "x", "password": WRONG, PLACED_WRONG: token, "is_admin": WRONG},
        {"username": "x", "password": WRONG * 30},
        {"username": "x", "password": f"{WRONG}\n"},
        f'{{"username": "x", "password": "{WRONG}"',
        f'["{WRONG}"]',
        f'{{"password": "{WRONG}", "password": "{PLACED_WRONG}"}}',
    ):
        assert call("POST", "/api/users", body=body).status == 400
    assert (
        call("POST", "/api/users", f"hawk:{WRONG}", {"username": "y", "password": GIVEN}).status
        == 401
    )
    assert call("FROB", "/api/token", f"admin:{ADMIN}").status == 405


def test_a_secret_is_in_no_log_line_metric_audit_entry_or_error(call: Caller) -> None:
    walk_own_account(call)
    walk_administration(call)
    walk_astray(call, call.token(f"admin:{ADMIN}"))
    live = call.live
    audit = live.curl("/api/admin/audit?limit=200", "-u", f"admin:{ADMIN}")
    assert len(audit.json()["events"]) > 20
    assert len(call.tokens) >= 5
    metrics = live.curl("/metrics")
    assert live.stop() == 0
    places = [("log", live.output()), ("metrics", metrics.body), ("audit", audit.body)]
    places += [
        (name, "\n".join([*map(": ".join, answer.headers), answer.body]))
        for name, answer in call.answers
    ]
    secrets = [*PASSWORDS, *call.tokens, "$argon2"]
    assert [(place, secret) for place, text in places for secret in secrets if secret in text] == []
