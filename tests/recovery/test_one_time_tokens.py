"""The tokens that mails carry: signed for one purpose, in one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.adapters.keys.secret_keys import ConfiguredKeys
from identity.adapters.tokens.signed import SignedAccessTokens, SignedOneTimeTokens
from identity.domain.claims import AccessClaims, OneTimeClaims, Purpose
from support.clock import ManualClock

KEYS = ("k" * 16 + "0123456789abcdef", "n" * 16 + "fedcba9876543210")
CLAIMS = OneTimeClaims(7, 3, 2_000_000_000, "0123456789abcdef")
CLOCK = ManualClock()
TOKENS = SignedOneTimeTokens(ConfiguredKeys(KEYS), CLOCK)
PURPOSES = list(Purpose)
FEW = settings(deadline=None, max_examples=40)


@FEW
@given(
    purpose=st.sampled_from(PURPOSES),
    account=st.integers(1, 2**63 - 1),
    version=st.integers(1, 2**31 - 1),
    expires_at=st.integers(2**28, 2**40 - 1),
    binding=st.text("0123456789abcdef", min_size=16, max_size=16),
)
def test_a_token_says_what_was_signed(
    purpose: Purpose, account: int, version: int, expires_at: int, binding: str
) -> None:
    claims = OneTimeClaims(account, version, expires_at, binding)
    assert TOKENS.verify(purpose, TOKENS.sign(purpose, claims)) == claims


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_of_another_purpose_says_nothing(purpose: Purpose) -> None:
    others = [other for other in PURPOSES if other is not purpose]
    assert [TOKENS.verify(other, TOKENS.sign(purpose, CLAIMS)) for other in others] == [None] * len(
        others
    )


def test_an_access_token_is_no_one_time_token() -> None:
    token = SignedAccessTokens(ConfiguredKeys(KEYS), CLOCK).sign(
        AccessClaims("0" * 32, 1_900_000_000, 2_000_000_000)
    )
    assert [TOKENS.verify(purpose, token) for purpose in PURPOSES] == [None] * len(PURPOSES)
    assert (
        SignedAccessTokens(ConfiguredKeys(KEYS), CLOCK).verify(TOKENS.sign(Purpose.RESET, CLAIMS))
        is None
    )


def test_a_token_of_an_older_key_is_accepted_and_one_of_another_key_is_not() -> None:
    old = SignedOneTimeTokens(ConfiguredKeys(KEYS[:1]), CLOCK).sign(Purpose.RESET, CLAIMS)
    assert TOKENS.verify(Purpose.RESET, old) == CLAIMS
    assert SignedOneTimeTokens(ConfiguredKeys(KEYS[1:]), CLOCK).verify(Purpose.RESET, old) is None


@FEW
@given(position=st.integers(0, 200), character=st.characters(codec="utf-8"))
def test_a_changed_token_says_nothing(position: int, character: str) -> None:
    token = TOKENS.sign(Purpose.RESET, CLAIMS)
    position %= len(token)
    changed = token[:position] + character + token[position + 1 :]
    assert (TOKENS.verify(Purpose.RESET, changed) is None) == (changed != token)


@FEW
@given(st.text(max_size=120) | st.text("0123456789abcdef.", min_size=40, max_size=90))
def test_any_text_says_nothing(text: str) -> None:
    assert [TOKENS.verify(purpose, text) for purpose in PURPOSES] == [None] * len(PURPOSES)
