"""mTLS without a proxy: `identity serve --tls`, by real openssl and curl."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from identity.api.operations import METRICS_SECONDS
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
from support.live import curl, environment, identity, migrate
from support.live_tls import Tls, serving_tls
from support.postgresql import free_port

ADMIN = ("-u", "admin:changeme")


@dataclass
class Shown:
    """A key and a certificate in files, as curl wants them."""

    folder: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("--cert", str(self.folder / "cert.pem"), "--key", str(self.folder / "key.pem"))

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate((self.folder / "cert.pem").read_bytes()).serial_number


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    with serving_tls(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.fixture
def own(tls: Tls) -> Authority:
    """The service's own authority."""
    return own_authority(Path(tls.live.environment["IDENTITY_DATA_DIR"]))


@pytest.fixture
def shown(tls: Tls, tmp_path: Path) -> Shown:
    """A new certificate of the administrator, made with openssl and signed over curl."""
    request = tmp_path / "request.pem"
    openssl(
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
        *("-keyout", str(tmp_path / "key.pem"), "-out", str(request)),
    )
    answer = tls.curl("/api/certificates", *ADMIN, "--data-urlencode", f"csr@{request}")
    assert answer.status == 201, answer.body
    (tmp_path / "cert.pem").write_text(answer.json()["cert"])
    return Shown(tmp_path)


def by_hand(folder: Path, key: Key, *certificates: x509.Certificate) -> Shown:
    """Write a certificate of the test's own making."""
    (folder / "key.pem").write_text(private_pem(key))
    (folder / "cert.pem").write_bytes(b"".join(each.public_bytes(PEM) for each in certificates))
    return Shown(folder)


def test_without_a_certificate_the_service_answers_as_ever(tls: Tls) -> None:
    assert tls.curl("/api/resource").status == 401
    assert tls.curl("/api/resource", *ADMIN).json() == {"data": "Hello, admin!"}


def test_the_server_shows_a_certificate_of_the_authority_for_its_names(tls: Tls) -> None:
    port = tls.live.base.rpartition(":")[2]
    assert curl("--cacert", str(tls.ca), f"https://localhost:{port}/healthz").status == 200
    with pytest.raises(subprocess.CalledProcessError):
        curl(f"{tls.live.base}/healthz")
    assert tls.curl("/ca.pem").body == tls.ca.read_text()


def test_its_files_are_private(tls: Tls) -> None:
    folder = tls.ca.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "server.pem": 0o600,
        "ca.pem": 0o600,
    }


def test_a_certificate_is_a_login(tls: Tls, shown: Shown) -> None:
    assert tls.curl("/api/resource", *shown.options).json() == {"data": "Hello, admin!"}
    assert tls.curl("/nerveshub/users/me", *shown.options).json()["username"] == "admin"
    openssl(
        "verify", "-CAfile", str(tls.ca), "-purpose", "sslclient", str(shown.folder / "cert.pem")
    )


def test_a_certificate_renews_itself_over_the_wire(tls: Tls, shown: Shown, tmp_path: Path) -> None:
    request = tmp_path / "next.pem"
    openssl(
        "req", "-new", "-key", str(shown.folder / "key.pem"), "-subj", "/CN=x", "-out", str(request)
    )
    answer = tls.curl(
        "/api/certificates/renew", *shown.options, "--data-urlencode", f"csr@{request}"
    )
    assert answer.status == 201
    (tmp_path / "cert.pem").write_text(answer.json()["cert"])
    assert tls.curl("/api/resource", *shown.options).status == 200


def test_a_revoked_certificate_is_closed_on_the_very_same_connection(
    tls: Tls, shown: Shown
) -> None:
    show = (
        "-w",
        "%{http_code} %{num_connects}\n",
        "-o",
        "/dev/null",
        "--cacert",
        str(tls.ca),
        *shown.options,
    )
    resource = f"{tls.live.base}/api/resource"
    revoke = ("-X", "DELETE", *ADMIN, f"{tls.live.base}/api/certificates/{shown.serial}")
    command = [
        "curl",
        "-sS",
        *show,
        resource,
        "--next",
        "-sS",
        *show,
        *revoke,
        "--next",
        "-sS",
        *show,
        resource,
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line.split()[0] for line in told] == ["200", "204", "401"]
    assert tls.curl("/api/resource", *shown.options).status == 401
    listed = tls.curl("/ca.crl?format=pem").body
    assert f"{shown.serial:X}" in openssl("crl", "-noout", "-text", given=listed)


def test_a_disabled_users_certificate_is_closed_at_once(tls: Tls, tmp_path: Path) -> None:
    body = json.dumps({"username": "hawk", "password": "newpwd"})
    number = tls.curl("/api/users", "-H", "Content-Type: application/json", "-d", body).header(
        "Location"
    )
    assert number
    made = openssl(
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
        str(tmp_path / "key.pem"),
    )
    answer = tls.curl("/api/certificates", "-u", "hawk:newpwd", "--data-urlencode", f"csr={made}")
    (tmp_path / "cert.pem").write_text(answer.json()["cert"])
    hawk = Shown(tmp_path)
    assert tls.curl("/api/resource", *hawk.options).status == 200
    account = number.rpartition("/")[2]
    assert tls.curl(f"/api/admin/users/{account}/disable", *ADMIN, "-X", "POST").status == 200
    assert {tls.curl("/api/resource", *hawk.options).status for _ in range(6)} == {401}


NOW = datetime.now(UTC)


def expired(own: Authority, folder: Path) -> Shown:
    key = new_key()
    return by_hand(folder, key, own.issue(key, subject=name("x"), start=NOW - timedelta(days=2)))


def not_yet(own: Authority, folder: Path) -> Shown:
    key = new_key()
    return by_hand(folder, key, own.issue(key, subject=name("x"), start=NOW + timedelta(days=2)))


def self_signed(_own: Authority, folder: Path) -> Shown:
    made = new_authority(NOW, common_name="admin")
    return by_hand(folder, made.key, made.certificate)


def foreign_of_the_same_name(_own: Authority, folder: Path) -> Shown:
    key, other = new_key(), new_authority(NOW)
    return by_hand(
        folder, key, other.issue(key, subject=name("admin"), start=NOW), other.certificate
    )


def for_servers(own: Authority, folder: Path) -> Shown:
    key = new_key()
    made = own.issue(key, subject=name("x"), start=NOW, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    return by_hand(folder, key, made)


def the_servers_own(own: Authority, folder: Path) -> Shown:
    del own
    return Shown(folder)


def below_ours(own: Authority, folder: Path) -> Shown:
    key, below = new_key(), new_authority(NOW, common_name="below", above=own)
    return by_hand(folder, key, below.issue(key, subject=name("x"), start=NOW), below.certificate)


@pytest.mark.parametrize(
    "make",
    [
        expired,
        not_yet,
        self_signed,
        foreign_of_the_same_name,
        for_servers,
        the_servers_own,
        below_ours,
    ],
)
def test_a_wrong_certificate_gets_no_connection(
    tls: Tls, own: Authority, tmp_path: Path, make: Callable[[Authority, Path], Shown]
) -> None:
    wrong = make(own, tmp_path)
    if make is the_servers_own:
        for file in ("key.pem", "cert.pem"):
            (tmp_path / file).write_text((tls.ca.parent / "server.pem").read_text())
    with pytest.raises(subprocess.CalledProcessError) as refused:
        tls.curl("/healthz", *wrong.options)
    assert refused.value.returncode in {35, 52, 55, 56}, refused.value.stderr
    assert tls.curl("/healthz").status == 200


def unknown(own: Authority, folder: Path) -> Shown:
    key = new_key()
    return by_hand(
        folder, key, own.issue(key, subject=name("admin"), start=NOW - timedelta(minutes=1))
    )


def the_authority(own: Authority, folder: Path) -> Shown:
    return by_hand(folder, own.key, own.certificate)


@pytest.mark.parametrize("make", [unknown, the_authority])
def test_a_certificate_that_was_never_recorded_opens_nothing(
    tls: Tls, own: Authority, tmp_path: Path, make: Callable[[Authority, Path], Shown]
) -> None:
    assert _status(tls, make(own, tmp_path)) in {401, 0}


def _status(tls: Tls, shown: Shown) -> int:
    try:
        return tls.curl("/api/resource", *shown.options).status
    except subprocess.CalledProcessError:
        return 0  # refused while shaking hands


def test_no_header_counts_here(tls: Tls, shown: Shown) -> None:
    pem = (shown.folder / "cert.pem").read_text()
    body = "".join(pem.splitlines()[1:-1])
    assert base64.b64decode(body)
    headers = (
        "-H",
        f"Client-Cert: :{body}:",
        "-H",
        f"X-Client-Cert: {body}",
        "-H",
        "X-Client-Verify: SUCCESS",
    )
    assert tls.curl("/api/resource", *headers).status == 401


def test_metrics_are_summed_over_the_workers(tls: Tls) -> None:
    before = _count(tls)
    for _ in range(12):
        tls.curl("/healthz")
    assert _count(tls) - before == 12


def _count(tls: Tls) -> float:
    time.sleep(METRICS_SECONDS + 0.1)
    text = tls.curl("/metrics").body
    found = re.search(
        r'^identity_requests_total\{[^}]*route="/healthz"[^}]*\} (\S+)$', text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    "name",
    ["SCRIPT_NAME", "script_name", "PATH_INFO", "Script-Name", "REMOTE_ADDR", "X_FORWARDED_FOR"],
)
def test_no_header_of_a_caller_reroutes_a_request(tls: Tls, name: str) -> None:
    for value in ("/x", "/healthz", "/", "127.0.0.2"):
        given = ("-H", f"{name}: {value}")
        assert tls.curl("/healthz", *given).status == 200
        assert tls.curl("/x/healthz", *given).status == 404
        assert tls.curl("/healthz/healthz", *given).status == 404
    assert '"ip": "127.0.0.2"' not in tls.live.output()


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Ssl", "Forwarded"]
)
def test_no_header_of_a_caller_changes_the_scheme(tls: Tls, name: str) -> None:
    fields = f"username={name.lower()}&password=newpwd"
    made = tls.curl("/api/users", "-d", fields, "-H", f"{name}: http")
    assert (made.status, (made.header("Location") or "").partition(":")[0]) == (201, "https")


def test_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    with serving_tls(tmp_path) as running:
        assert running.live.stop() == 0
        assert "Stopped." in running.live.output()
        assert "Traceback" not in running.live.output()
        with pytest.raises(subprocess.CalledProcessError) as refused:
            running.curl("/healthz")
        assert refused.value.returncode == 7  # connection refused


def test_a_server_that_ends_by_itself_is_a_failure(tmp_path: Path) -> None:
    variables = environment(tmp_path, {}) | {"GUNICORN_CMD_ARGS": "--no-such-option"}
    migrate(variables)
    ended = identity(variables, "serve", "--tls", "--port", str(free_port()))
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == "identity: gunicorn exited unexpectedly (status 2)"
