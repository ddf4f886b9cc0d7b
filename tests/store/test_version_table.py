"""The table of the schema revision: our own, taken over from Alembic's default, which other
programs may use."""

from __future__ import annotations

import pytest
import sqlalchemy
from sqlalchemy import Engine, column, select, text

from identity.store import migrations
from identity.store.migrations.version_table import VERSION_TABLE


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def revisions(engine: Engine, table: str) -> list[str]:
    with engine.connect() as connection:
        return list(
            connection.execute(
                select(column("version_num")).select_from(sqlalchemy.table(table))
            ).scalars()
        )


def former_installation(engine: Engine, revision: str) -> None:
    """Make the database what it was while the revision stood in Alembic's default table."""
    migrations.upgrade(engine)
    if revision != migrations.HEAD:
        migrations.downgrade(engine, revision)
    keep_under_the_default_name(engine)


def keep_under_the_default_name(engine: Engine) -> None:
    run(
        engine,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) CONSTRAINT alembic_version_pkc "
        "PRIMARY KEY)",
        f"INSERT INTO alembic_version SELECT version_num FROM {VERSION_TABLE}",  # noqa: S608 - our own name
        f"DROP TABLE {VERSION_TABLE}",
    )


@pytest.mark.parametrize("revision", ["0001", "0003", migrations.HEAD])
def test_a_former_installation_is_taken_over_and_its_own_table_stays_for_its_nodes(
    empty: Engine, revision: str
) -> None:
    former_installation(empty, revision)
    for _ in range(2):
        migrations.upgrade(empty)
        assert revisions(empty, VERSION_TABLE) == [migrations.HEAD]
        assert revisions(empty, "alembic_version") == [revision]
        assert not migrations.has_foreign_version_table(empty)
    migrations.check(empty)


FOREIGN = {
    "another revision": ["INSERT INTO alembic_version VALUES ('ae1027a6acf')"],
    "a revision like ours": ["INSERT INTO alembic_version VALUES ('0001')"],
    "several revisions": ["INSERT INTO alembic_version VALUES ('0001'), ('0002')"],
    "none": [],
    "another form": ["DROP TABLE alembic_version", "CREATE TABLE alembic_version (id INTEGER)"],
}


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
def test_the_table_of_another_program_is_left_alone(empty: Engine, statements: list[str]) -> None:
    run(empty, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)", *statements)
    assert migrations.has_foreign_version_table(empty)
    with empty.connect() as connection:
        before = connection.execute(text("SELECT * FROM alembic_version")).all()
    for _ in range(2):
        migrations.upgrade(empty)
        assert revisions(empty, VERSION_TABLE) == [migrations.HEAD]
    with empty.connect() as connection:
        assert connection.execute(text("SELECT * FROM alembic_version")).all() == before


def test_another_program_that_comes_later_changes_nothing(migrated: Engine) -> None:
    run(
        migrated,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
    )
    migrations.upgrade(migrated)
    assert revisions(migrated, VERSION_TABLE) == [migrations.HEAD]
    assert revisions(migrated, "alembic_version") == ["ae1027a6acf"]
    migrations.check(migrated)


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_table_of_another_role_that_may_not_be_read_is_no_hindrance(
    empty: Engine, engine_name: str
) -> None:
    run(
        empty,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "CREATE ROLE identity_stranger",
        "GRANT ALL ON SCHEMA public TO identity_stranger",
    )
    try:
        with empty.begin() as connection:
            connection.execute(text("SET LOCAL ROLE identity_stranger"))
            assert migrations.version_table.belongs_to_another(connection, {"0001"})
            assert migrations.version_table._revisions(connection, "alembic_version") == set()
            assert connection.execute(text("SELECT 1")).scalar() == 1
    finally:
        run(
            empty,
            "REVOKE ALL ON SCHEMA public FROM identity_stranger",
            "DROP ROLE identity_stranger",
        )


def test_tables_of_ours_with_the_revision_of_another_are_not_taken_over(migrated: Engine) -> None:
    keep_under_the_default_name(migrated)
    run(
        migrated,
        "UPDATE alembic_version SET version_num = 'ae1027a6acf'",
    )
    with pytest.raises(migrations.UnversionedTables):
        migrations.upgrade(migrated)
    assert revisions(migrated, "alembic_version") == ["ae1027a6acf"]
