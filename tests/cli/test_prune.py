"""`identity prune` deletes expired rows and prints how many."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text

from support.live import environment, identity, serving
from support.waiting import wait_until


def test_serving_prunes_beside_it(tmp_path: Path, database_url: str) -> None:
    variables = environment(tmp_path, {"IDENTITY_DATABASE_URL": database_url})
    assert identity(variables, "create-admin", "alice", given="correct horse\n").returncode == 0
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET at = '2020-01-01 00:00:00'"))

    def nothing_left() -> bool:
        with engine.connect() as connection:
            return not connection.execute(text("SELECT 1 FROM audit_event")).all()

    with serving(tmp_path, "--workers", "1", database_url=database_url):
        wait_until(nothing_left)
    engine.dispose()


def test_pruning_says_what_it_deleted_and_deletes_nothing_twice(
    tmp_path: Path, database_url: str
) -> None:
    variables = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": database_url})
    made = identity(variables, "create-admin", "alice", given="correct horse\n")
    assert made.returncode == 0, made.stderr
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET at = '2020-01-01 00:00:00'"))
    engine.dispose()
    for deleted in (2, 0):
        done = identity(variables, "prune")
        assert (done.returncode, done.stderr) == (0, "")
        others = "0 journal entries, 0 mails, 0 counters"
        assert done.stdout == f"Deleted 0 sessions, {deleted} audit events, {others}.\n"


def test_pruning_an_empty_database_is_refused(tmp_path: Path, empty_database_url: str) -> None:
    done = identity(
        environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": empty_database_url}), "prune"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "identity migrate" in done.stderr
