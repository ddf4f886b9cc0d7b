"""The certificate authority is created when it is first needed, or given by `IDENTITY_CA_FILE`; one
that cannot sign stops the start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from flask import Flask

from identity import create_app
from identity.adapters.data_directory import DataDirectoryError
from identity.settings.readers import SettingError
from support.accounts import populate
from support.app import config
from support.certificates import (
    PEM,
    Authority,
    csr,
    name,
    new_authority,
    new_key,
    openssl,
    private_pem,
    signed,
)
from support.clock import ManualClock
from support.http import basic
from support.live import environment, identity

SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"])


def under_a_root(clock: ManualClock) -> tuple[str, str]:
    """Return the file of an intermediate authority with its chain, and the root above it."""
    root = new_authority(clock.now(), common_name="Example Root")
    own = new_authority(clock.now(), common_name="Example Identity", above=root)
    return own.pem(root.certificate), root.certificate.public_bytes(PEM).decode()


def of_rsa(clock: ManualClock) -> tuple[str, str]:
    """Return the file of a self-signed RSA authority, and its certificate."""
    own = new_authority(
        clock.now(), key=rsa.generate_private_key(65537, 2048), common_name="Example RSA"
    )
    return own.pem(), own.certificate.public_bytes(PEM).decode()


@SQLITE
@pytest.mark.parametrize("making", [under_a_root, of_rsa])
def test_a_given_authority_signs_and_openssl_verifies_up_to_its_root(
    make_app: Callable[..., Flask],
    clock: ManualClock,
    tmp_path: Path,
    making: Callable[[ManualClock], tuple[str, str]],
) -> None:
    pem, root = making(clock)
    (tmp_path / "given.pem").write_text(pem)
    (tmp_path / "given.pem").chmod(0o600)
    app = make_app(ca_file=str(tmp_path / "given.pem"))
    populate(app)
    client = app.test_client(use_cookies=False)
    made = signed(client)
    chain = client.get("/ca.pem").text
    assert chain == pem[pem.index("-----BEGIN CERTIFICATE-----") :]
    for file, content in (
        ("root.pem", root),
        ("chain.pem", chain),
        ("own.pem", made.public_bytes(PEM).decode()),
    ):
        (tmp_path / file).write_text(content)
    at = ["-attime", str(int(clock.now().timestamp()))]
    files = ["-CAfile", str(tmp_path / "root.pem"), "-untrusted", str(tmp_path / "chain.pem")]
    assert openssl(
        "verify", *at, *files, "-purpose", "sslclient", str(tmp_path / "own.pem")
    ).endswith(": OK\n")
    told = openssl("crl", "-inform", "DER", "-noout", "-issuer", given=client.get("/ca.crl").data)
    assert "Example" in told
    assert not (tmp_path / "data" / "ca").exists()


def no_file(path: Path) -> None:
    path.unlink(missing_ok=True)


def words(path: Path) -> None:
    path.write_text("not a key")


def only_a_key(path: Path) -> None:
    path.write_text(private_pem(new_key()))


def only_a_certificate(path: Path) -> None:
    path.write_text(_authority().certificate.public_bytes(PEM).decode())


def another_key(path: Path) -> None:
    path.write_text(Authority(new_key(), _authority().certificate).pem())


def another_kind_of_key(path: Path) -> None:
    path.write_text(private_pem(ed25519.Ed25519PrivateKey.generate()) + _authority().pem())


def over(path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    path.write_text(new_authority(long_ago, life=timedelta(days=29)).pem())


def no_authority(path: Path) -> None:
    key, authority = new_key(), _authority()
    leaf = authority.issue(key, subject=name("leaf"), start=datetime.now(UTC))
    path.write_text(Authority(key, leaf).pem(authority.certificate))


def cut(path: Path) -> None:
    path.write_text(_authority().pem()[:-40])


def a_folder(path: Path) -> None:
    path.mkdir()


def _authority() -> Authority:
    return new_authority(datetime.now(UTC), key=ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    "make",
    [
        no_file,
        words,
        only_a_key,
        only_a_certificate,
        another_key,
        another_kind_of_key,
        over,
        no_authority,
        cut,
        a_folder,
    ],
)
def test_a_file_that_cannot_sign_is_refused_without_a_word_of_it(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "given.pem"
    make(path)
    if path.exists():
        path.chmod(0o700)
    with pytest.raises(SettingError) as refused:
        create_app(config(tmp_path / "data", ca_file=str(path)))
    assert str(refused.value).startswith(f"IDENTITY_CA_FILE: {path} cannot be used: ")
    assert "\n" not in str(refused.value)
    assert "PRIVATE" not in str(refused.value)


def test_a_missing_file_stops_the_start_with_one_line(tmp_path: Path) -> None:
    wanted = {"IDENTITY_CA_FILE": str(tmp_path / "nowhere.pem")}
    done = identity(environment(tmp_path / "data", wanted), "serve")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"identity: IDENTITY_CA_FILE: {tmp_path / 'nowhere.pem'} cannot be used: "
    )
    assert done.stderr.count("\n") == 1


@SQLITE
def test_a_key_file_that_others_can_read_stops_the_start(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    make_app()
    (tmp_path / "data" / "ca" / "0001.pem").chmod(0o644)
    with pytest.raises(DataDirectoryError, match=r"run `chmod 600 .*0001\.pem`"):
        make_app()


@SQLITE
def test_two_starts_at_once_agree_on_one_authority(make_app: Callable[..., Flask]) -> None:
    chains = {make_app().test_client().get("/ca.pem").text for _ in range(3)}
    assert len(chains) == 1


@SQLITE
def test_an_authority_that_has_expired_stops_the_start(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    make_app()
    clock.advance(days=3651)
    with pytest.raises(SettingError, match=r"expired"):
        make_app()


@SQLITE
def test_an_authority_that_expires_while_it_serves_signs_nothing_more(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    app = make_app()
    populate(app)
    clock.advance(days=3651)
    answer = app.test_client().post(
        "/api/certificates", json={"csr": csr()}, headers=basic("hawk", "newpwd")
    )
    assert (answer.status_code, answer.json["code"]) == (503, "authority_expired")
    assert int(answer.headers["Retry-After"]) > 0
    assert (
        app.test_client().get("/api/resource", headers=basic("hawk", "newpwd")).status_code == 200
    )
