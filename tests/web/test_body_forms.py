"""Forms are as strict as JSON: no repeated field, no broken escape, UTF-8."""

from __future__ import annotations

import pytest

from identity.domain.principal import Origin, Principal
from support.accounts import ADMIN
from support.app import services
from support.native_api import CANARY, NativeApi, sent

FORM = "application/x-www-form-urlencoded"
GOOD = f"username=falcon&password={CANARY}"

MALFORMED = {
    "field twice": f"{GOOD}&password=another",
    "field twice, spelled differently": f"{GOOD}&pass%77ord=another",
    "65 fields": f"{GOOD}&" + "&".join(f"a{number}=" for number in range(63)),
    "2000 fields": "&".join(f"a{number}=" for number in range(2000)),
    "no value": "username",
    "field without a value": f"{GOOD}&email",
    "nothing between separators": f"{GOOD}&&email=",
    "separator at the end": f"{GOOD}&",
    "separator at the start": f"&{GOOD}",
    "JSON": f'{{"username":"falcon","password":"{CANARY}"}}',
    "escape of no number": f"{GOOD}&full_name=%zz",
    "half an escape": f"{GOOD}&full_name=%4",
    "percent sign alone": f"{GOOD}&full_name=100%",
    "escape of no number in a name": f"{GOOD}&%zz=1",
    "escaped byte FF": f"{GOOD}&full_name=%ff",
    "escaped overlong slash": f"{GOOD}&full_name=%c0%af",
    "escaped surrogate": f"{GOOD}&full_name=%ed%a0%80",
    "escaped NUL": f"{GOOD}&full_name=%00",
    "NUL in a name": f"{GOOD}&%00=1",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_form_is_refused_when_it_is_ambiguous_or_broken(api: NativeApi, body: str) -> None:
    api.refuses_body(body.encode(), 400, "malformed_body", FORM)


@pytest.mark.parametrize("raw", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80"])
def test_a_form_is_refused_when_it_is_not_utf_8(api: NativeApi, raw: bytes) -> None:
    api.refuses_body(GOOD.encode() + b"&full_name=" + raw, 400, "malformed_body", FORM)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("", ["username", "password"]),
        ("username=falcon", ["password"]),
        ("username=falcon;password=x", ["password"]),
        (f"{GOOD}&isAdmin=true", ["isAdmin"]),
        (f"{GOOD}&admin=true", ["admin"]),
        (f"{GOOD}&id=1", ["id"]),
        (f"{GOOD}&username%20=hawk", ["(unnamed)"]),
        (f"{GOOD}&email=", ["email"]),
        (f"username=+falcon&password={CANARY}", ["username"]),
    ],
)
def test_a_form_is_refused_by_field_when_it_holds_the_wrong_ones(
    api: NativeApi, body: str, fields: list[str]
) -> None:
    answer = api.refuses_body(body.encode(), 400, "invalid_input", FORM)
    assert [problem["field"] for problem in answer.json["errors"]] == fields


def test_a_form_means_what_it_says_when_it_is_escaped(api: NativeApi) -> None:
    body = b"user%6eame=%6berlin&password=a+b%2B%c3%a9%26%3d"
    answer = api.client.post("/api/users", **sent(body, f"{FORM}; charset=UTF-8"))
    assert (answer.status_code, answer.json) == (201, {"username": "kerlin"})
    proven = services(api.app).authentication.by_password(
        "kerlin", "a b+\u00e9&=", Origin("192.0.2.1", "-", "native")
    )
    assert isinstance(proven, Principal)


@pytest.mark.parametrize("word", ["1", "0", "True", "TRUE", "yes", "on", "t", "", "+true", "null"])
def test_a_switch_in_a_form_knows_two_words(api: NativeApi, word: str) -> None:
    who = api.as_user(ADMIN)
    form = sent(f"admin={word}".encode(), FORM)
    answer = api.refuses("PATCH", "/api/admin/users/2", 400, "invalid_input", headers=who, **form)
    assert [problem["field"] for problem in answer.json["errors"]] == ["admin"]
    for known, meant in (("admin=true", True), ("admin=false", False)):
        answer = api.client.patch("/api/admin/users/2", headers=who, **sent(known.encode(), FORM))
        assert (answer.status_code, answer.json["admin"]) == (200, meant)
