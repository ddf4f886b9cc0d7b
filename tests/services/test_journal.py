"""What the journal in memory says of tokens and cached rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from identity.domain.claims import AccessClaims
from identity.domain.principal import Subject
from identity.services.sessions import journal as journals
from identity.services.sessions.journal import ISSUE_SECONDS, SETTLING_SECONDS, Journal
from identity.store.journal import Change, Reader

LIFE = 600
NOW = 1_800_000_000
HAWK = Subject(2, "hawk", admin=False, version=1, uuid="", short_id="")


@dataclass
class Clock:
    """Stands in for transactions: the time, and what was written."""

    seconds: int = NOW
    written: list[Change] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def on_commit(self, listener: Any) -> None:
        self.listener = listener

    def write_unattended(self, work: Any) -> None:
        work(self)
        self.listener(self.written[-1:])

    def journal(self, change: Change) -> None:
        self.written.append(change)


@dataclass
class StillFeed:
    """A feed that a test moves."""

    reader: Reader
    current: bool = True

    def is_current(self) -> bool:
        return self.current

    def notify(self) -> None: ...

    def lag(self) -> float:
        return 0.0


@dataclass
class Case:
    """A journal, its feed and its clock."""

    journal: Journal
    feed: StillFeed
    clock: Clock

    def read(self, *changes: Change) -> None:
        self.feed.reader.add(changes)

    def confirms(self, issued_at: int = NOW, **values: Any) -> bool:
        claims = AccessClaims("a" * 32, issued_at, issued_at + LIFE, HAWK)._replace(**values)
        return self.journal.confirms(claims)


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A journal of a time in which tokens were issued."""
    feeds: list[StillFeed] = []

    def opened(_engine: object, reader: Reader) -> StillFeed:
        feeds.append(StillFeed(reader))
        return feeds[0]

    monkeypatch.setattr(journals, "open_feed", opened)
    clock = Clock()
    journal = Journal(None, clock, token_life=timedelta(seconds=LIFE))
    feeds[0].reader.replace(issued(NOW - LIFE, NOW + LIFE))
    return Case(journal, feeds[0], clock)


def issued(since: int, until: int) -> Sequence[Change]:
    return [Change(at) for at in range(since, until, ISSUE_SECONDS)]


def test_a_token_is_confirmed_while_nothing_happened_to_its_account(case: Case) -> None:
    assert case.confirms()
    case.read(Change(NOW, 3), Change(NOW, 3, "b" * 32), Change(NOW, 2, "b" * 32))
    assert case.confirms()


@pytest.mark.parametrize("late", [-LIFE, -1, 0, 1, SETTLING_SECONDS])
def test_a_token_is_not_confirmed_after_a_change_of_its_account(case: Case, late: int) -> None:
    case.feed.reader.replace([*issued(NOW - LIFE, NOW + LIFE), Change(NOW - late, 2)])
    assert not case.confirms()


def test_a_token_that_is_issued_when_a_change_has_settled_is_confirmed(case: Case) -> None:
    change = Change(NOW - SETTLING_SECONDS - 1, 2)
    case.feed.reader.replace([*issued(NOW - LIFE, NOW + LIFE), change])
    assert case.confirms()


def test_a_change_by_a_node_with_a_slow_clock_counts_from_when_it_is_read(case: Case) -> None:
    case.read(Change(NOW - 3600, 2))
    assert not case.confirms()


def test_a_change_is_not_forgotten_for_an_older_one_that_is_read_later(case: Case) -> None:
    case.read(Change(NOW, 2))
    case.read(Change(NOW - LIFE, 2))
    assert not case.confirms(NOW + SETTLING_SECONDS)


def test_a_token_of_an_ended_session_is_never_confirmed(case: Case) -> None:
    case.read(Change(NOW, 2, "a" * 32))
    assert not case.confirms()
    assert not case.confirms(NOW + SETTLING_SECONDS + 1)
    assert case.confirms(session="b" * 32)


def test_no_token_is_confirmed_while_the_journal_is_not_current(case: Case) -> None:
    case.feed.current = False
    assert not case.confirms()


def test_a_token_that_tells_only_its_session_is_not_confirmed(case: Case) -> None:
    assert not case.confirms(subject=None)


def test_a_token_of_a_time_without_issues_is_not_confirmed(case: Case) -> None:
    assert not case.confirms(NOW + LIFE + ISSUE_SECONDS)
    case.journal.note_issue(datetime.fromtimestamp(NOW + LIFE + ISSUE_SECONDS, UTC))
    assert case.confirms(NOW + LIFE + ISSUE_SECONDS)


def test_issues_are_noted_once_for_each_interval(case: Case) -> None:
    for second in range(3 * ISSUE_SECONDS):
        case.journal.note_issue(datetime.fromtimestamp(NOW + LIFE + second, UTC))
    assert [change.at for change in case.clock.written] == [
        NOW + LIFE + number * ISSUE_SECONDS for number in range(3)
    ]


def test_tokens_of_a_time_that_the_database_does_not_know_are_not_confirmed(case: Case) -> None:
    case.feed.reader.replace(issued(NOW - LIFE, NOW - 60))  # it was set back by a minute
    assert not case.confirms()
    assert case.confirms(NOW - 100)


def test_a_row_holds_until_its_account_or_its_session_changes(case: Case) -> None:
    generation = case.journal.generation
    case.read(Change(NOW, 3), Change(NOW, 2, "b" * 32))
    assert case.journal.unchanged(generation, 2, "a" * 32)
    case.read(Change(NOW, 2, "a" * 32))
    assert not case.journal.unchanged(generation, 2, "a" * 32)
    assert case.journal.unchanged(case.journal.generation, 2, "a" * 32)
    case.read(Change(NOW, 2))
    assert not case.journal.unchanged(case.journal.generation - 1, 2, "a" * 32)


def test_no_row_holds_when_changes_may_have_been_missed(case: Case) -> None:
    generation = case.journal.generation
    case.feed.reader.replace([])
    assert not case.journal.unchanged(generation, 2, "a" * 32)


def test_a_row_does_not_hold_longer_than_its_change_is_remembered(case: Case) -> None:
    generation = case.journal.generation
    case.read(Change(NOW, 2))
    case.clock.seconds += 10 * LIFE
    case.read(Change(case.clock.seconds, 3))
    assert case.journal.state()["identity_journal_entries"] == 1
    assert not case.journal.unchanged(generation, 2, "a" * 32)


def test_what_matters_to_no_token_any_more_is_forgotten(case: Case) -> None:
    for second in range(0, 10 * LIFE, 5):
        case.clock.seconds = NOW + second
        case.read(Change(NOW + second, second), Change(NOW + second, 1, f"{second:032x}"))
    kept = case.journal.state()["identity_journal_entries"]
    assert kept <= 2 * (LIFE + SETTLING_SECONDS + 2 * ISSUE_SECONDS) / 5 + 2
    assert not case.journal.confirms(
        AccessClaims("c" * 32, case.clock.seconds - LIFE, case.clock.seconds + LIFE, HAWK)
    )
