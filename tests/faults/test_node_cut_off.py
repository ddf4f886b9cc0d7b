"""Two nodes on one PostgreSQL, and one is cut off: it accepts no credential, and the other goes on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

from support.accounts import ADMIN
from support.faults.experiment import THREADS, Experiment, run_experiment
from support.faults.postgresql_cluster import Cluster
from support.faults.tcp_proxy import Proxy, proxy_to
from support.live import Live, serving
from support.waiting import wait_until

ADMINISTRATOR = ":".join(ADMIN)


@dataclass
class Pair:
    """A node that reaches the database directly, and one whose way can be cut."""

    experiment: Experiment
    near: Live
    far: Live
    way: Proxy


@pytest.fixture
def pair(cluster: Cluster, tmp_path: Path) -> Iterator[Pair]:
    """Two nodes with the same keys."""
    with ExitStack() as stack:
        url = make_url(stack.enter_context(cluster.database()))
        way = stack.enter_context(proxy_to("127.0.0.1", url.port or 0))
        keys = {"secret_keys": "0123456789abcdef0123456789abcdef"}
        (tmp_path / "far").mkdir()
        near_url, far_url = (
            each.render_as_string(hide_password=False) for each in (url, url.set(port=way.port))
        )
        near = stack.enter_context(serving(tmp_path, *THREADS, database_url=near_url, **keys))
        (tmp_path / "far").chmod(0o700)
        shutil.copytree(tmp_path / "jwt_keys", tmp_path / "far/jwt_keys")
        far = stack.enter_context(serving(tmp_path / "far", *THREADS, database_url=far_url, **keys))
        experiment = stack.enter_context(run_experiment([near, far], near_url))
        experiment.recorder.secret(keys["secret_keys"])
        yield Pair(experiment, near, far, way)


def token_for(pair: Pair, name: str) -> str:
    """Make an account and log in; both nodes know the token by heart then."""
    recorder, password = pair.experiment.recorder, pair.experiment.recorder.password()
    pair.experiment.load.passwords[name] = password
    body = {"username": name, "password": password}
    near = pair.near.base
    recorder.call(near, "POST", "/api/users", kind="register", who=name, body=body, expect={201})
    login = recorder.call(
        near, "POST", "/api/token", kind="login", who=name, user=f"{name}:{password}"
    )
    token = recorder.secret(login.json()["token"])
    for node in (pair.near, pair.far) * 6:
        assert check(pair, node, name, token) == 200
    return token


def check(pair: Pair, node: Live, name: str, token: str) -> int | None:
    path, user, either = "/api/resource", f"{token}:x", {200, 401}
    return pair.experiment.recorder.call(
        node.base, "GET", path, kind="check", who=name, user=user, expect=either
    ).status


def test_a_node_cut_off_lets_no_caller_in_and_learns_of_every_end_once_it_is_back(
    pair: Pair,
) -> None:
    recorder, load = pair.experiment.recorder, pair.experiment.load
    tokens = {name: token_for(pair, name) for name in ("kept", "ended")}
    with load.running():
        with recorder.fault(), pair.way.cut():
            cut = time.monotonic()
            path, user = "/api/sessions", f"{tokens['ended']}:x"
            ended = recorder.call(
                pair.near.base, "DELETE", path, kind="log out", who="ended", user=user, expect={204}
            )
            assert ended.outcome == "ok"
            asked = cut
            while (status := check(pair, pair.far, "kept", tokens["kept"])) == 200:
                assert asked < cut + 1  # for so long a node may trust what it has heard
                asked = time.monotonic()
            assert status == 503
            wait_until(lambda: time.monotonic() > cut + 1)  # so does each other worker
            for _ in range(4):
                assert check(pair, pair.far, "ended", tokens["ended"]) == 503
                assert check(pair, pair.near, "ended", tokens["ended"]) == 401
                assert check(pair, pair.near, "kept", tokens["kept"]) == 200
        wait_until(lambda: pair.far.curl("/readyz").status == 200)
        for _ in range(6):
            assert check(pair, pair.far, "ended", tokens["ended"]) == 401
        wait_until(lambda: check(pair, pair.far, "kept", tokens["kept"]) == 200)
        load.wait_for(8)
