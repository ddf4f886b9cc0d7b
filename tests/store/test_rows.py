"""Rows: what the constraints refuse, ids that are never reused, and times that keep their zone."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from identity.store.engines import for_writing
from identity.store.models import Account, AuditEvent, Base, Counter
from support.logs import logged

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def account(name: str, **values: object) -> Account:
    own = {"uuid": f"uuid-{name}", "short_id": name, "username": name, "username_canonical": name}
    rest = {
        "password_hash": "canary-hash",
        "full_name": "canary-name",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Account(**own | rest | values)


def insert(engine: Engine, *rows: Base) -> None:
    with Session(for_writing(engine), expire_on_commit=False) as session, session.begin():
        for row in rows:
            session.add(row)
            session.flush()


@pytest.mark.parametrize("column", ["uuid", "short_id", "username_canonical", "email_canonical"])
def test_unique_value_is_refused_a_second_time_without_a_word_of_the_row(
    migrated: Engine, column: str
) -> None:
    insert(migrated, account("hawk", email_canonical="hawk@example.org"))
    same = {
        "uuid": "uuid-hawk",
        "short_id": "hawk",
        "username_canonical": "hawk",
        "email_canonical": "hawk@example.org",
    }
    with pytest.raises(IntegrityError) as refusal:
        insert(migrated, account("other", **{column: same[column]}))
    said = f"{refusal.value} {refusal.value!r} {refusal.value.orig}"
    assert column in said.partition("\n")[0]
    assert "canary" not in said
    with Session(migrated) as session:
        assert session.scalars(select(Account.username)).all() == ["hawk"]


@pytest.mark.parametrize(
    "values", [{"username_canonical": ""}, {"version": 0}, {"username": None}, {"uuid": None}]
)
def test_row_that_makes_no_sense_is_refused(migrated: Engine, values: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        insert(migrated, account("hawk", **values))


def test_many_rows_may_have_no_email(migrated: Engine) -> None:
    insert(migrated, account("hawk"), account("falcon"))
    with Session(migrated) as session:
        assert session.scalars(select(Account.email_canonical)).all() == [None, None]


def test_id_is_never_used_again(migrated: Engine) -> None:
    seen = []
    for number in range(5):
        one = account(f"bird{number}")
        insert(migrated, one)
        seen.append(one.id)
        with Session(for_writing(migrated)) as session, session.begin():
            session.execute(delete(Account))
    assert seen == sorted(set(seen))
    assert len(seen) == 5


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_id_is_never_used_again_by_sqlite_even_after_the_highest_one_went(migrated: Engine) -> None:
    insert(migrated, account("hawk", id=1000))
    with Session(for_writing(migrated)) as session, session.begin():
        session.execute(delete(Account))
    next_one = account("falcon")
    insert(migrated, next_one)
    assert next_one.id == 1001


def test_every_table_with_a_number_for_an_id_never_uses_one_again(migrated: Engine) -> None:
    numbered = [
        table.name
        for table in Base.metadata.sorted_tables
        if table.autoincrement_column is not None
    ]
    assert sorted(numbered) == ["account", "audit_event", "journal", "outbox_mail"]
    if migrated.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name"
        with migrated.connect() as connection:
            assert connection.execute(text(query)).scalars().all() == sorted(numbered)


def counter(ends_at: datetime) -> Counter:
    return Counter(key="k", count=1, ends_at=ends_at)


@pytest.mark.parametrize("time", [datetime(2026, 1, 1), datetime.min, datetime(2026, 7, 1, 12, 0)])  # noqa: DTZ001, DTZ901 - naive is the case
def test_time_without_a_zone_is_refused_whether_written_or_compared(
    migrated: Engine, time: datetime
) -> None:
    with pytest.raises(StatementError, match="naive"):
        insert(migrated, counter(time))
    with Session(migrated) as session, pytest.raises(StatementError, match="naive"):
        session.scalars(select(Counter).where(Counter.ends_at <= time)).all()


_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=_ZONES)  # noqa: DTZ001 - bounds are naive


@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(_TIMES)
def test_time_comes_back_as_the_same_time_in_utc(migrated: Engine, time: datetime) -> None:
    with Session(for_writing(migrated)) as session, session.begin():
        session.execute(delete(Counter))
        session.add(counter(time))
    with Session(migrated) as session:
        found = session.scalars(select(Counter.ends_at)).one()
        assert found == time
        assert found.tzinfo is UTC
        assert session.scalars(select(Counter.key).where(Counter.ends_at <= time)).all() == ["k"]
        later = time - timedelta(microseconds=1)
        assert session.scalars(select(Counter.key).where(Counter.ends_at <= later)).all() == []


@pytest.mark.parametrize(
    "text_of", ["\U0001f426" * 64, "'; DROP TABLE account; --", "\u202e\u200b"]
)
def test_text_comes_back_to_the_letter(migrated: Engine, text_of: str) -> None:
    insert(migrated, account("hawk", full_name=text_of))
    with Session(migrated) as session:
        assert session.scalars(select(Account.full_name)).one() == text_of


def test_numbers_beyond_32_bits_fit_where_ids_stand(migrated: Engine) -> None:
    event = {
        "at": NOON,
        "kind": "k",
        "outcome": "o",
        "credential": "c",
        "ip": "a",
        "dialect": "t",
        "request_id": "r",
    }
    insert(migrated, AuditEvent(subject_id=2**63 - 1, actor_id=2**40, **event))
    with Session(migrated) as session:
        assert session.execute(select(AuditEvent.subject_id, AuditEvent.actor_id)).one() == (
            2**63 - 1,
            2**40,
        )


def test_account_id_may_be_as_large_as_the_database_can_count(migrated: Engine) -> None:
    insert(migrated, account("hawk", id=2**63 - 2))
    with Session(migrated) as session:
        assert session.scalars(select(Account.id)).one() == 2**63 - 2


def test_refused_statement_of_any_kind_shows_no_parameters(migrated: Engine) -> None:
    with migrated.connect() as connection, pytest.raises(DBAPIError) as refusal:
        connection.execute(text("SELECT :secret FROM nowhere"), {"secret": "canary"})
    assert "canary" not in f"{refusal.value} {refusal.value!r}"


def test_log_line_of_a_refused_row_holds_nothing_of_it(migrated: Engine) -> None:
    with logged() as lines:
        try:
            insert(migrated, account("canary-hawk", version=0))
        except IntegrityError:
            logging.getLogger("identity.test").exception("unexpected error")
    assert len(lines) == 1
    assert "IntegrityError" in lines[0]
    assert "canary" not in lines[0]


@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize(
    ("table", "column"), [("session", "digest"), ("account", "email_canonical")]
)
def test_one_row_is_found_by_its_index_though_most_rows_have_no_value(
    migrated: Engine, table: str, column: str
) -> None:
    with migrated.begin() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                "INSERT INTO account (uuid, short_id, username, username_canonical, created_at, "
                "updated_at) SELECT i, i, i, i, 0, 0 FROM n"
            )
        )
        connection.execute(
            text(
                "INSERT INTO session (id, account_id, kind, version, authenticated_at, created_at, "
                "last_used_at, absolute_end, origin) "
                "SELECT id, id, 'access', 1, 0, 0, 0, 0, '' FROM account"
            )
        )
        connection.execute(text("ANALYZE"))
    with migrated.connect() as connection:  # statistics are read by new connections
        plan = connection.execute(
            text(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} = 'x'")  # noqa: S608 - our words
        )
        assert [row.detail for row in plan] == [
            f"SEARCH {table} USING INDEX ix_{table}_{column} ({column}=?)"
        ]
