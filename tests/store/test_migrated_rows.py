"""What migrations do to existing rows, in both directions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from identity.store import migrations

ACCOUNT = (
    "INSERT INTO account (id, uuid, short_id, username, username_canonical, password_hash,"
    " created_at, updated_at)"
    " VALUES (:id, :name, :name, :name, :name, :hash, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
)
SESSION = (
    "INSERT INTO session (id, account_id, kind, version, authenticated_at, created_at,"
    " last_used_at, absolute_end, origin) VALUES (:id, 7, 'access', 1, :at, '2026-02-02 02:02:02',"
    " '2026-02-02 02:02:02', '2030-01-01 00:00:00', 'o')"
)
EVENT = (
    "INSERT INTO audit_event (at, kind, outcome, credential, address, tongue, request_id)"
    " VALUES ('2026-01-01 00:00:00', 'address.unlocked', 'accepted', 'operator', '192.0.2.1',"
    " 'wekan', 'r')"
)
TIMES = {
    "password": "2026-01-01 00:00:00",
    "certificate": "1970-01-01 00:00:00",
    "administrator": "1970-01-01 00:00:01",
}


def run(engine: Engine, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        result = connection.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def seconds(engine: Engine, column: str) -> str:
    if engine.dialect.name == "sqlite":
        return f"substr({column}, 1, 19)"
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"


def at_0008(engine: Engine) -> None:
    migrations.upgrade(engine)
    migrations.downgrade(engine, "0008")
    run(engine, ACCOUNT, id=7, name="hawk", hash="h")
    run(engine, ACCOUNT, id=8, name="invited", hash="!")
    for method, time in TIMES.items():
        run(engine, SESSION, id=method, at=f"{time}.000000")
    run(engine, EVENT)


def test_old_words_and_times_become_new_ones_and_old_ones_again(empty: Engine) -> None:
    at_0008(empty)
    migrations.upgrade(empty)
    assert run(empty, "SELECT kind, ip, dialect FROM audit_event") == [
        ("ip.unlocked", "192.0.2.1", "wekan")
    ]
    assert run(empty, "SELECT username, password_hash, kind FROM account ORDER BY id") == [
        ("hawk", "h", "person"),
        ("invited", None, "person"),
    ]
    at = seconds(empty, "authenticated_at")
    sessions = f"SELECT id, proof, {at} FROM session ORDER BY id"  # noqa: S608 - our own words
    assert run(empty, sessions) == [
        ("administrator", "administrator", "2026-02-02 02:02:02"),
        ("certificate", "certificate", "2026-02-02 02:02:02"),
        ("password", "password", "2026-01-01 00:00:00"),
    ]
    migrations.downgrade(empty, "0008")
    assert run(empty, "SELECT kind, address, tongue FROM audit_event") == [
        ("address.unlocked", "192.0.2.1", "wekan")
    ]
    assert run(empty, "SELECT username, password_hash FROM account ORDER BY id") == [
        ("hawk", "h"),
        ("invited", "!"),
    ]
    assert dict(run(empty, f"SELECT id, {at} FROM session")) == TIMES  # noqa: S608 - our own words


def test_sessions_survive_the_change_of_their_accounts_table(empty: Engine) -> None:
    at_0008(empty)
    migrations.upgrade(empty)
    assert run(empty, "SELECT count(*) FROM session") == [(3,)]
    run(empty, "DELETE FROM account WHERE id = 7")
    assert run(empty, "SELECT count(*) FROM session") == [(0,)]
