"""Whether the database is there and in the shape of this version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import close, config, services
from flask import Flask
from postgresql import free_port
from services.watching import execute, logged, rows

from identity import create_app
from identity.domain.errors import (
    InstallationIncomplete,
    SchemaNewer,
    SchemaOutdated,
    SchemaUnversioned,
    Unavailable,
)
from identity.store import migrations


@pytest.fixture
def bare(empty_database_url: str, make_bare: Callable[[str], Flask]) -> Flask:
    return make_bare(empty_database_url)


@pytest.fixture
def make_bare(tmp_path: Path) -> Callable[[str], Flask]:
    return lambda url: create_app(config(tmp_path / "data", database_url=url))


def test_migrated_database_can_be_used(app: Flask) -> None:
    services(app).schema.require_current()


def test_empty_database_is_told_from_one_that_does_not_answer_and_can_be_migrated(bare: Flask) -> None:
    schema = services(bare).schema
    with pytest.raises(SchemaOutdated) as refusal:
        schema.require_current()
    assert "identity migrate" in refusal.value.detail
    assert schema.migrate() == migrations.HEAD
    schema.require_current()
    assert schema.migrate() == migrations.HEAD
    close(bare)


@pytest.mark.parametrize("revision", ["0000", "9999", ""])
def test_database_of_another_version_is_refused_until_it_is_migrated(app: Flask, revision: str) -> None:
    execute(app, "UPDATE identity_alembic_version SET version_num = :revision", revision=revision)
    with pytest.raises(SchemaOutdated):
        services(app).schema.require_current()
    execute(app, "UPDATE identity_alembic_version SET version_num = :revision", revision=migrations.HEAD)
    services(app).schema.require_current()


def test_database_of_a_later_version_is_never_migrated(app: Flask) -> None:
    execute(app, "UPDATE identity_alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaNewer):
        services(app).schema.migrate()
    assert rows(app, "SELECT version_num FROM identity_alembic_version") == [("9999",)]


def test_tables_without_a_revision_are_never_called_later(app: Flask) -> None:
    execute(app, "DELETE FROM identity_alembic_version")
    with pytest.raises(SchemaUnversioned, match="account") as refusal:
        services(app).schema.migrate()
    assert "later" not in refusal.value.detail
    assert "\n" not in refusal.value.detail


def test_an_installation_without_its_migrations_says_so(bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "HEAD", "none of these")
    with pytest.raises(InstallationIncomplete):
        services(bare).schema.migrate()
    close(bare)


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
    close(app)
