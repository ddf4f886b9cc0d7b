"""Token formats: the kind of a token is known by its format alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.domain.token_kinds import TokenKind, looks_like_token

OPAQUE = "Zm9vYmFyYmF6cXV4-_Zm9vYmFyYmF6cXV4Zm9vYmFyYg"[:43]
UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.3zQ9CSAiu5pdVXc_cWaby1WGTpTTF-dCEjDpvOuvyxg"
TOKENS = [f"{TokenKind.ACCESS.prefix}{'0' * 32}.68000000.68000258.sig", "nhu_x", JWT, OPAQUE, UUID]
NO_TOKENS = [
    *("", "hawk", "idt", "nhu-x", "eyJ.x", "eyJ.a.b.c", "eyJ a.b.c", f"x{TOKENS[0]}"),
    *(f"{OPAQUE}A", OPAQUE[1:], f"{OPAQUE[:42]} ", OPAQUE[:42] + "\u0661"),
    *(f"{UUID}0", UUID[1:], UUID.replace("-", ""), f"{{{UUID}}}"),
]


@pytest.mark.parametrize("token", TOKENS)
def test_token_is_known_by_its_form_in_any_letter_case(token: str) -> None:
    assert looks_like_token(token)
    assert looks_like_token(token.upper())
    assert looks_like_token(token.lower())


@pytest.mark.parametrize("text", NO_TOKENS)
def test_text_is_no_token_when_it_matches_no_format(text: str) -> None:
    assert not looks_like_token(text)


@given(st.text())
def test_all_text_after_our_prefix_is_a_token(text: str) -> None:
    assert looks_like_token(f"idt_{text}")
    assert looks_like_token(f"nhu_{text}")


@given(st.one_of(st.from_regex(r"[\w-]{43}", fullmatch=True), st.text(max_size=50)))
def test_opaque_formatat_is_43_ascii_characters_and_no_other(text: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", text):
        assert looks_like_token(text)
    elif not re.match(r"idt_|nhu_|eyJ", text, re.IGNORECASE) and len(text) != len(UUID):
        assert not looks_like_token(text)
