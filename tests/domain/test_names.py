"""Usernames and full names: what an account may be called, and which spellings are the same
name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.domain.errors import InvalidInput
from identity.domain.values import (
    FULL_NAME_MAX,
    canonical,
    is_username,
    read_full_name,
    read_username,
)

ALLOWED = [
    "a",
    "hawk",
    "Hawk",
    "_",
    "0",
    "x.y-z_1",
    "hawk+lists@example.org",
    "a" * 64,
    "nhu",
    "idt",
    "eyJane",
]
REFUSED = {
    "nothing": "",
    "one too many": "a" * 65,
    "colon": "ha:wk",
    "inner space": "ha wk",
    "leading space": " hawk",
    "trailing space": "hawk ",
    "line break at the end": "hawk\n",
    "tab": "ha\twk",
    "NUL": "hawk\0",
    "DEL": "hawk\x7f",
    "no-break space": "ha\u00a0wk",
    "ideographic space": "ha\u3000wk",
    "zero-width space": "ha\u200bwk",
    "soft hyphen": "ha\u00adwk",
    "bidi override": "ha\u202ewk",
    "Cyrillic a": "h\u0430wk",
    "dotless i": "adm\u0131n",
    "small capital a": "\u1d00dmin",
    "full-width": "\uff41dmin",
    "Kelvin sign": "haw\u212a",
    "ligature": "\ufb01sh",
    "sharp s": "stra\u00dfe",
    "accent": "caf\u00e9",
    "Arabic digit": "user\u0661",
    "lone surrogate": "haw\ud800",
    "slash": "ha/wk",
    "quote": "ha'wk",
    "percent": "ha%wk",
    "begins with a dot": ".hawk",
    "begins with a hyphen": "-hawk",
    "begins with an at sign": "@hawk",
    "begins with a plus": "+hawk",
}
TOKENS = {
    "access token": "idt_x",
    "access token in capitals": "IDT_X",
    "bare prefix": "idt_",
    "personal token": "nhu_abc",
    "bare personal prefix": "NHU_",
    "JWT": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "JWT of next to nothing": "eyJ..",
    "opaque token": "A" * 43,
    "UUID": "123e4567-e89b-12d3-a456-426614174000",
    "UUID in capitals": "123E4567-E89B-12D3-A456-426614174000",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_username_is_kept_as_typed_when_its_letters_are_allowed(name: str) -> None:
    spelling = read_username(name)
    assert spelling.raw == name
    assert spelling.canonical == name.lower()
    assert is_username(name)


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
def test_username_is_refused_when_a_letter_or_its_length_is_not_allowed(name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_username(name)
    assert [problem.field for problem in refusal.value.problems] == ["username"]
    assert not is_username(name)


@pytest.mark.parametrize("name", TOKENS.values(), ids=TOKENS.keys())
def test_username_is_refused_when_a_token_could_look_so(name: str) -> None:
    with pytest.raises(InvalidInput, match="token"):
        read_username(name)
    assert not is_username(name)


def test_refusal_of_a_name_never_repeats_it() -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_username("secret:canary")
    assert "canary" not in f"{refusal.value!r} {refusal.value} {refusal.value.detail}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hawk", "HAWK"),
        ("hawk", "\uff48\uff41\uff57\uff4b"),  # full-width
        ("hawk", "haw\u212a"),  # Kelvin sign
        (
            "hawk",
            "\U0001d407awk",
        ),  # a mathematical capital, which folds only once it is a plain one
        ("fish", "\ufb01sh"),  # ligature
        ("STRASSE", "stra\u00dfe"),
        ("caf\u00e9", "cafe\u0301"),
        ("2nd", "\u00b2nd"),
    ],
)
def test_spellings_that_look_the_same_have_one_canonical_form(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize("other", ["h\u0430wk", "h\u1d00wk", "ha\u00adwk", "ha\u200bwk"])
def test_look_alikes_have_different_canonical_forms_so_the_allow_list_refuses_them(
    other: str,
) -> None:
    assert canonical(other) != canonical("hawk")


@given(st.text())
def test_canonical_form_of_a_canonical_form_is_itself(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once
    assert unicodedata.is_normalized("NFKC", once)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=70))
def test_username_that_is_accepted_has_a_canonical_form_of_the_same_length(text: str) -> None:
    if is_username(text):
        assert read_username(text).canonical == text.casefold()
    else:
        with pytest.raises(InvalidInput):
            read_username(text)


@pytest.mark.parametrize(
    "name", ["", "A. Hawk", "Łukasz Żółć", "<script>", "=1+1", "山田", "x" * FULL_NAME_MAX]
)
def test_full_name_is_kept_when_it_is_one_line(name: str) -> None:
    assert read_full_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name", ["a\nb", "a\rb", "a\0b", "a\x85b", "a\u2028b", "a\u2029b", "a\ud800", "x" * 129]
)
def test_full_name_is_refused_when_it_is_more_than_one_line_or_too_long(name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_full_name(name)
    assert [problem.field for problem in refusal.value.problems] == ["full_name"]


def test_full_name_is_one_when_it_is_composed_or_decomposed() -> None:
    assert read_full_name("Jose\u0301") == read_full_name("Jos\u00e9")
