"""The dialect is selected before any route: by prefix or bound host, also for refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support.accounts import HAWK, populate
from support.app import services
from support.database import shared_database
from support.http import basic

DIALECTS = ("native", "nerveshub", "wekan", "continuous", "azuma")
HOSTS = {
    "nerveshub": "hub.example.org",
    "wekan": "boards.example.org:8080",
    "continuous": "ci.example.org",
    "azuma": "chat.example.org",
}
# How each dialect says that something was refused: its content type and the keys of its object.
MANNERS: dict[str, tuple[str, set[str]]] = {
    "native": (
        "application/problem+json",
        {"type", "title", "status", "code", "detail", "request_id"},
    ),
    "nerveshub": ("application/json", {"errors"}),
    "wekan": ("application/json", {"error", "reason"}),
    "continuous": (
        "application/problem+json",
        {"type", "title", "status", "code", "detail", "request_id"},
    ),
    "azuma": ("application/json", {"message"}),
}
# A call of each dialect that checks hawk's password.
LOGINS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "native": ("GET", "/api/token", {"headers": basic(*HAWK)}),
    "nerveshub": ("POST", "/users/auth", {"json": {"username": HAWK[0], "password": HAWK[1]}}),
    "wekan": ("POST", "/users/login", {"json": {"username": HAWK[0], "password": HAWK[1]}}),
    "continuous": (
        "POST",
        "/sessions",
        {"json": {"email": "hawk@example.org", "password": HAWK[1]}},
    ),
    "azuma": ("POST", "/user/login", {"json": {"name": HAWK[0], "password": HAWK[1]}}),
}
NATIVE_PATHS = [
    "/api/token",
    "/api/resource",
    "/api/admin/users",
    "/api/users/me",
    "/api/sessions",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/docs/",
    "/ca.pem",
    "/.well-known/jwks.json",
    "/activate",
]


def prefix(dialect: str) -> str:
    return "" if dialect == "native" else f"/{dialect}"


def require_refusal(answer: TestResponse, dialect: str, status: int) -> None:
    kind, keys = MANNERS[dialect]
    assert (answer.status_code, answer.content_type) == (status, kind), answer.text
    assert answer.json.keys() == keys
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """An application with a host for each dialect."""
    bound = ",".join(f"{host}={dialect}" for dialect, host in HOSTS.items())
    with shared_database(request, tmp_path_factory) as make:
        made = make(dialect_hosts=bound, hash_queue="1")
        populate(made)
        yield made


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_is_named_by_the_first_segment(client: FlaskClient, dialect: str) -> None:
    require_refusal(client.get(f"{prefix(dialect)}/there/is/nothing"), dialect, 404)


@pytest.mark.parametrize(
    "host", ["localhost", "example.org", "x.hub.example.org", "hub.example.org.evil", "HUB"]
)
def test_another_host_speaks_by_prefix(client: FlaskClient, host: str) -> None:
    for dialect in DIALECTS:
        require_refusal(
            client.get(f"{prefix(dialect)}/nothing", headers={"Host": host}), dialect, 404
        )


@pytest.mark.parametrize(
    "path", ["/wekanx/nothing", "/Wekan/nothing", "/WEKAN", "//wekan/api/user", "/api/wekan"]
)
def test_what_only_looks_like_a_prefix_is_native(client: FlaskClient, path: str) -> None:
    require_refusal(client.get(path), "native", 404)


@pytest.mark.parametrize("dialect", HOSTS)
@pytest.mark.parametrize(
    "spell",
    [
        str,
        str.upper,
        lambda host: host.partition(":")[0].title() + ":8080",
        lambda host: (
            host.partition(":")[0] + ".:8080"
        ),  # the root's dot names the same host (RFC 1034 section 3.1)
    ],
)
def test_a_bound_host_speaks_its_dialect_at_its_root(
    client: FlaskClient, dialect: str, spell: Callable[[str], str]
) -> None:
    host = {"Host": spell(HOSTS[dialect])}
    require_refusal(client.get("/nothing", headers=host), dialect, 404)
    require_refusal(client.get("/", headers=host), dialect, 404)


def test_a_binding_with_a_port_is_for_that_port_alone(client: FlaskClient) -> None:
    for host in ("boards.example.org", "boards.example.org:80", "boards.example.org:808"):
        require_refusal(client.get("/nothing", headers={"Host": host}), "native", 404)


@pytest.mark.parametrize("dialect", HOSTS)
@pytest.mark.parametrize("path", NATIVE_PATHS)
def test_native_calls_cannot_be_reached_on_a_bound_host(
    client: FlaskClient, dialect: str, path: str
) -> None:
    answer = client.get(path, headers=basic("admin", "changeme") | {"Host": HOSTS[dialect]})
    if dialect == "wekan" and path == "/api/users/me":
        assert (answer.status_code, answer.json) == (200, {})
    elif dialect == "nerveshub" and path == "/api/users/me":
        assert answer.json["username"] == "admin"
    elif path == "/openapi.json":
        assert answer.json == client.get(f"/{dialect}/openapi.json").json
        assert "/api/token" not in answer.json["paths"]
    else:
        require_refusal(answer, dialect, 404)


@pytest.mark.parametrize("dialect", HOSTS)
@pytest.mark.parametrize("other", HOSTS)
def test_no_other_dialect_can_be_reached_on_a_bound_host(
    client: FlaskClient, dialect: str, other: str
) -> None:
    method, path, request = LOGINS[other]
    headers = {"Host": HOSTS[dialect]}
    require_refusal(
        client.open(f"/{other}{path}", method=method, **(request | {"headers": headers})),
        dialect,
        404,
    )


@pytest.mark.parametrize("dialect", ["nerveshub", "wekan", "azuma"])
def test_a_bound_host_checks_the_same_passwords(client: FlaskClient, dialect: str) -> None:
    method, path, request = LOGINS[dialect]
    at_root = client.open(path, method=method, **(request | {"headers": {"Host": HOSTS[dialect]}}))
    under_prefix = client.open(f"/{dialect}{path}", method=method, **request)
    assert (at_root.status_code, under_prefix.status_code) == (200, 200), at_root.text
    assert at_root.json.keys() == under_prefix.json.keys()


@pytest.mark.parametrize(
    ("dialect", "base", "path"),
    [("nerveshub", "/api", "/users/register"), ("continuous", "/users/api", "/sessions")],
)
def test_the_longer_documented_base_is_the_same_call(
    client: FlaskClient, dialect: str, base: str, path: str
) -> None:
    host = {"Host": HOSTS[dialect]}
    for url, headers in (
        (prefix(dialect) + base + path, {}),
        (base + path, host),
        (path, host),
    ):
        require_refusal(client.get(url, headers=headers), dialect, 405)
        assert client.post(url, json={}, headers=headers).status_code in {400, 422}
    doubled = client.get(f"{prefix(dialect)}{base}{base}{path}")
    require_refusal(doubled, dialect, 404)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_wrong_method_is_405_in_the_dialect(client: FlaskClient, dialect: str) -> None:
    answer = client.open(prefix(dialect) + LOGINS[dialect][1], method="PUT")
    require_refusal(answer, dialect, 405)
    assert LOGINS[dialect][0] in answer.headers["Allow"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("method", ["TRACE", "FOO", "PROPFIND"])
def test_an_unknown_method_is_405_in_the_dialect(
    client: FlaskClient, dialect: str, method: str
) -> None:
    require_refusal(client.open(prefix(dialect) + LOGINS[dialect][1], method=method), dialect, 405)


@pytest.mark.parametrize(("status", "size"), [(413, 65_537), (400, 65_536)])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_body_too_long_is_413_in_the_dialect(
    client: FlaskClient, dialect: str, status: int, size: int
) -> None:
    path = "/api/users" if dialect == "native" else LOGINS[dialect][1]
    answer = client.post(prefix(dialect) + path, data=b" " * size, content_type="application/json")
    require_refusal(answer, dialect, status)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_full_queue_is_503_in_the_dialect(app: Flask, client: FlaskClient, dialect: str) -> None:
    method, path, request = LOGINS[dialect]
    with services(app).authentication._passwords.admit():
        answer = client.open(prefix(dialect) + path, method=method, **request)
    require_refusal(answer, dialect, 503)
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_page_of_another_origin_is_refused_in_the_dialect(
    client: FlaskClient, dialect: str
) -> None:
    path = prefix(dialect) + ("/api/users" if dialect == "native" else LOGINS[dialect][1])
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        require_refusal(client.post(path, json={}, headers=headers), dialect, 403)


@pytest.mark.parametrize(
    "spoken", ["", "wekan", "azuma,continuous", "nerveshub,wekan,continuous,azuma"]
)
def test_a_dialect_that_is_switched_off_is_not_there(
    make_app: Callable[..., Flask], spoken: str
) -> None:
    bound = ",".join(f"{host}={dialect}" for dialect, host in HOSTS.items())
    client = make_app(dialects=spoken, dialect_hosts=bound).test_client()
    for dialect, host in HOSTS.items():
        heard = dialect if dialect in spoken.split(",") else "native"
        require_refusal(client.get(f"/{dialect}/nothing"), heard, 404)
        require_refusal(client.get("/nothing", headers={"Host": host}), heard, 404)
        method, path, request = LOGINS[dialect]
        if heard == "native":
            require_refusal(
                client.open(f"/{dialect}{path}", method=method, **request), "native", 404
            )


@pytest.mark.parametrize("query", ["users?search=a%00", "audit?kind=a%00"])
def test_a_query_with_nul_is_400_on_either_database(client: FlaskClient, query: str) -> None:
    require_refusal(
        client.get(f"/api/admin/{query}", headers=basic("admin", "changeme")), "native", 400
    )
