"""The Authorization header, well and badly formed: one credential, or the same refusal."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.principal import operator
from identity.domain.token_kinds import MAX_TOKEN_CHARACTERS
from identity.web.requests.credentials import read_authorization
from support.accounts import HAWK
from support.app import services
from support.hashing import CountingPasswords
from support.http import basic, bearer
from support.native_api import CANARY, NativeApi, row_counts

PAIR = base64.b64encode(b"hawk:newpwd").decode()


def encoded(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


UNREADABLE = {
    "nothing": "",
    "space": " ",
    "scheme alone": "Basic",
    "scheme and a space": "Basic ",
    "other scheme alone": "Bearer",
    "no scheme": PAIR,
    "tab instead of a space": f"Basic\t{PAIR}",
    "no-break space": f"Basic\xa0{PAIR}",
    "no separator": f"Basic{PAIR}",
    "two pairs": f"Basic {PAIR} {PAIR}",
    "something behind": f"Basic {PAIR} x",
    "semicolon behind": f"Basic {PAIR};",
    "equals sign before": f"Basic ={PAIR}",
    "parameters": f'Basic realm="x" {PAIR}',
    "plain text": "Basic hawk:newpwd",
    "no colon": encoded(b"hawk"),
    "no name": encoded(b":newpwd"),
    "nothing but a colon": encoded(b":"),
    "NUL in the name": encoded(b"ha\0wk:newpwd"),
    "NUL after the name": encoded(b"hawk\0:newpwd"),
    "NUL after the password": encoded(b"hawk:newpwd\0"),
    "line break after the password": encoded(b"hawk:newpwd\n"),
    "tab before the name": encoded(b"\thawk:newpwd"),
    "delete in the password": encoded(b"hawk:new\x7fpwd"),
    "UTF-16": encoded("hawk:newpwd".encode("utf-16")),
    "overlong colon": encoded(b"hawk\xc0\xbanewpwd"),
    "bearer of nothing": "Bearer =",
    "bearer with an equals sign inside": "Bearer idt_a=b",
    "bearer with a quote": 'Bearer "idt_a"',
    "bearer as a parameter": "Bearer token=idt_a",
    "not ASCII": "Basic \xe9\xe8",
    "very long": "Basic " + "A" * 8192,
}
WRONG = {
    "wrong password": encoded(b"hawk:newpwd1"),
    "byte FF": encoded(b"hawk:newpwd\xff"),
    "Latin-1 name": encoded("h\u00e4wk:newpwd".encode("latin-1")),
    "C1 control": encoded(b"hawk:newpwd\x85"),
    "password in other letters": encoded(b"hawk:NEWPWD"),
    "empty password": encoded(b"hawk:"),
    "space after the name": encoded(b"hawk :newpwd"),
    "space before the name": encoded(b" hawk:newpwd"),
    "pattern of the name": encoded(b"haw_:newpwd"),
    "wildcard of the name": encoded(b"%:newpwd"),
    "SQL in the name": encoded(b"hawk' OR '1'='1:newpwd"),
    "SQL in the password": encoded(b"hawk:' OR '1'='1"),
    "bearer of a pair": f"Bearer {PAIR}",
    "very long bearer": "Bearer " + "A" * 8192,
    "very long token": "Bearer idt_" + "a" * 8192,
    "very long name": encoded(b"h" * 8192 + b":newpwd"),
    "very long password": encoded(b"hawk:" + b"p" * 8192),
    "byte order mark": encoded(b"\xef\xbb\xbfhawk:newpwd"),
}


@pytest.mark.parametrize("header", UNREADABLE.values(), ids=UNREADABLE)
def test_a_header_holds_no_credential_when_it_is_malformed(header: str) -> None:
    assert read_authorization(header) is None


@pytest.mark.parametrize("header", (UNREADABLE | WRONG).values(), ids=UNREADABLE | WRONG)
def test_headers_without_a_valid_credential_are_refused_alike(api: NativeApi, header: str) -> None:
    answer = api.client.get("/api/resource", headers={"Authorization": header})
    usual = api.client.get("/api/resource")
    assert answer.status_code == 401
    assert seen(answer) == seen(usual)


def seen(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Everything in an answer but the request's id."""
    headers = [header for header in answer.headers.to_wsgi_list() if header[0] != "X-Request-ID"]
    return answer.status_code, answer.data, headers


def _disabled(app: Flask) -> dict[str, str]:
    services(app).administration.disable(operator(), 2)
    return basic(*HAWK)


def _deleted(app: Flask) -> dict[str, str]:
    services(app).administration.delete(operator(), 2)
    return basic(*HAWK)


FAILURES: dict[str, Callable[[Flask], dict[str, str]]] = {
    "wrong password": lambda _: basic("hawk", "wrong"),
    "unknown user": lambda _: basic("nobody", "newpwd"),
    "no user": lambda _: basic("", "newpwd"),
    "impossible password": lambda _: basic("hawk", "p" * 300),
    "malformed": lambda _: {"Authorization": "Basic ???"},
    "other scheme": lambda _: {"Authorization": f"Digest {PAIR}"},
    "unknown token": lambda _: bearer("idt_" + "0" * 32),
    "unknown token as the name": lambda _: basic("idt_" + "0" * 32),
    "disabled user": _disabled,
    "deleted user": _deleted,
}


def test_every_failure_looks_the_same(app: Flask, client: FlaskClient) -> None:
    usual = seen(client.get("/api/resource"))
    assert usual[:2] == (401, b"Unauthorized Access")
    for name, fail in FAILURES.items():
        credential = fail(app)
        for path in (
            "/api/resource",
            "/api/token",
            "/api/users/me",
            "/api/users/1",
            "/api/admin/users",
        ):
            assert seen(client.get(path, headers=credential)) == usual, (name, path)


@pytest.mark.parametrize(
    "password", ["a:b:c", ":", "::", "p:", ":p", "\u00e9\u5bc6 \U0001f985", "p p", " p", "%3a"]
)
def test_a_password_is_split_from_its_name_at_the_first_colon(
    api: NativeApi, password: str
) -> None:
    name = "p" + base64.b16encode(password.encode()).decode()
    made = api.client.post("/api/users", json={"username": name, "password": password})
    assert made.status_code == 201
    answer = api.client.get("/api/resource", headers=basic(name, password))
    assert answer.json == {"data": f"Hello, {name}!"}


def test_a_password_means_the_same_composed_or_not(api: NativeApi) -> None:
    assert (
        api.client.post(
            "/api/users", json={"username": "kite", "password": "caf\u00e9"}
        ).status_code
        == 201
    )
    for spelling in ("caf\u00e9", "cafe\u0301"):
        assert api.client.get("/api/resource", headers=basic("kite", spelling)).status_code == 200


@pytest.mark.parametrize(
    "password",
    ["p\u00e4ssw\u00f6rter", "\u00e9\u00e8\u00ea", "50 \u00a3", "\u00ff", "caf\u00e9:\u00e9"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_password_is_the_same_in_utf_8_and_in_latin_1(
    api: NativeApi, password: str, encoding: str
) -> None:
    name = "p" + base64.b16encode(f"{encoding}{password}".encode()).decode()
    assert (
        api.client.post("/api/users", json={"username": name, "password": password}).status_code
        == 201
    )
    header = {"Authorization": encoded(f"{name}:{password}".encode(encoding))}
    assert api.client.get("/api/resource", headers=header).json == {"data": f"Hello, {name}!"}


def test_bytes_that_are_utf_8_are_never_read_as_latin_1() -> None:
    given = read_authorization(encoded("hawk:\u00c3\u00a9".encode("latin-1")))
    assert given is not None
    assert given.password == "\u00e9"


def test_a_wrong_password_in_latin_1_is_counted_and_recorded_like_any_other(
    app: Flask, client: FlaskClient
) -> None:
    before = row_counts(app)
    header = {"Authorization": encoded("hawk:p\u00e4ssword".encode("latin-1"))}
    assert client.get("/api/resource", headers=header).status_code == 401
    after = row_counts(app)
    assert {name for name in after if after[name] > before[name]} == {"audit_event", "counter"}


def test_a_password_is_compared_whole(api: NativeApi) -> None:
    assert (
        api.client.post(
            "/api/users", json={"username": "longwing", "password": "p" * 80}
        ).status_code
        == 201
    )
    assert api.client.get("/api/resource", headers=basic("longwing", "p" * 72)).status_code == 401
    assert api.client.get("/api/resource", headers=basic("longwing", "p" * 80)).status_code == 200


@pytest.mark.parametrize("name", ["hawk", "HAWK", "Hawk"])
def test_a_name_is_known_in_any_letter_case(api: NativeApi, name: str) -> None:
    assert api.client.get("/api/resource", headers=basic(name, "newpwd")).json == {
        "data": "Hello, hawk!"
    }


@pytest.mark.parametrize(
    "headers", [f"{PAIR}, Basic {PAIR}", f"{PAIR}, Bearer idt_a", f"{PAIR},", f",{PAIR}"]
)
def test_two_credentials_are_refused_however_they_arrive(api: NativeApi, headers: str) -> None:
    for path in ("/api/resource", "/api/users/1"):
        api.refuses("GET", path, 400, "bad_request", headers={"Authorization": f"Basic {headers}"})


LOOKING_LIKE_TOKENS = {
    "our prefix": "idt_hawk",
    "our prefix alone": "idt_",
    "our prefix, upper case": "IDT_hawk",
    "our whole form": "idt_" + "0" * 32 + ".695661c0.69566418." + "A" * 43,
    "personal token": "nhu_" + "a" * 36,
    "personal token, upper case": "NHU_x",
    "JSON web token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "JSON web token, other letters": "EYJhbGciOiJub25lIn0.e30.c2ln",
    "opaque token": "w" * 43,
    "opaque token with signs": "_-" * 21 + "x",
    "UUID": "123e4567-e89b-42d3-a456-426614174000",
    "UUID, upper case": "123E4567-E89B-42D3-A456-426614174000",
    "longer than any token": "idt_" + "a" * MAX_TOKEN_CHARACTERS,
}


@pytest.mark.parametrize("name", LOOKING_LIKE_TOKENS.values(), ids=LOOKING_LIKE_TOKENS)
def test_a_name_in_the_form_of_a_token_never_reaches_the_password_hash(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    passwords = CountingPasswords()
    monkeypatch.setattr(services(api.app).authentication, "_passwords", passwords)
    with api.unchanged():
        for credential in (basic(name, CANARY), basic(name, ""), bearer(name)):
            assert api.client.get("/api/resource", headers=credential).status_code == 401
    assert passwords.admitted == 0
    assert api.client.get("/api/resource", headers=basic("hawk", CANARY)).status_code == 401
    assert passwords.admitted == 1  # so it does count


def test_a_check_that_breaks_lets_no_caller_in(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    before = row_counts(api.app)
    for check in ("by_password", "by_token"):
        monkeypatch.setattr(services(api.app).authentication, check, broken)
    for credential in (basic(*HAWK), bearer("idt_any"), basic("idt_any")):
        for path in ("/api/resource", "/api/users/1"):
            answer = api.client.get(path, headers=credential)
            assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            assert CANARY not in answer.text
    assert row_counts(api.app) == before
