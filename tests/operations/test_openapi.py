"""/openapi.json: valid, complete, and what the service really answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from identity.domain.errors import Busy, RateLimited, Unavailable
from support.accounts import ADMIN, HAWK
from support.http import basic, bearer, token_of
from support.openapi import NO_ID, WRONG, Document, DocumentedClient, operations

PROBLEM = "application/problem+json"


@pytest.fixture
def document(app: Flask) -> Document:
    """What the service says of itself."""
    answer = app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return dict(answer.json or ())


@pytest.fixture
def call(app: Flask, document: Document) -> DocumentedClient:
    return DocumentedClient(app, document)


# What needs a mail's token or a key of the caller's own has its story in tests/recovery and
# tests/certificates.
TOLD_ELSEWHERE = (
    "/api/activations",
    "/api/password-resets",
    "/api/certificates",
    "/ca.",
    "/.well-known",
    "/api/admin/outbox",
    "/api/admin/users/{account_id}/certificates/",
)
# The page that shows the document, those that mails lead to, and the other dialects, which have
# documents of their own.
OTHERS = ("/docs", "/activate", "/reset", "/azuma/", "/continuous/", "/nerveshub/", "/wekan/")


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z][A-Za-z0-9]+", name)] == []
    assert [
        name
        for name in document["components"]["schemas"]
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", name)
    ] == []
    assert {"issueToken", "getToken", "listUsers", "disableUser"} <= {*names}
    for _, _, operation in operations(document):
        assert operation["summary"]
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            assert (
                kind == "application/json"
            )  # generators make one method for each kind, or modules that do not load
            Draft202012Validator.check_schema(content["schema"])


def test_the_calls_are_in_the_order_of_their_tags(document: Document) -> None:
    tags = [tag["name"] for tag in document["tags"]]
    assert tags[0] == "tokens"
    assert all(tag["description"] for tag in document["tags"])
    used = list(
        dict.fromkeys(tag for _, _, operation in operations(document) for tag in operation["tags"])
    )
    assert used == tags


@pytest.mark.parametrize(
    ("public_url", "server"), [("", "."), ("https://id.example.org/sub", None)]
)
def test_the_document_names_the_public_url(
    make_app: Callable[..., Flask], public_url: str, server: str | None
) -> None:
    app = make_app(public_url=public_url) if public_url else make_app()
    assert app.test_client().get("/openapi.json").json["servers"] == [{"url": server or public_url}]


def test_the_document_describes_every_native_call_and_nothing_else(
    app: Flask, document: Document
) -> None:
    routed = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(OTHERS)
    }
    assert {(method, path) for method, path, _ in operations(document)} == routed


def test_the_document_says_who_may_make_a_call(app: Flask, document: Document) -> None:
    for method, path, operation in operations(document):
        protected = operation.get("security", [])
        answer = app.test_client().open(
            path.format(account_id=2, session_id=NO_ID, serial=1), method=method
        )
        assert (answer.status_code == 401) == (protected == [{"basic": []}, {"bearer": []}]), (
            method,
            path,
        )
    assert document["components"]["securitySchemes"].keys() == {"basic", "bearer"}


def test_every_error_in_the_document_has_its_form(document: Document) -> None:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                forms = response["content"].keys() - {"application/json"}
                # A 401 is the page of Certifire; where a recent authentication may be required, also a
                # problem.
                assert forms == {PROBLEM} or (
                    status == "401" and {"text/html"} <= forms <= {"text/html", PROBLEM}
                )
            if status in {"429", "503"}:
                assert "Retry-After" in response["headers"], (method, path, status)
            assert status != "500"


def test_answers_of_a_walk_through_everything_are_what_the_document_says(
    call: DocumentedClient,
) -> None:
    admin, hawk = basic(*ADMIN), basic(*HAWK)
    for path in ("/", "/api/public", "/healthz", "/readyz", "/metrics", "/openapi.json"):
        call("GET", path)
    call(
        "POST",
        "/api/users",
        json={"username": "kite", "password": "newpwd", "email": "kite@example.org"},
    )
    call("GET", "/api/users/{account_id}", ids={"account_id": 3})
    call("GET", "/api/token", hawk)
    call("GET", "/api/resource", hawk)
    for proxy, who in (("", hawk), ("/admin", admin), ("/proxy", hawk), ("/proxy/admin", admin)):
        call("GET", f"/api/verify{proxy}", who)
    call("GET", "/api/users/me", hawk)
    token = bearer(call("POST", "/api/token", hawk).json["token"])
    call(
        "PATCH", "/api/users/me", token, json={"full_name": "A. Hawk", "email": "hawk@example.org"}
    )
    sessions = call("GET", "/api/sessions", token).json["sessions"]
    (other,) = [session["id"] for session in sessions if not session["current"]]
    call("DELETE", "/api/sessions/{session_id}", token, ids={"session_id": other})
    call("DELETE", "/api/token", token)
    call("DELETE", "/api/sessions", hawk)
    changed = {"username": "hawk", "current_password": HAWK[1], "password": HAWK[1] + "2"}
    call("POST", "/api/password-changes", json=changed)
    hawk = basic("hawk", HAWK[1] + "2")
    created = {"username": "wren", "password": "newpwd", "admin": True}
    one = {"account_id": call("POST", "/api/admin/users", admin, json=created).json["id"]}
    call("GET", "/api/admin/users", admin, query_string={"limit": 2, "search": "W"})
    call("GET", "/api/admin/users", admin, query_string={"limit": 1})
    call("GET", "/api/admin/users/{account_id}", admin, ids=one)
    call("PATCH", "/api/admin/users/{account_id}", admin, ids=one, json={"admin": False})
    invited = call(
        "POST", "/api/admin/invitations", admin, json={"email": "heron@example.org"}
    ).json["id"]
    call("DELETE", "/api/admin/users/{account_id}", admin, ids={"account_id": invited})
    for verb in ("disable", "enable", "unlock", "revoke"):
        call("POST", f"/api/admin/users/{{account_id}}/{verb}", admin, ids=one)
    token_of(call.app.test_client(), "wren", "newpwd")
    (session,) = call("GET", "/api/admin/users/{account_id}/sessions", admin, ids=one).json[
        "sessions"
    ]
    ended = one | {"session_id": session["id"]}
    call("DELETE", "/api/admin/users/{account_id}/sessions/{session_id}", admin, ids=ended)
    call("GET", "/api/admin/users/{account_id}/certificates", admin, ids=one)
    call("POST", "/api/admin/invitations", admin, json={"email": "rook@example.org"})
    call("GET", "/api/admin/audit", admin)
    call("DELETE", "/api/admin/users/{account_id}", admin, ids=one)
    call("DELETE", "/api/users/me", hawk)
    promised = {
        (method, path, status)
        for method, path, operation in operations(call.document)
        for status in operation["responses"]
        if status < "400" and not path.startswith(TOLD_ELSEWHERE)
    }
    assert call.seen == promised


@pytest.mark.parametrize("case", WRONG)
def test_refusals_are_what_the_document_says(call: DocumentedClient, case: str) -> None:
    # With a password even those calls that end sessions, or would delete the last administrator,
    # leave it good.
    request = {"ids": {"account_id": 2, "session_id": NO_ID, "serial": 1}} | WRONG[case](
        basic(*ADMIN)
    )
    answers = [call(method, path, **request) for method, path, _ in operations(call.document)]
    assert [answer for answer in answers if answer.status_code >= 400]


@pytest.mark.parametrize(
    ("fact", "status"),
    [
        (Unavailable(timedelta(seconds=2)), 503),
        (Busy(timedelta(seconds=1)), 503),
        (RateLimited(timedelta(seconds=900)), 429),
    ],
)
def test_every_call_with_a_credential_may_be_put_off_as_the_document_says(
    call: DocumentedClient, monkeypatch: pytest.MonkeyPatch, fact: Exception, status: int
) -> None:
    def put_off(*_: object) -> None:
        raise fact

    monkeypatch.setattr(
        "identity.services.authentication.passwords.Authentication.by_password", put_off
    )
    for method, path, operation in operations(call.document):
        if "security" in operation:
            answer = call(
                method, path, basic(*ADMIN), ids={"account_id": 2, "session_id": NO_ID, "serial": 1}
            )
            told_no = status == 429 and path in {
                "/api/verify",
                "/api/verify/admin",
            }  # nginx understands nothing else
            assert (str(status) in operation["responses"]) != told_no
            assert (answer.status_code, "Retry-After" in answer.headers) == (
                401 if told_no else status,
                True,
            )


@pytest.mark.parametrize("headers", [{}, basic(*ADMIN)], ids=["anonymous", "administrator"])
def test_without_its_database_every_call_answers_as_the_document_says(
    call: DocumentedClient, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    def away(*_: object) -> None:
        raise Unavailable(timedelta(seconds=2))

    for way in ("read", "row", "write"):
        monkeypatch.setattr(f"identity.services.work.transaction.Transactions.{way}", away)
    for method, path, _ in operations(call.document):
        answer = call(
            method, path, headers, ids={"account_id": 2, "session_id": NO_ID, "serial": 1}
        )
        assert answer.status_code < 500 or (answer.status_code, answer.headers["Retry-After"]) == (
            503,
            "2",
        )
