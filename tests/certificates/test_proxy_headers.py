"""A certificate in a header counts only from a trusted peer with the secret, and is verified
again."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.accounts import populate
from support.certificates import (
    PEM,
    Authority,
    csr,
    name,
    new_authority,
    new_key,
    own_authority,
    signed,
)
from support.clock import ManualClock
from support.http import basic

SECRET = "0123456789abcdef0123456789abcdef"
SQLITE = pytest.mark.parametrize(
    "engine_name", ["sqlite"]
)  # only read here; test_lifecycle.py has both
pytestmark = SQLITE


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(trusted_proxies="127.0.0.1,10.0.0.0/8", proxy_secret=SECRET)
    populate(app)
    return app


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(PEM).decode()


def der_of(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def by_nginx(certificate: x509.Certificate, **changed: str) -> dict[str, str]:
    sent = {
        "X-Proxy-Secret": SECRET,
        "X-Client-Verify": "SUCCESS",
        "X-Client-Cert": quote(pem_of(certificate), safe=""),
    }
    return sent | {header.replace("_", "-"): value for header, value in changed.items()}


def by_rfc_9440(certificate: x509.Certificate) -> dict[str, str]:
    return {"X-Proxy-Secret": SECRET, "Client-Cert": f":{der_of(certificate)}:"}


def get(client: FlaskClient, headers: dict[str, str], peer: str = "127.0.0.1") -> tuple[int, str]:
    answer = client.get("/api/resource", headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    return answer.status_code, answer.text


HELLO = (200, '{"data":"Hello, hawk!"}\n')
REFUSED = (401, "Unauthorized Access")


@pytest.mark.parametrize("form", [by_nginx, by_rfc_9440])
@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3"])
def test_a_trusted_proxy_with_the_secret_is_believed(
    client: FlaskClient, form: Callable[[x509.Certificate], dict[str, str]], peer: str
) -> None:
    assert get(client, form(signed(client)), peer) == HELLO


@pytest.mark.parametrize("form", [by_nginx, by_rfc_9440])
@pytest.mark.parametrize(
    "peer", ["192.0.2.1", "127.0.0.2", "::1", "", "unix:", "10.1.2.3, 127.0.0.1"]
)
def test_no_other_peer_is_believed(
    client: FlaskClient, form: Callable[[x509.Certificate], dict[str, str]], peer: str
) -> None:
    headers = form(signed(client)) | {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
    assert get(client, headers, peer) == REFUSED


@pytest.mark.parametrize("form", [by_nginx, by_rfc_9440])
@pytest.mark.parametrize(
    "secret", ["", SECRET[:-1], SECRET + "0", SECRET.upper(), f"{SECRET}, {SECRET}", "é" * 16]
)
def test_nothing_is_believed_without_the_right_secret(
    client: FlaskClient, form: Callable[[x509.Certificate], dict[str, str]], secret: str
) -> None:
    made = form(signed(client))
    assert get(client, made | {"X-Proxy-Secret": secret}) == REFUSED
    del made["X-Proxy-Secret"]
    assert get(client, made) == REFUSED


@pytest.mark.parametrize("chosen", [{}, {"trusted_proxies": "127.0.0.1"}, {"proxy_secret": SECRET}])
@pytest.mark.parametrize("form", [by_nginx, by_rfc_9440])
def test_nothing_is_believed_where_no_proxy_is_configured(
    app: Flask,
    make_app: Callable[..., Flask],
    form: Callable[[x509.Certificate], dict[str, str]],
    chosen: dict[str, str],
) -> None:
    made = signed(app.test_client())
    client = make_app(**chosen).test_client(use_cookies=False)
    assert get(client, form(made)) == REFUSED
    assert get(client, form(made) | {"X-Proxy-Secret": ""}) == REFUSED


@pytest.mark.parametrize(
    "verify", ["", "NONE", "FAILED:unable to verify", "success", "SUCCESS,SUCCESS"]
)
def test_what_nginx_has_not_verified_is_not_believed(client: FlaskClient, verify: str) -> None:
    headers = by_nginx(signed(client), X_Client_Verify=verify)
    assert get(client, headers) == REFUSED


def test_both_forms_at_once_are_none(client: FlaskClient) -> None:
    made, other = signed(client), signed(client, None, ("admin", "changeme"))
    assert get(client, by_nginx(made) | by_rfc_9440(other)) == REFUSED


def test_a_password_beside_a_certificate_decides(client: FlaskClient) -> None:
    made = by_nginx(signed(client))
    assert get(client, made | basic("admin", "changeme"))[1] == '{"data":"Hello, admin!"}\n'
    assert get(client, made | basic("admin", "wrong")) == REFUSED


def test_a_bad_certificate_is_not_a_welcome_guest(client: FlaskClient) -> None:
    made = signed(client)
    client.delete(f"/api/certificates/{made.serial_number}", headers=basic("hawk", "newpwd"))
    assert client.get("/api/users/2").status_code == 200
    assert client.get("/api/users/2", headers=by_nginx(made)).status_code == 401


def spoiled(client: FlaskClient) -> dict[str, str]:
    """Return values for the escaped header that are all nearly a good certificate."""
    made, other = pem_of(signed(client)), pem_of(signed(client, None, ("admin", "changeme")))
    good = quote(made, safe="")
    body = "".join(made.splitlines()[1:-1])
    return {
        "twice escaped": quote(good, safe=""),
        "truncated": good[: len(good) // 2],
        "last line away": good[:-40],
        "two": quote(made + other, safe=""),
        "the same twice": quote(made + made, safe=""),
        "text before": quote("Subject: admin\n" + made, safe=""),
        "text after": quote(made + "admin", safe=""),
        "a request": quote(csr(), safe=""),
        "bare base64": quote(body, safe=""),
        "another label": quote(made.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), safe=""),
        "a flipped letter": quote(made.replace(body[80], "A" if body[80] != "A" else "B"), safe=""),
        "empty block": quote("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", safe=""),
        "odd base64": quote(
            f"-----BEGIN CERTIFICATE-----\n{body[:-3]}\n-----END CERTIFICATE-----\n", safe=""
        ),
        "zeros": quote(
            f"-----BEGIN CERTIFICATE-----\n{'A' * 400}\n-----END CERTIFICATE-----\n", safe=""
        ),
        "20 KB": quote(
            f"-----BEGIN CERTIFICATE-----\n{'A' * 20_000}\n-----END CERTIFICATE-----\n", safe=""
        ),
        "12 KB": quote(
            f"-----BEGIN CERTIFICATE-----\n{'A' * 12_000}\n-----END CERTIFICATE-----\n", safe=""
        ),
        "broken escapes": good.replace("%0A", "%0"),
        "other letters": "%ff%fe" * 50,
        "NUL": quote(made.replace("\n", "\0\n", 1), safe=""),
        "another version": quote(_with_version(made, 7), safe=""),
    }


def _with_version(pem: str, number: int) -> str:
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    at = der.index(b"\xa0\x03\x02\x01") + 4
    changed = der[:at] + bytes([number]) + der[at + 1 :]
    body = base64.encodebytes(changed).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


def test_a_spoiled_header_is_anonymous_and_never_an_error(client: FlaskClient) -> None:
    answers = {
        what: get(
            client, {"X-Proxy-Secret": SECRET, "X-Client-Verify": "SUCCESS", "X-Client-Cert": value}
        )
        for what, value in spoiled(client).items()
    }
    assert {what: answer for what, answer in answers.items() if answer != REFUSED} == {}


def test_a_spoiled_standard_header_is_anonymous_and_never_an_error(client: FlaskClient) -> None:
    made = der_of(signed(client))
    values = [
        made,
        f":{made}",
        f"{made}:",
        f"::{made}:",
        f":{made}:;x=1",
        f":{made}:, :{made}:",
        f'"{made}"',
        "::",
        ":=:",
        ":A:",
        ":AAAA:",
        f":{made[:200]}:",
        f":{made}AAAA:",
        f":{made[:100]} {made[100:]}:",
        f":{made.replace('+', '-').replace('/', '_')}-:",
        f":{'A' * 20_000}:",
        ":é:",
    ]
    answers = {
        value[:40]: get(client, {"X-Proxy-Secret": SECRET, "Client-Cert": value})
        for value in values
    }
    assert {value: answer for value, answer in answers.items() if answer != REFUSED} == {}


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    value=st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=300),
    standard=st.booleans(),
)
def test_any_header_is_anonymous_and_never_an_error(
    client: FlaskClient, value: str, *, standard: bool
) -> None:
    sent = (
        {"Client-Cert": value}
        if standard
        else {"X-Client-Cert": value, "X-Client-Verify": "SUCCESS"}
    )
    environ = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in sent.items()}
    answer = client.get(
        "/api/resource", environ_overrides={**environ, "HTTP_X_PROXY_SECRET": SECRET}
    )
    assert answer.status_code == 401


def foreign(clock: ManualClock, _own: Authority) -> x509.Certificate:
    return new_authority(clock.now()).issue(new_key(), subject=name("hawk"), start=clock.now())


def self_signed(clock: ManualClock, _own: Authority) -> x509.Certificate:
    return new_authority(clock.now(), common_name="hawk").certificate


def of_ours_but_unknown(clock: ManualClock, own: Authority) -> x509.Certificate:
    return own.issue(new_key(), subject=name("hawk"), start=clock.now())


def for_servers(clock: ManualClock, own: Authority) -> x509.Certificate:
    return own.issue(
        new_key(), subject=name("hawk"), start=clock.now(), usage=ExtendedKeyUsageOID.SERVER_AUTH
    )


def the_authority(_clock: ManualClock, own: Authority) -> x509.Certificate:
    return own.certificate


@pytest.mark.parametrize(
    "make", [foreign, self_signed, of_ours_but_unknown, for_servers, the_authority]
)
@pytest.mark.parametrize("form", [by_nginx, by_rfc_9440])
def test_a_proxy_that_verified_badly_opens_nothing(
    client: FlaskClient,
    clock: ManualClock,
    tmp_path: object,
    make: Callable[[ManualClock, Authority], x509.Certificate],
    form: Callable[[x509.Certificate], dict[str, str]],
) -> None:
    own = own_authority(tmp_path / "data")  # type: ignore[operator]
    assert get(client, form(make(clock, own))) == REFUSED


def test_a_certificate_of_an_authority_below_ours_is_not_ours(
    client: FlaskClient, clock: ManualClock, tmp_path: object
) -> None:
    own = own_authority(tmp_path / "data")  # type: ignore[operator]
    below = new_authority(clock.now(), common_name="below", above=own)
    assert (
        get(client, by_nginx(below.issue(new_key(), subject=name("hawk"), start=clock.now())))
        == REFUSED
    )


def test_nothing_of_a_secret_or_certificate_is_in_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    made = by_nginx(signed(client))
    caplog.clear()
    get(client, made)
    get(client, made | {"X-Client-Cert": "%zz"})
    client.post("/api/certificates/renew", json={"csr": "x"}, headers=made)
    logged = str([record.__dict__ for record in caplog.records])
    assert SECRET not in logged
    assert made["X-Client-Cert"][60:120] not in logged
