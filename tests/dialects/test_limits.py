"""Limits in every dialect: all dialects share one counter for a name, and each has its own 429."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, populate
from support.app import services
from support.clock import ManualClock
from support.database import rows
from support.hashing import count_hashes
from support.http import basic
from support.mail import Mailbox
from support.modes import LONG_PASSWORD, REGISTRATIONS
from support.signing_requests import signing_request

KITE, EMAIL, LOCK = "kite", "kite@example.org", 900
Ask = Callable[[FlaskClient, str], TestResponse]


def post(path: str, **body: str) -> Ask:
    return lambda client, name: client.post(
        path, json=body | {key: name for key in body if body[key] == "NAME"}
    )


def get(path: str) -> Ask:
    return lambda client, name: client.get(path, headers=basic(name, "wrong"))


# Every way to try a password, by what it knows an account: its name or its email.
BY_NAME: dict[str, Ask] = {
    "native Basic": get("/api/resource"),
    "nerveshub auth": post("/nerveshub/users/auth", username="NAME", password="wrong"),
    "nerveshub login": post("/nerveshub/api/users/login", username="NAME", password="wrong"),
    "nerveshub sign": post(
        "/nerveshub/users/sign", email="NAME", password="wrong", csr="x", description="x"
    ),
    "nerveshub Basic": get("/nerveshub/users/me"),
    "wekan login": post("/wekan/users/login", username="NAME", password="wrong"),
    "wekan Basic": get("/wekan/api/user"),
    "azuma login": post("/azuma/user/login", name="NAME", password="wrong"),
    "azuma Basic": lambda client, name: client.patch(
        "/azuma/user/update", headers=basic(name, "wrong"), json={}
    ),
    "continuous Basic": lambda client, name: client.put(
        "/continuous/users/x", headers=basic(name, "wrong"), json={}
    ),
}
BY_EMAIL: dict[str, Ask] = {
    "nerveshub auth by email": post("/nerveshub/users/auth", email="NAME", password="wrong"),
    "wekan login by email": post("/wekan/users/login", email="NAME", password="wrong"),
    "continuous session": post("/continuous/sessions", email="NAME", password="wrong"),
}
CREDENTIALS = BY_NAME | BY_EMAIL


def known(what: str) -> str:
    return KITE.upper() if what in BY_NAME else EMAIL.upper()


@pytest.fixture
def make(make_app: Callable[..., Flask]) -> Callable[..., FlaskClient]:
    """Make clients of applications on one database, where kite has an account."""

    def make(**settings: str) -> FlaskClient:
        app = make_app(**settings)
        if not rows(app, "SELECT id FROM account"):
            populate(app)
            services(app).accounts.create(
                operator(), NewAccount(KITE, LONG_PASSWORD, EMAIL), admin=False
            )
        return app.test_client(use_cookies=False)

    return make


def require_refusal(answer: TestResponse, name: str, most: int, window: int, wait: int) -> None:
    """Make sure that an answer is a 429 with its three fields
    (draft-ietf-httpapi-ratelimit-headers)."""
    assert answer.status_code == 429, answer.text
    assert answer.headers["Retry-After"] == str(wait)
    assert answer.headers["RateLimit"] == f'"{name}";r=0;t={wait}'
    assert answer.headers["RateLimit-Policy"] == f'"{name}";q={most};w={window}'
    assert answer.headers["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in answer.headers


def spelled(answer: TestResponse) -> Any:
    """Return everything of an answer but what differs from request to request."""
    body = {key: value for key, value in answer.json.items() if key != "request_id"}
    return (
        answer.status,
        body,
        sorted(header for header in answer.headers if header[0] != "X-Request-ID"),
    )


def test_all_ways_to_try_a_password_share_one_count_over_dialects_and_nodes(
    make: Callable[..., FlaskClient],
) -> None:
    settings = {"lockout_failures": str(len(CREDENTIALS))}
    nodes = [make(**settings), make(**settings)]
    hashes = [count_hashes(node.application) for node in nodes]
    for number, (what, ask) in enumerate(CREDENTIALS.items()):
        answer = ask(nodes[number % 2], known(what))
        meant = answer.json.get("statusCode") if what == "wekan Basic" else answer.status_code
        assert meant in {401, 403, 500}, what
    assert sum(len(each.checked) for each in hashes) == len(CREDENTIALS)
    for what, ask in CREDENTIALS.items():
        for node in nodes:
            require_refusal(ask(node, known(what)), "password", len(CREDENTIALS), LOCK, LOCK)
    assert sum(len(each.checked) for each in hashes) == len(CREDENTIALS)
    assert rows(
        nodes[0].application,
        "SELECT count(*) FROM audit_event WHERE kind = 'authentication.locked'",
    ) == [(1,)]


@pytest.mark.parametrize("what", CREDENTIALS)
def test_lock_discloses_nothing_about_an_account_in_any_dialect(
    make: Callable[..., FlaskClient], what: str
) -> None:
    client = make(lockout_failures="1")
    ask = CREDENTIALS[what]
    refusals = []
    for name in (known(what), f"nobody-{known(what)}"):
        ask(client, name)
        refusals.append(ask(client, name))
    assert refusals[0].status_code == 429
    assert spelled(refusals[0]) == spelled(refusals[1])


@pytest.mark.parametrize("what", CREDENTIALS)
def test_one_password_for_many_names_is_stopped_in_every_dialect(
    make: Callable[..., FlaskClient], what: str
) -> None:
    client, ask = make(ip_failures="3", ip_seconds="60"), CREDENTIALS[what]
    hashes = count_hashes(client.application)
    answers = [ask(client, f"nobody{number}@example.org") for number in range(5)]
    assert 429 not in {answer.status_code for answer in answers[:3]}
    for answer in answers[3:]:
        require_refusal(answer, "ip", 3, 60, 60)
    assert len(hashes.checked) == 3


def test_a_forwarded_ip_counts_only_from_a_trusted_proxy(
    make: Callable[..., FlaskClient],
) -> None:
    headers = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP")
    for trusted, statuses in (
        ({"trusted_proxies": ""}, [401, 401, 429]),
        ({"trusted_proxies": "127.0.0.1"}, [401] * 3),
    ):
        client = make(ip_failures="2", **trusted)
        client.environ_base["REMOTE_ADDR"] = (
            "127.0.0.1" if trusted["trusted_proxies"] else "127.0.0.2"
        )
        seen = [
            client.get(
                "/api/resource",
                headers=basic(f"nobody{n}") | dict.fromkeys(headers, f"192.0.2.{n}"),
            )
            for n in range(3)
        ]
        assert [answer.status_code for answer in seen] == statuses


def test_a_credential_that_cannot_be_read_is_neither_computed_nor_counted(
    make: Callable[..., FlaskClient],
) -> None:
    client = make()
    hashes, before = (
        count_hashes(client.application),
        rows(client.application, "SELECT key, count FROM counter"),
    )
    for junk in (
        "Basic !!!",
        "Basic a2l0ZQ",
        "Basic a2l0ZQ==",
        "Basic",
        "Bearer idt_x",
        "Digest x",
    ):
        assert client.get("/api/resource", headers={"Authorization": junk}).status_code == 401
    assert (hashes.checked, rows(client.application, "SELECT key, count FROM counter")) == (
        [],
        before,
    )


@pytest.mark.parametrize("dialect", REGISTRATIONS)
def test_registrations_from_one_ip_are_stopped_in_every_dialect(
    make: Callable[..., FlaskClient], dialect: str, clock: ManualClock
) -> None:
    client = make(registration_limit="1/60")
    assert (
        client.post("/api/users", json={"username": "lark", "password": LONG_PASSWORD}).status_code
        == 201
    )
    hashes = count_hashes(client.application)
    path, body = REGISTRATIONS[dialect]
    for _ in range(2):
        require_refusal(client.post(path, json=body(LONG_PASSWORD)), "registration", 1, 60, 60)
    assert hashes.hashed == 0
    elsewhere = client.post(
        path, json=body(LONG_PASSWORD), environ_overrides={"REMOTE_ADDR": "192.0.2.9"}
    )
    assert elsewhere.status_code in {200, 201}
    clock.advance(seconds=60)
    assert (
        client.post("/api/users", json={"username": "finch", "password": LONG_PASSWORD}).status_code
        == 201
    )


def test_two_hundred_registrations_at_once_are_a_flood_by_default(
    make: Callable[..., FlaskClient],
) -> None:
    client = make()
    statuses = [
        client.post(
            "/api/users", json={"username": f"bird{number}", "password": LONG_PASSWORD}
        ).status_code
        for number in range(200)
    ]
    assert statuses == [201] * 100 + [429] * 100


def test_a_registration_that_is_refused_for_its_values_is_not_counted_but_a_taken_name_is(
    make: Callable[..., FlaskClient],
) -> None:
    client = make(registration_limit="1/60")
    assert (
        client.post("/api/users", json={"username": "a b", "password": LONG_PASSWORD}).status_code
        == 400
    )
    assert (
        client.post("/api/users", json={"username": KITE, "password": LONG_PASSWORD}).status_code
        == 400
    )
    assert (
        client.post("/api/users", json={"username": KITE, "password": LONG_PASSWORD}).status_code
        == 429
    )


def test_administrators_make_any_number_of_accounts(make: Callable[..., FlaskClient]) -> None:
    client = make(registration_limit="1/60")
    for number in range(3):
        body = {"username": f"bird{number}", "password": LONG_PASSWORD}
        assert client.post("/api/admin/users", json=body, headers=basic(*ADMIN)).status_code == 201
        body = {"username": f"fish{number}", "password": LONG_PASSWORD}
        assert client.post("/api/users", json=body, headers=basic(*ADMIN)).status_code == 201


@pytest.mark.parametrize("path", ["/api/password-resets", "/continuous/passwords/reset"])
def test_mails_to_one_email_are_limited_and_the_answer_stays(
    make: Callable[..., FlaskClient], path: str, clock: ManualClock
) -> None:
    client = make(mail_limit="2/60")
    mailbox = Mailbox(client.application)
    mailbox.fetch().clear()
    typed = (EMAIL, "KITE@example.org", "kite@EXAMPLE.org", EMAIL)
    assert [client.post(path, json={"email": email}).status_code for email in typed] == [204] * 4
    assert len(mailbox.fetch()) == 2
    clock.advance(seconds=60)
    assert client.post(path, json={"email": EMAIL}).status_code == 204
    assert len(mailbox.fetch()) == 3


@pytest.mark.parametrize("path", ["/api/password-resets", "/continuous/passwords/reset"])
def test_requests_for_mails_from_one_ip_are_limited_alike_for_known_and_unknown(
    make: Callable[..., FlaskClient], path: str
) -> None:
    client = make(reset_limit="2/60")
    for email in (EMAIL, "nobody@example.org"):
        client.post(path, json={"email": email})
    refusals = [client.post(path, json={"email": email}) for email in (EMAIL, "nobody@example.org")]
    require_refusal(refusals[0], "reset", 2, 60, 60)
    assert spelled(refusals[0]) == spelled(refusals[1])


NAMED = {"username": "{new}", "email": "{new}@example.org"}
MAILING: dict[str, tuple[str, str, dict[str, str]]] = {
    "native registration": ("POST", "/api/users", NAMED),
    "nerveshub registration": (
        "POST",
        "/nerveshub/users/register",
        NAMED,
    ),
    "wekan registration": ("POST", "/wekan/users/register", {"email": "{new}@example.org"}),
    "continuous registration": (
        "POST",
        "/continuous/users",
        {"email": "{new}@example.org", "password_confirm": LONG_PASSWORD},
    ),
    "azuma registration": ("POST", "/azuma/users", {"name": "{new}", "email": "{new}@example.org"}),
    "native change": ("PATCH", "/api/users/me", {"email": "{new}@example.org"}),
    "native reset": ("POST", "/api/password-resets", {"email": "{new}@example.org"}),
    "reset of a known email": ("POST", "/api/password-resets", {"email": EMAIL}),
    "continuous reset": ("POST", "/continuous/passwords/reset", {"email": "{new}@example.org"}),
}


def mailing(client: FlaskClient, what: str, new: str) -> TestResponse:
    method, path, fields = MAILING[what]
    body = {key: value.format(new=new) for key, value in fields.items()}
    headers = basic(KITE, LONG_PASSWORD) if method == "PATCH" else {}
    password = {} if "reset" in what or method == "PATCH" else {"password": LONG_PASSWORD}
    return client.open(path, method=method, json=body | password, headers=headers)


@pytest.mark.parametrize("used_by", MAILING)
def test_mails_that_one_ip_asks_for_are_limited_together(
    make: Callable[..., FlaskClient], clock: ManualClock, used_by: str
) -> None:
    client = make(requested_mail_limit="2/60")
    for number in range(2):
        assert mailing(client, used_by, f"bird{number}").status_code != 429
    for number, what in enumerate(MAILING):
        require_refusal(mailing(client, what, f"fish{number}"), "requested_mail", 2, 60, 60)
    registered = client.post("/api/users", json={"username": "silent", "password": LONG_PASSWORD})
    assert registered.status_code == 201, registered.text  # without an email, without a mail
    clock.advance(seconds=60)
    assert mailing(client, "native registration", "late").status_code == 201


def test_administrators_have_as_many_mails_sent_as_they_like(
    make: Callable[..., FlaskClient],
) -> None:
    client = make(requested_mail_limit="1/60")
    for number in range(3):
        body = {
            "username": f"bird{number}",
            "password": LONG_PASSWORD,
            "email": f"bird{number}@example.org",
        }
        assert client.post("/api/admin/users", json=body, headers=basic(*ADMIN)).status_code == 201


def test_one_ip_cannot_mail_a_hundred_emails_by_default(
    make: Callable[..., FlaskClient],
) -> None:
    client = make()
    statuses = [
        client.post(
            "/api/password-resets", json={"email": f"stranger{number}@example.org"}
        ).status_code
        for number in range(100)
    ]
    assert statuses == [204] * 60 + [429] * 40


def test_certificates_of_one_account_are_limited_over_both_dialects(
    make: Callable[..., FlaskClient], clock: ManualClock
) -> None:
    client = make(certificate_limit="2/60")
    credential = {"username": KITE, "password": LONG_PASSWORD, "description": "x"}

    def sign(dialect: str) -> TestResponse:
        if dialect == "nerveshub":
            return client.post(
                "/nerveshub/users/sign", json=credential | {"csr": signing_request()}
            )
        return client.post(
            "/api/certificates", json={"csr": signing_request()}, headers=basic(KITE, LONG_PASSWORD)
        )

    assert [sign(dialect).status_code for dialect in ("native", "nerveshub")] == [201, 200]
    for dialect in ("native", "nerveshub"):
        require_refusal(sign(dialect), "certificate", 2, 60, 60)
    other = client.post("/api/certificates", json={"csr": signing_request()}, headers=basic(*ADMIN))
    assert other.status_code == 201
    clock.advance(seconds=60)
    assert sign("native").status_code == 201


def test_fields_of_the_limit_are_structured_fields(make: Callable[..., FlaskClient]) -> None:
    client = make(lockout_failures="1")
    answers = [get("/api/resource")(client, KITE) for _ in range(2)]
    assert [("RateLimit" in answer.headers) for answer in answers] == [False, True]
    assert re.fullmatch(r'"[a-z]+";q=[0-9]+;w=[0-9]+', answers[1].headers["RateLimit-Policy"])
    assert re.fullmatch(r'"[a-z]+";r=0;t=[0-9]+', answers[1].headers["RateLimit"])
