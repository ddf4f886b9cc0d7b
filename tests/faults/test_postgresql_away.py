"""PostgreSQL goes away under a running service: it stops, cuts connections, or falls silent, and
comes back."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from identity import create_app
from support.app import close, config
from support.faults.postgresql_cluster import Cluster
from support.http import basic
from support.live import Answer, Live, serving, wait_until_ready
from support.waiting import wait_until

_numbers = itertools.count()


@pytest.fixture(scope="module")
def service(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service on that server; it is never started again, whatever becomes of the server."""
    with (
        cluster.database() as url,
        serving(tmp_path_factory.mktemp("service"), database_url=url) as running,
    ):
        yield running


@pytest.fixture
def live(cluster: Cluster, service: Live) -> Iterator[Live]:
    """That service, with its server in order at the beginning of a test, and again at its end."""
    wait_until_ready(service)
    yield service
    cluster.start()


@pytest.fixture
def token(live: Live) -> str:
    """A token that every worker knows by heart."""
    found: str = live.curl("/api/token", "-u", "admin:changeme").json()["token"]
    for _ in range(12):
        assert live.curl("/api/resource", "-u", f"{found}:x").status == 200
    return found


def requests(token: str) -> dict[str, tuple[str, ...]]:
    """Return one request of each kind that needs the database."""
    return {
        "token check": ("/api/resource", "-u", f"{token}:x"),
        "bearer": ("/api/users/me", "-H", f"Authorization: Bearer {token}"),
        "login": ("/api/resource", "-u", "admin:changeme"),
        "wrong password": ("/api/resource", "-u", "admin:loremipsum"),
        "name": ("/api/users/1",),
        "registration": ("/api/users", "-d", f"username=hawk{next(_numbers)}&password=newpwd"),
        "log out": ("/api/token", "-X", "DELETE", "-u", f"{token}:x"),
        "readiness": ("/readyz",),
    }


def patient(live: Live, *request: str) -> Answer | None:
    """Return an answer that came within seconds."""
    try:
        return live.curl(*request, "--max-time", "15")
    except subprocess.CalledProcessError:
        return None


def assert_refused(live: Live, token: str) -> None:
    """Make sure that every kind of request is put off, and soon."""
    kinds = requests(token)
    with ThreadPoolExecutor(len(kinds)) as callers:
        answers = list(callers.map(lambda request: patient(live, *request), kinds.values()))
    assert {
        kind: answer and answer.status for kind, answer in zip(kinds, answers, strict=True)
    } == dict.fromkeys(kinds, 503)
    for answer in filter(None, answers):
        assert answer.json()["code"] == "unavailable"
        assert int(answer.header("Retry-After") or "0") > 0
    assert live.curl("/healthz").status == 200
    assert live.curl("/metrics").status == 200


def assert_memory_ends(live: Live, token: str) -> None:
    """Make sure that what a worker knows by heart counts for a second at most."""
    away = asked = time.monotonic()
    while asked - away < 1:
        answer = patient(live, *requests(token)["token check"])
        if answer is None or answer.status != 200:
            return
        asked = time.monotonic()
    answer = patient(live, *requests(token)["token check"])
    assert answer is None or answer.status != 200, "the server is still there"


def assert_works(live: Live, token: str) -> None:
    expected = {"wrong password": 401, "registration": 201, "log out": 204}
    statuses = {kind: live.curl(*request).status for kind, request in requests(token).items()}
    assert statuses == {kind: expected.get(kind, 200) for kind in statuses}


def status(live: Live, token: str) -> int:
    return live.curl("/api/resource", "-u", f"{token}:x").status


def test_no_credential_is_accepted_while_the_server_is_down_and_all_works_once_it_is_back(
    cluster: Cluster, live: Live, token: str
) -> None:
    for _ in range(2):
        cluster.stop()
        assert_memory_ends(live, token)
        for _ in range(3):
            assert_refused(live, token)
        cluster.start()
        wait_until(lambda: live.curl("/readyz").status == 200)
        assert status(live, token) == 200
    assert_works(live, token)
    assert "Traceback" not in live.output()


@pytest.mark.parametrize("fault", ["restarted", "cut"])
def test_a_log_out_counts_on_every_worker_despite_broken_connections(
    cluster: Cluster, live: Live, token: str, fault: str
) -> None:
    if fault == "restarted":
        cluster.stop()
        cluster.start()
    else:
        cluster.cut_connections()
    wait_until(
        lambda: live.curl("/api/sessions", "-X", "DELETE", "-u", "admin:changeme").status == 204
    )
    ended = time.monotonic()
    wait_until(lambda: time.monotonic() > ended + 1)  # so long may another worker still believe it
    assert {status(live, token) for _ in range(12)} == {401}


def test_cut_connections_are_not_noticed(cluster: Cluster, live: Live, token: str) -> None:
    for _ in range(4):
        assert cluster.cut_connections() >= 2
        for kind, request in requests(token).items():
            if kind in {"token check", "bearer", "name", "readiness", "login"}:
                assert (kind, live.curl(*request).status) == (kind, 200)
    assert_works(live, token)


def test_readiness_is_denied_in_time_while_the_server_stands_still(
    cluster: Cluster, live: Live
) -> None:
    with cluster.frozen():
        for _ in range(3):
            asked = time.monotonic()
            answer = live.curl("/readyz")
            assert (answer.status, answer.json()["code"]) == (503, "unavailable")
            assert time.monotonic() - asked < 4  # 2 s are the limit
    wait_until(lambda: live.curl("/readyz").status == 200)


def test_a_service_on_a_standby_is_not_ready_and_reads(
    cluster: Cluster, live: Live, token: str
) -> None:
    name = make_url(live.environment["IDENTITY_DATABASE_URL"]).database
    with cluster.standby() as url:
        own = f"{url.rpartition('/')[0]}/{name}"
        app = create_app(config(Path(live.environment["IDENTITY_DATA_DIR"]), database_url=own))
        try:
            refused = app.test_client().get("/readyz")
            assert (refused.status_code, refused.json["code"]) == (503, "database_read_only")
            assert app.test_client().get("/api/resource", headers=basic(token)).status_code == 200
        finally:
            close(app)


def test_a_silent_server_is_given_up_on_within_seconds(
    cluster: Cluster, live: Live, token: str
) -> None:
    with cluster.frozen():
        assert_memory_ends(live, token)
        assert_refused(live, token)
    wait_until(lambda: live.curl("/readyz").status == 200)
    assert_works(live, live.curl("/api/token", "-u", "admin:changeme").json()["token"])
    assert "Traceback" not in live.output()
