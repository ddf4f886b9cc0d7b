"""The filters of the audit log as a query string."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from support.accounts import ADMIN, HAWK
from support.clock import ManualClock
from support.http import basic

AUDIT = "/api/admin/audit"


def found(client: FlaskClient, query: str) -> list[tuple[str, str]]:
    answer = client.get(f"{AUDIT}?{query}", headers=basic(*ADMIN))
    assert answer.status_code == 200, answer.text
    return [(event["kind"], event["outcome"]) for event in answer.json["events"]]


def test_events_are_found_by_outcome_name_and_time(client: FlaskClient, clock: ManualClock) -> None:
    clock.advance(hours=1)
    start = clock.now()
    client.get("/api/resource", headers=basic("hawk", "wrong"))
    clock.advance(minutes=1)
    client.get("/api/resource", headers=basic(*HAWK))
    refused, accepted = ("authentication", "refused"), ("authentication", "accepted")
    since = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert found(client, f"since={since}&subject=hawk") == [accepted, refused]
    assert found(client, f"since={since}&subject=hawk&outcome=refused") == [refused]
    assert found(client, f"since={since}&until={since}") == []
    later = quote((start + timedelta(minutes=1, hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000+02:00"))
    assert found(client, f"since={later}&actor=hawk") == [accepted]
    assert found(client, f"since={since}&until={later}&kind=authentication&subject_id=2") == [
        refused
    ]


@pytest.mark.parametrize(
    "query",
    [
        "outcome=maybe",
        "since=yesterday",
        "since=2026-01-31",
        "since=1767225600",
        "since=2026-01-31T00:00:00",
        "since=2026-01-31T00:00:00+00:00",  # a space, once decoded
        "since=2026-02-30T00:00:00Z",
        "since=2026-01-31T24:30:00Z",
        "since=0001-01-01T00:00:00%2B23:59",
        "until=9999-12-31T23:59:59-23:59",
        "until=",
        "since=2026-01-31T00:00:00Z&since=2026-01-31T00:00:00Z",
        "subject=" + "a" * 65,
        "whatever=1",
    ],
)
def test_a_filter_that_means_nothing_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"{AUDIT}?{query}", headers=basic(*ADMIN)).status_code == 400
