"""/healthz and /readyz: whether the process runs, and whether it can serve."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from support.app import services


def engine(app: Flask) -> Engine:
    with app.app_context():
        found: Engine = app.extensions["sqlalchemy"].engine
        return found


def test_a_migrated_service_is_alive_and_ready(app: Flask) -> None:
    client = app.test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").json) == (
        200,
        {"status": "alive"},
    )
    assert (client.get("/readyz").status_code, client.get("/readyz").json) == (
        200,
        {"status": "ready"},
    )


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_open_to_every_caller_with_get_and_head_alone(app: Flask, path: str) -> None:
    client = app.test_client()
    assert (client.head(path).status_code, client.head(path).data) == (200, b"")
    assert client.get(path, headers={"Authorization": "Basic nonsense"}).status_code == 200
    assert client.post(path).status_code == 405


def assert_not_ready(app: Flask) -> None:
    client = app.test_client()
    refused = client.get("/readyz")
    assert (refused.status_code, refused.content_type) == (503, "application/problem+json")
    assert refused.json["code"].startswith("schema_")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200


def test_a_service_is_not_ready_until_its_database_is_migrated(
    make_app: Callable[..., Flask], empty_database_url: str
) -> None:
    app = make_app(database_url=empty_database_url)
    assert_not_ready(app)
    services(app).schema.migrate()
    assert app.test_client().get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE identity_alembic_version SET version_num = 'another'",
        "DELETE FROM identity_alembic_version",
        "DROP TABLE identity_alembic_version",
    ],
)
def test_a_service_is_not_ready_on_the_schema_of_another_version(app: Flask, change: str) -> None:
    with engine(app).begin() as connection:
        connection.execute(text(change))
    assert_not_ready(app)


def role(app: Flask) -> str:
    with engine(app).connect() as connection:
        return str(connection.execute(text("SELECT current_user")).scalar())


@pytest.mark.parametrize("engine_name", ["postgresql"])
@pytest.mark.parametrize("whose", ["DATABASE {name}", "ROLE {role} IN DATABASE {name}"])
def test_a_service_is_not_ready_while_its_database_is_set_to_read_only(
    app: Flask, whose: str
) -> None:
    name = f'"{engine(app).url.database}"'
    whose = whose.format(name=name, role=role(app))
    set_(app, f"ALTER {whose} SET default_transaction_read_only = on")
    assert_read_only(app)
    set_(
        app,
        "SET default_transaction_read_only = off",
        f"ALTER {whose} RESET default_transaction_read_only",
    )
    assert app.test_client().get("/readyz").status_code == 200


def set_(app: Flask, *statements: str) -> None:
    with engine(app).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine(app).dispose()  # it counts for new connections


def assert_read_only(app: Flask) -> None:
    refused = app.test_client().get("/readyz")
    assert (refused.status_code, refused.json["code"]) == (503, "database_read_only")
    assert "primary" in refused.json["detail"]
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_service_is_not_ready_while_its_file_can_only_be_read(
    app: Flask, make_app: Callable[..., Flask]
) -> None:
    path = engine(app).url.database
    assert_read_only(make_app(database_url=f"sqlite:///file:{path}?mode=ro&uri=true"))
    assert app.test_client().get("/readyz").status_code == 200


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_service_is_ready_while_another_process_writes(app: Flask) -> None:
    with engine(app).connect() as other:
        other.exec_driver_sql("DELETE FROM counter")
        started = time.monotonic()
        assert app.test_client().get("/readyz").status_code == 200
        assert time.monotonic() - started < 2
    with services(app).schema._engine.connect() as connection:  # the check leaves nothing behind
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_service_is_not_ready_while_its_role_may_not_write(
    app: Flask, make_app: Callable[..., Flask]
) -> None:
    url, name = engine(app).url, f"reader_{uuid4().hex}"
    set_(app, f"CREATE ROLE {name} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
    try:
        reading = make_app(
            database_url=url.set(username=name).render_as_string(hide_password=False)
        )
        assert_read_only(reading)
        set_(app, f"GRANT INSERT ON ALL TABLES IN SCHEMA public TO {name}")
        assert_read_only(reading)
        set_(app, f"GRANT UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
        assert reading.test_client().get("/readyz").status_code == 200
    finally:
        set_(app, f"DROP OWNED BY {name}; DROP ROLE {name}")
