"""Token checks: from the claims of the token while the journal is current, from rows where it is
not, and never outdated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from identity.domain.errors import Unavailable
from identity.domain.principal import Principal, operator
from identity.domain.token_kinds import TokenKind
from identity.services.accounts.changes import ProfileChange
from support.accounts import ADMIN, HAWK, populate
from support.app import by_token, is_refused, judge_by_rows, principal, services, token_principal
from support.database import end_connections, engine_of, execute, statements
from support.waiting import wait_until

End = Callable[[Flask, Principal], object]
ENDS: dict[str, End] = {
    "log out": lambda app, hawk: services(app).tokens.revoke_current(hawk),
    "end by name": lambda app, hawk: services(app).tokens.revoke(
        principal(app, *HAWK), str(hawk.session)
    ),
    "log out everywhere": lambda app, _: services(app).tokens.revoke_all(principal(app, *HAWK)),
    "delete oneself": lambda app, hawk: services(app).profiles.delete(hawk),
    "change the password": lambda app, _: services(app).profiles.change(
        principal(app, *HAWK), ProfileChange(), password="other-pw", current_password="newpwd"
    ),
    "disabled": lambda app, _: services(app).administration.disable(principal(app, *ADMIN), 2),
    "deleted": lambda app, _: services(app).administration.delete(principal(app, *ADMIN), 2),
    "revoked": lambda app, _: services(app).administration.revoke_sessions(operator(), 2),
}


def opaque(app: Flask) -> str:
    return services(app).logins.open(principal(app, *HAWK), TokenKind.OPAQUE).token


def heard(app: Flask) -> bool:
    return services(app).journal.is_current()


def rows_read(app: Flask, token: str) -> int:
    with statements(app) as seen:
        by_token(app, token)
    return sum("FROM account" in each or "FROM session" in each for each in seen)


def remembered(app: Flask, token: str) -> None:
    wait_until(lambda: heard(app))
    by_token(app, token)
    assert rows_read(app, token) == 0


def dead_within_a_second(app: Flask, token: str) -> None:
    wait_until(lambda: is_refused(app, token), seconds=1)


@pytest.fixture
def other(app: Flask, make_app: Callable[..., Flask]) -> Flask:
    """Another node on the same database."""
    assert app
    return make_app()


def test_check_reads_no_row_once_the_session_is_known(app: Flask) -> None:
    token, _ = token_principal(app, *HAWK)
    remembered(app, token)
    assert [rows_read(app, token) for _ in range(5)] == [0] * 5


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_end_of_a_session_is_known_at_once_where_it_was_ended(app: Flask, end: End) -> None:
    token, hawk = token_principal(app, *HAWK)
    remembered(app, token)
    end(app, hawk)
    assert is_refused(app, token)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_end_of_a_session_is_known_within_a_second_on_another_node(
    app: Flask, other: Flask, end: End
) -> None:
    token, hawk = token_principal(app, *HAWK)
    remembered(other, token)
    end(app, hawk)
    dead_within_a_second(other, token)


def test_change_of_name_and_rights_is_known_within_a_second_on_another_node(
    app: Flask, other: Flask
) -> None:
    token, _ = token_principal(app, *HAWK)
    remembered(other, token)
    services(app).administration.change(operator(), 2, ProfileChange(username="osprey"), admin=True)
    wait_until(lambda: by_token(other, token).account.admin, seconds=1)
    assert by_token(other, token).account.username == "osprey"


def test_change_of_one_account_leaves_the_others_remembered(app: Flask, other: Flask) -> None:
    (hawks, _), (admins, _) = token_principal(app, *HAWK), token_principal(app, *ADMIN)
    remembered(other, admins)
    remembered(other, hawks)
    services(app).administration.revoke_sessions(operator(), 2)
    dead_within_a_second(other, hawks)
    assert rows_read(other, admins) == 0


def test_memory_is_bounded_and_what_was_dropped_is_read_again(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(directory_sessions="2")
    populate(app)
    wait_until(lambda: heard(app))
    tokens = [opaque(app) for _ in range(5)]
    for token in tokens * 2:
        assert by_token(app, token).account.id == 2
        assert len(services(app).tokens._directory._cache) <= 2
    services(app).administration.revoke_sessions(operator(), 2)
    assert all(is_refused(app, token) for token in tokens)


class Interrupted:
    """Reads a row, and lets something happen before it is used."""

    def __init__(self, inner: Any, meanwhile: Callable[[], object]) -> None:
        self.inner, self.meanwhile = inner, meanwhile

    def row(self, *arguments: Any) -> Any:
        found = self.inner.row(*arguments)
        self.meanwhile()
        return found


@pytest.mark.parametrize("node", ["same node", "another node"])
def test_row_that_was_read_before_a_change_is_not_kept_after_it(
    app: Flask, other: Flask, node: str
) -> None:
    token, hawk = token_principal(app, *HAWK)
    wait_until(lambda: heard(app))
    where = app if node == "same node" else other
    directory = services(app).tokens._directory
    judge_by_rows(app)
    honest = directory._transactions
    directory._transactions = Interrupted(
        honest, lambda: services(where).tokens.revoke_current(hawk)
    )  # type: ignore[assignment]
    assert directory.find(str(hawk.session)) is not None  # as it was when it was asked
    directory._transactions = honest
    if node == "same node":
        assert is_refused(app, token)
    else:
        dead_within_a_second(app, token)


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_lost_listener_makes_rows_be_read_and_comes_back_by_itself(
    app: Flask, other: Flask, database_url: str
) -> None:
    (token, hawk), (kept, _) = token_principal(app, *HAWK), token_principal(app, *HAWK)
    remembered(other, token)
    remembered(other, kept)
    end_connections(database_url)
    wait_until(lambda: not heard(other))
    assert rows_read(other, kept) == 1
    services(app).tokens.revoke_current(hawk)
    assert is_refused(other, token)
    wait_until(lambda: heard(other))
    assert is_refused(other, token)
    remembered(other, kept)
    services(app).administration.revoke_sessions(operator(), 2)
    dead_within_a_second(other, kept)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_an_unreadable_journal_makes_rows_be_read_until_they_are_back(
    app: Flask, other: Flask
) -> None:
    (token, hawk), (kept, _) = token_principal(app, *HAWK), token_principal(app, *HAWK)
    remembered(other, token)
    execute(app, "ALTER TABLE journal RENAME TO elsewhere")
    wait_until(lambda: not heard(other), seconds=1)
    assert rows_read(other, kept) == 1
    execute(app, "UPDATE session SET revoked_at = created_at WHERE id = :id", id=hawk.session)
    assert is_refused(other, token)
    execute(app, "ALTER TABLE elsewhere RENAME TO journal")
    assert is_refused(other, token)
    remembered(other, kept)
    services(app).administration.revoke_sessions(operator(), 2)
    assert is_refused(other, kept)


def test_stopped_listening_makes_nothing_stale(app: Flask, other: Flask) -> None:
    (token, hawk), (kept, _) = token_principal(app, *HAWK), token_principal(app, *HAWK)
    remembered(other, token)
    services(other).journal.close()
    services(app).tokens.revoke_current(hawk)
    assert is_refused(other, token)
    assert by_token(other, kept).account.id == 2


def test_a_change_by_hand_is_known_within_a_second_when_the_journal_was_emptied(
    app: Flask, other: Flask
) -> None:
    token, _ = token_principal(app, *HAWK)
    remembered(other, token)
    remembered(app, token)
    execute(app, "UPDATE account SET version = version + 1")
    execute(app, "DELETE FROM journal")
    dead_within_a_second(app, token)
    dead_within_a_second(other, token)
    fresh, _ = token_principal(app, *HAWK)
    remembered(other, fresh)


def test_no_credential_is_accepted_when_the_database_does_not_answer(
    make_app: Callable[..., Flask],
) -> None:
    app, small = make_app(), make_app(database_pool="1")
    populate(app)
    token, _ = token_principal(app, *HAWK)
    engine_of(small).pool._timeout = 0.05  # type: ignore[attr-defined]
    with engine_of(small).connect(), pytest.raises(Unavailable):
        by_token(small, token)
    assert by_token(small, token).account.id == 2
