"""The list of accounts: paged, searched literally, for administrators only."""

from __future__ import annotations

import pytest
from flask import Flask

from identity.domain.errors import Forbidden, Unauthenticated
from identity.domain.principal import Principal, operator
from identity.domain.views import AccountView, Page
from identity.services.accounts.registration import NewAccount
from support.accounts import HAWK
from support.app import ORIGIN, principal, services


def accounts(
    app: Flask,
    caller: Principal,
    search: str | None = None,
    *,
    cursor: int | None = None,
    limit: int = 9,
) -> Page[AccountView]:
    return services(app).account_list.page(caller, search=search, cursor=cursor, limit=limit)


def test_list_walks_all_accounts_newest_first_page_by_page(app: Flask) -> None:
    for number in range(5):
        services(app).accounts.create(
            operator(), NewAccount(f"bird{number}", "newpwd"), admin=False
        )
    found, cursor = [], None
    for length in (3, 3, 1):
        page = accounts(app, operator(), cursor=cursor, limit=3)
        assert len(page.items) == length
        found += [view.id for view in page.items]
        cursor = page.cursor
    assert (found, cursor) == ([7, 6, 5, 4, 3, 2, 1], None)
    assert accounts(app, operator(), cursor=1, limit=3).items == ()
    assert accounts(app, operator(), limit=7).cursor is None


def test_list_searches_names_and_emails_to_the_letter(app: Flask) -> None:
    services(app).accounts.create(
        operator(), NewAccount("a_b", "newpwd", "x@example.org"), admin=False
    )
    for search, names in {
        "HAWK": ["hawk"],
        "\uff48AW": ["hawk"],
        "a": ["a_b", "hawk", "admin"],
        "a_b": ["a_b"],
        "_": ["a_b"],
        "%": [],
        "\\": [],
        "Example.ORG": ["a_b"],
        "nobody": [],
        "": ["a_b", "hawk", "admin"],
    }.items():
        assert [view.username for view in accounts(app, operator(), search).items] == names, search


def test_list_is_for_admins_only(app: Flask) -> None:
    with pytest.raises(Forbidden):
        accounts(app, principal(app, *HAWK))
    with pytest.raises(Unauthenticated):
        accounts(app, Principal(ORIGIN))
