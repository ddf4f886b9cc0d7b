"""Two administrators who remove each other at the same moment: one of them always stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from identity.cli.admin import make_first_admin
from identity.domain.credentials import Credential
from identity.domain.errors import Forbidden, IdentityError, LastAdmin, NotFound, Unauthenticated
from identity.domain.principal import Origin, Principal, Subject, operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from support.app import services
from support.concurrency import at_once
from support.database import execute, rows

ROUNDS = 10
ORIGIN = Origin("192.0.2.1", "test", "native")
Remove = Callable[[Flask, Principal, int], object]


def delete(app: Flask, caller: Principal, target: int) -> object:
    return services(app).administration.delete(caller, target)


def disable(app: Flask, caller: Principal, target: int) -> object:
    return services(app).administration.disable(caller, target)


def demote(app: Flask, caller: Principal, target: int) -> object:
    return services(app).administration.change(caller, target, ProfileChange(), admin=False)


def leave(app: Flask, caller: Principal, _target: int) -> object:
    return services(app).profiles.delete(caller)


def two_admins(app: Flask, number: int) -> list[Principal]:
    """Make two administrators, and no other."""
    made = [
        services(app).accounts.create(
            operator(), NewAccount(f"{side}{number}", "newpwd"), admin=True
        )
        for side in ("one", "two")
    ]
    execute(app, "UPDATE account SET admin = :no WHERE id < :first", no=False, first=made[0].id)
    now = services(app).logins._transactions.now()
    subjects = [
        Subject(
            each.id, each.username, admin=True, version=1, uuid=each.uuid, short_id=each.short_id
        )
        for each in made
    ]
    return [Principal(ORIGIN, subject, Credential.PASSWORD, now) for subject in subjects]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (delete, delete),
        (disable, disable),
        (demote, demote),
        (leave, leave),
        (delete, demote),
    ],
    ids=lambda use: use.__name__,
)
def test_one_active_admin_stays_when_two_remove_each_other_at_once(
    nodes: list[Flask], first: Remove, second: Remove
) -> None:
    for number in range(ROUNDS):
        one, two = two_admins(nodes[0], number)
        results = at_once(
            lambda: first(nodes[0], one, two.account.id),  # noqa: B023 - called before the next round
            lambda: second(nodes[1], two, one.account.id),  # noqa: B023 - called before the next round
        )
        active = rows(nodes[0], "SELECT id FROM account WHERE admin AND NOT disabled")
        assert len(active) == 1, results
        (refusal,) = (each for each in results if isinstance(each, IdentityError))
        assert isinstance(refusal, Forbidden | LastAdmin | NotFound | Unauthenticated)


def test_nodes_that_start_at_once_make_one_first_admin_and_say_so_once(
    make_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [make_app(admin_username="root", database_pool="20") for _ in range(4)]

    def start(app: Flask) -> None:
        make_first_admin(
            app.extensions["identity"].settings, services(app), "http://127.0.0.1:5000"
        )

    assert at_once(*(lambda app=app: start(app) for app in nodes)) == [None] * 4
    assert rows(nodes[0], "SELECT username, admin FROM account") == [("root", True)]
    assert capsys.readouterr().out.count("Created administrator root") == 1
