"""Multipart forms are accepted wherever forms are, as strictly, and without files (RFC 7578)."""

from __future__ import annotations

import pytest

from identity.domain.principal import Origin, Principal
from support.accounts import ADMIN
from support.app import services
from support.native_api import CANARY, NativeApi, sent

KIND = "multipart/form-data; boundary=x"
GOOD = {"username": "falcon", "password": CANARY}


def part(name: str, text: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *headers])
    return b"--x\r\n" + head.encode() + b"\r\n\r\n" + text + b"\r\n"


def form(*parts: bytes, end: bytes = b"--x--\r\n", **fields: str) -> bytes:
    return (
        b"".join(part(name, text.encode()) for name, text in fields.items()) + b"".join(parts) + end
    )


@pytest.mark.parametrize(
    ("number", "headers"),
    [
        (1, ()),
        (2, ("Content-Type: text/plain",)),
        (3, ("Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit")),
        (4, ("Content-Length: 12", "Content-Type: text/plain; charset=us-ascii")),
    ],
)
def test_a_multipart_form_means_what_it_says(
    api: NativeApi, number: int, headers: tuple[str, ...]
) -> None:
    name, password = f"merlin{number}", "a b+é&=\r\n--x\r--y"[:7]
    body = form(
        part("username", name.encode(), *headers), part("password", password.encode(), *headers)
    )
    answer = api.client.post("/api/users", **sent(body, KIND))
    assert (answer.status_code, answer.json) == (201, {"username": name})
    proven = services(api.app).authentication.by_password(
        name, password, Origin("192.0.2.1", "-", "native")
    )
    assert isinstance(proven, Principal)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (form(), ["username", "password"]),
        (form(username="falcon"), ["password"]),
        (form(**GOOD, isAdmin="true"), ["isAdmin"]),
        (form(**GOOD, email=""), ["email"]),
    ],
)
def test_a_multipart_form_is_refused_by_field(
    api: NativeApi, body: bytes, fields: list[str]
) -> None:
    answer = api.refuses_body(body, 400, "invalid_input", KIND)
    assert [problem["field"] for problem in answer.json["errors"]] == fields


MALFORMED = {
    "nothing": b"",
    "no end": form(end=b"", **GOOD),
    "half an end": form(end=b"--x", **GOOD),
    "cut in a part": form(**GOOD)[:60],
    "another boundary": form(**GOOD).replace(b"--x", b"--y"),
    "field twice": form(part("password", b"another"), **GOOD),
    "65 fields": form(**{f"a{number}": "" for number in range(65)}),
    "2000 fields": form(**{f"a{number}": "" for number in range(2000)})[:65_536],
    "no name": form(b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n", **GOOD),
    "an empty name": form(part("", b"x"), **GOOD),
    "no disposition": form(b"--x\r\nContent-Type: text/plain\r\n\r\nx\r\n", **GOOD),
    "no head": form(b"--x\r\nx\r\n", **GOOD),
    "no UTF-8": form(part("full_name", b"\xff"), **GOOD),
    "no UTF-8 in a name": form(
        b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n', **GOOD
    ),
    "NUL": form(part("full_name", b"\0"), **GOOD),
    "a second form behind it": form(**GOOD) + form(**GOOD),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_multipart_form_is_refused_when_it_is_ambiguous_or_broken(
    api: NativeApi, body: bytes
) -> None:
    api.refuses_body(body, 400, "malformed_body", KIND)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
    ],
)
def test_a_multipart_form_needs_a_boundary(api: NativeApi, kind: str) -> None:
    api.refuses_body(form(**GOOD), 400, "malformed_body", kind)


UNSUPPORTED = {
    "a file": b'--x\r\nContent-Disposition: form-data; name="full_name"; filename="a.txt"\r\n\r\nx\r\n',
    "a file without a name": b'--x\r\nContent-Disposition: form-data; name="full_name"; filename=""\r\n\r\n\r\n',
    "JSON": part("full_name", b"1", "Content-Type: application/json"),
    "Latin 1": part("full_name", b"x", "Content-Type: text/plain; charset=iso-8859-1"),
    "base64": part("full_name", b"eA==", "Content-Transfer-Encoding: base64"),
}


@pytest.mark.parametrize("odd", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_a_multipart_form_is_refused_when_a_part_is_no_plain_text(
    api: NativeApi, odd: bytes
) -> None:
    api.refuses_body(form(odd, **GOOD), 415, "unsupported_media_type", KIND)


def test_a_switch_in_a_multipart_form_knows_two_words(api: NativeApi) -> None:
    who = api.as_user(ADMIN)
    for word, status in (("true", 200), ("false", 200), ("1", 400), ("", 400)):
        answer = api.client.patch("/api/admin/users/2", headers=who, **sent(form(admin=word), KIND))
        assert answer.status_code == status, word
