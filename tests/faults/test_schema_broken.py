"""A table is missing: the service reports it, and never with a 500."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from support.accounts import ADMIN, HAWK
from support.http import basic, bearer, token_of

TABLES = ["account", "session", "audit_event", "counter", "identity_alembic_version"]
NO_ID = "0" * 32


@pytest.fixture
def engine(app: Flask) -> Engine:
    with app.app_context():
        found: Engine = app.extensions["sqlalchemy"].engine
        return found


def rename(engine: Engine, old: str, new: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


@pytest.mark.parametrize("table", TABLES)
def test_a_service_without_one_of_its_tables_is_not_ready(
    app: Flask, engine: Engine, table: str
) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    rename(engine, table, "elsewhere")
    refused = client.get("/readyz")
    assert (refused.status_code, int(refused.headers.get("Retry-After", 0)) > 0) == (503, True)
    assert client.get("/healthz").status_code == 200
    rename(engine, "elsewhere", table)
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("table", TABLES)
def test_no_call_makes_a_mistake_of_it_when_a_table_is_gone(
    app: Flask, engine: Engine, table: str
) -> None:
    client = app.test_client(use_cookies=False)
    operations = client.get("/openapi.json").json["paths"]
    credentials = [
        basic(*ADMIN),
        basic(*HAWK),
        bearer(token_of(client, *ADMIN)),
        bearer(token_of(client, *HAWK)),
        {},
    ]
    rename(engine, table, "elsewhere")
    statuses = set()
    for headers in credentials:
        for path, item in operations.items():
            for method in item:
                body = (
                    {"json": {"username": "wren", "password": "newpwd"}}
                    if method in {"post", "patch"}
                    else {}
                )
                url = path.format(account_id=2, session_id=NO_ID, serial=1)
                answer = client.open(url, method=method.upper(), headers=headers, **body)
                assert answer.status_code != 500, (method, url, answer.text)
                if answer.status_code == 503:
                    assert int(answer.headers["Retry-After"]) > 0
                statuses.add(answer.status_code)
    assert 503 in statuses
    rename(engine, "elsewhere", table)
    assert client.get("/readyz").status_code == 200
    assert client.get("/api/resource", headers=basic(*ADMIN)).status_code == 200
