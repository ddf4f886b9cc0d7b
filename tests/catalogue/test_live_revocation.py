"""A revocation takes effect at once on its own node, and within a second on every other node.

Asked over connections that are kept alive, for every kind of credential.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from support.certificates import csr, new_key, private_pem
from support.http import basic, bearer
from support.live_tls import serving_tls
from support.two_nodes import SECRET, Kept, Pair, data_directory, new_name, within_a_second

pytestmark = pytest.mark.timeout(300)  # two services start first, twice
PASSWORD = "newpwd"
ADMIN = basic("admin", "changeme")


def posted(pair: Pair, path: str, body: dict[str, str]) -> Any:
    answer = pair.ask(0, "POST", path, body)
    assert answer.status < 300, answer.text
    return answer.json()


def access_token(pair: Pair, name: str) -> dict[str, str]:
    return bearer(pair.ask(0, "GET", "/api/token", None, basic(name, PASSWORD)).json()["token"])


def personal_token(pair: Pair, name: str) -> dict[str, str]:
    return bearer(
        posted(pair, "/nerveshub/users/login", {"username": name, "password": PASSWORD})["token"]
    )


def opaque_token(pair: Pair, name: str) -> dict[str, str]:
    return bearer(
        posted(pair, "/wekan/users/login", {"username": name, "password": PASSWORD})["token"]
    )


def json_web_token(pair: Pair, name: str) -> dict[str, str]:
    return bearer(
        posted(
            pair, "/continuous/sessions", {"email": f"{name}@example.org", "password": PASSWORD}
        )["token"]
    )


def uuid(pair: Pair, name: str) -> dict[str, str]:
    return bearer(posted(pair, "/azuma/user/login", {"name": name, "password": PASSWORD})["token"])


def certificate(pair: Pair, name: str) -> dict[str, str]:
    answer = pair.ask(
        0, "POST", "/api/certificates", {"csr": csr(new_key())}, basic(name, PASSWORD)
    )
    pem = quote(answer.json()["cert"], safe="")
    return {"X-Proxy-Secret": SECRET, "X-Client-Verify": "SUCCESS", "X-Client-Cert": pem}


def password(_pair: Pair, name: str) -> dict[str, str]:
    return basic(name, PASSWORD)


Credential = Callable[[Pair, str], dict[str, str]]
TOKENS: list[Credential] = [access_token, personal_token, opaque_token, json_web_token, uuid]
CREDENTIALS: list[Credential] = [*TOKENS, certificate, password]
End = tuple[str, str, Any, dict[str, str]]


def disable(_pair: Pair, number: int, _name: str) -> End:
    return "POST", f"/api/admin/users/{number}/disable", None, ADMIN


def delete(_pair: Pair, number: int, _name: str) -> End:
    return "DELETE", f"/api/admin/users/{number}", None, ADMIN


def revoke(_pair: Pair, number: int, _name: str) -> End:
    return "POST", f"/api/admin/users/{number}/revoke", None, ADMIN


def log_out_everywhere(_pair: Pair, _number: int, name: str) -> End:
    return "DELETE", "/api/sessions", None, basic(name, PASSWORD)


def change_password(_pair: Pair, _number: int, name: str) -> End:
    body = {"password": "another one", "current_password": PASSWORD}
    return "PATCH", "/api/users/me", body, basic(name, PASSWORD)


Ending = Callable[[Pair, int, str], End]
ENDS: list[Ending] = [disable, delete, revoke, log_out_everywhere, change_password]
LEAVE_THE_PASSWORD = {revoke, log_out_everywhere}
CASES = [
    (kind, end)
    for kind in CREDENTIALS
    for end in ENDS
    if kind is not password or end not in LEAVE_THE_PASSWORD
]


def new_user(pair: Pair) -> tuple[str, int]:
    """Make an account; return its name and id."""
    name = new_name("mortal")
    body = {"username": name, "password": PASSWORD, "email": f"{name}@example.org"}
    made = pair.ask(0, "POST", "/api/users", body)
    assert made.status == 201, made.text
    return name, int(made.headers["location"].rpartition("/")[2])


@contextmanager
def kept(pair: Pair) -> Iterator[tuple[Kept, Kept]]:
    """Keep a connection alive to either node."""
    connections = Kept(pair.host(0)), Kept(pair.host(1))
    try:
        yield connections
    finally:
        for each in connections:
            each.close()


def status(connection: Kept, headers: dict[str, str]) -> int:
    return connection.ask("GET", "/api/resource", None, headers).status


@pytest.mark.parametrize(("make", "end"), CASES, ids=lambda part: part.__name__)
def test_an_end_counts_here_at_once_and_there_within_a_second(
    pair: Pair, make: Credential, end: Ending
) -> None:
    name, number = new_user(pair)
    headers = make(pair, name)
    with kept(pair) as (here, there):
        for _ in range(3):  # until both remember
            assert [status(each, headers) for each in (here, there)] == [200, 200]
        assert here.ask(*end(pair, number, name)).status < 300
        assert status(here, headers) == 401
        within_a_second(lambda: status(there, headers) == 401)
        assert [status(each, headers) for each in (here, there, here, there)] == [401] * 4


@pytest.mark.parametrize("make", TOKENS, ids=lambda part: part.__name__)
def test_one_log_out_counts_here_at_once_and_there_within_a_second(
    pair: Pair, make: Credential
) -> None:
    name, _ = new_user(pair)
    headers, other = make(pair, name), make(pair, name)
    with kept(pair) as (here, there):
        assert [status(each, headers) for each in (here, there)] == [200, 200]
        assert here.ask("DELETE", "/api/token", None, headers).status == 204
        assert status(here, headers) == 401
        within_a_second(lambda: status(there, headers) == 401)
        assert [status(each, other) for each in (here, there)] == [200, 200]
        assert (
            there.ask("DELETE", "/api/token", None, headers).status == 401
        )  # a second time is no error of ours


def test_enabling_again_revives_nothing_on_either_node(pair: Pair) -> None:
    name, number = new_user(pair)
    dead = [make(pair, name) for make in (*TOKENS, certificate)]
    with kept(pair) as (here, there):
        assert here.ask(*disable(pair, number, name)).status == 200
        assert there.ask("POST", f"/api/admin/users/{number}/enable", None, ADMIN).status == 200
        within_a_second(
            lambda: all(status(each, headers) == 401 for each in (here, there) for headers in dead)
        )
        assert status(there, basic(name, PASSWORD)) == 200


@contextmanager
def feed_cut(pair: Pair) -> Iterator[None]:
    """End whatever listens, again and again, on PostgreSQL."""
    if not pair.database_url.startswith("postgresql"):
        # SQLite's feed is the file itself; tests/services/test_directory.py takes its journal away
        yield
        return
    over = threading.Event()
    listening = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE '%pg_current_snapshot%' AND pid <> pg_backend_pid()"
    )

    def cut() -> None:
        with psycopg.connect(
            pair.database_url.replace("+psycopg", ""), autocommit=True
        ) as connection:
            while not over.wait(0.02):
                connection.execute(listening)

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        yield
    finally:
        over.set()
        cutting.join()


@pytest.mark.parametrize("make", [access_token, uuid, certificate], ids=lambda part: part.__name__)
def test_a_cut_feed_makes_no_node_trust_its_memory(pair: Pair, make: Credential) -> None:
    name, number = new_user(pair)
    headers = make(pair, name)
    with kept(pair) as (here, there):
        for _ in range(3):
            assert [status(each, headers) for each in (here, there)] == [200, 200]
        with feed_cut(pair):
            assert status(there, headers) == 200
            assert here.ask(*revoke(pair, number, name)).status == 200
            within_a_second(lambda: status(there, headers) == 401)
            assert status(here, headers) == 401
        assert [status(each, headers) for each in (there, here)] == [401, 401]


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
def test_a_kept_tls_connection_is_refused_when_another_node_disables_its_account(
    pair: Pair, tmp_path: Path
) -> None:
    name, number = new_user(pair)
    key = new_key()
    answer = pair.ask(0, "POST", "/api/certificates", {"csr": csr(key)}, basic(name, PASSWORD))
    (tmp_path / "cert.pem").write_text(answer.json()["cert"])
    (tmp_path / "key.pem").write_text(private_pem(key))
    with (
        serving_tls(data_directory(pair)) as tls,
        kept_tls(tls.live.base, tls.ca, tmp_path) as connection,
    ):
        assert [status(connection, {}) for _ in range(3)] == [200] * 3
        assert pair.ask(1, *disable(pair, number, name)).status == 200
        within_a_second(lambda: status(connection, {}) == 401)


@contextmanager
def kept_tls(base: str, ca: Path, folder: Path) -> Iterator[Kept]:
    """Keep a TLS connection alive that showed a certificate when it was made."""
    shown = ssl.create_default_context(cafile=str(ca))
    shown.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    connection = Kept(base.removeprefix("https://"))
    connection.connection = http.client.HTTPSConnection(
        base.removeprefix("https://"), context=shown, timeout=60
    )
    try:
        yield connection
    finally:
        connection.close()
