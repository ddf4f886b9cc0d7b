"""Where a request comes from: another site's page, a proxy, a Host of the caller's choice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from identity.domain.principal import operator
from identity.settings.readers import read_networks
from identity.web.peers import client_ip
from support.accounts import ADMIN, HAWK
from support.app import services
from support.hashing import CountingPasswords
from support.http import basic, bearer
from support.native_api import NativeApi, require_problem

EVIL = "http://evil.example"
CROSS_SITE = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a sister site": {"Sec-Fetch-Site": "same-site"},
    "another origin": {"Origin": EVIL},
    "another origin, called the same": {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
    "another site, called our origin": {
        "Origin": "http://localhost",
        "Sec-Fetch-Site": "cross-site",
    },
    "an opaque origin": {"Origin": "null"},
    "a file": {"Origin": "file://"},
    "no origin's form": {"Origin": "localhost"},
    "an empty origin": {"Origin": ""},
    "half an origin": {"Origin": "http:"},
    "another port": {"Origin": "http://localhost:8080"},
    "a longer name": {"Origin": "http://localhost.evil.example"},
    "a name before": {"Origin": "http://evil.localhost"},
    "a name as a user": {"Origin": "http://localhost@evil.example"},
    "a name as a path": {"Origin": "http://evil.example/localhost"},
    "two origins": {"Origin": "http://localhost http://evil.example"},
}


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE)
def test_a_change_is_refused_when_another_site_s_page_asks_for_it(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    passwords = CountingPasswords()
    monkeypatch.setattr(services(api.app).authentication, "_passwords", passwords)
    with api.unchanged():
        for method, path in _unsafe(api):
            answer = api.client.open(path, method=method, headers=headers | basic(*ADMIN))
            require_problem(answer, 403, "cross_site_request")
        anonymous = api.client.post("/api/users", headers=headers, json={})
        require_problem(anonymous, 403, "cross_site_request")
    assert passwords.admitted == 0


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_sites_page_opens_no_session_with_a_kept_password_and_tokens_stay_renewable(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], method: str
) -> None:
    token = api.client.get("/api/token", headers=basic(*ADMIN)).json["token"]
    api.client.get("/api/token", headers=bearer(token))  # the first renewal is noted
    passwords = CountingPasswords()
    with api.unchanged(), monkeypatch.context() as patch:
        patch.setattr(services(api.app).authentication, "_passwords", passwords)
        answer = api.client.open("/api/token", method=method, headers=headers | basic(*ADMIN))
        assert (answer.status_code, passwords.admitted) == (403, 0)
        for carrier in (bearer(token), basic(token)):
            renewed = api.client.open("/api/token", method=method, headers=headers | carrier)
            assert renewed.status_code == 200


def _unsafe(api: NativeApi) -> set[tuple[str, str]]:
    rules = [(rule.rule, rule.methods or set()) for rule in api.app.url_map.iter_rules()]
    found = {
        (method, rule) for rule, methods in rules for method in methods - {"GET", "HEAD", "OPTIONS"}
    }
    assert len(found) > 12
    return {
        (
            method,
            rule.replace("<account:account_id>", "2").replace("<session:session_id>", "0" * 32),
        )
        for method, rule in found
        if rule.startswith("/api/") and "<serial" not in rule
    }


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE)
def test_a_reading_is_answered_for_every_caller(api: NativeApi, headers: dict[str, str]) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer = api.client.open("/api/resource", method=method, headers=headers | basic(*HAWK))
        assert answer.status_code == 200
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control-")]  # noqa: SIM118 - pairs else


OWN = {
    "no browser": {},
    "a URL typed by the user": {"Sec-Fetch-Site": "none"},
    "our page": {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    "our page behind a proxy that ends TLS": {"Origin": "https://localhost"},
    "our page at another port": {"Host": "localhost:8443", "Origin": "https://localhost:8443"},
    "our page at an IP": {"Host": "[::1]:5000", "Origin": "http://[::1]:5000"},
}


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN)
def test_a_change_is_made_when_no_other_site_asks_for_it(
    api: NativeApi, headers: dict[str, str]
) -> None:
    assert api.client.post("/api/token", headers=headers | basic(*HAWK)).status_code == 200


def test_a_change_is_made_when_the_public_origin_asks_for_it(
    make_api: Callable[..., NativeApi],
) -> None:
    api = make_api(public_url="https://id.example.org:8443/base/")
    for origin, status in (
        ("https://id.example.org:8443", 200),
        ("http://localhost", 200),
        ("https://id.example.org", 403),
        ("https://id.example.org:8443.evil.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ):
        answer = api.client.post("/api/token", headers=basic(*HAWK) | {"Origin": origin})
        assert answer.status_code == status, origin


def test_a_preflight_of_another_site_gets_no_permission(api: NativeApi) -> None:
    headers = {
        "Origin": EVIL,
        "Access-Control-Request-Method": "DELETE",
        "Sec-Fetch-Site": "cross-site",
    }
    answer = api.client.options("/api/users/me", headers=headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers.keys() if name.startswith("Access-Control-")]  # noqa: SIM118 - pairs else


PROXIES = "192.0.2.0/24,fd00::/8"
CLIENT_IPS = {
    "not forwarded": ("198.51.100.9", None, "198.51.100.9"),
    "a stranger forwards": ("198.51.100.9", "203.0.113.7", "198.51.100.9"),
    "a client that claims to be a proxy": (
        "198.51.100.9",
        "203.0.113.7, 192.0.2.1",
        "198.51.100.9",
    ),
    "a proxy forwards": ("192.0.2.1", "203.0.113.7", "203.0.113.7"),
    "a proxy forwards what was forged before": (
        "192.0.2.1",
        "10.0.0.1, 203.0.113.7",
        "203.0.113.7",
    ),
    "a proxy forwards a forged proxy": ("192.0.2.1", "192.0.2.9, 203.0.113.7", "203.0.113.7"),
    "a proxy forwards junk before": ("192.0.2.1", "'; DROP TABLE x, 203.0.113.7", "203.0.113.7"),
    "two proxies forward": ("192.0.2.1", "203.0.113.7, 192.0.2.8", "203.0.113.7"),
    "two proxies forward what was forged": (
        "192.0.2.1",
        "1.2.3.4,203.0.113.7,192.0.2.8",
        "203.0.113.7",
    ),
    "proxies only": ("192.0.2.1", "192.0.2.5, 192.0.2.6", "192.0.2.5"),
    "a proxy of IPv6 forwards": ("fd00::1", "2001:db8::7", "2001:db8::7"),
    "a proxy asks for itself": ("192.0.2.1", None, "192.0.2.1"),
    "a proxy forwards nothing": ("192.0.2.1", "", "192.0.2.1"),
    "a proxy forwards a port": ("192.0.2.1", "203.0.113.7:4711", "203.0.113.7"),
    "a proxy forwards brackets": ("192.0.2.1", "[2001:db8::7]", "2001:db8::7"),
    "a proxy forwards brackets and a port": ("192.0.2.1", "[2001:DB8:0::7]:4711", "2001:db8::7"),
    "a proxy forwards mapped IPv4": ("192.0.2.1", "::ffff:203.0.113.7", "203.0.113.7"),
    "a proxy forwards mapped IPv4 and a port": (
        "192.0.2.1",
        "[::ffff:cb00:7107]:4711",
        "203.0.113.7",
    ),
    "a proxy forwards a zone": ("192.0.2.1", "fe80::1%eth0", "fe80::1"),
    "two proxies forward ports": ("192.0.2.1", "203.0.113.7:1, 192.0.2.8:2", "203.0.113.7"),
    "a proxy is shown as mapped IPv4": ("::ffff:192.0.2.1", "203.0.113.7", "203.0.113.7"),
    "a proxy is told as mapped IPv4": ("192.0.2.1", "203.0.113.7, ::ffff:192.0.2.8", "203.0.113.7"),
    "a caller is shown as mapped IPv4": ("::ffff:198.51.100.9", "203.0.113.7", "198.51.100.9"),
    "a proxy does not know": ("192.0.2.1", "203.0.113.7, unknown", "192.0.2.1"),
    "a proxy hides": ("192.0.2.1", "203.0.113.7, _hidden", "192.0.2.1"),
    "a proxy forwards a name": ("192.0.2.1", "caller.example.org", "192.0.2.1"),
    "a proxy forwards no number": ("192.0.2.1", "203.0.113.256", "192.0.2.1"),
    "a proxy forwards too much": ("192.0.2.1", "1" * 5000, "192.0.2.1"),
    "a proxy forwards an open list": ("192.0.2.1", "203.0.113.7,", "192.0.2.1"),
    "an inner proxy does not know": ("192.0.2.1", "203.0.113.7, ?, 192.0.2.8", "192.0.2.8"),
    "no IP at all": ("", "203.0.113.7", ""),
}


@pytest.mark.parametrize(("peer", "forwarded", "ip"), CLIENT_IPS.values(), ids=CLIENT_IPS)
def test_an_ip_counts_as_far_as_trusted_proxies_vouch_for_it(
    peer: str, forwarded: str | None, ip: str
) -> None:
    environ = {"REMOTE_ADDR": peer} | (
        {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    )
    assert client_ip(environ, read_networks(PROXIES)) == ip


def test_a_proxy_that_names_no_ip_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"REMOTE_ADDR": "192.0.2.77", "HTTP_X_FORWARDED_FOR": "203.0.113.7, canary"}
    with caplog.at_level("WARNING"):
        assert {client_ip(environ, read_networks(PROXIES)) for _ in range(9)} == {"192.0.2.77"}
    (line,) = caplog.messages
    assert "192.0.2.77" in line
    assert "canary" not in line


def test_callers_behind_a_proxy_that_sends_ports_are_counted_apart(
    make_api: Callable[..., NativeApi],
) -> None:
    api = make_api(trusted_proxies=PROXIES, ip_failures="3")

    def guess(caller: str, port: int) -> int:
        headers = basic(f"nobody{port}", "wrong") | {"X-Forwarded-For": f"{caller}:{port}"}
        peer = {"REMOTE_ADDR": "192.0.2.1"}
        return api.client.get("/api/token", headers=headers, environ_overrides=peer).status_code

    assert [guess("198.51.100.7", port) for port in range(4)] == [401, 401, 401, 429]
    assert guess("[2001:db8::7]", 4) == guess("198.51.100.8", 5) == 401
    lifted = services(api.app).locks.lift(operator(), "198.51.100.7:4711")
    assert lifted.network == "198.51.100.7"
    assert guess("198.51.100.7", 6) == 401


def test_audit_log_remembers_the_ip_that_counts(make_api: Callable[..., NativeApi]) -> None:
    api = make_api(trusted_proxies=PROXIES)
    others = {
        "X-Real-IP": "10.9.9.9",
        "True-Client-IP": "10.9.9.9",
        "Forwarded": "for=10.9.9.9",
        "Client-IP": "10.9.9.9",
    }
    for peer, ip in (("192.0.2.1", "203.0.113.7"), ("198.51.100.9", "198.51.100.9")):
        headers = {"X-Forwarded-For": "10.0.0.1, 203.0.113.7"} | others
        request = {"environ_overrides": {"REMOTE_ADDR": peer}}
        login = api.client.get("/api/token", headers=basic(*HAWK) | headers, **request)
        refusal = api.client.get("/api/token", headers=basic("hawk", "?") | headers, **request)
        assert (login.status_code, refusal.status_code) == (200, 401)
        trail = api.client.get("/api/admin/audit?subject_id=2", headers=api.as_user(ADMIN)).json[
            "events"
        ]
        assert [(event["kind"], event["outcome"], event["ip"]) for event in trail[:2]] == [
            ("authentication", "refused", ip),
            ("authentication", "accepted", ip),
        ]


def test_an_ip_is_the_peer_s_when_no_proxy_is_trusted(api: NativeApi) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    headers = basic(*HAWK) | {"X-Forwarded-For": "203.0.113.7"}
    token = api.client.get("/api/token", headers=headers, environ_overrides=environ).json["token"]
    sessions = api.client.get("/api/sessions", headers=basic(token)).json["sessions"]
    assert [session["origin"] for session in sessions if session["current"]] == ["127.0.0.1"]


FORGED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "host=evil.example;proto=https",
    "X-Original-URL": "/evil",
    "X-Host": "evil.example",
}


@pytest.mark.parametrize(
    ("public_url", "host", "base"),
    [
        ("", "localhost", "http://localhost"),
        ("", "127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("", "[::1]:5000", "http://[::1]:5000"),
        ("https://id.example.org", "evil.example", "https://id.example.org"),
        ("https://id.example.org/", "localhost", "https://id.example.org"),
        ("https://id.example.org:8443/base/", "localhost", "https://id.example.org:8443/base"),
    ],
)
def test_a_location_follows_the_public_url_or_else_the_host(
    make_api: Callable[..., NativeApi], public_url: str, host: str, base: str
) -> None:
    api = make_api(public_url=public_url)
    fields = {"username": "falcon", "password": "newpwd"}
    answer = api.client.post("/api/users", json=fields, headers=FORGED | {"Host": host})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{base}/api/users/3")


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "a/b", "a@b", "a?b", "a#b", "a\\b", "<a>", "[::1", "\xe9", "a,b"]
)
def test_a_request_is_refused_when_its_host_is_no_name(api: NativeApi, host: str) -> None:
    fields = {"username": "falcon", "password": "newpwd"}
    api.refuses(
        "POST", "/api/users", 400, "bad_request", json=fields, environ_overrides={"HTTP_HOST": host}
    )
