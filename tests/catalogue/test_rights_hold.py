"""A caller whose account or credential ends while their request runs writes nothing.

Every writing route of every dialect is asked. Between the check of the credential and the rest of
the request, another
node takes the caller's account or credential away.
"""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from catalogue.test_access import MATRIX as OTHERS
from catalogue.test_access import effective
from certificates.test_proxy_headers import SECRET, by_nginx
from flask import Flask
from web.test_routes import MATRIX as NATIVE
from web.test_routes import target

import identity
from identity.domain.principal import operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.authentication.passwords import Authentication
from identity.web.verifier import auth
from support.accounts import populate
from support.app import ORIGIN, services
from support.certificates import csr, signed
from support.database import account_row, rows
from support.http import bearer, token_of

PASSWORD = "a-long-passphrase-9"
STATE = (
    "account",
    "session",
    "certificate",
    "outbox_mail",
)  # the trail and the counters also note refusals
WRITING = {"POST", "PUT", "PATCH", "DELETE"}
_numbers = itertools.count()

Ending = Callable[[Flask, int, str], None]


def _revoke_session(node: Flask, _account: int, token: str) -> None:
    use = services(node)
    use.tokens.revoke_current(use.authentication.by_token(token, ORIGIN))


def _change(**wanted: Any) -> Ending:
    def change(node: Flask, account: int, _token: str) -> None:
        services(node).administration.change(operator(), account, ProfileChange(), **wanted)

    return change


def _act(name: str) -> Ending:
    def act(node: Flask, account: int, _token: str) -> None:
        getattr(services(node).administration, name)(operator(), account)

    return act


ENDINGS: dict[str, Ending] = {
    "demoted": _change(admin=False),
    "disabled": _act("disable"),
    "deleted": _act("delete"),
    "logged out": _revoke_session,
    "revoked": _act("revoke_sessions"),
    "password changed": _change(password="another-passphrase-9"),
}
# A renewal writes nothing, and its token is worth as much as its session.
RENEWAL = ("POST", "/api/token")
# A password in the body ends with its account, not with a session or with rights that it does not
# use.
OF_PASSWORDS = ("disabled", "deleted", "revoked", "password changed")


@dataclass
class Pair:
    """Two nodes on one database, the second of which ends what the first has just accepted."""

    asked: Flask
    other: Flask
    hawk: dict[str, Any]

    def admin(self) -> tuple[str, int]:
        """Create an administrator and return their name and id."""
        name = f"mallory{next(_numbers)}"
        wanted = NewAccount(name, PASSWORD, f"{name}@example.org")
        return name, services(self.other).accounts.create(operator(), wanted, admin=True).id

    def state(self) -> list[Any]:
        return [rows(self.other, f"SELECT * FROM {table} ORDER BY 1") for table in STATE]  # noqa: S608 - our names

    def path(self, rule: str) -> str:
        return (
            target(rule)
            .replace("<uuid>", self.hawk["uuid"])
            .replace("<user_id>", self.hawk["short_id"])
        )

    def asks(self, method: str, rule: str, *, body: Any, headers: dict[str, str]) -> int:
        client = self.asked.test_client(use_cookies=False)
        return effective(client.open(self.path(rule), method=method, json=body, headers=headers))


@pytest.fixture
def pair(make_app: Callable[..., Flask]) -> Pair:
    given = {"trusted_proxies": "127.0.0.1", "proxy_secret": SECRET, "registration": "admin"}
    asked, other = make_app(**given), make_app(**given)
    populate(other)
    services(other).administration.change(operator(), 2, ProfileChange(email="hawk@example.org"))
    return Pair(asked, other, account_row(other, "hawk"))


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """Something to do once, as soon as a credential was found good."""
    todo: list[Callable[[], None]] = []

    def after(check: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*args: Any, **kwargs: Any) -> Any:
            found = check(*args, **kwargs)
            if todo and found is not None:
                todo.pop()()
            return found

        return checked

    monkeypatch.setattr(auth, "authenticate", after(auth.authenticate))
    monkeypatch.setattr(Authentication, "by_password", after(Authentication.by_password))
    yield todo
    assert not todo, "no credential was checked"


def filled(body: Any, name: str, hawk: dict[str, Any]) -> Any:
    """Return a body with new names, in the name of an account where it holds a login, about hawk
    where about a user."""
    if body is None:
        return None
    names = {"new": f"new{next(_numbers)}", "user_id": hawk["short_id"]}
    given = {
        key: value.format(**names) if isinstance(value, str) else value
        for key, value in body.items()
    }
    named = {"hawk": name, "hawk@example.org": f"{name}@example.org", "newpwd": PASSWORD, "x": "x"}
    return {
        key: named.get(value, value) if isinstance(value, str) else value
        for key, value in given.items()
    } | ({"csr": csr()} if "csr" in given else {})


def cases(*, credential_in_body: bool) -> list[Any]:
    found = [
        (key, row.admin, row.body) for matrix in (NATIVE, OTHERS) for key, row in matrix.items()
    ]
    logins = {
        "/azuma/user/login",
        "/continuous/sessions",
        "/nerveshub/users/login",
        "/nerveshub/users/sign",
    }
    logins |= {"/wekan/users/login"}
    writing = [(*key, body) for key, _, body in found if key[0] in WRITING]
    return [each for each in writing if (each[1] in logins) is credential_in_body]


def is_open(app: Flask, method: str, rule: str) -> bool:
    """Tell whether a route takes no credential from the request's head."""
    known = next(
        each
        for each in app.url_map.iter_rules()
        if each.rule == rule and method in (each.methods or set())
    )
    return getattr(app.view_functions[known.endpoint], "identity_access", "public") == "public"


@pytest.mark.parametrize(
    ("method", "rule", "body"), cases(credential_in_body=False), ids=lambda part: str(part)[:48]
)
def test_a_caller_whose_rights_end_meanwhile_writes_nothing(
    pair: Pair, meanwhile: list[Callable[[], None]], method: str, rule: str, body: Any
) -> None:
    if is_open(pair.asked, method, rule):
        return  # no credential, so nothing that could end
    client = pair.asked.test_client(use_cookies=False)
    for ending, end in ENDINGS.items():
        name, account = pair.admin()
        token = token_of(client, name, PASSWORD)
        left: list[Any] = []

        def act(
            end: Ending = end, account: int = account, token: str = token, left: list[Any] = left
        ) -> None:
            end(pair.other, account, token)
            left.extend(pair.state())

        meanwhile.append(act)
        status = pair.asks(method, rule, body=filled(body, name, pair.hawk), headers=bearer(token))
        assert status >= 400 or (method, rule) == RENEWAL, (ending, status)
        assert pair.state() == left, ending


@pytest.mark.parametrize(
    ("method", "rule", "body"), cases(credential_in_body=True), ids=lambda part: str(part)[:48]
)
def test_a_password_that_is_changed_meanwhile_opens_no_session(
    pair: Pair, meanwhile: list[Callable[[], None]], method: str, rule: str, body: Any
) -> None:
    for ending in OF_PASSWORDS:
        name, account = pair.admin()
        left: list[Any] = []

        def act(ending: str = ending, account: int = account, left: list[Any] = left) -> None:
            ENDINGS[ending](pair.other, account, "")
            left.extend(pair.state())

        meanwhile.append(act)
        status = pair.asks(method, rule, body=filled(body, name, pair.hawk), headers={})
        assert status >= 400, (ending, status)
        assert pair.state() == left, ending


@pytest.mark.parametrize(
    ("method", "rule", "body"), cases(credential_in_body=False), ids=lambda part: str(part)[:48]
)
def test_a_certificate_that_is_revoked_meanwhile_writes_nothing(
    pair: Pair, meanwhile: list[Callable[[], None]], method: str, rule: str, body: Any
) -> None:
    if is_open(pair.asked, method, rule):
        return
    client = pair.asked.test_client(use_cookies=False)
    name, _ = pair.admin()
    certificate = signed(client, csr(), (name, PASSWORD))
    owner = services(pair.other).authentication.by_password(name, PASSWORD, ORIGIN)
    left: list[Any] = []

    def act() -> None:
        services(pair.other).certificates.revoke(owner, str(certificate.serial_number))
        left.extend(pair.state())

    meanwhile.append(act)
    status = pair.asks(
        method, rule, body=filled(body, name, pair.hawk), headers=by_nginx(certificate)
    )
    assert status >= 400, status
    assert pair.state() == left


def test_these_calls_write_while_the_caller_keeps_their_rights(pair: Pair) -> None:
    """What is refused above would otherwise change something: the comparison of rows can fail."""
    client = pair.asked.test_client(use_cookies=False)
    changing = 0
    deleting_last = sorted(cases(credential_in_body=False), key=lambda case: case[0] == "DELETE")
    for method, rule, body in deleting_last:
        if is_open(pair.asked, method, rule):
            continue
        name, _ = pair.admin()
        token, before = token_of(client, name, PASSWORD), pair.state()
        pair.asks(method, rule, body=filled(body, name, pair.hawk), headers=bearer(token))
        changing += pair.state() != before
    assert changing >= 12


# Work that is done for no account: counted attempts, housekeeping, and credentials that are checked by one
# UPDATE.
UNATTENDED = {
    "transaction",
    "limits",
    "authorization",
    "attempt_record",
    "journal",
    "passwords",
    "tokens",
    "usage",
    "outbox",
    "pruning",
    "unconfirmed_emails",
}


def test_only_work_for_no_account_is_written_without_a_principal() -> None:
    package = Path(inspect.getfile(identity)).parent
    callers = {
        path.stem
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "write_unattended"
    }
    assert callers == UNATTENDED
