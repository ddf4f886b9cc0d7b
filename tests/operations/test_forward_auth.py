"""The shipped proxy configurations ask before they forward, and only Identity sets the identity
headers."""

from __future__ import annotations

import itertools
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping
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
}


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


class Guarding(Protocol):
    """Runs the proxy before the sample service, asking the Identity at `host:port`."""

    def __call__(
        self, identity: str, edits: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Guarded]: ...


@pytest.fixture(scope="module")
def proxying(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Guarding:
    @contextmanager
    def run(identity: str, edits: Mapping[str, str] | None = None) -> Iterator[Guarded]:
        place_of = tmp_path_factory.mktemp("proxy"), free_port(), identity
        with service() as url, proxy.proxying(Place(*place_of, url, edits or {})):
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
def test_without_a_valid_credential_no_method_passes(guarded: Guarded, credential: str) -> None:
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
def test_the_service_receives_the_user_and_never_the_credential(
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
def test_every_method_passes_with_a_valid_credential(
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


# Decoded once, none of these is below /admin. A proxy that decoded twice would send the service
# another path than the one that it decided about.
TWICE_ENCODED = [
    "/%252e%252e/admin",
    "/x/%252e%252e/admin",
    "/a%252fb",
    "/x%252f..%252fadmin",
    "/%252fadmin",
    "/%2561dmin",
    "/%255cadmin",
]


@pytest.mark.parametrize("path", TWICE_ENCODED)
def test_the_service_sees_a_path_encoded_twice_as_it_was_sent(
    guarded: Guarded, tokens: dict[str, str], path: str
) -> None:
    assert guarded.curl(path).status == 401
    for who, admin in (("hawk", "false"), ("admin", "true")):
        answer = guarded.curl(path, "-u", f"{tokens[who]}:")
        assert (answer.status, answer.json()["path"]) == (200, path)
        assert ["x-identity-admin", admin] in answer.json()["headers"]


@pytest.mark.parametrize("path", ["/admin/%252e%252e/x", "/admin%252f..%252fx", "/admin/a%252fb"])
def test_a_path_of_the_administration_stays_one_however_it_is_encoded_behind_it(
    guarded: Guarded, tokens: dict[str, str], path: str
) -> None:
    assert guarded.curl(path, "-u", f"{tokens['hawk']}:").status == 403
    answer = guarded.curl(path, "-u", f"{tokens['admin']}:")
    assert (answer.status, answer.json()["path"]) == (200, path)


# What an operator may write in the place of `admin`; the proxies hand it on in different ways.
MISSPELT = ["ADMIN", "admin%2f"]
CONDITION_OF_NGINX, CONDITION = "/_identity/admin", "/api/verify/proxy/admin"


@pytest.mark.parametrize("misspelt", MISSPELT)
def test_a_misspelt_condition_lets_no_caller_pass(
    proxying: Guarding, live: Live, tokens: dict[str, str], misspelt: str
) -> None:
    edits = {known: known.replace("admin", misspelt) for known in (CONDITION_OF_NGINX, CONDITION)}
    with proxying(live.base.removeprefix("http://"), edits) as guarded:
        for who, token in tokens.items():
            for method in ("GET", "OPTIONS", "POST"):
                answer = guarded.curl("/admin/x", "-u", f"{token}:", method=method)
                assert answer.status == 403, (who, method)
        assert guarded.curl("/admin/x").status == 401
        assert guarded.curl("/x", "-u", f"{tokens['hawk']}:").status == 200


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
    with silence() as url, proxying(url) as guarded:
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


TOLD = {
    "x-identity-email": "ann@example.org",
    "x-identity-name": "Ann Zo%C3%AB",
    "remote-user": "ann",
    "remote-email": "ann@example.org",
    "remote-name": "Ann Zo%C3%AB",
    "remote-groups": "",
    "x-webauth-user": "ann",
}


def _spellings(name: str) -> set[str]:
    """Return a header's name with each choice of hyphens and underscores, in several letter cases."""
    words = name.split("-")
    joined = {
        "".join(itertools.chain(*zip(words, (*joints, ""), strict=True)))
        for joints in itertools.product("-_", repeat=len(words) - 1)
    }
    return {case(each) for each in joined for case in (str.lower, str.upper, str.title)}


SPOOFED = [
    part for name in TOLD for each in sorted(_spellings(name)) for part in ("-H", f"{each}: root")
]


def _told(heard: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of each header that names a caller, underscores read as hyphens."""
    values: dict[str, list[str]] = {}
    for name, value in heard:
        values.setdefault(name.replace("_", "-"), []).append(value)
    return {name: values[name] for name in TOLD if name in values}


def test_headers_that_identity_was_not_asked_to_add_cannot_be_claimed(
    guarded: Guarded, tokens: dict[str, str]
) -> None:
    for path, who in (("/", "hawk"), ("/admin/x", "admin")):
        heard = guarded.heard(path, "-u", f"{tokens[who]}:", *SPOOFED)
        assert "root" not in str(heard)
        assert not any("".join(values) for values in _told(heard).values())


def test_headers_that_identity_was_asked_to_add_are_its_own(
    proxying: Guarding, tmp_path: Path
) -> None:
    words = "identity,email,name,remote,webauth"
    settings = {"trusted_proxies": "127.0.0.1", "forward_headers": words}
    with serving(tmp_path, "--workers", "1", **settings) as live:
        ann = '{"username": "ann", "password": "newpwd", "email": "ann@example.org"}'
        assert live.curl("/api/users", "--json", ann).status == 201
        with sqlite3.connect(next(tmp_path.glob("*.sqlite3"))) as database:
            database.execute(
                "UPDATE account SET email_verified = true, full_name = 'Ann Zo\u00eb'"
                " WHERE username = 'ann'"
            )
        with proxying(live.base.removeprefix("http://")) as guarded:
            told = _told(guarded.heard("/", "-u", "ann:newpwd", *SPOOFED))
            # Some proxies drop a header without a value; that says the same.
            assert {"remote-groups": [""]} | told == {name: [told] for name, told in TOLD.items()}
            nameless = _told(guarded.heard("/admin/x", "-u", "admin:changeme", *SPOOFED))
            assert {name: values for name, values in nameless.items() if any(values)} == {
                "remote-user": ["admin"],
                "x-webauth-user": ["admin"],
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
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(head + FRAMES[frame])
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
