"""The rules: who may do what, how recent an authentication must be, and when a token is within its
lifetime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from identity.domain import policy
from identity.domain.claims import AccessClaims
from identity.domain.credentials import Credential
from identity.domain.errors import (
    Forbidden,
    LastAdmin,
    RegistrationRefused,
    StepUpRequired,
    Unauthenticated,
)
from identity.domain.exposure import Registration
from identity.domain.principal import Origin, Principal, Subject, operator

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ORIGIN = Origin("192.0.2.1", "test", "native")
ANONYMOUS = Principal(ORIGIN)


def known_caller(*, admin: bool = False, proven: datetime | None = NOW) -> Principal:
    return Principal(
        ORIGIN,
        Subject(7, "hawk", admin=admin, version=1, uuid="", short_id=""),
        Credential.PASSWORD,
        proven,
    )


def claims(*, issued: float = 0, expires: float = 600) -> AccessClaims:
    start = int(NOW.timestamp())
    return AccessClaims("0" * 32, start + int(issued), start + int(expires))


@pytest.mark.parametrize(
    ("issued", "expires", "within_lifetime"),
    [
        (0, 600, True),
        (-600, 1, True),
        (-600, 0, False),  # over in the very second that it names
        (-601, -1, False),
        (1, 600, True),
        (5, 600, True),  # another node's clock
        (6, 600, False),
        (3600, 7200, False),
        (-4, -1, False),  # leeway is for the future only
    ],
)
def test_token_is_timely_from_five_seconds_early_until_its_end(
    issued: int, expires: int, within_lifetime: bool
) -> None:
    assert (
        policy.within_lifetime(claims(issued=issued, expires=expires), NOW.timestamp())
        is within_lifetime
    )


@pytest.mark.parametrize("microseconds", [1, 500_000, 999_999])
def test_token_is_judged_by_the_whole_time_not_by_its_second(microseconds: int) -> None:
    moment = (NOW + timedelta(microseconds=microseconds)).timestamp()
    assert policy.within_lifetime(claims(issued=5), moment)
    assert policy.within_lifetime(claims(issued=-600, expires=1), moment)
    assert not policy.within_lifetime(claims(issued=-600, expires=0), moment)


@pytest.mark.parametrize(
    ("left", "lives"), [(3600, 600), (600, 600), (599, 599), (1, 1), (0, 0), (-1, -1)]
)
def test_token_ends_after_its_lifetimetime_and_never_later_than_its_session(
    left: int, lives: int
) -> None:
    end = policy.token_end(NOW, timedelta(seconds=600), NOW + timedelta(seconds=left))
    assert end == NOW + timedelta(seconds=lives)


@pytest.mark.parametrize(
    ("age", "recent"), [(0, True), (899, True), (900, True), (900.001, False), (86400, False)]
)
def test_authentication_is_recent_for_15_minutes(age: float, recent: bool) -> None:
    caller = known_caller(proven=NOW - timedelta(seconds=age))
    if recent:
        policy.require_recent_authentication(caller, NOW)
    else:
        with pytest.raises(StepUpRequired):
            policy.require_recent_authentication(caller, NOW)


def test_no_caller_is_identified_before_recent_authentication_is_required() -> None:
    with pytest.raises(Unauthenticated):
        policy.require_recent_authentication(ANONYMOUS, NOW)


def test_no_authentication_is_too_old_where_none_is_required() -> None:
    policy.require_recent_authentication(
        known_caller(proven=NOW - timedelta(days=365)), NOW, max_age=timedelta(0)
    )
    policy.require_recent_authentication(known_caller(proven=None), NOW, max_age=timedelta(0))


def test_refusal_of_an_old_authentication_says_how_old_it_may_be() -> None:
    with pytest.raises(StepUpRequired) as refused:
        policy.require_recent_authentication(
            known_caller(proven=NOW - timedelta(minutes=2)), NOW, max_age=timedelta(minutes=1)
        )
    assert refused.value.max_age == timedelta(minutes=1)


def test_authentication_is_required_when_there_was_none() -> None:
    with pytest.raises(StepUpRequired):
        policy.require_recent_authentication(known_caller(proven=None), NOW)


def test_operator_needs_no_recent_authentication() -> None:
    policy.require_recent_authentication(operator(), NOW)


@pytest.mark.parametrize(
    "admins", [frozenset(), frozenset({2}), frozenset({1, 2}), frozenset({1, 2, 3})]
)
def test_admin_may_leave_when_another_one_stays_or_is_none(admins: frozenset[int]) -> None:
    policy.require_other_admin(admins, leaving=1)


def test_last_admin_may_not_leave() -> None:
    with pytest.raises(LastAdmin):
        policy.require_other_admin(frozenset({1}), leaving=1)


def test_admin_is_who_the_account_says() -> None:
    assert policy.require_admin(known_caller(admin=True)).id == 7
    with pytest.raises(Forbidden):
        policy.require_admin(known_caller())
    with pytest.raises(Unauthenticated):
        policy.require_admin(ANONYMOUS)


@pytest.mark.parametrize(
    ("mode", "anonymous", "user", "admin"),
    [
        (Registration.OPEN, None, None, None),
        (Registration.ADMIN, Unauthenticated, RegistrationRefused, None),
        (Registration.CLOSED, RegistrationRefused, RegistrationRefused, RegistrationRefused),
    ],
)
def test_registration_follows_the_mode(
    mode: Registration,
    anonymous: type[Exception] | None,
    user: type[Exception] | None,
    admin: type[Exception] | None,
) -> None:
    for caller, refusal in (
        (ANONYMOUS, anonymous),
        (known_caller(), user),
        (known_caller(admin=True), admin),
    ):
        if refusal is None:
            policy.require_registration(mode, caller)
        else:
            with pytest.raises(refusal):
                policy.require_registration(mode, caller)


def test_anonymous_has_no_account() -> None:
    with pytest.raises(Unauthenticated):
        ANONYMOUS.account  # noqa: B018 - asking is the check
