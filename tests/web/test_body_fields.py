"""Bodies have the declared fields of the declared types and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.accounts import ADMIN
from support.native_api import CANARY, NativeApi, sent

GOOD = {"username": "falcon", "password": CANARY}
ROUTES = [
    ("POST", "/api/users"),
    ("POST", "/api/admin/users"),
    ("PATCH", "/api/admin/users/2"),
    ("PATCH", "/api/users/me"),
]
RIGHTS: dict[str, Any] = {
    "isAdmin": True,
    "is_admin": True,
    "role": "admin",
    "roles": ["admin"],
    "active": True,
    "activated": True,
    "verified": True,
    "email_verified": True,
    "fromAdmin": "true",
    "login_disabled": False,
    "disabled": False,
    "id": 1,
    "uuid": "5f5f6a8e-6a0f-4d0c-8b7b-0d6a3e1f2c3d",
    "short_id": "J4nR6bJ5cQ9XfH2tK",
    "version": 1,
    "password_hash": "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWE",
    "username_canonical": "admin",
    "createdAt": "2020-01-01T00:00:00Z",
    "created_at": "2020-01-01T00:00:00Z",
    "tokens": [],
    "credential_epoch": 1,
    "Username": "hawk",
    "__class__": "Account",
}


def refuse_fields(api: NativeApi, method: str, path: str, fields: dict[str, Any]) -> list[str]:
    """Send fields that are refused and return the names of those that are to blame."""
    who = {} if path == "/api/users" else api.as_user(ADMIN)
    body = sent(json.dumps(fields).encode())
    answer = api.refuses(method, path, 400, "invalid_input", headers=who, **body)
    return [problem["field"] for problem in answer.json["errors"]]


@pytest.mark.parametrize(("name", "value"), RIGHTS.items(), ids=RIGHTS)
def test_an_unknown_field_is_refused_by_name(api: NativeApi, name: str, value: Any) -> None:
    for method, path in ROUTES:
        fields = {name: value} | (GOOD if method == "POST" else {"full_name": "A. Falcon"})
        assert refuse_fields(api, method, path, fields) == [name]


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "admin" not in route[1]])
def test_rights_are_refused_when_they_come_from_the_caller(
    api: NativeApi, method: str, path: str
) -> None:
    fields = {"admin": True} | (GOOD if method == "POST" else {"full_name": "A. Falcon"})
    assert refuse_fields(api, method, path, fields) == ["admin"]


@pytest.mark.parametrize("path", ["/api/users", "/api/admin/users"])
@pytest.mark.parametrize("missing", ["username", "password"])
def test_a_required_field_is_named_when_it_is_missing(
    api: NativeApi, path: str, missing: str
) -> None:
    rest = {name: value for name, value in GOOD.items() if name != missing}
    assert refuse_fields(api, "POST", path, rest) == [missing]


def test_every_missing_field_is_named_when_the_object_is_empty(api: NativeApi) -> None:
    assert refuse_fields(api, "POST", "/api/users", {}) == ["username", "password"]


WRONG_TYPES = [True, 0, 1.5, [], ["hawk"], {}, {"$ne": ""}]


@pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
@pytest.mark.parametrize("name", ["username", "password", "email", "full_name"])
def test_a_text_is_refused_when_it_is_something_else(
    api: NativeApi, name: str, value: object
) -> None:
    assert refuse_fields(api, "POST", "/api/users", GOOD | {name: value}) == [name]


@pytest.mark.parametrize("name", ["username", "password"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/users"), ("PATCH", "/api/users/me")])
def test_null_is_refused_where_a_text_must_be(
    api: NativeApi, method: str, path: str, name: str
) -> None:
    assert refuse_fields(api, method, path, (GOOD if method == "POST" else {}) | {name: None}) == [
        name
    ]


@pytest.mark.parametrize("value", ["true", "false", 1, 0, None, [], "yes"], ids=repr)
def test_a_switch_is_refused_when_it_is_not_true_or_false(api: NativeApi, value: object) -> None:
    assert refuse_fields(api, "PATCH", "/api/admin/users/2", {"admin": value}) == ["admin"]


@pytest.mark.parametrize("path", ["/api/users/me", "/api/admin/users/2"])
def test_a_change_is_refused_when_it_changes_nothing(api: NativeApi, path: str) -> None:
    assert refuse_fields(api, "PATCH", path, {}) == ["body"]


BAD_NAMES = {
    "empty": "",
    "65 characters": "a" * 65,
    "colon": "a:b",
    "leading space": " falcon",
    "trailing space": "falcon ",
    "no-break space": "fal\u00a0con",
    "ideographic space": "fal\u3000con",
    "line break": "falcon\n",
    "tab": "fal\tcon",
    "delete": "falcon\x7f",
    "slash": "fal/con",
    "zero width space": "ad\u200bmin",
    "soft hyphen": "ad\u00admin",
    "bidi override": "\u202eadmin",
    "Cyrillic a": "\u0430dmin",
    "dotless i": "adm\u0131n",
    "small capital a": "\u1d00dmin",
    "full width": "\uff41dmin",
    "sharp s": "stra\u00dfe",
    "ligature": "\ufb01sh",
    "Kelvin sign": "\u212aestrel",
    "access token": "idt_falcon",
    "access token, upper case": "IDT_FALCON",
    "personal token": "nhu_falcon",
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "opaque token": "A" * 43,
    "UUID": "5f5f6a8e-6a0f-4d0c-8b7b-0d6a3e1f2c3d",
    "UUID, upper case": "5F5F6A8E-6A0F-4D0C-8B7B-0D6A3E1F2C3D",
}


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_username_is_refused_when_it_could_be_taken_for_something_else(
    api: NativeApi, name: str
) -> None:
    assert refuse_fields(api, "POST", "/api/users", GOOD | {"username": name}) == ["username"]


BAD_EMAILS = [
    "",
    "a",
    "a@b",
    "@b.example",
    "a@b.1",
    "a@[192.0.2.1]",
    "a b@c.example",
    '"a b"@c.example',
    "A <a@b.example>",
    "a@b.example,c@d.example",
    "a@b.example\r\nBcc: c@d.example",
    "a" * 250 + "@b.example",
]
BAD_TEXTS = {
    "password": ["", "a\nb", "a\rb", "a\tb", "a\x7fb", "a\x1fb", "p" * 257, "\U0001f985" * 257],
    "email": BAD_EMAILS,
    "full_name": ["a\nb", "a\u2028b", "\x1b[31m", "n" * 129],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in BAD_TEXTS.items() for text in texts]
)
def test_a_text_is_refused_when_it_is_too_long_or_holds_control_characters(
    api: NativeApi, name: str, text: str
) -> None:
    assert refuse_fields(api, "POST", "/api/users", GOOD | {name: text}) == [name]
