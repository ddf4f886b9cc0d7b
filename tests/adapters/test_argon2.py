"""Argon2id: current parameters, rehashing after a change, equal work for unknown accounts, bounded
cost.
"""

from __future__ import annotations

import base64
import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from identity.adapters.passwords.argon2 import Argon2Cost, Argon2Hasher, can_verify
from identity.domain.ports import Verdict

COST = Argon2Cost(memory_kib=8, time=1)
WAIT = timedelta(seconds=5)
GIBIBYTE = 1024 * 1024
TAIL = "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


class CheckedClient:
    """The real Argon2, with a list of what was computed to its end."""

    def __init__(self, inner: PasswordHasher) -> None:
        self.inner = inner
        self.asked: list[str] = []
        self.computed: list[str] = []

    def verify(self, stored: str, password: str) -> bool:
        self.asked.append(stored)
        try:
            matches = self.inner.verify(stored, password)
        except VerifyMismatchError:
            self.computed.append(stored)
            raise
        self.computed.append(stored)
        return matches

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.fixture
def hasher() -> Argon2Hasher:
    return Argon2Hasher(COST, wait=WAIT)


@pytest.fixture
def watched(hasher: Argon2Hasher) -> CheckedClient:
    watched = CheckedClient(hasher._argon2)
    hasher._argon2 = watched  # type: ignore[assignment]
    return watched


def test_hash_says_its_parameters_and_salts_every_password(hasher: Argon2Hasher) -> None:
    one, other = hasher.hash("newpwd"), hasher.hash("newpwd")
    assert one != other
    _, kind, version, cost, salt, digest = one.split("$")
    assert (kind, version, cost) == ("argon2id", "v=19", "m=8,t=1,p=1")
    assert len(base64.b64decode(salt + "==")) == 16
    assert len(base64.b64decode(digest + "=")) == 32


def test_default_parameters_are_those_of_the_design() -> None:
    hashed = Argon2Hasher(Argon2Cost(memory_kib=19 * 1024, time=2), wait=WAIT).hash("newpwd")
    assert "$m=19456,t=2,p=1$" in hashed


@pytest.mark.parametrize(
    "password", ["newpwd", "p" * 256, "\U0001f426" * 256, "pass word", "caf\u00e9", "-"]
)
def test_password_matches_its_own_hash_and_no_other(hasher: Argon2Hasher, password: str) -> None:
    stored = hasher.hash(password)
    assert hasher.verify(stored, password) == Verdict(matches=True, outdated=False)
    assert hasher.verify(stored, f"{password}x") == Verdict(matches=False)
    assert hasher.verify(stored, password[:-1]) == Verdict(matches=False)


@pytest.mark.parametrize(
    "made_by",
    [
        PasswordHasher(memory_cost=16, time_cost=1, parallelism=1),
        PasswordHasher(memory_cost=8, time_cost=2, parallelism=1),
        PasswordHasher(memory_cost=8, time_cost=1, parallelism=1, hash_len=16),
        PasswordHasher(memory_cost=8, time_cost=1, parallelism=1, salt_len=8),
        PasswordHasher(memory_cost=64, time_cost=1, parallelism=4),
        PasswordHasher(memory_cost=64, time_cost=1, parallelism=8),
        PasswordHasher(memory_cost=64, time_cost=1, parallelism=2, type=Type.I),
        PasswordHasher(memory_cost=8, time_cost=1, parallelism=1, type=Type.I),
        PasswordHasher(memory_cost=8, time_cost=1, parallelism=1, type=Type.D),
    ],
)
def test_matching_hash_is_outdated_when_it_was_made_with_other_parameters(
    hasher: Argon2Hasher, made_by: PasswordHasher
) -> None:
    stored = made_by.hash("newpwd")
    assert hasher.verify(stored, "newpwd") == Verdict(matches=True, outdated=True)
    assert hasher.verify(stored, "wrong") == Verdict(matches=False)
    assert can_verify(stored)
    django = f"argon2{stored}"
    assert hasher.verify(django, "newpwd") == Verdict(matches=True, outdated=True)
    assert hasher.verify(django, "wrong") == Verdict(matches=False)
    assert can_verify(django)


def test_a_hash_that_django_made_at_our_cost_is_outdated_too(hasher: Argon2Hasher) -> None:
    assert hasher.verify(f"argon2{hasher.hash('newpwd')}", "newpwd") == Verdict(
        matches=True, outdated=True
    )


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "!",
        "newpwd",
        "plain:newpwd",
        "md5$salt$0123",
        "$1$salt$abc",
        "$argon2id",
        "$argon2id$$$$",
        "$argon2id$v=19$m=x,t=1,p=1" + TAIL,
        "$argon2xy$v=19$m=8,t=1,p=1" + TAIL,
        "$argon2id$v=19$m=8,t=1" + TAIL,
        "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA",
        "$argon2id$v=19$m=8,t=1,p=1$!!!!!!!!!!!!!!!!!!!!!!$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=-8,t=1,p=1" + TAIL,
        "$argon2id$v=19$m=8,t=0,p=1" + TAIL,
        "$argon2id$v=19$m=8,t=1,p=1$\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9$AAAAAAAA",
    ],
)
def test_nothing_usable_stored_costs_one_whole_hash_of_todays_parameters(
    hasher: Argon2Hasher, watched: CheckedClient, stored: str | None
) -> None:
    assert hasher.verify(stored, "newpwd") == Verdict(matches=False)
    assert len(watched.computed) == 1
    assert watched.computed[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")


@pytest.mark.parametrize(
    "cost",
    [
        f"m={GIBIBYTE + 1},t=1,p=1",
        "m=4294967295,t=1,p=1",
        "m=8,t=17,p=1",
        "m=8,t=4294967295,p=1",
        f"m={GIBIBYTE},t=5,p=1",
        "m=1024,t=1,p=17",
        "m=134217720,t=1,p=16777215",
    ],
)
def test_stored_hash_is_not_computed_when_it_asks_for_too_much(
    hasher: Argon2Hasher, watched: CheckedClient, cost: str
) -> None:
    stored = f"$argon2id$v=19${cost}{TAIL}"
    assert hasher.verify(stored, "newpwd") == Verdict(matches=False)
    assert stored not in watched.asked
    assert len(watched.computed) == 1
    assert not can_verify(stored)


ANGSTROM = "\u212b and \ufb01sh"  # NFKC makes other letters of both
FOLDED = unicodedata.normalize("NFKC", ANGSTROM)
FOREIGN = {
    "folded by the other system": PasswordHasher(memory_cost=16, time_cost=1, parallelism=2).hash(
        FOLDED
    ),
    "as it came": PasswordHasher(memory_cost=16, time_cost=1, parallelism=2).hash(ANGSTROM),
    "as it came, at our cost": PasswordHasher(
        memory_cost=8, time_cost=1, parallelism=1, hash_len=32, salt_len=16
    ).hash(ANGSTROM),
    "as it came, by Werkzeug": generate_password_hash(ANGSTROM, "pbkdf2:sha256:1000"),
}


@pytest.mark.parametrize("stored", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_hash_matches_the_password_as_it_came_or_folded(
    hasher: Argon2Hasher, stored: str
) -> None:
    assert hasher.verify(stored, FOLDED, typed=ANGSTROM) == Verdict(matches=True, outdated=True)
    assert hasher.verify(stored, "wrong", typed="wr\u00f6ng") == Verdict(matches=False)


def test_our_own_hash_matches_folded_and_is_kept(hasher: Argon2Hasher) -> None:
    own = hasher.hash(FOLDED)
    assert hasher.verify(own, FOLDED, typed=ANGSTROM) == Verdict(matches=True, outdated=False)
    assert hasher.verify(own, FOLDED) == Verdict(matches=True, outdated=False)


def test_two_spellings_cost_two_hashes_for_every_account(
    hasher: Argon2Hasher, watched: CheckedClient
) -> None:
    for stored in (None, "!", hasher.hash("other"), FOREIGN["as it came, at our cost"]):
        watched.computed.clear()
        assert not hasher.verify(stored, "wrong", typed="wr\u212bng").matches
        assert len(watched.computed) == 2
        watched.computed.clear()
        assert not hasher.verify(stored, "wrong", typed="wrong").matches
        assert len(watched.computed) == 1


def test_dummy_hash_is_another_one_in_every_process_and_matches_nothing(
    hasher: Argon2Hasher,
) -> None:
    assert hasher._dummy_hash != Argon2Hasher(COST, wait=WAIT)._dummy_hash
    for password in ("", "-", "newpwd", hasher._dummy_hash):
        assert not hasher.verify(hasher._dummy_hash, password).matches


# Cheap as they are written: what is slow on purpose is told by the tables above.
_COSTS = st.sampled_from(
    ["m=8,t=1,p=1", "m=,t=,p=", "m=8", "t=1,m=8,p=1", "m=8,t=1,p=0", "m=8,t=1,p=1,x=1", ""]
)
_STORED = st.one_of(
    st.text(max_size=80),
    st.builds(
        "$argon2{}$v={}${}${}${}".format,
        st.sampled_from(["id", "i", "d", "", "x"]),
        st.sampled_from(["19", "16", "0", "x", ""]),
        _COSTS,
        st.text(max_size=30),
        st.text(max_size=50),
    ),
)


@given(_STORED, st.text(st.characters(codec="utf-8"), max_size=20))
def test_every_stored_text_gets_a_verdict_and_never_an_error(stored: str, password: str) -> None:
    assert not Argon2Hasher(COST, wait=WAIT).verify(stored, password).matches
