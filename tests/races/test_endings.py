"""Logins and renewals at the same time as a revocation: nothing that was revoked stays valid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask

from identity.domain.errors import Unauthenticated
from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import HAWK, populate
from support.app import by_token, is_refused, principal, services, token_principal
from support.concurrency import at_once, count_types
from support.database import rows
from support.waiting import wait_until

End = Callable[[Flask, int], object]


def delete(app: Flask, account_id: int) -> object:
    return services(app).administration.delete(operator(), account_id)


def disable(app: Flask, account_id: int) -> object:
    return services(app).administration.disable(operator(), account_id)


def log_in(app: Flask, name: str) -> str:
    return services(app).tokens.issue(principal(app, name, "newpwd")).token


@pytest.fixture
def nodes(make_app: Callable[..., Flask]) -> list[Flask]:
    """Two nodes whose names are never locked: here only the ends are raced."""
    made = [make_app(database_pool="20") for _ in range(2)]
    populate(made[0])
    return made * 4


@pytest.mark.parametrize("end", [delete, disable])
def test_login_that_meets_its_accounts_end_leaves_nothing_valid(
    nodes: list[Flask], end: End
) -> None:
    for number in range(4):
        name = f"bird{number}"
        made = services(nodes[0]).accounts.create(
            operator(), NewAccount(name, "newpwd"), admin=False
        )
        logins = [lambda app=app, name=name: log_in(app, name) for app in nodes[1:]]
        ended, *results = at_once(lambda: end(nodes[0], made.id), *logins)  # noqa: B023 - called before the next round
        assert not isinstance(ended, Exception)
        assert all(isinstance(each, str | Unauthenticated) for each in results), results
        tokens = [each for each in results if isinstance(each, str)]
        for app in nodes[:2]:
            wait_until(lambda app=app: all(is_refused(app, token) for token in tokens), seconds=1)  # noqa: B023 - as above
        live = (
            "SELECT session.id FROM session JOIN account ON account.id = account_id"
            " WHERE account.id = :id AND session.version = account.version AND NOT disabled"
        )
        assert rows(nodes[0], live, id=made.id) == []
    orphans = "SELECT id FROM session WHERE account_id NOT IN (SELECT id FROM account)"
    assert rows(nodes[0], orphans) == []


def _renewed(app: Flask, token: str) -> str:
    return services(app).tokens.issue(by_token(app, token)).token


@pytest.mark.parametrize("everywhere", [True, False])
def test_renewal_that_meets_the_log_out_leaves_nothing_valid(
    nodes: list[Flask], everywhere: bool
) -> None:
    for _ in range(4):
        token, hawk = token_principal(nodes[0], *HAWK)
        tokens = services(nodes[0]).tokens
        end = tokens.revoke_all if everywhere else tokens.revoke_current
        renewals = [partial(_renewed, app, token) for app in nodes[1:]]
        results = at_once(partial(end, hawk), *renewals)
        assert results[0] is None
        assert all(isinstance(each, str | Unauthenticated) for each in results[1:]), results
        for app in nodes[:2]:
            for each in (token, *(each for each in results if isinstance(each, str))):
                wait_until(lambda app=app, each=each: is_refused(app, each), seconds=1)


def test_one_of_eight_log_outs_ends_the_session_and_writes_it_down_once(nodes: list[Flask]) -> None:
    _, hawk = token_principal(nodes[0], *HAWK)
    results = at_once(*(lambda app=app: services(app).tokens.revoke_current(hawk) for app in nodes))
    assert count_types(results) == {
        "NoneType": 1,
        "Unauthenticated": 7,
    }  # the others ask with what has just ended
    ended = "SELECT count(*) FROM audit_event WHERE kind = 'session.revoked'"
    assert rows(nodes[0], ended) == [(1,)]


def test_one_of_eight_deletes_an_account(nodes: list[Flask]) -> None:
    results = at_once(*(lambda app=app: delete(app, 2) for app in nodes))
    assert count_types(results) == {"NoneType": 1, "NotFound": 7}


def test_eight_logins_at_once_open_eight_sessions(nodes: list[Flask]) -> None:
    results = at_once(*(lambda app=app: log_in(app, "hawk") for app in nodes))
    assert count_types(results) == {"str": 8}
    assert len(set(results)) == 8
    assert len(rows(nodes[0], "SELECT id FROM session")) == 8
