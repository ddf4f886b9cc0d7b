"""/healthz and /readyz: is the process alive, and can it serve."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import services
from flask import Flask
from sqlalchemy import Engine, text


def engine(app: Flask) -> Engine:
    with app.app_context():
        found: Engine = app.extensions["sqlalchemy"].engine
        return found


def test_a_migrated_service_is_alive_and_ready(app: Flask) -> None:
    client = app.test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").json) == (200, {"status": "alive"})
    assert (client.get("/readyz").status_code, client.get("/readyz").json) == (200, {"status": "ready"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_asked_by_anybody_with_get_and_head_alone(app: Flask, path: str) -> None:
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
        "UPDATE alembic_version SET version_num = 'another'",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
    ],
)
def test_a_service_is_not_ready_on_the_schema_of_another_version(app: Flask, change: str) -> None:
    with engine(app).begin() as connection:
        connection.execute(text(change))
    assert_not_ready(app)
