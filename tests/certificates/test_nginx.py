"""Client certificates behind a real nginx: its headers count, those of its clients do not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from urllib.parse import quote

import pytest
from cryptography import x509

from identity.adapters.ca import LocalAuthority
from support import nginx
from support.certificates import (
    PEM,
    Authority,
    Key,
    name,
    new_authority,
    new_key,
    openssl,
    own_authority,
    private_pem,
)
from support.live import Answer, Live, curl, serving
from support.postgresql import free_port

SECRET = "0123456789abcdef0123456789abcdef"
WRONG = "fedcba9876543210fedcba9876543210"
PROXY = "127.0.0.2"  # the IP that nginx calls from, the only trusted one

_SERVER = Template("""
    server {
        listen 127.0.0.1:$port ssl;
        ssl_certificate $folder/server.pem;
        ssl_certificate_key $folder/server.pem;
        ssl_client_certificate $folder/ca.pem;
        ssl_verify_client $verify;
        location / {
            proxy_pass $service;
            proxy_bind $proxy;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $$host;
            proxy_set_header X-Forwarded-For $$remote_addr;
            proxy_set_header X-Proxy-Secret "$secret";
            proxy_set_header X-Client-Cert $$ssl_client_escaped_cert;
            proxy_set_header X-Client-Verify $$ssl_client_verify;
            proxy_set_header Client-Cert "";
            proxy_set_header Client-Cert-Chain "";
        }
    }
""")


@dataclass
class Proxy:
    """An nginx with a careful server, one that verifies nothing, and two that have not the
    secret."""

    live: Live
    folder: Path
    ports: dict[str, int]

    def curl(self, path: str, *arguments: str, server: str = "careful") -> Answer:
        ca = str(self.folder / "ca.pem")
        return curl("--cacert", ca, *arguments, f"https://127.0.0.1:{self.ports[server]}{path}")

    @property
    def own(self) -> Authority:
        return own_authority(Path(self.live.environment["IDENTITY_DATA_DIR"]))


SERVERS = {
    "careful": ("optional", SECRET),
    "careless": ("optional_no_ca", SECRET),
    "wrong secret": ("optional", WRONG),
    "no secret": ("optional", ""),
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    if not nginx.installed():
        if os.environ.get("CI") == "true":
            pytest.fail(nginx.WHY_SKIPPED)
        pytest.skip(nginx.WHY_SKIPPED)
    folder, data_dir = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("live")
    with serving(data_dir, trusted_proxies=PROXY, proxy_secret=SECRET) as live:
        pem, now = (data_dir / "ca" / "0001.pem").read_bytes(), datetime.now(UTC)
        authority = LocalAuthority(pem, list_url="", now=now)
        (folder / "server.pem").write_text(authority.server_identity(("127.0.0.1",), now))
        (folder / "ca.pem").write_text(live.curl("/ca.pem").body)
        ports = {server: free_port() for server in SERVERS}
        blocks = [
            _SERVER.substitute(
                port=ports[server],
                folder=folder,
                service=live.base,
                proxy=PROXY,
                verify=verify,
                secret=secret,
            )
            for server, (verify, secret) in SERVERS.items()
        ]
        with nginx.running(folder, "".join(blocks), ports=list(ports.values())):
            yield Proxy(live, folder, ports)


@dataclass
class Shown:
    """A key and a certificate in files, as curl wants them."""

    folder: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("--cert", str(self.folder / "cert.pem"), "--key", str(self.folder / "key.pem"))

    @property
    def pem(self) -> str:
        return (self.folder / "cert.pem").read_text()

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.pem.encode()).serial_number

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers with which this certificate would be shown by nginx."""
        values = {
            "X-Proxy-Secret": SECRET,
            "X-Client-Verify": "SUCCESS",
            "X-Client-Cert": quote(self.pem, safe=""),
        }
        return tuple(
            word for header, value in values.items() for word in ("-H", f"{header}: {value}")
        )

    @property
    def standard(self) -> tuple[str, ...]:
        """The same after RFC 9440."""
        return (
            "-H",
            f"X-Proxy-Secret: {SECRET}",
            "-H",
            f"Client-Cert: :{''.join(self.pem.splitlines()[1:-1])}:",
        )


@pytest.fixture
def shown(proxy: Proxy, tmp_path: Path) -> Shown:
    """A new certificate of the administrator, asked for through nginx."""
    made = openssl(
        *(
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=me",
        ),
        *("-keyout", str(tmp_path / "key.pem")),
    )
    answer = proxy.curl(
        "/api/certificates", "-u", "admin:changeme", "--data-urlencode", f"csr={made}"
    )
    assert answer.status == 201, answer.body
    (tmp_path / "cert.pem").write_text(answer.json()["cert"])
    return Shown(tmp_path)


def by_hand(folder: Path, key: Key, *certificates: x509.Certificate) -> Shown:
    (folder / "key.pem").write_text(private_pem(key))
    (folder / "cert.pem").write_bytes(b"".join(each.public_bytes(PEM) for each in certificates))
    return Shown(folder)


@pytest.mark.parametrize("server", ["careful", "careless"])
def test_a_certificate_is_a_login(proxy: Proxy, shown: Shown, server: str) -> None:
    assert proxy.curl("/api/resource", *shown.options, server=server).json() == {
        "data": "Hello, admin!"
    }
    assert (
        proxy.curl("/nerveshub/users/me", *shown.options, server=server).json()["username"]
        == "admin"
    )


@pytest.mark.parametrize("server", SERVERS)
def test_without_a_certificate_the_service_answers_as_ever(proxy: Proxy, server: str) -> None:
    assert proxy.curl("/api/resource", server=server).status == 401
    assert proxy.curl("/api/resource", "-u", "admin:changeme", server=server).status == 200


def test_a_certificate_renews_itself_through_nginx(proxy: Proxy, shown: Shown) -> None:
    made = openssl("req", "-new", "-key", str(shown.folder / "key.pem"), "-subj", "/CN=x")
    answer = proxy.curl(
        "/api/certificates/renew", *shown.options, "--data-urlencode", f"csr={made}"
    )
    assert answer.status == 201


@pytest.mark.parametrize("server", ["wrong secret", "no secret"])
def test_nothing_is_believed_without_the_right_secret(
    proxy: Proxy, shown: Shown, server: str
) -> None:
    assert proxy.curl("/api/resource", *shown.options, server=server).status == 401


@pytest.mark.parametrize("server", SERVERS)
def test_headers_of_a_caller_are_overwritten(proxy: Proxy, shown: Shown, server: str) -> None:
    for headers in (shown.headers, shown.standard, (*shown.headers, *shown.standard)):
        assert proxy.curl("/api/resource", *headers, server=server).status == 401


def test_a_caller_with_a_certificate_stays_the_same_principal(
    proxy: Proxy, shown: Shown, tmp_path: Path
) -> None:
    proxy.curl("/api/users", "-d", "username=hawk&password=newpwd")
    folder = tmp_path / "hawk"
    folder.mkdir()
    made = openssl(
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
        str(folder / "key.pem"),
    )
    answer = proxy.curl("/api/certificates", "-u", "hawk:newpwd", "--data-urlencode", f"csr={made}")
    (folder / "cert.pem").write_text(answer.json()["cert"])
    hawk = Shown(folder)
    for headers in (shown.headers, shown.standard):
        assert proxy.curl("/api/resource", *hawk.options, *headers).json() == {
            "data": "Hello, hawk!"
        }


def test_the_underscore_spelling_is_dropped(proxy: Proxy, shown: Shown) -> None:
    spelled = tuple(
        word.replace("X-Proxy-Secret", "X_Proxy_Secret").replace("X-Client-", "X_Client_")
        for word in shown.headers
    )
    assert proxy.curl("/api/resource", *spelled).status == 401


def test_a_caller_who_goes_around_nginx_is_not_believed(proxy: Proxy, shown: Shown) -> None:
    for headers in (shown.headers, shown.standard):
        assert proxy.live.curl("/api/resource", *headers).status == 401
        forwarded = (
            "-H",
            f"X-Forwarded-For: {PROXY}",
            "-H",
            f"X-Real-IP: {PROXY}",
            "-H",
            f"Forwarded: for={PROXY}",
        )
        assert proxy.live.curl("/api/resource", *headers, *forwarded).status == 401
        assert proxy.live.curl("/api/resource", "--interface", PROXY, *headers).status == 200


@pytest.mark.parametrize("server", ["careful", "careless"])
def test_a_revoked_certificate_is_refused_though_nginx_knows_nothing(
    proxy: Proxy, shown: Shown, server: str
) -> None:
    path = f"/api/certificates/{shown.serial}"
    assert proxy.curl(path, "-u", "admin:changeme", "-X", "DELETE").status == 204
    assert proxy.curl("/api/resource", *shown.options, server=server).status == 401


NOW = datetime.now(UTC)


def expired(own: Authority, folder: Path) -> Shown:
    key = new_key()
    return by_hand(
        folder, key, own.issue(key, subject=name("admin"), start=NOW - timedelta(days=2))
    )


def self_signed(_own: Authority, folder: Path) -> Shown:
    made = new_authority(NOW, common_name="admin")
    return by_hand(folder, made.key, made.certificate)


def foreign_of_the_same_name(_own: Authority, folder: Path) -> Shown:
    key, other = new_key(), new_authority(NOW)
    return by_hand(
        folder, key, other.issue(key, subject=name("admin"), start=NOW), other.certificate
    )


@pytest.mark.parametrize("make", [expired, self_signed, foreign_of_the_same_name])
def test_a_wrong_certificate_is_refused_by_a_careful_nginx_and_behind_a_careless_one(
    proxy: Proxy, tmp_path: Path, make: Callable[[Authority, Path], Shown]
) -> None:
    wrong = make(proxy.own, tmp_path)
    assert proxy.curl("/api/resource", *wrong.options).status == 400
    assert proxy.curl("/api/resource", *wrong.options, server="careless").status in {400, 401}


def test_a_certificate_of_ours_that_was_never_recorded_opens_nothing(
    proxy: Proxy, tmp_path: Path
) -> None:
    key = new_key()
    made = proxy.own.issue(key, subject=name("admin"), start=NOW - timedelta(minutes=1))
    assert proxy.curl("/api/resource", *by_hand(tmp_path, key, made).options).status == 401


HOSTILE = [
    "%25" * 500,
    "-----BEGIN CERTIFICATE-----",
    "%0A" * 100,
    "A" * 7000,
    "A" * 20_000,
    "%00",
    "é",
]


@pytest.mark.parametrize("value", HOSTILE, ids=[value[:8] for value in HOSTILE])
@pytest.mark.parametrize("header", ["X-Client-Cert", "Client-Cert"])
def test_a_hostile_header_is_never_an_error_of_ours(proxy: Proxy, header: str, value: str) -> None:
    sent = (
        "-H",
        f"X-Proxy-Secret: {SECRET}",
        "-H",
        "X-Client-Verify: SUCCESS",
        "-H",
        f"{header}: {value}",
    )
    assert 400 <= proxy.live.curl("/api/resource", "--interface", PROXY, *sent).status < 500
    assert proxy.curl("/api/resource", *sent).status in {400, 401, 494}
    assert proxy.curl("/healthz").status == 200
