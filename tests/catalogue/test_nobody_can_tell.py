"""Nobody can tell whether an account exists: from an answer, byte by byte, or from its time (cases 173, 194-199)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from catalogue.indistinct import Asked, require_one_answer, require_one_time
from catalogue.nodes import UNLIMITED
from conftest import basic, close, services
from flask import Flask
from flask.testing import FlaskClient
from services.watching import execute
from werkzeug.test import TestResponse
from wire.speaking import one_database

from identity.adapters.passwords import Argon2Cost, Argon2Hasher, GuardedPasswords
from identity.domain.principal import operator
from identity.services.accounts import NewAccount

LONG = "a rather long passphrase"
WHO = ("unknown", "known", "disabled", "unusable")
HARDENED = {
    "hardened": "true",
    "public_url": "https://id.example.org",
    "argon2_memory_kib": "19456",
    "argon2_time": "2",
}
# Enough that skipping it would show, and little enough that everything else shows too.
COST = Argon2Cost(memory_kib=1024, time=1)
FEW = 100
_numbers = itertools.count()


@dataclass
class Asker:
    """Asks an application about people of whom one exists, one does not, and two cannot log in."""

    app: Flask
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client(use_cookies=False)
        self.use_cheap_passwords()

    def use_cheap_passwords(self, cost: Argon2Cost = COST) -> None:
        """Hash cheaply, also where a hardened service would refuse to."""
        guarded = GuardedPasswords(Argon2Hasher(cost, wait=timedelta(seconds=10)), places=64)
        use = services(self.app)
        for use_case in (use.authentication, use.accounts, use.profiles, use.recovery, use.administration):
            use_case._passwords = guarded

    def people(self) -> dict[str, str]:
        """Make new people, one of each kind; return their names, which are also the first part of their addresses."""
        number = next(_numbers)
        # All names are of one length: the longer answer would tell.
        names = {who: f"bird{number:04}{who[0]}{who[-1]}" for who in WHO}
        made = {
            who: services(self.app).accounts.create(
                operator(), NewAccount(name, LONG, f"{name}@example.org"), admin=False
            )
            for who, name in names.items()
            if who != "unknown"
        }
        services(self.app).administration.disable(operator(), made["disabled"].id)
        execute(self.app, "UPDATE account SET password_hash = '!' WHERE id = :id", id=made["unusable"].id)
        return names

    def ask(self, path: str, body: Mapping[str, Any]) -> TestResponse:
        return self.client.post(path, json=body)


Call = Callable[[Asker, str], TestResponse]


def _posting(path: str, **body: Any) -> Call:
    def call(asker: Asker, name: str) -> TestResponse:
        given = {key: value.format(name=name) for key, value in body.items()}
        return asker.ask(path, {"password": "wrong", **given})

    return call


def _basic(asker: Asker, name: str) -> TestResponse:
    return asker.client.get("/api/token", headers=basic(name, "wrong"))


def _long_password(asker: Asker, name: str) -> TestResponse:
    return asker.client.get("/api/token", headers=basic(name, "w" * 2000))


ADDRESS = "{name}@example.org"
GUESSES: dict[str, Call] = {
    "basic": _basic,
    "basic, a password nobody can have": _long_password,
    "nerveshub auth": _posting("/nerveshub/users/auth", email=ADDRESS),
    "nerveshub auth by name": _posting("/nerveshub/users/auth", username="{name}"),
    "nerveshub login": _posting("/nerveshub/users/login", email=ADDRESS),
    "nerveshub sign": _posting("/nerveshub/users/sign", email=ADDRESS, csr="x", description="x"),
    "wekan by name": _posting("/wekan/users/login", username="{name}"),
    "wekan by address": _posting("/wekan/users/login", email=ADDRESS),
    "continuous": _posting("/continuous/sessions", email=ADDRESS),
    "azuma": _posting("/azuma/user/login", name="{name}"),
}
PUBLISHED = {"azuma"}  # seed 003 tells 404 from 403; only a hardened service does not


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Flask]]:
    with one_database(request, tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def faithful(make: Callable[..., Flask]) -> Iterator[Asker]:
    app = make(**UNLIMITED)
    yield Asker(app)
    close(app)


@pytest.fixture(scope="module")
def hardened(make: Callable[..., Flask]) -> Iterator[Asker]:
    app = make(**HARDENED, **UNLIMITED)
    yield Asker(app)
    close(app)


def uses(asker: Asker, call: Call) -> dict[str, Asked]:
    return {who: (lambda name=name: call(asker, name)) for who, name in asker.people().items()}


@pytest.mark.parametrize("guess", GUESSES)
def test_a_wrong_password_gets_one_answer_whoever_it_is_for(faithful: Asker, hardened: Asker, guess: str) -> None:
    for asker in (faithful, hardened):
        if asker is hardened or guess not in PUBLISHED:
            require_one_answer(uses(asker, GUESSES[guess]))


# The use cases are the same on both databases; on the second one each of them is measured once.
ON_POSTGRESQL = ("basic", "nerveshub login", "wekan by address")
TIMED = [*(("sqlite", each) for each in GUESSES), *(("postgresql", each) for each in ON_POSTGRESQL)]


@pytest.mark.parametrize(("make", "guess"), TIMED, indirect=["make"])
def test_a_wrong_password_takes_one_time_whoever_it_is_for(hardened: Asker, guess: str) -> None:
    require_one_time(uses(hardened, GUESSES[guess]))


def _reset(asker: Asker, name: str) -> TestResponse:
    return asker.ask("/api/password-resets", {"email": f"{name}@example.org"})


def _reset_in_seed_002(asker: Asker, name: str) -> TestResponse:
    return asker.ask("/continuous/passwords/reset", {"email": f"{name}@example.org"})


def _redemption_in_seed_002(asker: Asker, name: str) -> TestResponse:
    body = {"email": f"{name}@example.org", "password": LONG, "password_confirm": LONG, "token": "x"}
    return asker.ask("/continuous/passwords", body)


RESETS: dict[str, Call] = {
    "native": _reset,
    "continuous": _reset_in_seed_002,
    "continuous, with a token": _redemption_in_seed_002,
}


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_gets_one_answer_whoever_it_is_for(faithful: Asker, hardened: Asker, reset: str) -> None:
    require_one_answer(uses(hardened, RESETS[reset]))
    if reset == "native":  # seed 002 documents a 404
        require_one_answer(uses(faithful, RESETS[reset]))


TIMED_RESETS = [*(("sqlite", each) for each in RESETS), ("postgresql", "native")]


@pytest.mark.parametrize(("make", "reset"), TIMED_RESETS, indirect=["make"])
def test_a_reset_takes_one_time_whoever_it_is_for(hardened: Asker, reset: str) -> None:
    require_one_time(uses(hardened, RESETS[reset]))


def test_a_first_reset_takes_the_time_of_any_other(hardened: Asker) -> None:
    # The first three letters in an hour are kept: each time somebody else is asked about.
    everybody = [hardened.people() for _ in range(FEW + 5)]

    def asking(who: str) -> Asked:
        names = itertools.cycle(each[who] for each in everybody)
        return lambda: _reset(hardened, next(names))

    require_one_time({who: asking(who) for who in ("unknown", "known")}, pairs=FEW)


REGISTRATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "native": ("/api/users", {"username": "{new}"}),
    "nerveshub": ("/nerveshub/users/register", {"username": "{new}"}),
    "wekan": ("/wekan/users/register", {"username": "{new}"}),
    "azuma": ("/azuma/users", {"name": "{new}"}),
    "continuous": ("/continuous/users", {"password_confirm": LONG}),
}


def registering(asker: Asker, tongue: str, address: Callable[[], str]) -> Asked:
    path, fields = REGISTRATIONS[tongue]

    def register() -> TestResponse:
        body = {key: value.format(new=f"new{next(_numbers):06}") for key, value in fields.items()}
        return asker.ask(path, {"password": LONG, "email": address(), **body})

    return register


TIMED_REGISTRATIONS = [*(("sqlite", each) for each in REGISTRATIONS), ("postgresql", "native")]


@pytest.mark.parametrize(("make", "tongue"), TIMED_REGISTRATIONS, indirect=["make"])
def test_a_registration_takes_one_time_whether_its_address_is_somebodys_or_not(hardened: Asker, tongue: str) -> None:
    # At the least cost that a hardened service has: it registers, and writes other rows for the one than for the other.
    hardened.use_cheap_passwords(Argon2Cost(memory_kib=19 * 1024, time=2))
    taken = f"{hardened.people()['known']}@example.org"
    free = registering(hardened, tongue, lambda: f"free{next(_numbers):06}@example.org")
    require_one_time({"free": free, "taken": registering(hardened, tongue, lambda: taken)}, pairs=FEW)
