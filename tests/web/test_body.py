"""Bodies are unambiguous or refused: strict JSON of bounded depth."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.web.problems import MalformedBody
from identity.web.requests.body_syntax import parse_json_object
from support.native_api import CANARY, NativeApi, sent

LIMIT_BYTES = 65_536
PASSWORD = f'"password":"{CANARY}"'
WHOLE = f'{{"username":"falcon",{PASSWORD}}}'


def with_value(value: str) -> bytes:
    """A registration with one more field."""
    return f'{{"username":"falcon",{PASSWORD},"more":{value}}}'.encode("utf-8", "surrogatepass")


def nested(depth: int) -> str:
    """A value that makes the whole object `depth` deep."""
    return '{"a":' * (depth - 1) + "1" + "}" * (depth - 1)


MALFORMED = {
    "empty": b"",
    "white space": b" \r\n",
    "truncated after a colon": b'{"username":',
    "truncated before the end": WHOLE[:-1].encode(),
    "truncated in a text": WHOLE[:-3].encode(),
    "something after the object": WHOLE.encode() + b"x",
    "two objects": WHOLE.encode() * 2,
    "trailing comma": WHOLE[:-1].encode() + b",}",
    "single quotes": WHOLE.replace('"', "'").encode(),
    "comment": b"/**/" + WHOLE.encode(),
    "name without quotes": b'{username:"falcon"}',
    "line break in a text": with_value('"a\nb"'),
    "unknown escape": with_value(r'"\x41"'),
    "half an escape": with_value(r'"\u12"'),
    "array": b"[]",
    "array of objects": f"[{WHOLE}]".encode(),
    "null": b"null",
    "true": b"true",
    "number": b"1",
    "text": json.dumps(WHOLE).encode(),
    "one too deep": with_value(nested(17)),
    "as deep as a body can be": b"[" * LIMIT_BYTES,
    "deep objects": b'{"a":' * 13_000,
    "deep and closed": with_value("[" * 20_000 + "]" * 20_000),
    "field twice": f'{{"username":"hawk","username":"falcon",{PASSWORD}}}'.encode(),
    "field twice, spelled differently": f'{{"username":"hawk","user\\u006eame":"falcon",{PASSWORD}}}'.encode(),
    "field twice, nested": with_value('{"a":1,"a":2}'),
    "NaN": with_value("NaN"),
    "Infinity": with_value("Infinity"),
    "-Infinity": with_value("-Infinity"),
    "1e999": with_value("1e999"),
    "-1e999": with_value("-1e999"),
    "20 digits": with_value("9" * 20),
    "60,000 digits": with_value("9" * 60_000),
    "60,000 negative digits": with_value("-" + "9" * 60_000),
    "number with leading zero": with_value("01"),
    "hexadecimal number": with_value("0x10"),
    "byte order mark": b"\xef\xbb\xbf" + WHOLE.encode(),
    "UTF-16 with mark": WHOLE.encode("utf-16"),
    "UTF-16 little endian": WHOLE.encode("utf-16-le"),
    "UTF-16 big endian": WHOLE.encode("utf-16-be"),
    "UTF-32 with mark": WHOLE.encode("utf-32"),
    "UTF-32 big endian": WHOLE.encode("utf-32-be"),
    "byte FF": with_value('"\0"').replace(b"\0", b"\xff"),
    "overlong slash": with_value('"\0"').replace(b"\0", b"\xc0\xaf"),
    "half a character": with_value('"\0"').replace(b"\0", b"\xe2\x82"),
    "surrogate in UTF-8": with_value('"\ud800"'),
    "lone high surrogate": with_value(r'"\ud800"'),
    "lone low surrogate": with_value(r'"\udc00"'),
    "surrogates the wrong way round": with_value(r'"\udc00\ud800"'),
    "lone surrogate in a name": with_value(r'{"\ud800":1}'),
    "lone surrogate in a list": with_value(r'[["\ud800"]]'),
    "NUL byte": with_value('"\0"'),
    "NUL escaped": with_value(r'"\u0000"'),
    "NUL in a name": with_value(r'{"\u0000":1}'),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_json_is_refused_when_it_is_not_one_plain_object(api: NativeApi, body: bytes) -> None:
    api.refuses_body(body, 400, "malformed_body")


@pytest.mark.parametrize("field", ["username", "password", "email", "full_name"])
@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000", r"\ud83d"])
def test_json_is_refused_when_a_field_holds_nul_or_half_a_character(
    api: NativeApi, field: str, text: str
) -> None:
    fields = {"username": "falcon", "password": CANARY} | {field: "?"}
    api.refuses_body(json.dumps(fields).replace('"?"', f'"{text}"').encode(), 400, "malformed_body")


ONLY_UNKNOWN = {
    "as deep as allowed": nested(16),
    "brackets in a text": json.dumps("[" * 1000 + '\\"{'),
    "19 digits": "9" * 19,
    "small fraction": "1e-999",
    "surrogate pair": r'"\ud83e\udd85"',
}


@pytest.mark.parametrize("value", ONLY_UNKNOWN.values(), ids=ONLY_UNKNOWN)
def test_json_is_read_to_its_fields_when_it_is_only_unusual(api: NativeApi, value: str) -> None:
    answer = api.refuses_body(with_value(value), 400, "invalid_input")
    assert [problem["field"] for problem in answer.json["errors"]] == ["more"]


@pytest.mark.timeout(
    20
)  # one pass takes milliseconds; a search that starts over at every quote takes minutes
def test_json_is_read_in_one_pass_when_a_quote_stays_open() -> None:
    hostile = '"' + '\\"' * (LIMIT_BYTES // 2 - 1)
    for _ in range(5):
        with pytest.raises(MalformedBody):
            parse_json_object(hostile)


KINDS = st.sampled_from(["application/json", "application/x-www-form-urlencoded"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_fields = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("username", "password", "email", "full_name"), _values)
)
_whatever = settings(max_examples=100, deadline=None, database=None)


@_whatever
@given(
    kind=KINDS,
    body=st.binary(max_size=300) | _fields.map(lambda fields: json.dumps(fields).encode()),
)
def test_no_body_makes_a_registration_fail_with_500(api: NativeApi, kind: str, body: bytes) -> None:
    answer = api.client.post("/api/users", **sent(body, kind))
    assert answer.status_code in {201, 400}, answer.text
    assert answer.is_json or answer.content_type == "application/problem+json"
