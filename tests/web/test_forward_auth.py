"""Forward authentication: the answer depends on the credential and on the path that the operator
configured."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from identity.domain.principal import operator
from identity.domain.token_kinds import TokenKind
from identity.services.accounts.registration import NewAccount
from identity.settings.readers import SettingError
from support.accounts import ADMIN, HAWK
from support.app import judge_by_rows, principal, services
from support.clock import ManualClock
from support.database import statements
from support.hashing import full_queue
from support.http import basic, bearer, token_of
from support.native_api import CANARY
from support.waiting import wait_until

METHODS = [
    "GET",
    "HEAD",
    "OPTIONS",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "PROPFIND",
    "get",
    "FOO",
    "CONNECT",
]
NGINX, PROXY = "/api/verify", "/api/verify/proxy"
ALWAYS = {
    "X-Identity-User",
    "X-Identity-Id",
    "X-Identity-Admin",
    "X-Identity-Credential",
    "X-Identity-Expires",
}

# By path, what hawk and an administrator get; without a good credential it is 401 everywhere.
CONDITIONS = {
    "": (True, True),
    "/admin": (False, True),
    "/user/hawk": (True, False),
    "/user/HAWK": (True, False),
    "/user/\uff48awk": (True, False),  # as at a login: one name in all its spellings
    "/user/admin": (False, True),
    "/admin/user/admin": (False, True),
    "/user/admin/admin": (False, True),
    "/admin/user/hawk": (False, False),
    "/user/hawk/user/hawk": (True, False),
    "/user/hawk/user/admin": (False, False),
    "/user/nobody": (False, False),
}
# Never a yes, for any caller.
UNKNOWN = [
    "/",
    "//",
    "/x",
    "/Admin",
    "/admin/",
    "//admin",
    "/admin//",
    "/admin/x",
    "/user",
    "/user/",
    "/user//admin",
    "/user/admin/",
    "/user/admin/x",
    "/user/admin/user",
    "/users/admin",
    "/admin/proxy",
    "/group/x",
    "/scope/x",
    "/.",
    "/..",
    "/./admin",
    "/../resource",
    "/admin/..",
    "/ admin",
    "/admin ",
    "/user/admin ",
    "/user/admin\0",
    "/admin;x",
    "/admin%2f",
    "/user/%61dmin",
    "/admin\n",
    "/user/\xe4\xf6\xfc",
]


def ask(
    client: FlaskClient, path: str, headers: dict[str, str] | None = None, **more: Any
) -> TestResponse:
    """Send a path as a server hands it over, decoded and otherwise as it came."""
    raw = path.encode().decode("latin-1")
    return client.open("/", headers=headers, environ_overrides={"PATH_INFO": raw}, **more)


def said(answer: TestResponse) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers
        if name.startswith(("X-Identity", "Remote-", "X-WEBAUTH"))
    }


def every_path() -> Iterator[str]:
    for condition in (*CONDITIONS, *UNKNOWN):
        yield from (NGINX + condition, PROXY + condition, f"{PROXY}{condition}/-/some/path")


def test_every_method_is_answered_alike(client: FlaskClient) -> None:
    user, admin = (token_of(client, *who) for who in (HAWK, ADMIN))
    wrong: tuple[dict[str, str], ...] = ({}, bearer("idt_wrong"), {"Authorization": "Basic"})
    for path, credential in itertools.product(every_path(), (*wrong, bearer(user), bearer(admin))):
        answers = {method: ask(client, path, credential, method=method) for method in METHODS}
        (status,) = {answer.status_code for answer in answers.values()}
        assert status in ({401} if credential in wrong else {200, 204, 403}), path
        assert answers.pop("HEAD").data == b""
        told = {same_every_time(answer) for answer in answers.values()}
        assert len(told) == 1, path


def same_every_time(answer: TestResponse) -> tuple[Any, ...]:
    changing = answer.headers["X-Request-ID"]
    return answer.text.replace(changing, "id"), str(answer.headers).replace(changing, "id")


@pytest.mark.parametrize(("yes", "base"), [(204, NGINX), (200, PROXY)])
def test_conditions_decide_who_passes(client: FlaskClient, yes: int, base: str) -> None:
    behind = (
        ["", "/-", "/-/", "/-/user/hawk/admin", "/-/-/x", "/-//../x", "/-/\0"]
        if base == PROXY
        else [""]
    )
    tokens = [token_of(client, *who) for who in (HAWK, ADMIN)]
    for condition, guarded, each in itertools.product(CONDITIONS, behind, (0, 1)):
        passes = CONDITIONS[condition][each]
        answer = ask(client, f"{base}{condition}{guarded}", bearer(tokens[each]))
        assert answer.status_code == (yes if passes else 403), (condition, guarded)
        assert answer.data == b"" or not passes
        assert said(answer).keys() == (ALWAYS if passes else set())


def test_what_is_no_condition_is_never_met(client: FlaskClient) -> None:
    token = token_of(client, *ADMIN)
    paths = [
        path
        for words in UNKNOWN
        for path in (NGINX + words, PROXY + words, f"{PROXY}{words}/-/x", f"{NGINX}/admin{words}/x")
    ]
    for path in paths:
        for credential, status in ((bearer(token), 403), ({}, 401)):
            answer = ask(client, path, credential)
            assert answer.status_code == status, path
            assert said(answer) == {}
        assert ask(client, path, bearer(token)).json["code"] == "condition_unmet"
    assert ask(client, f"{NGINX}/x", basic(*ADMIN)).status_code == 403


def test_a_protected_path_stands_behind_a_dash_of_its_own_and_for_proxies_only(
    client: FlaskClient,
) -> None:
    token = token_of(client, *ADMIN)
    for path in ("/-", "/-/x", "/admin/-", "/proxy-/x", "/proxy/-x", "/proxy/user/-/x"):
        assert ask(client, NGINX + path, bearer(token)).status_code == 403


def test_no_other_spelling_of_the_path_is_a_yes(client: FlaskClient) -> None:
    token, paths = (
        token_of(client, *ADMIN),
        ("//api/verify", "/api//verify", "/api/verifyx", "/API/verify", "api/verify"),
    )
    for path, method, credential in itertools.product(paths, METHODS, ({}, bearer(token))):
        assert ask(client, path, credential, method=method).status_code in {401, 404, 405}


QUERIES = [
    "access_token=x",
    "password=x",
    f"a={'x' * 9000}",
    "a=1&a=2",
    "%00",
    "admin",
    "access_token=idt_x",
    "%",
]


def test_nothing_of_a_query_is_read(client: FlaskClient) -> None:
    credentials: tuple[dict[str, str], ...] = ({}, bearer(token_of(client, *HAWK)), bearer("idt_x"))
    paths = (NGINX, f"{NGINX}/admin", f"{NGINX}/user/hawk", PROXY, f"{PROXY}/-/x")
    for path, credential in itertools.product(paths, credentials):
        plain = ask(client, path, credential).status_code
        for query in QUERIES:
            assert ask(client, path, credential, query_string=query).status_code == plain
    assert ask(client, PROXY, basic(*HAWK), query_string="password=x").status_code == 200


def test_a_credential_in_a_query_is_none(client: FlaskClient) -> None:
    token = token_of(client, *ADMIN)
    for name in ("access_token", "token", "authToken"):
        assert ask(client, PROXY, query_string={name: token}).status_code == 401


BODIES: list[dict[str, Any]] = [
    {"data": b"{", "content_type": "application/json"},
    {"data": b"x" * 200_000, "content_type": "text/plain"},
    {"environ_base": {"CONTENT_LENGTH": "99999999999"}},
    {"environ_base": {"CONTENT_LENGTH": "x"}},
    {"headers": {"Transfer-Encoding": "chunked", "Expect": "100-continue"}},
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("path", [NGINX, f"{PROXY}/-/x"])
def test_a_body_is_neither_read_nor_refused(
    client: FlaskClient, path: str, body: dict[str, Any]
) -> None:
    class Untouched:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    for credential, status in (
        (basic(*HAWK), {200, 204}),
        (bearer(token_of(client, *HAWK)), {200, 204}),
        ({}, {401}),
    ):
        headers = body.get("headers", {}) | credential
        builder = EnvironBuilder(path, method="POST", **(body | {"headers": headers}))
        environ = builder.get_environ() | body.get("environ_base", {}) | {"wsgi.input": Untouched()}
        _, line, _ = run_wsgi_app(client.application.wsgi_app, environ)
        assert int(line[:3]) in status


@pytest.mark.parametrize(
    "site", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]
)
def test_the_origin_of_a_forwarded_request_is_checked_by_the_protected_service(
    client: FlaskClient, site: dict[str, str]
) -> None:
    token = token_of(client, *HAWK)
    for method in METHODS:
        assert ask(client, PROXY, site | bearer(token), method=method).status_code == 200


def test_a_check_changes_nothing_and_is_logged_and_counted_like_a_get(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    token = token_of(client, *HAWK)
    caplog.clear()
    for method in METHODS:
        ask(client, f"{PROXY}/user/hawk/-/{CANARY}", bearer(token), method=method)
        assert ask(client, f"{NGINX}/{CANARY}", bearer(token), method=method).status_code == 403
    lines = [
        vars(record)["fields"] for record in caplog.records if record.name == "identity.requests"
    ]
    assert {(line["status"], line["path"]) for line in lines} == {(403, "/api/verify")}
    assert CANARY not in client.get("/metrics").text


def test_a_proxy_receives_the_credential_and_its_end(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    use, hawk = services(app), principal(app, *HAWK)
    now, day = int(clock.now().timestamp()), 24 * 60 * 60
    tokens = {
        kind: use.logins.open(hawk, kind).token
        for kind in TokenKind
        if kind is not TokenKind.ACCESS
    }
    tokens[TokenKind.ACCESS] = use.tokens.issue(hawk).token
    ends = {
        TokenKind.ACCESS: 600,
        TokenKind.PERSONAL: 365 * day,
        TokenKind.OPAQUE: 90 * day,
        TokenKind.JWT: 3600,
        TokenKind.UUID: 14 * day,  # from this use on
    }
    assert tokens.keys() == set(TokenKind) == ends.keys()
    for kind, token in tokens.items():
        heard = said(ask(client, NGINX, bearer(token)))
        assert heard == {
            "X-Identity-User": "hawk",
            "X-Identity-Id": "2",
            "X-Identity-Admin": "false",
            "X-Identity-Credential": f"{kind.value}_token",
            "X-Identity-Expires": str(now + ends[kind]),
        }
    heard = said(ask(client, NGINX, basic(*ADMIN)))
    assert (heard["X-Identity-Credential"], heard["X-Identity-Expires"]) == ("password", "never")
    assert heard["X-Identity-Admin"] == "true"


@pytest.mark.parametrize("path", [NGINX, "/api/verify/user/hawk", PROXY, f"{PROXY}/-/x"])
def test_a_yes_may_be_kept_for_five_seconds_and_never_beyond_the_credential(
    app: Flask, client: FlaskClient, clock: ManualClock, path: str
) -> None:
    token = services(app).tokens.issue(principal(app, *HAWK)).token
    left = 600.0
    for spent, seconds in ((0, 5), (590, 5), (4.9, 5), (0.2, 4), (0.8, 4), (3, 1), (0.5, 0)):
        clock.advance(seconds=spent)
        left -= spent
        answer = ask(client, path, bearer(token))
        assert answer.headers.getlist("Cache-Control") == [f"private, max-age={seconds}"]
        assert seconds <= left
        assert answer.headers.getlist("Vary") == ["Authorization"]
    clock.advance(seconds=0.6)
    assert ask(client, path, bearer(token)).status_code == 401
    assert ask(client, path, basic(*HAWK)).headers["Cache-Control"] == "private, max-age=5"


def test_a_no_is_never_kept(client: FlaskClient) -> None:
    cases = [
        ({}, ""),
        (basic("hawk", "wrong"), ""),
        (bearer("idt_x"), ""),
        (basic(*HAWK), "/admin"),
    ]
    for (credential, condition), base in itertools.product(cases, (NGINX, PROXY)):
        answer = ask(client, base + condition, credential)
        assert answer.status_code in {401, 403}
        assert answer.headers.getlist("Cache-Control") == ["no-store"]
        assert "Vary" not in answer.headers


def test_nginx_is_answered_no_and_other_proxies_forward_retry_after(
    client: FlaskClient,
) -> None:
    for _ in range(51):
        ask(client, NGINX, basic("hawk", "wrong"))
    for suffix in ("", "/admin", "/user/hawk", "/x"):
        assert ask(client, NGINX + suffix, basic(*HAWK)).status_code == 401
        answer = ask(client, PROXY + suffix, basic(*HAWK))
        assert (answer.status_code, answer.json["code"]) == (429, "too_many_attempts")
        assert int(answer.headers["Retry-After"]) > 0


def test_a_full_queue_is_reported_to_every_proxy(app: Flask, client: FlaskClient) -> None:
    with full_queue(services(app).authentication._passwords):
        for path in (NGINX, PROXY, f"{PROXY}/admin/-/x"):
            answer = ask(client, path, basic(*HAWK))
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Basic x, Basic y"}, {"Authorization": "Negotiate x"}]
)
def test_an_unreadable_credential_is_refused_alike_by_every_proxy(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    for path in (NGINX, PROXY):
        answer = ask(client, path, headers)
        assert answer.status_code == 401
        assert [text.partition(" ")[0] for text in answer.headers.getlist("WWW-Authenticate")] == [
            "Basic",
            "Bearer",
        ]


BIRD = NewAccount(*HAWK, email="Hawk@B\u00fccher.Example", full_name="Zo\u00eb 100% \u9df9 O'Hara")
BIRDS_NAME = "Zo%C3%AB 100%25 %E9%B7%B9 O'Hara"


def presenting(make_app: Callable[..., Flask], headers: str) -> FlaskClient:
    app = make_app(forward_headers=headers)
    services(app).accounts.create(operator(), NewAccount(*ADMIN), admin=True)
    services(app).accounts.create(operator(), BIRD, admin=False)
    return app.test_client(use_cookies=False)


def change(client: FlaskClient, values: str, account_id: int = 2) -> None:
    with (
        client.application.app_context(),
        client.application.extensions["sqlalchemy"].engine.begin() as connection,
    ):
        connection.execute(text(f"UPDATE account SET {values} WHERE id = {account_id}"))  # noqa: S608 - the test's own


def extra(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in said(answer).items() if name not in ALWAYS}


SETS = {
    "": {},
    "identity": {},
    "email": {"X-Identity-Email": "hawk@xn--bcher-kva.example"},
    "identity, name": {"X-Identity-Name": BIRDS_NAME},
    "remote": {
        "Remote-User": "hawk",
        "Remote-Email": "hawk@xn--bcher-kva.example",
        "Remote-Name": BIRDS_NAME,
        "Remote-Groups": "",
    },
    "webauth": {"X-WEBAUTH-USER": "hawk"},
}


@pytest.mark.parametrize("chosen", SETS)
@pytest.mark.parametrize("path", [NGINX, f"{PROXY}/user/hawk/-/x"])
def test_the_operator_adds_headers_that_other_programs_read(
    make_app: Callable[..., Flask], chosen: str, path: str
) -> None:
    client = presenting(make_app, chosen)
    token = token_of(client, *HAWK)
    unconfirmed = {
        name: value for name, value in SETS[chosen].items() if not name.endswith("-Email")
    }
    for credential in (basic(*HAWK), bearer(token)):
        assert extra(ask(client, path, credential)) == unconfirmed
    change(client, "email_verified = true")
    for credential in (basic(*HAWK), bearer(token)):
        answer = ask(client, path, credential)
        assert extra(answer) == SETS[chosen]
        assert said(answer).keys() >= ALWAYS
        assert str(answer.headers).isascii()
    assert {
        name
        for name in extra(ask(client, NGINX, basic(*ADMIN)))
        if name.endswith(("-Email", "-Name"))
    } == set()


def test_all_sets_together_are_asked_for_by_one_statement(make_app: Callable[..., Flask]) -> None:
    client = presenting(make_app, "identity,email,name,remote,webauth")
    change(client, "email_verified = true")
    token = token_of(client, *HAWK)
    wait_until(services(client.application).journal.is_current)
    for _ in range(2):  # the first use of a token is noted, and then read once
        ask(client, NGINX, bearer(token))
    with statements(client.application) as seen:
        answer = ask(client, NGINX, bearer(token))
    assert len([statement for statement in seen if "full_name" in statement]) == 1
    assert extra(answer) == {
        name: value for headers in SETS.values() for name, value in headers.items()
    }


def test_a_change_of_what_is_shown_is_seen_at_once(make_app: Callable[..., Flask]) -> None:
    client = presenting(make_app, "email,name")
    token = token_of(client, *HAWK)
    change(client, "email_verified = true")
    assert "X-Identity-Email" in ask(client, PROXY, bearer(token)).headers
    change(client, "email_verified = false, full_name = NULL")
    assert extra(ask(client, PROXY, bearer(token))) == {}


@pytest.mark.parametrize(
    "name",
    [
        "a\u00a0b",
        "\u00ff",
        "100%",
        "%0d%0aX: y",
        " x ",
        "\U0001f985",
        "a\tb".replace("\t", " "),
        ':;,"\\',
    ],
)
def test_a_name_in_a_header_is_ascii_and_can_be_read_back(
    make_app: Callable[..., Flask], name: str
) -> None:
    client = presenting(make_app, "name,remote")
    client.patch("/api/users/me", json={"full_name": name}, headers=basic(*HAWK))
    for header in ("X-Identity-Name", "Remote-Name"):
        value = ask(client, PROXY, basic(*HAWK)).headers[header]
        assert value.isascii()
        assert value.isprintable()
        assert unquote(value) == name.strip()


@pytest.mark.parametrize("chosen", ["identity", "email,name,remote,webauth"])
def test_a_name_that_is_an_email_is_presented_to_its_confirmed_owner_only(
    make_app: Callable[..., Flask], chosen: str
) -> None:
    client = presenting(make_app, chosen)
    token = token_of(client, *HAWK)
    change(client, "username = 'Boss@corp.example', username_canonical = 'boss@corp.example'")
    judge_by_rows(client.application)
    boss = "email = 'boss@Corp.example', email_canonical = 'boss@corp.example'"
    for values in (
        "email_verified = true",
        "email_verified = false",
        f"{boss}, email_verified = false",
    ):
        change(client, values)
        for path in (NGINX, PROXY, f"{PROXY}/-/x"):
            answer = ask(client, path, bearer(token))
            assert (answer.status_code, answer.json["code"]) == (403, "unconfirmed_name")
            assert said(answer) == {}
    change(client, f"{boss}, email_verified = true")
    answer = ask(client, PROXY, bearer(token))
    assert (answer.status_code, answer.headers["X-Identity-User"]) == (200, "Boss@corp.example")


@pytest.mark.parametrize("words", ["identity,groups", "Email", "x", "email;name"])
def test_an_unknown_set_of_headers_stops_the_start(
    make_app: Callable[..., Flask], words: str
) -> None:
    with pytest.raises(
        SettingError, match="IDENTITY_FORWARD_HEADERS: must be some of identity, email, name"
    ):
        make_app(forward_headers=words)
