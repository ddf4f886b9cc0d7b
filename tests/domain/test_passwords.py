"""New passwords: their length, their normal form, and what a hardened service refuses."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.domain.common_passwords import COMMON_PASSWORDS
from identity.domain.errors import InvalidInput
from identity.domain.values import (
    HARDENED_PASSWORD_MIN,
    canonical,
    normalise_password,
    read_password,
)

EMOJI = "\U0001f426"  # four bytes in UTF-8
REFUSED = {
    "nothing": "",
    "257 characters": "p" * 257,
    "1025 bytes": EMOJI * 256 + "p",
    "a megabyte": "p" * 2**20,
    "NUL": "pass\0word",
    "line break": "pass\nword",
    "tab": "pass\tword",
    "DEL": "pass\x7fword",
    "C1 control": "pass\x85word",
    "lone surrogate": "pass\ud800word",
}


@pytest.mark.parametrize(
    "text", ["p", "neo", "p" * 64, "p" * 256, EMOJI * 8, EMOJI * 256, "a b", "a:b:c", " p "]
)
def test_password_is_kept_when_its_length_and_letters_are_allowed(text: str) -> None:
    assert read_password(text, hardened=False) == text
    assert normalise_password(text) == text


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("hardened", [False, True])
def test_password_is_refused_in_either_mode_when_no_account_could_have_it(
    text: str, hardened: bool
) -> None:
    assert normalise_password(text) is None
    with pytest.raises(InvalidInput) as refusal:
        read_password(text, hardened=hardened)
    assert [problem.field for problem in refusal.value.problems] == ["password"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("\u212b", "A\u030a"),
        ("\ufb01sh", "fish"),
        ("\uff41", "a"),
        ("1\u00b2", "12"),
    ],
)
def test_password_is_the_same_when_it_is_composed_otherwise(one: str, other: str) -> None:
    assert normalise_password(one) == normalise_password(other)


@pytest.mark.parametrize(
    "text",
    [
        "w" * 43,
        "123e4567-e89b-42d3-a456-426614174000",
        "idt_x",
        "NHU_x",
        "eyJhbGciOiJub25lIn0.e30.c2ln",
    ],
)
@pytest.mark.parametrize("hardened", [False, True])
def test_password_is_refused_when_it_has_a_tokens_format(text: str, hardened: bool) -> None:
    with pytest.raises(InvalidInput, match="looks like a token"):
        read_password(text, hardened=hardened)
    assert (
        normalise_password(text) == text
    )  # one that was chosen before can still be given as the current one


def test_password_keeps_its_letter_case() -> None:
    assert normalise_password("PassWord") == "PassWord"


def test_length_is_judged_before_normalising(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identity.domain.values.unicodedata", None)
    assert normalise_password("p" * 2**20) is None
    with pytest.raises(AttributeError):
        normalise_password("p")


@given(st.text(max_size=300))
def test_password_that_is_hashed_is_in_its_normal_form(text: str) -> None:
    password = normalise_password(text)
    assert password is None or unicodedata.is_normalized("NFKC", password)


@pytest.mark.parametrize(
    "text", ["1234567", "neo", "newpwd", "changeme", "PASSWORD", "Pa\u017f\u017fword"]
)
def test_weak_password_is_refused_only_where_the_service_is_hardened(text: str) -> None:
    assert read_password(text, hardened=False) == normalise_password(text)
    with pytest.raises(InvalidInput):
        read_password(text, hardened=True)


@pytest.mark.parametrize("text", ["12345678x", "\U0001f426" * 8, "correct horse"])
def test_strong_password_is_kept_where_the_service_is_hardened(text: str) -> None:
    assert read_password(text, hardened=True, names=("hawk", "hawk@example.org")) == text


@pytest.mark.parametrize(
    "text", ["hawkhawk", "HawkHawk", "hawk@example.org", "HAWK@example.org", "\uff48awkhawk"]
)
def test_own_name_or_email_is_refused_as_a_password_where_the_service_is_hardened(
    text: str,
) -> None:
    with pytest.raises(InvalidInput, match="guess"):
        read_password(text, hardened=True, names=("HawkHawk", "Hawk@example.org"))


def test_common_passwords_are_in_the_form_they_are_compared_in() -> None:
    assert {canonical(word) for word in COMMON_PASSWORDS} == COMMON_PASSWORDS
    assert min(map(len, COMMON_PASSWORDS)) >= HARDENED_PASSWORD_MIN


def test_refusal_of_a_password_never_repeats_it() -> None:
    for text in ("canary\0", "canary"):
        with pytest.raises(InvalidInput) as refusal:
            read_password(text, hardened=True)
        assert "canary" not in f"{refusal.value!r} {refusal.value} {refusal.value.detail}"
