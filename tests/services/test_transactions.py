"""One use case is one transaction: atomic, retried where that helps, and its errors show no
data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from identity.domain.errors import Unavailable, UsernameTaken
from identity.domain.principal import Principal
from identity.services.accounts.registration import NewAccount
from identity.services.work.transaction import Transaction, Transactions
from identity.store.engines import POOL_WAIT_SECONDS
from identity.store.models import Account
from identity.web.problems import describe
from support.accounts import HAWK
from support.app import ORIGIN, principal, services
from support.database import end_connections, engine_of, rows
from support.logs import logged


@pytest.fixture
def transactions(app: Flask) -> Transactions:
    return services(app).audit._transactions


class FromDriver(Exception):
    """An error as a PostgreSQL driver raises it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("canary")
        self.sqlstate = sqlstate


class Work:
    """Renames an account, and fails so many times before it succeeds."""

    def __init__(self, sqlstate: str, *, failures: int) -> None:
        self.sqlstate, self.failures, self.calls = sqlstate, failures, 0

    def __call__(self, tx: Transaction) -> str:
        self.calls += 1
        tx.session.execute(
            text("UPDATE account SET full_name = :name WHERE id = 2"),
            {"name": f"call {self.calls}"},
        )
        if self.calls <= self.failures:
            raise DBAPIError("UPDATE", {"secret": "canary"}, FromDriver(self.sqlstate))
        return f"done at call {self.calls}"


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
@pytest.mark.parametrize("failures", [1, 2])
def test_work_runs_again_when_the_database_asks_for_that(
    app: Flask, transactions: Transactions, sqlstate: str, failures: int
) -> None:
    assert (
        transactions.write_unattended(Work(sqlstate, failures=failures))
        == f"done at call {failures + 1}"
    )
    assert rows(app, "SELECT full_name FROM account WHERE id = 2") == [(f"call {failures + 1}",)]


@pytest.mark.parametrize(
    ("sqlstate", "calls"), [("40001", 3), ("40P01", 3), ("57014", 1), ("08006", 1), ("", 1)]
)
def test_work_is_given_up_when_it_keeps_failing_or_would_fail_again(
    app: Flask, transactions: Transactions, sqlstate: str, calls: int
) -> None:
    work = Work(sqlstate, failures=99)
    with pytest.raises(Unavailable):
        transactions.write_unattended(work)
    assert work.calls == calls
    assert rows(app, "SELECT full_name FROM account WHERE id = 2") == [(None,)]


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_serialization_failure_of_the_real_server_is_tried_again(
    transactions: Transactions,
) -> None:
    calls = []

    def work(tx: Transaction) -> int:
        calls.append(1)
        if len(calls) == 1:
            tx.session.execute(
                text("DO $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '40001'; END $$")
            )
        return len(calls)

    assert transactions.write_unattended(work) == 2


def test_listeners_hear_of_a_change_once_and_only_after_it_was_committed(app: Flask) -> None:
    transactions = services(app).audit._transactions
    heard: list[tuple[list[int | None], Any]] = []
    query = "SELECT full_name FROM account WHERE id = 2"
    transactions.on_commit(
        lambda changes: heard.append(([each.account for each in changes], rows(app, query)))
    )
    failing = Work("40001", failures=1)

    def work(tx: Transaction) -> None:
        tx.changed(2)
        tx.changed(2)
        failing(tx)

    transactions.write_unattended(work)
    assert heard == [([2], [("call 2",)])]
    with pytest.raises(Unavailable):
        transactions.write_unattended(lambda tx: [tx.changed(2), Work("", failures=9)(tx)])
    assert len(heard) == 1


def test_error_of_ours_changes_nothing_and_passes_as_it_is(
    app: Flask, transactions: Transactions
) -> None:
    def work(tx: Transaction) -> None:
        tx.session.execute(text("DELETE FROM account"))
        raise UsernameTaken("hawk")

    with pytest.raises(UsernameTaken):
        transactions.write_unattended(work)
    assert len(rows(app, "SELECT id FROM account")) == 2


def test_unique_violation_leaves_the_next_request_fine(make_app: Callable[..., Flask]) -> None:
    app = make_app(database_pool="1")
    transactions = services(app).audit._transactions
    services(app).accounts.register(Principal(ORIGIN), NewAccount(*HAWK))

    def twice(tx: Transaction) -> None:
        account = tx.session.scalars(select(Account)).one()
        values = {column.key: getattr(account, column.key) for column in Account.__table__.columns}
        tx.session.add(Account(**values | {"id": 99}))
        tx.session.flush()

    for _ in range(3):
        with pytest.raises(IntegrityError):
            transactions.write_unattended(twice)
        assert principal(app, *HAWK).account.id == 1
    assert len(rows(app, "SELECT id FROM account")) == 1


def test_exhausted_pool_is_reported_soon_and_recovers_with_a_connection(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(database_pool="1")
    transactions = services(app).audit._transactions
    assert engine_of(app).pool.timeout() == POOL_WAIT_SECONDS == 2  # type: ignore[attr-defined]
    engine_of(app).pool._timeout = 0.05  # type: ignore[attr-defined]
    uses: list[Callable[[], object]] = [
        lambda: transactions.row(text("SELECT 1"), {}),
        lambda: transactions.read(lambda session: session.scalar(text("SELECT 1"))),
        lambda: transactions.write_unattended(lambda tx: tx.session.scalar(text("SELECT 1"))),
        lambda: services(app).public_accounts.name(Principal(ORIGIN), 1),
    ]
    with engine_of(app).connect() as held:
        held.execute(text("SELECT 1"))
        for use in uses:
            with pytest.raises(Unavailable):
                use()
    assert [use() for use in uses[:2]] == [(1,), 1]


BROKEN = {"sqlite": "SELECT canary FROM nowhere", "postgresql": "SELECT CAST('canary' AS integer)"}


@pytest.mark.parametrize("way", ["row", "read", "write"])
def test_words_of_the_driver_are_never_logged_nor_shown(
    transactions: Transactions, engine_name: str, way: str
) -> None:
    statement = text(BROKEN[engine_name])
    uses: dict[str, Callable[[], object]] = {
        "row": lambda: transactions.row(statement, {}),
        "read": lambda: transactions.read(lambda session: session.execute(statement)),
        "write": lambda: transactions.write_unattended(lambda tx: tx.session.execute(statement)),
    }
    with logged() as lines, pytest.raises(Unavailable) as refusal:
        uses[way]()
    assert len(lines) == 1
    assert "canary" not in lines[0] + str(refusal.value) + refusal.value.detail
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_only_the_log_says_why_no_connection_is_made() -> None:
    engine = create_engine("sqlite:////nowhere/identity.sqlite3")
    unused: Any = None
    nowhere = Transactions(engine, clock=unused, audit_log=unused, mails=unused)
    with logged() as lines, pytest.raises(Unavailable) as refusal:
        nowhere.row(text("SELECT 1"), {})
    assert refusal.value.reason == "unable to open database file"
    assert [refusal.value.reason in line for line in lines] == [True]
    assert refusal.value.reason not in describe(refusal.value).detail


def test_reading_changes_nothing(app: Flask, transactions: Transactions) -> None:
    transactions.read(lambda session: session.execute(text("UPDATE account SET full_name = 'x'")))
    assert rows(app, "SELECT full_name FROM account WHERE id = 2") == [(None,)]


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_connections_that_the_server_ended_are_replaced_unnoticed(
    app: Flask, database_url: str
) -> None:
    caller = principal(app, *HAWK)
    for _ in range(3):
        assert end_connections(database_url) > 0
        assert services(app).profiles.fetch(caller).username == "hawk"
