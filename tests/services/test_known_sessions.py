"""The cache of valid sessions: bounded, forgotten by account, and never filled from a row that was
read too early."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from identity.domain.principal import Subject
from identity.services.sessions.cache import SessionCache, SessionState, _owner, _packed, _unpacked

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def of(account_id: int) -> SessionState:
    subject = Subject(account_id, "hawk", admin=False, version=1, uuid="", short_id="")
    return SessionState(subject, "0" * 32, NOW, absolute_end=NOW, idle_end=None, last_used_at=NOW)


def keep(known: SessionCache, session_id: str, account_id: int) -> None:
    known.keep(session_id, of(account_id), generation=known.generation)


def test_session_is_found_until_its_account_is_forgotten() -> None:
    known = SessionCache(9)
    keep(known, "a", 1)
    keep(known, "b", 1)
    keep(known, "c", 2)
    known.forget(1)
    assert [known.find(each) for each in "abc"] == [None, None, of(2)]


def test_everything_is_forgotten_when_anything_may_have_changed() -> None:
    known = SessionCache(9)
    keep(known, "a", 1)
    keep(known, "b", 2)
    known.forget(None)
    assert [known.find(each) for each in "ab"] == [None, None]


@pytest.mark.parametrize("forgotten", [1, 2, None])
def test_row_read_before_anything_was_forgotten_is_not_kept(forgotten: int | None) -> None:
    known = SessionCache(9)
    generation = known.generation
    known.forget(forgotten)
    known.keep("a", of(1), generation=generation)
    assert known.find("a") is None
    keep(known, "a", 1)
    assert known.find("a") == of(1)


@pytest.mark.parametrize("idle_end", [None, NOW + timedelta(microseconds=1)])
def test_a_session_comes_out_of_the_memory_as_it_went_in(idle_end: datetime | None) -> None:
    subject = Subject(2**40, "hawk", admin=True, version=7, uuid="u", short_id="s")
    ends = {"absolute_end": NOW + timedelta(days=90, microseconds=999_999), "idle_end": idle_end}
    kept = SessionState(
        subject, "0" * 32, NOW + timedelta(microseconds=123_457), last_used_at=NOW, **ends
    )
    for key in ("0" * 32, "a digest", "f" * 64):
        assert _unpacked(key, _packed(key, kept)) == kept


@pytest.mark.parametrize(
    ("one", "other"), [("ab", "AB"), ("ab", "a b"), ("61", "a"), ("6a" * 16, "j" * 16), ("", " ")]
)
def test_two_names_are_never_taken_for_one(one: str, other: str) -> None:
    known = SessionCache(9)
    keep(known, one, 1)
    assert known.find(other) is None
    keep(known, other, 2)
    assert [known.find(one), known.find(other)] == [of(1), of(2)]


@pytest.mark.parametrize(
    "uuid", ["00000000-0000-4000-8000-0123456789ab", "0000", "0" * 32, "-" * 4, "AB-"]
)
def test_a_uuid_comes_out_as_it_was_spelled(uuid: str) -> None:
    kept = replace(of(1), subject=of(1).subject._replace(uuid=uuid))
    assert _unpacked("a", _packed("a", kept)) == kept


@pytest.mark.parametrize("bound", [1, 2, 5])
def test_longest_known_is_forgotten_first_when_the_memory_is_full(bound: int) -> None:
    known = SessionCache(bound)
    for number in range(bound + 3):
        keep(known, str(number), number)
    assert [each for each in range(bound + 3) if known.find(str(each))] == list(range(3, bound + 3))


class Memory(RuleBasedStateMachine):
    """Keeps and forgets in any order, beside a list of all that may be known at most."""

    sessions = st.integers(0, 20)

    @initialize(bound=st.sampled_from([1, 2, 3, 6, 20]))
    def begin(self, bound: int) -> None:
        self.bound = bound
        self.known = SessionCache(bound)
        self.possible: dict[str, int] = {}  # kept, and not forgotten since
        self.read_at = 0

    @rule()
    def read_a_row(self) -> None:
        self.read_at = self.known.generation

    @rule(session=sessions, late=st.booleans())
    def keep(self, session: int, late: bool) -> None:
        name, account_id = str(session), session % 4  # a session belongs to one account for ever
        generation = self.read_at if late else self.known.generation
        self.known.keep(name, of(account_id), generation=generation)
        if generation == self.known.generation:
            self.possible[name] = account_id
            assert self.known.find(name) == of(account_id)

    @rule(account_id=st.one_of(st.none(), st.integers(0, 4)))
    def forget(self, account_id: int | None) -> None:
        before = self.known.generation
        self.known.forget(account_id)
        assert self.known.generation > before
        self.possible = {
            name: owner for name, owner in self.possible.items() if account_id not in (None, owner)
        }

    @invariant()
    def the_bound_is_kept_and_nothing_is_known_that_should_not_be(self) -> None:
        assert len(self.known) <= self.bound
        for session in range(21):
            found = self.known.find(str(session))
            assert found in (None, of(session % 4))
            assert found is None or str(session) in self.possible

    @invariant()
    def accounts_and_sessions_agree(self) -> None:
        buckets = self.known._buckets
        listed = [(place, key) for place, keys in enumerate(buckets) for key in keys]
        kept = {
            _long(key): _unpacked(_long(key), packed) for key, packed in self.known._packed.items()
        }
        assert sorted(listed, key=str) == sorted(
            ((_owner(packed) % len(buckets), key) for key, packed in self.known._packed.items()),
            key=str,
        )
        assert self.known._hot.items() <= kept.items()


def _long(key: bytes | str) -> str:
    return key if isinstance(key, str) else key.hex()


TestMemory = Memory.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
