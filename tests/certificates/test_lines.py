"""A certificate line: a certificate and its renewals are revoked together, and few of them are
valid at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from certificates.test_lifecycle import HAWK, SECRET, on_the_list, opens, shown
from cryptography import x509
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.principal import operator
from identity.services.accounts.changes import ProfileChange
from identity.services.certificates.lines import LIVE_PER_LINE
from support.accounts import populate
from support.app import services
from support.certificates import csr, new_key, signed
from support.clock import ManualClock
from support.http import bearer
from support.mail import Mailbox


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(trusted_proxies="127.0.0.1", proxy_secret=SECRET, certificate_limit="0")
    populate(app)
    return app


def renewal(client: FlaskClient, certificate: Any, request: str | None = None) -> Any:
    return client.post(
        "/api/certificates/renew", json={"csr": request or csr()}, headers=shown(certificate)
    )


def renewed(client: FlaskClient, certificate: Any, request: str | None = None) -> Any:
    answer = renewal(client, certificate, request)
    assert answer.status_code == 201, answer.text
    return x509.load_pem_x509_certificate(answer.json["cert"].encode())


def revoke(client: FlaskClient, certificate: Any) -> int:
    return client.delete(f"/api/certificates/{certificate.serial_number}", headers=HAWK).status_code


def entries(client: FlaskClient) -> dict[str, Any]:
    listed = client.get("/api/certificates", headers=HAWK).json["certificates"]
    return {entry["serial"]: entry for entry in listed}


def test_revoking_a_certificate_revokes_everything_renewed_from_it(client: FlaskClient) -> None:
    stolen, unrelated = signed(client), signed(client)
    child = renewed(client, stolen)
    grandchild = renewed(client, child)
    token = client.get("/api/token", headers=shown(grandchild)).json["token"]
    assert revoke(client, stolen) == 204
    for ended in (stolen, child, grandchild):
        assert (opens(client, ended), on_the_list(client, ended)) == (False, True)
        assert renewal(client, ended).status_code == 401
    assert client.get("/api/resource", headers=bearer(token)).status_code == 401
    assert opens(client, unrelated)


def test_revoking_a_successor_leaves_what_it_came_from(client: FlaskClient) -> None:
    first = signed(client)
    second, sister = renewed(client, first), renewed(client, first)
    third = renewed(client, second)
    assert revoke(client, second) == 204
    assert [opens(client, each) for each in (first, second, third, sister)] == [
        True,
        False,
        False,
        True,
    ]


def test_revoking_ends_every_certificate_on_the_same_key(client: FlaskClient) -> None:
    key = new_key()
    one, two = signed(client, csr(key)), signed(client, csr(key))
    of_two = renewed(client, two)
    assert revoke(client, one) == 204
    assert [opens(client, each) for each in (one, two, of_two)] == [False, False, False]


def test_the_list_shows_the_line(client: FlaskClient) -> None:
    first = signed(client)
    second = renewed(client, first)
    third = renewed(client, second)
    line = str(first.serial_number)
    shown_here = entries(client)
    assert {
        serial: (each["renewed_from"], each["line"]) for serial, each in shown_here.items()
    } == {
        line: (None, line),
        str(second.serial_number): (line, line),
        str(third.serial_number): (str(second.serial_number), line),
    }


def test_a_line_has_few_valid_members_and_room_again_when_some_ended(
    client: FlaskClient, clock: ManualClock
) -> None:
    first = signed(client)
    newest = first
    for _ in range(LIVE_PER_LINE - 1):
        newest = renewed(client, newest)
    refused = renewal(client, newest)
    assert (refused.status_code, refused.json["code"]) == (400, "bad_certificate_request")
    assert signed(client)  # with the password there is room, whatever a thief renewed
    clock.advance(days=200)
    assert renewal(client, newest).status_code == 400
    assert revoke(client, newest) == 204
    assert renewed(client, first)


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    services(app).administration.change(operator(), 2, ProfileChange(email="hawk@example.org"))
    return Mailbox(app)


def test_the_mail_names_the_certificate_and_its_line(client: FlaskClient, mailbox: Mailbox) -> None:
    first = signed(client)
    second = renewed(client, first)
    revoke(client, first)
    texts = [
        mail.text for mail in mailbox.fetch() if f"Certificate: {second.serial_number}" in mail.text
    ]
    assert f"renewed from {first.serial_number}" in texts[0]
