"""The times of keys: a new key is accepted before it signs, an old one until everything it signed
has expired."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from identity.domain.keys import (
    KeyState,
    KeyUse,
    KeyValidity,
    SigningKey,
    active_keys,
    listed_keys,
    next_change,
    replaced,
    rotated,
)

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
GRACE, LIFE = timedelta(seconds=60), timedelta(hours=1)
A, B, C = (SigningKey(name, f"secret of {name}") for name in "abc")


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


def names(keys: tuple[SigningKey, ...]) -> str:
    return "".join(key.name for key in keys)


def after_rotation(
    keys: tuple[SigningKey, ...], new: SigningKey, grace: timedelta = GRACE
) -> tuple[SigningKey, ...]:
    return rotated(keys, new, now=NOW, grace=grace, lifetime=LIFE)


def test_a_key_shows_itself_nowhere() -> None:
    assert "secret" not in repr(A)


def test_keys_without_times_are_all_accepted_and_the_last_signs() -> None:
    assert names(active_keys((A, B, C), NOW)) == "abc"
    assert next_change((A, B, C), NOW) is None


@pytest.mark.parametrize(
    ("seconds", "accepted"),
    [
        (0, "ba"),
        (59.9, "ba"),
        (60, "ab"),
        (60 + 3600, "ab"),
        (60 + 3600 + 59.9, "ab"),
        (60 + 3600 + 60, "b"),
    ],
)
def test_a_new_key_is_accepted_at_once_signs_after_the_grace_and_outlives_the_old_one(
    seconds: float, accepted: str
) -> None:
    assert (
        names(active_keys(after_rotation((A,), B), after(seconds=seconds))) == accepted
    )  # the one that signs is the last


def test_changes_are_announced_in_their_order() -> None:
    keys = after_rotation((A,), B)
    assert next_change(keys, NOW) == after(seconds=60)
    assert next_change(keys, after(seconds=60)) == after(seconds=60 + 3600 + 60)
    assert next_change(keys, after(days=1)) is None


def test_a_second_rotation_keeps_the_end_that_a_key_has() -> None:
    once = after_rotation((A,), B)
    twice = rotated(once, C, now=after(seconds=10), grace=GRACE, lifetime=LIFE)
    assert twice[0] == once[0]
    assert [names(active_keys(twice, after(seconds=each))) for each in (10, 60, 70)] == [
        "bca",
        "acb",
        "abc",
    ]


def test_the_newest_that_may_sign_does_whichever_was_to_begin_later() -> None:
    keys = after_rotation(after_rotation((A,), B, grace=timedelta(days=1)), C)
    assert names(active_keys(keys, after(days=1)))[-1] == "c"


def test_a_rotation_forgets_keys_that_are_out() -> None:
    out = replace(A, times=KeyValidity(accepted_until=NOW))
    assert names(after_rotation((out, B), C)) == "bc"


def test_the_first_key_signs_even_before_its_start() -> None:
    early = replace(A, times=KeyValidity(signs_from=after(hours=1)))
    assert names(active_keys((early,), NOW)) == "a"


def test_a_leaked_key_is_followed_by_one_that_is_alone() -> None:
    (only,) = replaced(B, NOW)
    assert (only.name, only.times.signs_from, only.times.accepted_until) == ("b", NOW, None)


@pytest.mark.parametrize(
    ("hours", "states"),
    [
        (0, [KeyState.SIGNING, KeyState.PENDING]),
        (1, [KeyState.VERIFY_ONLY, KeyState.SIGNING]),
        (2, [KeyState.RETIRED, KeyState.SIGNING]),
    ],
)
def test_keys_are_shown_with_their_state(hours: int, states: list[KeyState]) -> None:
    views = listed_keys(after_rotation((A,), B), KeyUse.JWTS, after(hours=hours))
    assert [view.state for view in views] == states
    assert "secret" not in repr(views)
