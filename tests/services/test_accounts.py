"""Registration: who may, with which values, and that names and emails are unique."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from flask import Flask

from identity.domain.errors import (
    Busy,
    EmailTaken,
    Forbidden,
    IdentityError,
    InvalidInput,
    NotFound,
    RegistrationRefused,
    Unauthenticated,
    UsernameTaken,
)
from identity.domain.principal import Principal, operator
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK, populate
from support.app import ORIGIN, principal, services
from support.clock import ManualClock
from support.database import rows
from support.hashing import count_hashes

ANONYMOUS = Principal(ORIGIN)


def register(app: Flask, *values: str | None, by: Principal = ANONYMOUS) -> int:
    return services(app).accounts.register(by, NewAccount(*values)).id


def test_registered_account_is_a_plain_one_and_can_log_in(app: Flask, clock: ManualClock) -> None:
    clock.advance(days=1)
    wanted = NewAccount("Falcon", "newpwd", "Falcon@Example.org", "F. Alcon")
    made = services(app).accounts.register(ANONYMOUS, wanted)
    assert (made.id, made.username, made.email, made.full_name) == (
        3,
        "Falcon",
        "Falcon@Example.org",
        "F. Alcon",
    )
    assert {made.admin, made.disabled, made.activated, made.email_verified} == {False}
    assert made.created_at == made.updated_at == clock.now()
    assert uuid.UUID(made.uuid).version == 4
    assert services(app).account_list.fetch(principal(app, *ADMIN), made.id) == made
    assert principal(app, "falcon", "newpwd").account.username == "Falcon"


def test_row_holds_canonical_forms_and_a_hash_but_no_password(app: Flask) -> None:
    register(app, "Falcon", "canary-pw", "Falcon@B\u00dcCHER.example")
    query = (
        "SELECT username_canonical, email_canonical, password_hash, version FROM account "
        "WHERE id = 3"
    )
    ((username, email, password_hash, version),) = rows(app, query)
    assert (username, email, version) == ("falcon", "falcon@xn--bcher-kva.example", 1)
    assert password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert "canary" not in str(rows(app, "SELECT * FROM account"))


def test_every_account_has_ids_of_its_own(app: Flask) -> None:
    for number in range(5):
        register(app, f"bird{number}", "newpwd")
    found = rows(app, "SELECT id, uuid, short_id FROM account")
    assert [len({row[column] for row in found}) for column in range(3)] == [7, 7, 7]
    assert all(len(short_id) == 17 for _, _, short_id in found)


def test_name_is_taken_however_it_is_spelled_and_costs_no_hash(app: Flask) -> None:
    hashes = count_hashes(app)
    for name in ("hawk", "HAWK", "Hawk"):
        with pytest.raises(UsernameTaken) as refusal:
            register(app, name, "newpwd")
        assert refusal.value.detail == f"Username {name} already exists"
    assert (hashes.hashed, len(rows(app, "SELECT id FROM account"))) == (0, 2)


def test_email_is_taken_however_it_is_spelled(app: Flask) -> None:
    register(app, "falcon", "newpwd", "f@b\u00fccher.example")
    for email in ("f@b\u00fccher.example", "F@B\u00dcCHER.EXAMPLE", "f@xn--bcher-kva.example"):
        with pytest.raises(EmailTaken):
            register(app, "eagle", "newpwd", email)
    assert len(rows(app, "SELECT id FROM account")) == 3


def test_many_accounts_may_have_no_email(app: Flask) -> None:
    assert [register(app, name, "newpwd") for name in ("falcon", "eagle")] == [3, 4]


def test_account_is_not_made_of_values_that_cannot_be_used(app: Flask) -> None:
    hashes = count_hashes(app)
    for values, field in (
        (("ha:wk", "newpwd"), "username"),
        (("", "newpwd"), "username"),
        (("idt_x", "newpwd"), "username"),
        (("falcon", ""), "password"),
        (("falcon", "p" * 257), "password"),
        (("falcon", "newpwd", "a@b"), "email"),
        (("falcon", "newpwd", ""), "email"),
        (("falcon", "newpwd", None, "a\nb"), "full_name"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            register(app, *values)
        assert [problem.field for problem in refusal.value.problems] == [field]
    assert (hashes.hashed, len(rows(app, "SELECT id FROM account"))) == (0, 2)


@pytest.mark.parametrize(
    ("mode", "refusals"),
    [
        ("open", {"anonymous": None, "user": None, "admin": None}),
        ("admin", {"anonymous": Unauthenticated, "user": RegistrationRefused, "admin": None}),
        ("closed", dict.fromkeys(("anonymous", "user", "admin"), RegistrationRefused)),
    ],
)
def test_registration_follows_its_mode(
    make_app: Callable[..., Flask], mode: str, refusals: dict[str, type[IdentityError] | None]
) -> None:
    app = make_app(registration=mode)
    populate(app)
    callers = {
        "anonymous": ANONYMOUS,
        "user": principal(app, *HAWK),
        "admin": principal(app, *ADMIN),
    }
    for who, refusal in refusals.items():
        if refusal is None:
            register(app, f"by-{who}", "newpwd", by=callers[who])
        else:
            with pytest.raises(refusal):
                register(app, f"by-{who}", "newpwd", by=callers[who])
    allowed = sum(refusal is None for refusal in refusals.values())
    assert len(rows(app, "SELECT id FROM account")) == 2 + allowed


@pytest.mark.parametrize("mode", ["admin", "closed"])
def test_administrator_makes_accounts_in_both_modes(
    make_app: Callable[..., Flask], mode: str
) -> None:
    app = make_app(registration=mode)
    populate(app)
    made = services(app).accounts.create(
        principal(app, *ADMIN), NewAccount("falcon", "newpwd"), admin=True
    )
    assert made.admin
    with pytest.raises(Forbidden):
        services(app).accounts.create(
            principal(app, *HAWK), NewAccount("eagle", "newpwd"), admin=True
        )
    with pytest.raises(Unauthenticated):
        services(app).accounts.create(ANONYMOUS, NewAccount("eagle", "newpwd"), admin=False)


def test_hardened_service_refuses_a_password_that_is_easy_to_guess(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(hardened="true", argon2_memory_kib="19456", argon2_time="2")
    for password in ("1234567", "changeme", "Username9", "user@example.org"):
        with pytest.raises(InvalidInput, match="password"):
            register(app, "username9", password, "user@example.org")
    assert rows(app, "SELECT id FROM account") == []


def test_public_name_is_shown_for_an_id_and_nothing_for_any_other(app: Flask) -> None:
    assert services(app).public_accounts.name(Principal(ORIGIN), 2) == "hawk"
    for unknown in (0, 3, -1, 2**31, 2**63 - 1, 2**63, 10**40):
        with pytest.raises(NotFound):
            services(app).public_accounts.name(Principal(ORIGIN), unknown)


def test_there_is_an_admin_once_one_was_made_even_a_disabled_one(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    assert not services(app).accounts.any_admin()
    register(app, "hawk", "newpwd")
    assert not services(app).accounts.any_admin()
    made = services(app).accounts.create(operator(), NewAccount("one", "newpwd"), admin=True)
    services(app).accounts.create(operator(), NewAccount("other", "newpwd"), admin=True)
    services(app).administration.disable(operator(), made.id)
    assert services(app).accounts.any_admin()


def test_registration_is_turned_away_without_a_hash_when_the_queue_is_full(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(hash_queue="1")
    with services(app).accounts._passwords.admit(), pytest.raises(Busy):
        register(app, "falcon", "newpwd")
    assert register(app, "falcon", "newpwd") == 1
