"""A name that no account has may be a password in the wrong field: only two letters and a keyed
digest are kept."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.adapters.keys.secret_keys import ConfiguredKeys
from identity.adapters.pseudonyms import KeyedPseudonyms
from identity.domain.principal import operator
from identity.domain.values import is_username
from support.accounts import ADMIN, HAWK
from support.app import services
from support.clock import ManualClock
from support.database import rows
from support.http import basic
from support.logs import logged

CANARY = "Tr0ub4dor-and-3"
ANSWERS: dict[str, Callable[[FlaskClient], object]] = {
    "native": lambda client: client.get("/api/resource", headers=basic(CANARY, "x")),
    "nerveshub": lambda client: client.post(
        "/nerveshub/users/login", json={"email": CANARY, "password": "x"}
    ),
    "wekan": lambda client: client.post(
        "/wekan/users/login", json={"username": CANARY, "password": "x"}
    ),
    "continuous": lambda client: client.post(
        "/continuous/sessions", json={"email": CANARY, "password": "x"}
    ),
    "azuma": lambda client: client.post(
        "/azuma/user/login", json={"name": CANARY, "password": "x"}
    ),
    "reset": lambda client: client.post(
        "/api/password-resets", json={"email": f"{CANARY}@example.org"}
    ),
    "beside a bad token": lambda client: client.get(
        "/api/resource", headers=basic(CANARY, "nhu_x")
    ),
    "twice, then locked": lambda client: [
        client.get("/api/resource", headers=basic(CANARY)) for _ in range(60)
    ],
}


def everything(app: Flask) -> str:
    """Return every text in the database."""
    tables = ("account", "session", "audit_event", "counter", "outbox_mail")
    return repr([rows(app, f"SELECT * FROM {table}") for table in tables])  # noqa: S608 - names of ours


@pytest.mark.parametrize("way", ANSWERS)
def test_a_password_typed_as_the_name_is_stored_nowhere(
    app: Flask, client: FlaskClient, way: str
) -> None:
    with logged() as lines:
        ANSWERS[way](client)
    for kept in (everything(app), "\n".join(lines)):
        assert CANARY.lower() not in kept.lower()
        assert CANARY[2:].lower() not in kept.lower()
        for plain in (CANARY, CANARY.lower()):
            assert hashlib.sha256(plain.encode()).hexdigest()[:16] not in kept
            assert base64.b64encode(plain.encode()).decode() not in kept


def subjects(client: FlaskClient, name: str) -> list[str]:
    answer = client.get("/api/admin/audit", query_string={"subject": name}, headers=basic(*ADMIN))
    return [
        event["subject"] for event in answer.json["events"] if event["kind"] == "authentication"
    ]


def the_audit_log_and_log_tell_equal_unknown_names_from_others(client: FlaskClient) -> None:
    with logged() as lines:
        for name in ("nobody", "NoBody", "someone"):
            client.get("/api/resource", headers=basic(name, "wrong"))
    (one,) = set(subjects(client, "nobody"))
    assert (
        len(subjects(client, "nobody"))
        == len(subjects(client, "NOBODY"))
        == len(subjects(client, one))
        == 2
    )
    (other,) = subjects(client, "someone")
    assert (one[:3], other[:3], one == other) == ("no*", "so*", False)
    assert sum(one in line for line in lines) == 2
    assert not is_username(one)


def test_events_of_an_account_are_found_by_its_name_as_before(
    app: Flask, client: FlaskClient
) -> None:
    client.get("/api/resource", headers=basic("hawk", "wrong"))
    client.get("/api/resource", headers=basic(*HAWK))
    assert subjects(client, "hawk") == ["hawk", "hawk"]
    services(app).administration.delete(operator(), 2)
    client.get("/api/resource", headers=basic("hawk", "wrong"))  # now a name that no account has
    assert len(subjects(client, "hawk")) == 3


def test_a_pseudonym_is_the_same_on_every_node_and_after_a_restart(
    make_app: Callable[..., Flask],
) -> None:
    one, other = (services(make_app()).audit._pseudonyms.of("nobody") for _ in range(2))
    assert one == other


def test_a_rotated_key_makes_other_pseudonyms_and_older_ones_are_found(
    app: Flask, client: FlaskClient, clock: ManualClock, tmp_path: Path
) -> None:
    client.get("/api/resource", headers=basic("nobody", "wrong"))
    (before,) = subjects(client, "nobody")
    services(app).key_rotation.rotate(timedelta(0))
    clock.advance(hours=1)
    client.get("/api/resource", headers=basic("nobody", "wrong"))
    after, again = subjects(client, "nobody")
    assert (again, after == before) == (before, False)
    assert before[3:] not in (tmp_path / "data" / "secret_keys").read_text()


def pseudonyms(*keys: str) -> KeyedPseudonyms:
    return KeyedPseudonyms(ConfiguredKeys(keys), ManualClock())


@pytest.mark.parametrize("name", ["a", "ab", "a" * 64, "_x", "a@b.example"])
def test_a_pseudonym_fits_its_column_and_needs_the_key(name: str) -> None:
    one, other = pseudonyms("k" * 32), pseudonyms("q" * 32)
    assert len(one.of(name)) <= 27
    assert one.of(name) == one.of(name.upper())
    assert one.of(name) != other.of(name)
    assert pseudonyms("q" * 32, "k" * 32).known(name) == (other.of(name), one.of(name))
