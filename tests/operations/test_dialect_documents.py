"""/openapi.json of each dialect: valid, complete, and what the service really answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from identity.dialects import DIALECTS
from support.accounts import ADMIN
from support.http import basic
from support.openapi import WRONG, DocumentedClient, operations

UUID = "00000000-0000-4000-8000-000000000000"
IDS = {"user_id": "x" * 17, "uuid": UUID}
SECRET = "a rather long passphrase"
LARK: dict[str, Any] = {"password": SECRET, "email": "lark@example.org"}
TWICE = LARK | {"password_confirm": SECRET}


@pytest.fixture(params=DIALECTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def described(app: Flask, name: str) -> DocumentedClient:
    prefix = DIALECTS[name].prefix
    answer = app.test_client().get(f"{prefix}/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return DocumentedClient(app, answer.json, prefix)


def test_a_document_is_valid_and_gives_usable_names(app: Flask, name: str) -> None:
    document = described(app, name).document
    validate(document, cls=OpenAPIV31SpecValidator)
    assert document["servers"] == [{"url": "."}]
    assert document["info"]["description"]
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert [each for each in names if not re.fullmatch(r"[a-z][A-Za-z0-9]+", each)] == []
    assert [
        each
        for each in document["components"]["schemas"]
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", each)
    ] == []


def test_a_document_describes_every_call_of_its_dialect(app: Flask, name: str) -> None:
    prefix = DIALECTS[name].prefix
    routed = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(prefix)))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(f"{prefix}/") and not rule.rule.endswith("/openapi.json")
    }
    assert {
        (method, path) for method, path, _ in operations(described(app, name).document)
    } == routed


def test_a_host_of_its_own_has_the_document_at_its_root(make_app: Any, name: str) -> None:
    app = make_app(dialect_hosts=f"users.example.org={name}")
    answer = app.test_client().get("/openapi.json", headers={"Host": "users.example.org"})
    assert answer.json == described(app, name).document


@pytest.mark.parametrize("case", WRONG)
def test_refusals_are_what_a_document_says(app: Flask, name: str, case: str) -> None:
    call = described(app, name)
    for method, path, _ in operations(call.document):
        call(method, path, **WRONG[case](basic(*ADMIN)) | {"ids": IDS})


def test_answers_of_nerveshub_are_what_its_document_says(app: Flask) -> None:
    call = described(app, "nerveshub")
    call("POST", "/users/register", json=LARK | {"username": "lark"})
    call("POST", "/users/register", json=LARK | {"username": "lark"})
    call("POST", "/users/register", json=LARK | {"username": "l a r k"})
    call("POST", "/users/auth", json=LARK)
    call("POST", "/users/auth", json=LARK | {"password": "wrong"})
    token = call("POST", "/users/login", json=LARK).json["token"]
    call("GET", "/users/me", {"Authorization": f"Token {token}"})
    call("POST", "/users/sign", json=LARK | {"csr": "x", "description": "x"})
    assert ("POST", "/users/auth", "500") in call.seen


def test_answers_of_wekan_are_what_its_document_says(app: Flask) -> None:
    call, admin = described(app, "wekan"), basic(*ADMIN)
    session = call("POST", "/users/register", json=LARK | {"username": "lark"}).json
    call("POST", "/users/register", json=LARK | {"username": "lark"})
    call("POST", "/users/login", json=LARK)
    own, one = {"Authorization": f"Bearer {session['token']}"}, {"user_id": session["id"]}
    assert call("GET", "/api/user", own).json["username"] == "lark"
    assert call("GET", "/api/users", own).json["error"] == "Forbidden"
    assert call("GET", "/api/users", admin).json
    made = call("POST", "/api/users", admin, json={"username": "wren", "password": SECRET}).json
    for user_id in (session["id"], made["_id"], "nobody"):
        call("GET", "/api/users/{user_id}", admin, ids={"user_id": user_id})
    for action in ("disableLogin", "enableLogin", "takeOwnership"):
        call("PUT", "/api/users/{user_id}", admin, ids=one, json={"action": action})
    token = call("POST", "/api/createtoken/{user_id}", admin, ids=one).json["authToken"]
    call("POST", "/api/deletetoken", admin, json={"userId": session["id"], "token": token})
    call("GET", "/api/boards", admin)
    call("GET", "/api/users/{user_id}/boards", admin, ids=one)
    login = call("POST", "/users/login", json=LARK).json
    call("POST", "/users/logout", {"Authorization": f"Bearer {login['token']}"})
    call("DELETE", "/api/users/{user_id}", admin, ids=one)


def test_answers_of_continuous_are_what_its_document_says(app: Flask) -> None:
    call = described(app, "continuous")
    one = {"uuid": call("POST", "/users", json=TWICE).json["id"]}
    call("POST", "/users", json=TWICE)
    token = call("POST", "/sessions", json=LARK).json["token"]
    own = {"Authorization": f"Bearer {token}"}
    call("GET", "/users/{uuid}", own, ids=one)
    call("GET", "/users/{uuid}/activate", ids=one)
    call("PUT", "/users/{uuid}", own, ids=one, json={"email": "lark@example.net"})
    call("POST", "/passwords/reset", json={"email": "lark@example.org"})
    call("POST", "/passwords", json=TWICE | {"token": "x"})


def test_answers_of_azuma_are_what_its_document_says(app: Flask) -> None:
    call, lark = described(app, "azuma"), {"name": "lark", "password": SECRET}
    call("POST", "/users", json=LARK | lark)
    call("POST", "/user/register", json=lark)
    call("POST", "/user/login", json=lark | {"name": "unknown"})
    token = call("POST", "/user/login", json=lark).json["token"]
    call("PATCH", "/user/update", {"Authorization": f"Bearer {token}"}, json={"name": "wren"})
