"""Measures the token check by every carrier, against a bare Flask view and a bare WSGI callable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from harness.knobs import SECONDS, note, wanted
from harness.load import Load, requests_per_second
from harness.population import FIRST, PASSWORD
from harness.servers import Service, basic, call, plain
from harness.table import Row, alternate

VERIFY = "/api/verify"
_GOALS = {"SQLite": 0.85, "PostgreSQL": 0.95}


@dataclass(frozen=True)
class Carrier:
    """One way to send a token: name, path and credential, and the baseline."""

    row: str
    what: str
    path: str
    credential: str
    against: str
    goal: float


def rows(service: Service, throughput: dict[str, dict[str, float]]) -> Iterator[Row]:
    """Measure all carriers on one database, and store the rates under its name in `throughput`."""
    carriers = [one for one in _carriers(service) if wanted(one.row)]
    able = [
        one
        for one in carriers
        if service.status(one.path, one.credential) in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}
    ]
    with plain("hello.py", "/api/resource") as hello, plain("bare.py", VERIFY) as bare:
        measures = {
            "Flask hello": _measure(f"{hello}/api/resource"),
            "bare WSGI": _measure(bare + VERIFY),
        }
        measures |= {one.what: _measure(service.base + one.path, one.credential) for one in able}
        note(f"carriers on {service.engine}")
        rates = throughput[service.engine] = alternate(measures, warm_up=True)
    for one in carriers:
        what = f"{one.what}, {service.engine}"
        if one in able:
            yield Row(what, rates[one.what], (rates[one.against], one.against), one.goal)
        else:
            yield Row(
                what, against=(0, one.against), goal=one.goal, missing=f"{one.path} refuses it"
            )


def _measure(url: str, *credentials: str) -> Callable[[], float]:
    return lambda: requests_per_second(Load(url, credentials), seconds=SECONDS)


def _carriers(service: Service) -> list[Carrier]:
    (bearer,) = service.bearer()
    by_name = basic(bearer.removeprefix("Bearer "), "x")
    goal, hello, bare = _GOALS[service.engine], "Flask hello", "bare WSGI"
    return [
        Carrier("resource", "`/api/resource`, Basic", "/api/resource", by_name, hello, goal),
        Carrier("resource", "`/api/resource`, Bearer", "/api/resource", bearer, hello, goal),
        Carrier("verify", "`/api/verify`, token", VERIFY, bearer, bare, 0.60),
        Carrier("verify", "`/api/verify`, JWT", VERIFY, f"Bearer {_jwt(service)}", bare, 0.40),
        Carrier(
            "verify",
            "`/api/verify`, opaque token",
            VERIFY,
            f"Bearer {_opaque(service)}",
            bare,
            0.40,
        ),
        Carrier("token", "`/api/token`, renewal", "/api/token", bearer, hello, 0.80),
    ]


def _jwt(service: Service) -> str:
    return _login(f"{service.base}/continuous/sessions", {"email": f"bench{FIRST}@example.com"})


def _opaque(service: Service) -> str:
    return _login(f"{service.base}/wekan/users/login", {"username": f"bench{FIRST}"})


def _login(url: str, who: dict[str, str]) -> str:
    with call(url, {**who, "password": PASSWORD}) as answer:
        token: str = json.load(answer)["token"]
        return token
