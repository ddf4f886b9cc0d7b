"""Pages of other origins: those that the operator allows may use the service, without cookies; no
others may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from web.test_paths import paths

from support.accounts import ADMIN, HAWK
from support.http import basic
from support.native_api import NativeApi

APP, OTHER = "https://app.example.org", "http://localhost:3000"
STRANGERS = [
    "https://evil.example",
    "null",
    "",
    "*",
    f"{APP}.evil.example",
    f"{APP}:443",
    APP.upper(),
    APP + "/",
    "\xff",
]
CORS = "Access-Control-"


@pytest.fixture
def api(make_api: Callable[..., NativeApi]) -> NativeApi:
    return make_api(allowed_origins=f"{APP}, {OTHER}")


def cors(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(CORS)}


def preflight(api: NativeApi, path: str, origin: str, method: str = "POST") -> Any:
    asked = {
        "Origin": origin,
        f"{CORS}Request-Method": method,
        f"{CORS}Request-Headers": "authorization,content-type",
    }
    return api.client.options(path, headers=asked | {"Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("origin", [APP, OTHER])
def test_a_page_of_an_allowed_origin_uses_the_service(api: NativeApi, origin: str) -> None:
    browser = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    asked = preflight(api, "/api/token", origin)
    assert asked.status_code == 200
    assert set(asked.headers[f"{CORS}Allow-Methods"].split(", ")) >= {"GET", "POST", "DELETE"}
    assert "Authorization" in asked.headers[f"{CORS}Allow-Headers"]
    login = api.client.post("/api/token", headers=browser | basic(*HAWK))
    fast = api.client.get("/api/resource", headers=browser | basic(login.json["token"]))
    slow = api.client.get("/api/users/me", headers=browser | basic(login.json["token"]))
    made = api.client.post(
        "/api/users", headers=browser, json={"username": "falcon", "password": "newpwd"}
    )
    refused = api.client.get("/api/resource", headers=browser | basic("hawk", "wrong"))
    missing = api.client.get("/nowhere", headers=browser)
    told = [
        (each.status_code, each.headers[f"{CORS}Allow-Origin"])
        for each in (login, fast, slow, made, refused, missing)
    ]
    assert told == [(status, origin) for status in (200, 200, 200, 201, 401, 404)]
    for each in (asked, login, fast, slow, made, refused, missing):
        assert each.headers.getlist("Vary").count("Origin") == 1
        assert f"{CORS}Allow-Credentials" not in each.headers


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_page_of_another_origin_gets_no_permission_and_changes_nothing(
    api: NativeApi, origin: str
) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    assert cors(preflight(api, "/api/token", origin)) == {}
    with api.unchanged():
        refused = api.client.post(
            "/api/users", headers=headers, json={"username": "ghost", "password": "newpwd"}
        )
    assert (refused.status_code, refused.json["code"], cors(refused)) == (
        403,
        "cross_site_request",
        {},
    )
    read = api.client.get("/api/users/1", headers=headers)
    assert (read.status_code, cors(read), read.headers["Vary"]) == (200, {}, "Origin")


def test_every_preflight_is_answered_by_the_methods_of_its_route(api: NativeApi) -> None:
    for method, path in paths(api.app):
        answer = preflight(api, path, APP, method)
        if answer.status_code == 200:
            assert answer.headers[f"{CORS}Allow-Methods"] == answer.headers["Allow"]
            assert method in answer.headers["Allow"].split(", ")
        else:
            assert path.startswith("/api/verify")
            assert f"{CORS}Allow-Methods" not in answer.headers


def test_what_is_public_stays_readable_from_any_origin(api: NativeApi) -> None:
    for origin in (APP, "https://evil.example"):
        answer = api.client.get("/ca.pem", headers={"Origin": origin})
        assert answer.headers.getlist(f"{CORS}Allow-Origin") == ["*"]


def test_without_the_setting_no_answer_speaks_of_origins(
    make_api: Callable[..., NativeApi],
) -> None:
    api = make_api()
    for answer in (
        preflight(api, "/api/token", APP),
        api.client.get("/healthz", headers={"Origin": APP}),
    ):
        assert cors(answer) == {}
        assert "Vary" not in answer.headers
    refused = api.client.delete("/api/users/me", headers=basic(*ADMIN) | {"Origin": APP})
    assert refused.status_code == 403
