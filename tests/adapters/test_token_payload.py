"""The claims in an access token: short, read as they were written, and never by another layout."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import BadSignature, Signer

from identity.adapters.keys.secret_keys import ConfiguredKeys
from identity.adapters.tokens.hmac_sha256 import HmacSha256
from identity.adapters.tokens.payload import pack, unpack
from identity.adapters.tokens.signed import SignedAccessTokens
from identity.domain.claims import AccessClaims
from identity.domain.credentials import ProofMethod
from identity.domain.principal import Subject
from identity.domain.token_kinds import looks_like_token
from support.clock import ManualClock

KEYS = ["o" * 32, "n" * 32]
TOKENS = SignedAccessTokens(ConfiguredKeys(KEYS), ManualClock())
HAWK = Subject(
    2,
    "hawk",
    admin=False,
    version=1,
    uuid="00000000-0000-4000-8000-0123456789ab",
    short_id="s" * 17,
)
CLAIMS = AccessClaims(
    "0123456789abcdef" * 2,
    1_767_268_800,
    1_767_269_400,
    HAWK,
    datetime(2026, 1, 1, 12, tzinfo=UTC),
)
SUBJECTS = st.builds(
    Subject,
    id=st.integers(1, 2**53),
    username=st.text(min_size=1, max_size=64).filter(lambda name: name.isprintable()),
    admin=st.booleans(),
    version=st.integers(1, 2**31 - 1),
    uuid=st.uuids().map(str),
    short_id=st.text("23456789ABCDEFGHabcdefgh", min_size=17, max_size=17),
)
ANY_CLAIMS = st.builds(
    AccessClaims,
    session=st.text("0123456789abcdef", min_size=32, max_size=32),
    issued_at=st.integers(1, 2**32 - 1),
    expires_at=st.integers(1, 2**32 - 1),
    subject=SUBJECTS,
    authenticated_at=st.datetimes(
        datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        datetime(2100, 1, 1),  # noqa: DTZ001 - as above
        timezones=st.just(UTC),
    ).map(lambda time: time.replace(microsecond=0)),
    proof=st.sampled_from(ProofMethod),
    used=st.booleans(),
)


@given(ANY_CLAIMS)
def test_claims_are_read_as_they_were_signed_or_left_to_the_session(claims: AccessClaims) -> None:
    token = TOKENS.sign(claims)
    found = TOKENS.verify(token)
    assert found in (claims, AccessClaims(claims.session, claims.issued_at, claims.expires_at))
    assert claims.subject is not None
    if len(claims.subject.username.encode()) <= 64:
        assert found == claims
    assert len(token) <= 255
    assert looks_like_token(token)


@pytest.mark.parametrize("name", ["a" * 64, "ä" * 32, "a.b+c@example.org"])
def test_a_long_name_fits(name: str) -> None:
    claims = CLAIMS._replace(subject=HAWK._replace(username=name))
    assert TOKENS.verify(TOKENS.sign(claims)) == claims


@pytest.mark.parametrize(
    "values",
    [
        {"subject": None},
        {"authenticated_at": None},
        {"issued_at": 2**32},
        {"subject": HAWK._replace(username="\U0001f985" * 64)},
        {"subject": HAWK._replace(short_id="")},
        {"subject": HAWK._replace(uuid="")},
        {"subject": HAWK._replace(uuid=HAWK.uuid.upper())},
        {"subject": HAWK._replace(id=-1)},
    ],
)
def test_claims_that_do_not_fit_are_left_to_the_session(values: dict[str, object]) -> None:
    claims = CLAIMS._replace(**values)
    token = TOKENS.sign(claims)
    assert len(token) <= 255
    found = TOKENS.verify(token)
    assert found == AccessClaims(claims.session, claims.issued_at, claims.expires_at)


def test_the_time_of_the_proof_is_kept_to_the_second() -> None:
    proved = datetime(2026, 1, 1, 12, 0, 0, 999_999, tzinfo=UTC)
    found = TOKENS.verify(TOKENS.sign(CLAIMS._replace(authenticated_at=proved)))
    assert found
    assert found.authenticated_at == proved.replace(microsecond=0)


@pytest.mark.parametrize("length", range(75))
def test_genuinely_signed_text_of_another_layout_is_refused(length: int) -> None:
    data = base64.urlsafe_b64decode(f"{pack(CLAIMS)}==")
    for text in (data[:length], b"\2" + data[1 : length + 1], b"\1\xff" + data[2:]):
        assert unpack(base64.urlsafe_b64encode(text).rstrip(b"=")) in (None, CLAIMS)
    assert unpack(b"A" * length) is None


@given(st.text(st.characters(codec="ascii"), max_size=80), st.sampled_from([*KEYS, "x" * 32]))
def test_the_fast_check_of_signatures_agrees_with_itsdangerous(text: str, key: str) -> None:
    signer, signed = _signer(KEYS), _signer(key).sign(text)
    for spelling in (signed, signed[:-1], signed + b"A", signed.replace(b".", b"..", 1)):
        value, _, signature = spelling.rpartition(b".")
        try:
            agreed = signer.unsign(spelling) == value
        except BadSignature:
            agreed = False
        assert TOKENS._current().signer.is_genuine(value, signature) == agreed


def _signer(keys: list[str] | str) -> Signer:
    return Signer(
        keys, salt="identity.access-token", key_derivation="hmac", digest_method=hashlib.sha256
    )


def test_uuids_are_spelled_as_the_standard_library_spells_them() -> None:
    for _ in range(20):
        claims = CLAIMS._replace(subject=HAWK._replace(uuid=str(uuid.uuid4())))
        assert unpack(str(pack(claims)).encode()) == claims


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_the_code_is_that_of_rfc_2104(key: bytes, message: bytes) -> None:
    assert HmacSha256(key).digest(message) == hmac.digest(key, message, "sha256")
