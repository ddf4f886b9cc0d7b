"""Access tokens have one spelling, and are valid only with a key of ours and for this purpose."""

from __future__ import annotations

import base64
import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer, URLSafeTimedSerializer

from identity.adapters.keys.secret_keys import ConfiguredKeys
from identity.adapters.tokens.signed import SignedAccessTokens
from identity.domain.claims import AccessClaims
from identity.domain.token_kinds import looks_like_token
from identity.domain.values import is_username
from support.clock import ManualClock

OLD, NEW, OTHER = ("k" * 31 + each for each in "onx")
CLAIMS = AccessClaims("0123456789abcdef" * 2, 1_767_268_800, 1_767_269_400)


def tokens(*keys: str) -> SignedAccessTokens:
    return SignedAccessTokens(ConfiguredKeys(keys), ManualClock())


TOKENS = tokens(OLD, NEW)
TOKEN = TOKENS.sign(CLAIMS)
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def signed(
    text: str, *, key: str = NEW, salt: str = "identity.access-token", **more: object
) -> str:
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256} | more
    return Signer(key, salt=salt, **options).sign(text).decode()


def test_token_says_what_was_signed() -> None:
    assert TOKENS.verify(TOKEN) == CLAIMS
    assert TOKEN.startswith("idt_")
    assert looks_like_token(TOKEN)
    assert not is_username(TOKEN)


@given(
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.integers(2**28, 2**40 - 1),
    st.integers(2**28, 2**40 - 1),
)
def test_signed_claims_are_read_again(session: str, issued_at: int, expires_at: int) -> None:
    claims = AccessClaims(session, issued_at, expires_at)
    assert TOKENS.verify(TOKENS.sign(claims)) == claims


def test_last_character_has_one_spelling() -> None:
    # 43 characters carry 258 bits for 256: four spellings decode to the same signature.
    meant = base64.urlsafe_b64decode(TOKEN.rpartition(".")[2] + "=")
    same = [each for each in BASE64 if base64.urlsafe_b64decode(f"{TOKEN[-43:-1]}{each}=") == meant]
    assert len(same) == 4
    assert [each for each in BASE64 if TOKENS.verify(TOKEN[:-1] + each)] == [TOKEN[-1]]


@pytest.mark.parametrize("position", range(len(TOKEN)))
def test_token_is_refused_when_any_one_character_is_another(position: int) -> None:
    for each in "Aa0_-.~\u0661 ":
        if each != TOKEN[position]:
            assert TOKENS.verify(TOKEN[:position] + each + TOKEN[position + 1 :]) is None
    assert TOKENS.verify(TOKEN[:position] + TOKEN[position + 1 :]) is None


@pytest.mark.parametrize(
    "spelling",
    [
        *(TOKEN + tail for tail in ("=", "==", "!!", "\u00e9", " ", "\n", "\0", "A", "." + TOKEN)),
        *(head + TOKEN for head in (" ", "\n", "x", "idt_", "\ufeff")),
        *(
            TOKEN.upper(),
            TOKEN.lower(),
            TOKEN.swapcase(),
            TOKEN.replace(".", "%2E"),
            TOKEN.replace("_", "\uff3f"),
        ),
        *("", "idt_", ".", "...", TOKEN.rpartition(".")[0], TOKEN.removeprefix("idt_")),
        *(TOKEN.replace("0", "\u0660"), f"{TOKEN}\ud800", TOKEN.replace("idt_", "IDT_")),
    ],
)
def test_token_is_refused_in_any_other_spelling(spelling: str) -> None:
    assert TOKENS.verify(spelling) is None


def test_token_is_read_while_its_key_is_kept_and_refused_when_it_was_removed() -> None:
    old = tokens(OLD).sign(CLAIMS)
    assert TOKENS.verify(old) == CLAIMS
    assert tokens(NEW).verify(old) is None
    assert tokens(OTHER).verify(TOKEN) is None


def test_newest_key_signs() -> None:
    assert tokens(NEW).verify(TOKEN) == CLAIMS
    assert tokens(OLD).verify(TOKEN) is None
    assert tokens(NEW, OLD).verify(TOKEN) == CLAIMS


TEXT = TOKEN.rpartition(".")[0]


def test_helper_of_these_tests_signs_as_the_service_does() -> None:
    assert signed(TEXT) == TOKEN


@pytest.mark.parametrize(
    "token",
    [
        signed(TEXT, salt="identity.activation"),
        signed(TEXT, salt="itsdangerous.Signer"),
        signed(TEXT, salt=""),
        signed(TEXT, key=OTHER),
        signed(TEXT, key_derivation="django-concat"),
        signed(TEXT, key_derivation="concat"),
        signed(TEXT, key_derivation="none"),
        signed(TEXT, digest_method=hashlib.sha1),
        signed(TEXT, digest_method=hashlib.sha512),
        URLSafeTimedSerializer(NEW, salt="identity.access-token").dumps(
            {"session": CLAIMS.session}
        ),
        URLSafeTimedSerializer(NEW, salt="cookie-session").dumps({"_user_id": "1"}),
    ],
    # the serializer's tokens hold the time, and every worker must find the same names
    ids=str.__len__,
)
def test_token_is_refused_when_it_was_signed_for_another_purpose_or_otherwise(token: str) -> None:
    assert TOKENS.verify(token) is None


@pytest.mark.parametrize(
    "text",
    [
        f"idt_{CLAIMS.session}.{CLAIMS.issued_at:08x}",
        f"idt_{CLAIMS.session}.{CLAIMS.issued_at:08x}.{CLAIMS.expires_at:08x}.00000000",
        f"idt_{CLAIMS.session.upper()}.{CLAIMS.issued_at:08x}.{CLAIMS.expires_at:08x}",
        f"idt_{CLAIMS.session}.{CLAIMS.issued_at:08X}.{CLAIMS.expires_at:08X}",
        f"idt_{CLAIMS.session}.-{CLAIMS.issued_at:07x}.{CLAIMS.expires_at:08x}",
        f"nhu_{CLAIMS.session}.{CLAIMS.issued_at:08x}.{CLAIMS.expires_at:08x}",
        "idt_1.1.1",
        "",
    ],
)
def test_token_is_refused_when_our_own_key_signed_another_formatat(text: str) -> None:
    assert TOKENS.verify(signed(text)) is None


_NEARLY = st.builds(
    "{}.{}".format, st.just(TEXT), st.text(st.sampled_from(BASE64), min_size=41, max_size=45)
)


@given(st.one_of(st.text(), _NEARLY, st.from_regex(r"\Aidt_[0-9a-f]{32}(\.[0-9a-f]{8}){2}\..*\Z")))
def test_garbage_is_no_token_and_no_error(text: str) -> None:
    assert text == TOKEN or TOKENS.verify(text) is None
