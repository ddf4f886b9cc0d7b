"""Whether the database responds and has the schema of this version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from identity import create_app
from identity.domain.errors import (
    InstallationIncomplete,
    SchemaNewer,
    SchemaOutdated,
    SchemaUnversioned,
    Unavailable,
)
from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from identity.store import migrations
from identity.store.migrations import readers
from support.app import ORIGIN, close, config, services
from support.database import execute, rows
from support.logs import logged
from support.postgresql import free_port


@pytest.fixture
def bare(empty_database_url: str, make_bare: Callable[[str], Flask]) -> Flask:
    return make_bare(empty_database_url)


@pytest.fixture
def make_bare(tmp_path: Path) -> Iterator[Callable[[str], Flask]]:
    with ExitStack() as stack:

        def make(url: str) -> Flask:
            app = create_app(config(tmp_path / "data", database_url=url))
            stack.callback(close, app)
            return app

        yield make


def test_migrated_database_can_be_used(app: Flask) -> None:
    services(app).schema.require_current()


def test_empty_database_is_not_unavailable_and_can_be_migrated(
    bare: Flask,
) -> None:
    schema = services(bare).schema
    with pytest.raises(SchemaOutdated) as refusal:
        schema.require_current()
    assert "identity migrate" in refusal.value.detail
    assert schema.migrate() == migrations.HEAD
    schema.require_current()
    assert schema.migrate() == migrations.HEAD


def set_revision(app: Flask, revision: str) -> None:
    execute(app, "UPDATE identity_alembic_version SET version_num = :revision", revision=revision)


@pytest.mark.parametrize("revision", ["0001", "0006", ""])
def test_database_of_an_earlier_version_is_refused_until_it_is_migrated(
    app: Flask, revision: str
) -> None:
    set_revision(app, revision)
    execute(app, "DELETE FROM schema_reader")
    with pytest.raises(SchemaOutdated) as refusal:
        services(app).schema.require_current()
    assert "identity migrate" in refusal.value.detail
    assert "older" not in refusal.value.detail
    set_revision(app, migrations.HEAD)
    services(app).schema.require_current()


def make_later(app: Flask, *readers: str) -> None:
    """Let a later version have migrated: it added a table and columns, and named the revisions that
    can go on."""
    execute(app, "ALTER TABLE account ADD COLUMN nickname VARCHAR(64)")
    execute(app, "ALTER TABLE session ADD COLUMN strength INTEGER DEFAULT 1 NOT NULL")
    execute(app, "CREATE TABLE later (id INTEGER)")
    execute(app, "DELETE FROM schema_reader")
    for age, reader in enumerate(readers):
        version = "7.8.9" if reader == "9999" else None
        statement = (
            "INSERT INTO schema_reader (revision, age, version) VALUES (:reader, :age, :version)"
        )
        execute(app, statement, reader=reader, age=age, version=version)
    set_revision(app, "9999")


def test_a_node_goes_on_with_a_later_schema_that_names_it_as_a_reader(app: Flask) -> None:
    make_later(app, "9999", migrations.HEAD)
    services(app).schema.require_current()
    assert app.test_client().get("/readyz").status_code == 200
    accounts = services(app).accounts
    assert accounts.create(operator(), NewAccount("wren", "newpwd"), admin=False).username == "wren"
    assert (
        services(app).authentication.by_password("wren", "newpwd", ORIGIN).account.username
        == "wren"
    )
    assert services(app).schema.migrate() == "9999"
    assert rows(app, "SELECT version_num FROM identity_alembic_version") == [("9999",)]


@pytest.mark.parametrize("act", ["require_current", "migrate"])
def test_a_node_that_is_too_old_says_what_to_install_and_not_to_migrate(
    app: Flask, act: str
) -> None:
    make_later(app, "9999", "0004", "8888")
    with pytest.raises(SchemaNewer) as refusal:
        getattr(services(app).schema, act)()
    detail = refusal.value.detail
    assert "older than the database" in detail
    assert f"knows schema {migrations.HEAD}, and the database is at 9999" in detail
    assert "with schema 8888 or later" in detail
    assert "identity migrate" not in detail
    refused = app.test_client().get("/readyz")
    assert (refused.status_code, refused.json["code"]) == (503, "schema_newer")
    assert refused.json["detail"] == detail
    assert rows(app, "SELECT version_num FROM identity_alembic_version") == [("9999",)]


def test_a_node_that_is_too_old_names_the_version_that_migrated(app: Flask) -> None:
    make_later(app, "9999")
    with pytest.raises(SchemaNewer) as refusal:
        services(app).schema.require_current()
    assert "Install Identity 7.8.9, or any with schema 9999 or later" in refusal.value.detail


@pytest.mark.parametrize(
    "before", ["DROP TABLE schema_reader", "DELETE FROM schema_reader", "DROP TABLE counter"]
)
def test_a_later_schema_without_readers_or_tables_is_still_called_later(
    app: Flask, before: str
) -> None:
    set_revision(app, "9999")
    execute(app, "DELETE FROM schema_reader")
    execute(app, before)
    with pytest.raises(SchemaNewer) as refusal:
        services(app).schema.require_current()
    assert "with schema 9999 or later" in refusal.value.detail


def test_migrating_names_the_readers_and_the_version(bare: Flask) -> None:
    services(bare).schema.migrate("1.2.3")
    services(bare).schema.migrate()
    found = rows(bare, "SELECT revision, version FROM schema_reader ORDER BY age")
    assert found[0] == (migrations.HEAD, "1.2.3")
    assert found[-1][0] == readers.READERS_FROM


def test_database_of_a_later_version_is_never_migrated(app: Flask) -> None:
    execute(app, "DELETE FROM schema_reader")
    set_revision(app, "9999")
    with pytest.raises(SchemaNewer):
        services(app).schema.migrate()
    assert rows(app, "SELECT version_num FROM identity_alembic_version") == [("9999",)]


def test_tables_without_a_revision_are_never_called_later(app: Flask) -> None:
    execute(app, "DELETE FROM identity_alembic_version")
    with pytest.raises(SchemaUnversioned, match="account") as refusal:
        services(app).schema.migrate()
    assert "later" not in refusal.value.detail
    assert "\n" not in refusal.value.detail


def test_an_installation_without_its_migrations_says_so(
    bare: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "HEAD", "none of these")
    with pytest.raises(InstallationIncomplete):
        services(bare).schema.migrate()


def test_database_whose_version_is_not_known_is_refused(app: Flask) -> None:
    execute(app, "DELETE FROM identity_alembic_version")
    with pytest.raises(SchemaOutdated):
        services(app).schema.require_current()


def test_looking_changes_nothing(app: Flask) -> None:
    before = rows(app, "SELECT version_num FROM identity_alembic_version")
    services(app).schema.require_current()
    assert rows(app, "SELECT version_num FROM identity_alembic_version") == before


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"])
def test_database_that_does_not_answer_is_unavailable_and_its_password_stays_unsaid(
    make_bare: Callable[[str], Flask], engine_name: str, tmp_path: Path
) -> None:
    urls = {
        "sqlite": f"sqlite:///{tmp_path / 'nowhere' / 'canary.sqlite3'}",
        "postgresql": f"postgresql+psycopg://user:canary@127.0.0.1:{free_port()}/name",
    }
    app = make_bare(urls[engine_name])
    with logged() as lines, pytest.raises(Unavailable) as refusal:
        services(app).schema.require_current()
    assert not isinstance(refusal.value, SchemaOutdated)
    assert "canary" not in refusal.value.detail + "".join(lines)
    with logged() as lines, pytest.raises(Unavailable) as refusal:
        services(app).schema.migrate()
    assert "canary" not in refusal.value.detail + "".join(lines)
