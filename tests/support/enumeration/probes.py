"""Calls that might disclose whether an account exists, and accounts to make them for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from identity.adapters.passwords.argon2 import Argon2Cost, Argon2Hasher
from identity.adapters.passwords.queue import AdmissionQueue
from identity.domain.principal import Origin, Principal, operator
from identity.services.accounts.registration import NewAccount
from support.app import ORIGIN, services
from support.database import engine_of, execute, rows, shared_database
from support.hashing import CountedPasswords
from support.http import basic, bearer, token_of

LONG_PASSWORD = "a rather long passphrase"
HARDENED = {
    "hardened": "true",
    "public_url": "https://id.example.org",
    "argon2_memory_kib": "19456",
    "argon2_time": "2",
}
# Counted, as in a real service, and never reached: all callers have one IP.
UNREACHED = {
    "ip_failures": "1000000",
    "registration_limit": "1000000/60",
    "reset_limit": "1000000/60",
    "requested_mail_limit": "1000000/60",
    "password_memory_seconds": "5",  # as in a real service
}
ENGINES = ("sqlite", "postgresql")
WHO = ("unknown", "known", "known here", "disabled", "unusable")
HERE = Origin("127.0.0.1", ORIGIN.request_id, ORIGIN.dialect)  # where the test client calls from
# Enough that skipping it would show, and little enough that everything else shows too.
COST = Argon2Cost(memory_kib=1024, time=1)
OLDER = PasswordHasher(memory_cost=512, time_cost=1, parallelism=1)
_numbers = itertools.count()


@dataclass
class Prober:
    """Asks an application about people of whom one does not exist, and some cannot log in."""

    app: Flask
    client: FlaskClient = field(init=False)
    passwords: CountedPasswords = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client(use_cookies=False)
        # Cheaply, also where a hardened service would refuse to.
        guarded = AdmissionQueue(Argon2Hasher(COST, wait=timedelta(seconds=10)), slots=64)
        self.passwords = CountedPasswords(guarded)
        use = services(self.app)
        for use_case in (
            use.authentication,
            use.accounts,
            use.profiles,
            use.recovery,
            use.administration,
        ):
            use_case._passwords = self.passwords

    def people(self) -> dict[str, str]:
        """Make new people, one of each kind; return their names, which are also the first part of
        their emails."""
        number, use = next(_numbers), services(self.app)
        # All names are of one length: the longer answer would tell.
        names = {who: f"bird{number:05}{index}" for index, who in enumerate(WHO)}
        wanted = {
            who: NewAccount(name, LONG_PASSWORD, email_of(name)) for who, name in names.items()
        }
        for who in ("known", "disabled", "unusable"):
            use.accounts.create(operator(), wanted[who], admin=False)
        use.accounts.register(Principal(HERE), wanted["known here"])
        for who in ("known", "known here", "disabled"):
            execute(
                self.app,
                "UPDATE account SET email_verified = true WHERE username = :name",
                name=names[who],
            )
        execute(
            self.app,
            "UPDATE account SET disabled = true WHERE username = :name",
            name=names["disabled"],
        )
        execute(
            self.app,
            "UPDATE account SET password_hash = '!' WHERE username = :name",
            name=names["unusable"],
        )
        return names

    def ask(
        self, path: str, body: Mapping[str, Any], *, method: str = "POST", **request: Any
    ) -> TestResponse:
        return self.client.open(path, method=method, json=body, **request)


Call = Callable[[Prober, str], TestResponse]
Probe = Callable[[], TestResponse]


@contextmanager
def probing(
    request: pytest.FixtureRequest, factory: pytest.TempPathFactory, **settings: str
) -> Iterator[Prober]:
    """Ask one application; `request.param` says on which engine."""
    with shared_database(request, factory) as make:
        app = make(**UNREACHED | settings)
        if (
            request.param == "sqlite"
        ):  # as the tests' PostgreSQL does: the disk's moods would drown everything else
            event.listen(
                engine_of(app), "connect", lambda each, _: each.execute("PRAGMA synchronous = OFF")
            )
            engine_of(app).dispose()
        yield Prober(app)


def uses(prober: Prober, call: Call) -> dict[str, Probe]:
    """Return the call for new people, one of each kind."""
    return {who: (lambda name=name: call(prober, name)) for who, name in prober.people().items()}


def imported(prober: Prober, call: Call) -> dict[str, Probe]:
    """Return the call for an unknown account, and for accounts with hashes of another system or
    cost.
    """
    people = prober.people()
    hashes = {
        "known": generate_password_hash(LONG_PASSWORD, "scrypt:1024:8:1"),
        "disabled": OLDER.hash(LONG_PASSWORD),
    }
    for who, stored in hashes.items():
        changed = (
            "UPDATE account SET password_hash = :stored, disabled = false WHERE username = :name"
        )
        execute(prober.app, changed, stored=stored, name=people[who])
    return {
        who: (lambda name=people[who]: call(prober, name))
        for who in ("unknown", "known here", *hashes)
    }


def known_and_unknown(prober: Prober, call: Call) -> dict[str, Probe]:
    """Return the call for an unknown account and for a known one, of each kind in turn."""
    asked = uses(prober, call)
    unknown, others = asked.pop("unknown"), itertools.cycle(asked.values())
    return {"unknown": unknown, "known": lambda: next(others)()}  # noqa: PLW0108 - another one at each call


def free() -> str:
    """Return an unused email."""
    return email_of(f"free{next(_numbers):06}")


def email_of(name: str) -> str:
    return f"{name}@example.org"


def _posting(path: str, **body: Any) -> Call:
    def call(prober: Prober, name: str) -> TestResponse:
        given = {key: value.format(name=name) for key, value in body.items()}
        return prober.ask(path, given)

    return call


def _guessing(path: str, **body: Any) -> Call:
    return _posting(path, password="wrong", **body)


def _basic(path: str, password: str) -> Call:
    return lambda prober, name: prober.client.get(path, headers=basic(name, password))


EMAIL = "{name}@example.org"
GUESSES: dict[str, Call] = {
    "basic": _basic("/api/token", "wrong"),
    "basic by email": lambda prober, name: prober.client.get(
        "/api/token", headers=basic(email_of(name), "wrong")
    ),
    "basic, an impossible password": _basic("/api/token", "w" * 2000),
    "nerveshub auth": _guessing("/nerveshub/users/auth", email=EMAIL),
    "nerveshub auth by name": _guessing("/nerveshub/users/auth", username="{name}"),
    "nerveshub login": _guessing("/nerveshub/users/login", email=EMAIL),
    "nerveshub sign": _guessing("/nerveshub/users/sign", email=EMAIL, csr="x", description="x"),
    "wekan by name": _guessing("/wekan/users/login", username="{name}"),
    "wekan by email": _guessing("/wekan/users/login", email=EMAIL),
    "continuous": _guessing("/continuous/sessions", email=EMAIL),
    "azuma": _guessing("/azuma/user/login", name="{name}"),
}
RESETS: dict[str, Call] = {
    "native": _posting("/api/password-resets", email=EMAIL),
    "continuous": _posting("/continuous/passwords/reset", email=EMAIL),
    "continuous, with a token": _posting(
        "/continuous/passwords",
        email=EMAIL,
        password=LONG_PASSWORD,
        password_confirm=LONG_PASSWORD,
        token="x",
    ),
}
REGISTRATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "native": ("/api/users", {"username": "{new}"}),
    "nerveshub": ("/nerveshub/users/register", {"username": "{new}"}),
    "wekan": ("/wekan/users/register", {"username": "{new}"}),
    "azuma": ("/azuma/users", {"name": "{new}"}),
    "azuma, the older call": ("/azuma/user/register", {"name": "{new}"}),
    "continuous": ("/continuous/users", {"password_confirm": LONG_PASSWORD}),
}


def register(prober: Prober, dialect: str, email: str) -> TestResponse:
    """Register a new account with this email."""
    path, fields = REGISTRATIONS[dialect]
    body = {key: value.format(new=f"new{next(_numbers):06}") for key, value in fields.items()}
    return prober.ask(path, {"password": LONG_PASSWORD, "email": email, **body})


@dataclass(frozen=True)
class Owner:
    """A user who is logged in."""

    prober: Prober
    name: str
    token: str

    @classmethod
    def new(cls, prober: Prober, email: str) -> Owner:
        name = f"owner{next(_numbers):06}"
        answer = prober.ask(
            "/api/users", {"username": name, "password": LONG_PASSWORD, "email": email}
        )
        assert answer.status_code == 201, answer.text
        return cls(prober, name, token_of(prober.client, name, LONG_PASSWORD))

    def ask(self, method: str, path: str, body: Mapping[str, Any]) -> TestResponse:
        return self.prober.ask(path, body, method=method, headers=bearer(self.token))

    def change_email(self, dialect: str, email: str) -> TestResponse:
        """Change the email."""
        if dialect == "native":
            return self.ask("PATCH", "/api/users/me", {"email": email})
        ((uuid,),) = rows(
            self.prober.app, "SELECT uuid FROM account WHERE username = :name", name=self.name
        )
        return self.ask("PUT", f"/continuous/users/{uuid}", {"email": email})


EMAIL_CHANGES = ("native", "continuous")
