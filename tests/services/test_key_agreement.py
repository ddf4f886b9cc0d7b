"""Nodes with different keys: the one that started later is not ready, and says why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from identity.domain.key_agreement import KeyNames, agreeing
from identity.services.maintenance import key_agreement
from support.app import services
from support.clock import ManualClock
from support.database import execute, rows

OLD, NEW, OTHER = (
    "0123456789abcdef" * 2,
    "fedcba9876543210" * 2,
    "00112233445566778899aabbccddeeff",
)
MakeNode = Callable[..., Flask]


@pytest.fixture
def node(make_app: Callable[..., Flask]) -> MakeNode:
    """Make a node with these secret keys; all share the JWT keys of one data directory."""
    return lambda *keys: make_app(secret_keys=",".join(keys))


def ready(app: Flask) -> bool:
    answer = app.test_client().get("/readyz")
    for _ in range(5):  # a machine that is busy may take longer than the limit
        if answer.status_code == 200 or answer.json["code"] != "unavailable":
            break
        answer = app.test_client().get("/readyz")
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer.json["code"]) == (503, "keys_differ")
    assert "same keys" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    return False


def let_time_pass(app: Flask) -> None:
    """Let every node have been seen half a minute ago."""
    if services(app).schema._engine.dialect.name == "sqlite":
        execute(
            app,
            "UPDATE node SET seen_at = strftime('%Y-%m-%d %H:%M:%f000', seen_at, '-31 seconds')",
        )
    else:
        execute(app, "UPDATE node SET seen_at = seen_at - interval '31 seconds'")


def test_of_two_nodes_with_other_secret_keys_the_later_one_is_not_ready(
    node: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = node(OLD), node(NEW)
    assert [ready(first), ready(second), ready(first), ready(second)] == [True, False, True, False]
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len([each for each in warnings if "signing keys differ" in each]) == 1
    assert not any(key in "".join(warnings) for key in (OLD, NEW))


def test_of_two_nodes_with_other_jwt_keys_the_later_one_is_not_ready(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    first, second = (
        make_app(secret_keys=OLD, data_dir=str(tmp_path / name)) for name in ("one", "other")
    )
    assert [ready(first), ready(second), ready(first)] == [True, False, True]


def test_jwt_keys_do_not_count_for_a_node_that_signs_no_jwts(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    def make(name: str, dialects: str) -> Flask:
        return make_app(secret_keys=OLD, data_dir=str(tmp_path / name), dialects=dialects)

    assert [ready(make("one", "wekan")), ready(make("other", "wekan"))] == [True, True]
    assert [ready(make("third", "continuous")), ready(make("fourth", "continuous"))] == [
        True,
        False,
    ]
    assert not ready(make_app(secret_keys=NEW, data_dir=str(tmp_path / "fifth"), dialects="wekan"))


def test_nodes_with_the_same_keys_are_ready_beside_one_with_others(node: MakeNode) -> None:
    assert [ready(node(OLD)), ready(node(NEW)), ready(node(OLD)), ready(node(NEW))] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [(OLD,), (OLD,), (NEW, OLD), (NEW, OLD), (OLD, NEW), (OLD, NEW)],
        [(OLD, NEW), (OLD, NEW), (NEW,), (NEW,)],
        [(OLD,), (NEW, OLD), (OTHER, NEW, OLD)],
    ],
    ids=["begin", "end", "two-at-once"],
)
def test_each_step_of_a_rotation_by_setting_fits_the_one_before(
    node: MakeNode, steps: list[tuple[str, ...]]
) -> None:
    running = [node(*keys) for keys in steps[:2]]
    for keys in steps[2:]:
        assert all(map(ready, running))
        services(running.pop(0)).key_agreement.leave()
        running.append(node(*keys))
    assert all(map(ready, running))


@pytest.mark.parametrize(
    ("before", "after"), [((OLD,), (NEW,)), ((OLD,), (OLD, NEW)), ((NEW, OLD), (NEW,))]
)
def test_a_node_that_signs_with_what_the_others_do_not_know_is_not_ready(
    node: MakeNode, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    first = node(*before)
    assert ready(first)
    assert not ready(node(*after))
    assert ready(first)


def test_a_node_that_ended_or_was_not_seen_for_a_while_keeps_no_node_out(node: MakeNode) -> None:
    first, second, third = node(OLD), node(NEW), node(OTHER)
    assert [ready(first), ready(second)] == [True, False]
    services(first).key_agreement.leave()
    assert ready(second)
    let_time_pass(second)
    assert ready(third)


def test_a_rotation_with_overlap_on_a_shared_directory_trips_no_node(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    first, second = make_app(), make_app()
    assert ready(first)
    assert ready(second)
    services(first).key_rotation.rotate(timedelta(seconds=60))
    for _ in range(30):
        assert ready(first)
        assert ready(second)
        clock.advance(hours=1)


def test_keys_that_are_replaced_under_running_nodes_have_a_minute_to_arrive(
    make_app: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(key_agreement, "boottime", lambda: now[0])
    first, second = (make_app(secret_keys=OLD), make_app(secret_keys=OLD))
    assert ready(first)
    assert ready(second)
    sources = services(second).key_agreement._sources
    changed = make_app(secret_keys=NEW, data_dir=str(tmp_path / "another"))
    monkeypatch.setattr(
        services(second).key_agreement, "_sources", services(changed).key_agreement._sources
    )
    for passed in (1, 30, 59):
        now[0] = 1000.0 + passed
        assert (ready(first), ready(second)) == (True, True)
    now[0] = 1000.0 + 62
    assert (ready(first), ready(second)) == (True, False)
    monkeypatch.setattr(services(second).key_agreement, "_sources", sources)
    now[0] += 6
    assert (ready(first), ready(second)) == (True, True)


def test_the_database_holds_names_and_no_key(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    app = make_app(secret_keys=OLD)
    assert ready(app)
    ((signing, accepted),) = rows(app, "SELECT signing, accepted FROM node")
    listed = {view.name for view in services(app).key_rotation.listed()}
    assert {name.partition("/")[2] for name in signing.split()} == listed
    assert OLD not in signing + accepted
    pem = (tmp_path / "data/jwt_keys/0001.pem").read_text("ascii")
    assert not any(line in signing + accepted for line in pem.splitlines() if len(line) > 20)


def test_an_observer_notifies_nothing(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    services(app).key_agreement.observe()
    assert ready(app)
    assert rows(app, "SELECT id FROM node") == []


def names(signing: str, accepted: str) -> KeyNames:
    return KeyNames(frozenset(signing.split()), frozenset(accepted.split()))


def test_who_does_not_fit_those_before_spoils_no_other() -> None:
    right, wrong, later = names("t/a", "t/a t/b"), names("t/c", "t/c"), names("t/b", "t/a t/b")
    assert agreeing([right, wrong, later]) == [right, later]
    assert agreeing([wrong, right, later]) == [wrong]
