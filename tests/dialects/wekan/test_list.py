"""Wekan's list of all users is streamed; a truncated list can be recognised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from identity.domain.errors import Unauthenticated
from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from identity.services.administration import names as account_names
from support.accounts import ADMIN, HAWK
from support.app import principal, services
from support.database import statements
from support.http import basic


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_names, "_NAMES", account_names._NAMES.limit(2))
    monkeypatch.setattr(account_names, "_BATCH_SIZE", 2)


def listed(app: Flask) -> Any:
    return app.test_client().get("/wekan/api/users", headers=basic(*ADMIN))


@pytest.mark.parametrize("more", range(4))
def test_all_users_are_listed_however_many_pieces_they_make(app: Flask, more: int) -> None:
    names = ["admin", "hawk", *(f"bird{number}" for number in range(more))]
    for name in names[2:]:
        services(app).accounts.create(operator(), NewAccount(name, "newpwd"), admin=False)
    answer = listed(app)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert [user["username"] for user in answer.json] == names
    assert all(
        user.keys() == {"_id", "username"} and len(user["_id"]) == 17 for user in answer.json
    )
    assert answer.text.endswith("}]\n")


def test_two_columns_are_read_and_nothing_else_of_an_account(app: Flask) -> None:
    with statements(app) as asked:
        assert listed(app).status_code == 200
    (first, *_) = [
        text
        for text in asked
        if "short_id" in text and "LIMIT" in text.upper() and "account.id >" in text
    ]
    assert "password_hash" not in first
    assert "email" not in first


def test_a_database_that_fails_in_the_middle_leaves_no_valid_json(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        services(app).accounts.create(
            operator(), NewAccount(f"bird{number}", "newpwd"), admin=False
        )
    read, calls = account_names._read, []

    def failing(*given: Any) -> Any:
        calls.append(given)
        if len(calls) > 2:
            raise OperationalError("canary", {}, Exception("canary"))
        return read(*given)

    monkeypatch.setattr(account_names, "_read", failing)
    answer = listed(app)
    assert answer.status_code == 200
    assert "bird1" in answer.text
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
    assert "canary" not in answer.text


def test_a_database_that_fails_at_once_is_a_refusal(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Iterator[Any]:
        raise OperationalError("canary", {}, Exception("canary"))

    monkeypatch.setattr(account_names, "_read", failing)
    answer = listed(app)
    assert (answer.status_code, "canary" in answer.text) == (503, False)


def test_the_list_ends_when_who_asked_is_no_administrator_any_more(app: Flask) -> None:
    for number in range(5):
        services(app).accounts.create(
            operator(), NewAccount(f"bird{number}", "newpwd"), admin=False
        )
    use = services(app)
    use.accounts.create(operator(), NewAccount("boss", "newpwd"), admin=True)
    pieces = use.account_names.all(principal(app, "boss", "newpwd"))
    next(pieces)
    use.administration.disable(operator(), 8)
    with pytest.raises(Unauthenticated):
        next(pieces)


def test_only_administrators_list(app: Flask) -> None:
    answer = app.test_client().get("/wekan/api/users", headers=basic(*HAWK))
    assert (answer.status_code, answer.json["error"]) == (200, "Forbidden")
