"""The shipped configurations of proxies ask before they forward, and only Identity says who is
calling."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from support.live import Answer, Live, curl, serving
from support.postgresql import free_port
from support.proxies import caddy, envoy, haproxy, traefik
from support.proxies import nginx as nginx_proxy
from support.proxies.programs import Place
from support.proxies.upstream import service, silence

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
HAWK = ("hawk", "newpwd")


class Proxy(Protocol):
    """A module of tests/proxies."""

    WHY_SKIPPED: str

    def installed(self) -> bool: ...

    def proxying(self, place: Place) -> AbstractContextManager[None]: ...


PROXIES: dict[str, Proxy] = {
    "nginx": nginx_proxy,
    "caddy": caddy,
    "traefik": traefik,
    "envoy": envoy,
    "haproxy": haproxy,
}  # type: ignore[dict-item]


@dataclass
class Guarded:
    """A service behind a proxy, and the Identity that the proxy asks."""

    base: str

    def curl(self, path: str, *arguments: str, method: str = "GET") -> Answer:
        how = ["--head"] if method == "HEAD" else ["-X", method]
        return curl(*how, "--path-as-is", *arguments, self.base + path)

    def heard(self, path: str, *arguments: str, method: str = "GET") -> list[tuple[str, str]]:
        """Return the headers that the service was told."""
        answer = self.curl(path, *arguments, method=method)
        assert answer.status == 200, answer
        return [(name, value) for name, value in answer.json()["headers"]]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(
        tmp_path_factory.mktemp("identity"), "--workers", "1", trusted_proxies="127.0.0.1"
    ) as running:
        made = running.curl("/api/users", "--json", '{"username": "hawk", "password": "newpwd"}')
        assert made.status == 201
        yield running


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    found = PROXIES[request.param]
    if not found.installed():
        if os.environ.get("CI") == "true":
            pytest.fail(found.WHY_SKIPPED)
        pytest.skip(found.WHY_SKIPPED)
    return found


Guarding = Callable[[str], AbstractContextManager[Guarded]]


@pytest.fixture(scope="module")
def proxying(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Guarding:
    """Runs the proxy before the sample service, asking the Identity of an address."""

    @contextmanager
    def run(identity: str) -> Iterator[Guarded]:
        place_of = tmp_path_factory.mktemp("proxy"), free_port(), identity
        with service() as address, proxy.proxying(Place(*place_of, address)):
            yield Guarded(f"http://127.0.0.1:{place_of[1]}")

    return run


@pytest.fixture(scope="module")
def guarded(proxying: Guarding, live: Live) -> Iterator[Guarded]:
    with proxying(live.base.removeprefix("http://")) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(live: Live) -> dict[str, str]:
    who = {"admin": ("admin", "changeme"), "hawk": HAWK}
    return {
        name: live.curl("/api/token", "-u", ":".join(pair)).json()["token"]
        for name, pair in who.items()
    }


WRONG: dict[str, list[str]] = {
    "none": [],
    "password": ["-u", "admin:wrong"],
    "token": ["-u", "idt_x:"],
    "bearer": ["-H", "Authorization: Bearer x"],
    "two": ["-H", "Authorization: Basic x", "-H", "Authorization: Basic y"],
    "claims": ["-H", "X-Identity-User: admin", "-H", "X-Identity-Id: 1"],
}


@pytest.mark.parametrize("credential", WRONG)
def test_without_a_good_credential_no_method_passes(guarded: Guarded, credential: str) -> None:
    for method in METHODS:
        for path in ("/", "/some/page?access_token=x", "/admin"):
            answer = guarded.curl(path, *WRONG[credential], method=method)
            assert answer.status == (
                400 if credential == "two" and answer.status == 400 else 401
            ), (method, path)
            assert (
                str(answer.header("WWW-Authenticate")).startswith("Basic ") or answer.status == 400
            )


def test_wrong_passwords_are_counted_for_the_caller_and_not_for_the_proxy(
    guarded: Guarded, live: Live, tokens: dict[str, str]
) -> None:
    name = f"nobody{free_port()}"
    spoofed = [
        "-H",
        "X-Forwarded-For: 192.0.2.66",
        "-H",
        "X-Real-IP: 192.0.2.66",
        "-H",
        "Forwarded: for=192.0.2.66",
    ]
    assert guarded.curl("/", "-u", f"{name}:x", *spoofed, "--interface", "127.0.0.5").status == 401
    events = live.curl("/api/admin/audit?limit=1", "-u", f"{tokens['admin']}:").json()["events"]
    assert [event["ip"] for event in events] == ["127.0.0.5"]


@pytest.mark.parametrize("method", METHODS[2:])
def test_a_preflight_or_a_change_with_a_body_is_no_way_in(guarded: Guarded, method: str) -> None:
    browser = ["-H", "Origin: https://evil.example", "-H", "Access-Control-Request-Method: POST"]
    assert guarded.curl("/", *browser, "--data-binary", "x" * 5000, method=method).status == 401


@pytest.mark.parametrize("carrier", ["password", "basic", "bearer"])
def test_the_service_hears_who_it_is_and_never_by_what_secret(
    guarded: Guarded, tokens: dict[str, str], carrier: str
) -> None:
    credentials = {
        "password": ["-u", "admin:changeme"],
        "basic": ["-u", f"{tokens['admin']}:"],
        "bearer": ["-H", f"Authorization: Bearer {tokens['admin']}"],
    }
    heard = dict(guarded.heard("/some/page?x=1", *credentials[carrier]))
    assert heard["x-identity-user"] == "admin"
    assert heard["x-identity-id"] == "1"
    assert heard["x-identity-admin"] == "true"
    assert heard["x-identity-credential"] == (
        "password" if carrier == "password" else "access_token"
    )
    assert heard["x-identity-expires"] == "never" or int(heard["x-identity-expires"]) > time.time()
    assert "authorization" not in heard
    assert tokens["admin"] not in str(heard)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_passes_with_a_good_credential(
    guarded: Guarded, tokens: dict[str, str], method: str
) -> None:
    for path in ("/", "/page?access_token=x&password=y"):
        answer = guarded.curl(path, "-u", f"{tokens['hawk']}:", method=method)
        assert answer.status == 200
        if method != "HEAD":
            assert (answer.json()["method"], answer.json()["path"]) == (method, path)


CLAIMS = [
    "X-Identity-User: root",
    "x-identity-id: 7",
    "X-IDENTITY-ADMIN: true",
    "X-Identity-Credential: root",
    "X-Identity-Expires: 7",
    "X_Identity_User: root",
    "x-identity_user: root",
    "X_IDENTITY-USER: root",
    "x_identity_admin: true",
]


def test_what_a_caller_claims_reaches_no_service(guarded: Guarded, tokens: dict[str, str]) -> None:
    sent = [part for claim in CLAIMS for part in ("-H", claim)]
    for path in ("/", "/page"):
        heard = guarded.heard(path, "-u", f"{tokens['hawk']}:", *sent)
        ours = sorted(
            (name.replace("_", "-"), value) for name, value in heard if "identity" in name
        )
        names = [name for name, _ in ours]
        assert names == sorted({*names}), "each once"
        assert {"x-identity-user", "x-identity-id", "x-identity-admin"} <= {*names}
        told = dict(ours)
        assert (told["x-identity-user"], told["x-identity-id"], told["x-identity-admin"]) == (
            "hawk",
            "2",
            "false",
        )
        assert not {"root", "7", "true"} & {*told.values()}


ADMINISTRATION = [
    "/admin",
    "/admin/",
    "/admin/page?x=1",
    "/%61dmin/x",
    "//admin/x",
    "/x/../admin/x",
    "/./admin",
]


@pytest.mark.parametrize("path", ADMINISTRATION)
def test_administration_is_for_administrators(
    guarded: Guarded, tokens: dict[str, str], path: str
) -> None:
    for method in METHODS:
        answer = guarded.curl(path, "-u", f"{tokens['hawk']}:", method=method)
        assert answer.status in (
            {403} if path.startswith("/admin") else {301, 307, 308, 400, 403, 404}
        ), method
    answer = guarded.curl(path, "-u", f"{tokens['admin']}:")
    assert answer.status == 200 or not path.startswith("/admin")
    if answer.status == 200:
        assert ["x-identity-admin", "true"] in answer.json()["headers"]


def test_a_body_goes_to_the_service_and_not_to_identity(
    guarded: Guarded, tokens: dict[str, str], tmp_path: Path
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 60_000)
    for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
        for _ in range(3):
            answer = guarded.curl(
                "/", "-u", f"{tokens['hawk']}:", "--data-binary", f"@{body}", *extra, method="POST"
            )
            assert (answer.status, answer.json()["received"]) == (200, 60_000)


@pytest.mark.parametrize(
    "path", ["/_identity", "//_identity", "/%5fidentity", "/./_identity", "/@identity_away"]
)
def test_no_path_of_the_proxy_leads_past_the_question(guarded: Guarded, path: str) -> None:
    assert guarded.curl(path).status in {400, 401, 404}


def test_the_services_own_failure_stays_its_own(guarded: Guarded, tokens: dict[str, str]) -> None:
    assert guarded.curl("/broken", "-u", f"{tokens['hawk']}:").status == 500


@pytest.mark.parametrize("path", ["/", "/admin/x"])
def test_an_identity_that_is_silent_or_away_refuses_soon(
    proxying: Guarding, tokens: dict[str, str], path: str
) -> None:
    with silence() as address, proxying(address) as guarded:
        begun = time.monotonic()
        answer = guarded.curl(path, "-u", f"{tokens['admin']}:")
        assert answer.status in {500, 502, 503, 504}
        assert time.monotonic() - begun < 10  # the limit is 3 s, the machine may be busy
    with proxying(f"127.0.0.1:{free_port()}") as guarded:
        for method in ("GET", "OPTIONS"):
            assert guarded.curl(path, "-u", f"{tokens['admin']}:", method=method).status in {
                500,
                502,
                503,
                504,
            }


FRAMES = {
    "length": b"Content-Length: 8000\r\n\r\n" + b"x" * 8000,
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n1f40\r\n" + b"x" * 8000 + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("frame", FRAMES)
def test_a_body_that_comes_with_a_question_is_no_reason_to_refuse(
    live: Live, tokens: dict[str, str], frame: str
) -> None:
    host, _, port = live.base.removeprefix("http://").partition(":")
    for method, path in itertools.product(
        ("POST", "PUT", "DELETE"), ("/api/verify/proxy/-/x", "/api/verify/proxy")
    ):
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
            f"{tokens['hawk']}\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head + FRAMES[frame])
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
