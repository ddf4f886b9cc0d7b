"""/metrics: correct with several workers, and labelled by route only."""

from __future__ import annotations

import http.client
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from identity.api.operations import METRICS_SECONDS
from support.http import basic, bearer
from support.live import Live, serving

HOSTILE = "canary-in-the-path"
Counts = Counter[tuple[str, str, str]]


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Live]:
    """A service with three workers."""
    with serving(tmp_path, "--workers", "3") as live:
        yield live


def counts(text: str) -> Counts:
    """Return how many requests were counted for each method, route and status."""
    found: Counts = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "identity_requests_total":
                labels = sample.labels
                found[labels["method"], labels["route"], labels["status"]] += int(sample.value)
    return found


def timed(text: str) -> int:
    """Return how many requests were timed."""
    return sum(
        int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "identity_request_duration_seconds_count"
    )


def call(live: Live, method: str, path: str, headers: dict[str, str]) -> int:
    """Make one request on a connection of its own."""
    connection = http.client.HTTPConnection(live.base.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_metrics_count_every_request_of_every_worker_once(busy: Live) -> None:
    token = busy.curl("/api/token", "-u", "admin:changeme").json()["token"]
    requests = [
        *[("GET", "/api/resource", bearer(token), 200)] * 150,
        *[("GET", "/api/resource", bearer("idt_wrong"), 401)] * 60,
        *[("GET", "/healthz", {}, 200)] * 70,
        *[("GET", f"/nothing/{HOSTILE}", {}, 404)] * 20,
    ]
    before = counts(busy.curl("/metrics").body)
    with ThreadPoolExecutor(12) as callers:
        statuses = list(callers.map(lambda request: call(busy, *request[:3]), requests))
    assert statuses == [request[3] for request in requests]
    time.sleep(METRICS_SECONDS + 0.1)
    exposed = busy.curl("/metrics").body
    grown = counts(exposed) - before
    del grown["GET", "/metrics", "200"]
    assert grown == {
        ("GET", "/api/resource", "200"): 150,
        ("GET", "/api/resource", "401"): 60,
        ("GET", "/healthz", "200"): 70,
        ("GET", "(none)", "404"): 20,
    }
    assert timed(exposed) == sum(counts(exposed).values())
    assert (
        len({counts(busy.curl("/metrics").body)["GET", "/api/resource", "200"] for _ in range(12)})
        == 1
    )


def test_metrics_name_routes_and_never_what_was_asked_of_them(app: Flask) -> None:
    client = app.test_client()
    routes = {rule.rule for rule in app.url_map.iter_rules()}
    admin = basic("admin", "changeme")
    for path in (
        "/api/users/2",
        "/api/users/999999",
        f"/api/users/{HOSTILE}",
        f"/{HOSTILE}",
        f"/docs/{HOSTILE}",
        f"/api/admin/users?search={HOSTILE}",
        "/api/admin/users/2",
        f"/api/sessions/{'0' * 32}",
    ):
        client.get(path, headers=admin)
        client.open(
            path, method="FROB", headers=admin | {"X-Request-ID": HOSTILE, "User-Agent": HOSTILE}
        )
    client.get("/api/resource", headers=basic(HOSTILE, HOSTILE))
    client.get("/api/resource", headers=basic("hawk", "newpwd"))
    exposed = client.get("/metrics")
    assert exposed.content_type.startswith("text/plain")
    assert HOSTILE not in exposed.text
    ours = "\n".join(line for line in exposed.text.splitlines() if line.startswith("identity_"))
    labels = set(re.findall(r'(\w+)="([^"]*)"', ours))
    values = {name: {value for known, value in labels if known == name} for name, _ in labels}
    assert values.keys() == {"dialect", "method", "route", "status", "le", "state"}
    assert values["route"] <= routes | {"(none)"}
    assert values["method"] <= {
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "(other)",
    }
    assert values["dialect"] <= {"native", "azuma", "continuous", "nerveshub", "wekan"}
    assert "hawk" not in exposed.text
