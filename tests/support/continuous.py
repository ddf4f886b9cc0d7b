"""What the tests of continuous.sh's dialect share."""

from __future__ import annotations

from werkzeug.test import TestResponse

from support.dialects import (
    DialectClient,
)

EMAIL = "email@domain.tld"
SECRET = "correct horse"
USER = {"email": EMAIL, "password": SECRET, "password_confirm": SECRET, "fullname": "User name"}
LOGIN = {"email": EMAIL, "password": SECRET}
PROBLEM = {"type", "title", "status", "code", "detail", "request_id"}
UNKNOWN_UUID = "ee8e77d9-290e-4bb9-84a1-c2b7efb338df"


def require_problem(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), (
        answer.text
    )
    assert answer.json.keys() - {"errors"} == PROBLEM
    assert (answer.json["status"], answer.json["code"]) == (status, code)
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


def opens(say: DialectClient, password: str, email: str = EMAIL) -> bool:
    return say.post("/sessions", {"email": email, "password": password}).status_code == 201
