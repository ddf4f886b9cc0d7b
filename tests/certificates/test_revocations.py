"""The revocation list is signed when something has changed, not for each request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from certificates.test_lifecycle import HAWK
from cryptography import x509
from flask import Flask

from identity.domain.principal import operator
from identity.services.certificates import revocation_list as revocations
from support.app import principal, services
from support.certificates import signed
from support.clock import ManualClock
from support.waiting import wait_until


@pytest.fixture
def signatures(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """How many lists the application has signed; it hears of changes by now."""
    wait_until(services(app).journal.is_current)
    authority, made = services(app).revocations._authority, []
    sign = authority.revocation_list

    def count(revoked: Any, now: Any) -> bytes:
        made.append(now)
        return sign(revoked, now)

    monkeypatch.setattr(authority, "revocation_list", count)
    return made


def serials(app: Flask) -> set[int]:
    return {
        each.serial_number
        for each in x509.load_der_x509_crl(services(app).revocations.newest().der)
    }


def test_a_list_is_signed_once_however_often_it_is_asked_for(
    app: Flask, signatures: list[object]
) -> None:
    client = app.test_client()
    asked = [client.get(path) for path in ("/ca.crl", "/ca.crl?format=pem") * 20]
    assert {answer.status_code for answer in asked} == {200}
    assert len(signatures) == 1


def test_a_list_is_signed_anew_after_each_change_that_may_matter(
    app: Flask, signatures: list[object]
) -> None:
    client, use = app.test_client(), services(app)
    first, second = signed(client), signed(client)
    assert serials(app) == set()
    client.delete(f"/api/certificates/{first.serial_number}", headers=HAWK)
    assert serials(app) == {first.serial_number}
    use.administration.revoke_sessions(operator(), 2)
    assert serials(app) == {first.serial_number, second.serial_number}
    use.administration.delete(operator(), 2)
    assert serials(app) == {first.serial_number, second.serial_number}
    assert len(signatures) == 4


def test_a_list_is_signed_anew_after_a_change_on_another_node(
    app: Flask, make_app: Callable[..., Flask], signatures: list[object]
) -> None:
    made = signed(app.test_client())
    assert serials(app) == set()
    services(make_app()).administration.revoke_sessions(operator(), 2)
    wait_until(lambda: serials(app) == {made.serial_number})
    assert len(signatures) == 2


def test_a_list_is_signed_anew_after_a_day(
    app: Flask, clock: ManualClock, signatures: list[object]
) -> None:
    serials(app)
    clock.advance(hours=23)
    serials(app)
    assert len(signatures) == 1
    clock.advance(hours=1)
    serials(app)
    clock.advance(hours=-2)  # a clock that was put right
    serials(app)
    assert len(signatures) == 3


def test_a_costly_list_rests_for_a_while_despite_changes(
    app: Flask, signatures: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "_CHEAP_SECONDS", 0.0)
    monkeypatch.setattr(revocations, "_REST_FACTOR", 1e9)
    for _ in range(3):
        services(app).tokens.revoke_all(principal(app, "hawk", "newpwd"))
        serials(app)
    assert len(signatures) == 1


def test_the_list_before_is_given_to_those_who_come_while_one_is_made(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = services(app)
    wait_until(use.journal.is_current)
    before = use.revocations.newest()
    begun, may_end = threading.Event(), threading.Event()
    sign = use.revocations._authority.revocation_list

    def slowly(*given: Any) -> bytes:
        begun.set()
        assert may_end.wait(60)
        return sign(*given)

    monkeypatch.setattr(use.revocations._authority, "revocation_list", slowly)
    use.administration.revoke_sessions(operator(), 2)
    maker = threading.Thread(target=use.revocations.newest)
    maker.start()
    assert begun.wait(60)
    assert use.revocations.newest() is before
    may_end.set()
    maker.join(60)
    assert use.revocations.newest() is not before
