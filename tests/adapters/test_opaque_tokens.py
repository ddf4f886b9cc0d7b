"""Opaque tokens have the format of their document; only a well-formed one has a digest."""

from __future__ import annotations

import re
import string
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.adapters.tokens.opaque import OpaqueTokens
from identity.domain.token_kinds import TokenKind, token_kind

TOKENS = OpaqueTokens()
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
FORMS = {
    TokenKind.PERSONAL: r"nhu_[0-9A-Za-z]{36}",
    TokenKind.OPAQUE: r"[\w-]{43}",
    TokenKind.UUID: r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
}


@pytest.mark.parametrize("kind", FORMS)
def test_a_token_has_the_format_of_its_kind_and_is_never_made_twice(kind: TokenKind) -> None:
    made = {TOKENS.new(kind) for _ in range(500)}
    assert len(made) == 500
    assert all(
        re.fullmatch(FORMS[kind], token, re.ASCII) and token_kind(token) is kind for token in made
    )


def test_a_personal_token_ends_in_the_checksum_its_clients_know() -> None:
    token = TOKENS.new(TokenKind.PERSONAL)
    body, check = token[4:34], token[34:]
    number = 0
    for digit in check:
        number = number * 62 + BASE62.index(digit)
    assert number == zlib.crc32(body.encode())


@pytest.mark.parametrize("kind", FORMS)
def test_a_digest_is_stable_and_shows_nothing(kind: TokenKind) -> None:
    token = TOKENS.new(kind)
    digest = TOKENS.digest(token)
    assert digest == TOKENS.digest(token)
    assert digest is not None
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert token not in digest


@settings(deadline=None, max_examples=60)
@given(position=st.integers(4, 39), character=st.sampled_from(BASE62))
def test_a_personal_token_with_a_slip_has_no_digest(position: int, character: str) -> None:
    token = TOKENS.new(TokenKind.PERSONAL)
    changed = token[:position] + character + token[position + 1 :]
    assert (TOKENS.digest(changed) is None) == (changed != token)


@pytest.mark.parametrize(
    "token", ["nhu_", "nhu_" + "é" * 36, "nhu_" + "0" * 35, "nhu_" + "0" * 37, "nhu_" + "\0" * 36]
)
def test_what_only_begins_like_a_personal_token_has_no_digest(token: str) -> None:
    assert TOKENS.digest(token) is None


@pytest.mark.parametrize("more", ["0", "=", " ", "\n"])
def test_a_personal_token_with_something_after_it_has_no_digest(more: str) -> None:
    assert TOKENS.digest(TOKENS.new(TokenKind.PERSONAL) + more) is None
