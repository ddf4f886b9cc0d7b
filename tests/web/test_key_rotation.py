"""Two nodes on one data directory while keys rotate: each accepts what the other signs until the
key is retired."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import timedelta

import jwt as pyjwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.adapters.tokens.signed import SignedOneTimeTokens
from identity.domain.claims import OneTimeClaims, Purpose
from identity.domain.events import Event
from support.accounts import HAWK, populate
from support.app import services
from support.clock import ManualClock
from support.http import basic, bearer, token_of

GRACE = timedelta(seconds=60)
USER = {
    "email": "email@domain.tld",
    "password": "correct horse",
    "password_confirm": "correct horse",
}


@dataclass
class Tokens:
    """One of each kind that keys sign."""

    access: str
    jwt: str
    mailed: str


@dataclass
class Node:
    """An application of its own on the shared directory."""

    app: Flask
    client: FlaskClient
    clock: ManualClock

    def sign(self) -> Tokens:
        end = int(self.clock.now().timestamp()) + 86400
        # The service makes these when a mail goes out.
        mailed = services(self.app).outbox._tokens.sign(
            Purpose.RESET, OneTimeClaims(2, 1, end, "0" * 16)
        )
        jwt = self.client.post("/continuous/sessions", json=USER).json["token"]
        return Tokens(token_of(self.client, *HAWK), jwt, mailed)

    def accepts(self, tokens: Tokens) -> tuple[bool, bool, bool]:
        statuses = [
            self.client.get("/api/resource", headers=headers).status_code
            for headers in (basic(tokens.access), bearer(tokens.jwt))
        ]
        mailed = services(self.app).outbox._tokens.verify(Purpose.RESET, tokens.mailed) is not None
        return statuses[0] == 200, statuses[1] == 200 and self._published(tokens.jwt), mailed

    def _published(self, token: str) -> bool:
        return pyjwt.get_unverified_header(token)["kid"] in self.kids()

    def kids(self) -> list[str]:
        return [key["kid"] for key in self.client.get("/.well-known/jwks.json").json["keys"]]


@pytest.fixture
def nodes(make_app: Callable[..., Flask], clock: ManualClock) -> tuple[Node, Node]:
    apps = [make_app(), make_app()]
    populate(apps[0])
    apps[0].test_client().post("/continuous/users", json=USER)
    one, other = (Node(app, app.test_client(use_cookies=False), clock) for app in apps)
    return one, other


def test_no_token_is_refused_in_a_rotation(nodes: tuple[Node, Node], clock: ManualClock) -> None:
    one, other = nodes
    services(one.app).key_rotation.rotate(GRACE)
    for seconds in (
        0,
        0.5,
        1,
        57.5,
        0.5,
        0.4,
        0.1,
        0.5,
        1,
        30,
    ):  # up to the grace's end, past it and on
        clock.advance(seconds=seconds)
        for maker, judge in ((one, other), (other, one)):
            assert judge.accepts(maker.sign()) == (True, True, True)


def test_a_node_that_has_just_looked_accepts_what_one_that_knows_more_signs(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    one, other = nodes
    clock.advance(seconds=1)
    other.sign()
    services(one.app).key_rotation.rotate(GRACE)
    clock.advance(seconds=0.1)  # the other one looks again in 0.9 seconds
    assert other.accepts(one.sign()) == (True, True, True)
    assert len(one.kids()) == len(other.kids()) + 1


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_tokens_live_to_their_end_in_a_rotation_and_old_keys_are_out_after_it(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    one, other = nodes
    services(one.app).key_rotation.rotate(GRACE)
    clock.advance(seconds=59)
    last = one.sign()
    clock.advance(seconds=599)
    assert other.accepts(last) == (True, True, True)
    clock.advance(seconds=1)
    assert other.accepts(last) == (False, True, True)  # its own life is over
    clock.advance(minutes=49, seconds=59)
    assert other.accepts(last) == (False, True, True)
    clock.advance(minutes=3)
    assert pyjwt.get_unverified_header(last.jwt)["kid"] not in other.kids()
    assert len(other.kids()) == 1
    clock.advance(days=6, hours=22)
    assert other.accepts(last)[2]
    clock.advance(hours=2)
    assert other.accepts(last) == (False, False, False)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_retired_key_makes_no_valid_token(
    nodes: tuple[Node, Node], clock: ManualClock, make_app: Callable[..., Flask]
) -> None:
    one, other = nodes
    tokens = services(one.app).outbox._tokens
    assert isinstance(tokens, SignedOneTimeTokens)
    thief, keys = copy(tokens), tokens._current()
    thief._current = lambda: keys  # keeps the keys of now
    services(one.app).key_rotation.rotate(GRACE)

    def forged() -> bool:
        token = thief.sign(Purpose.RESET, OneTimeClaims(2, 1, 2**33, "0" * 16))
        return services(other.app).outbox._tokens.verify(Purpose.RESET, token) is not None

    clock.advance(days=7, minutes=1, seconds=59)
    assert forged()
    clock.advance(seconds=2)
    assert not forged()
    restarted = make_app()
    assert (
        services(restarted).outbox._tokens.verify(
            Purpose.RESET, thief.sign(Purpose.RESET, OneTimeClaims(2, 1, 2**33, "0" * 16))
        )
        is None
    )


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_leaked_keys_are_out_within_a_second_and_new_ones_sign(
    nodes: tuple[Node, Node], clock: ManualClock
) -> None:
    one, other = nodes
    old = one.sign()
    assert [node.accepts(old) for node in nodes] == [
        (True, True, True)
    ] * 2  # known to be genuine, until now
    services(one.app).key_rotation.replace()
    clock.advance(seconds=1)
    for node in nodes:
        assert node.accepts(old) == (False, False, False)
        assert node.accepts(other.sign()) == node.accepts(one.sign()) == (True, True, True)
        assert len(node.kids()) == 1


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_keys_of_a_setting_stay_while_those_of_jwts_rotate(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    app = make_app(secret_keys="0123456789abcdef" * 2)
    populate(app)
    token, before = token_of(app.test_client(), *HAWK), services(app).key_rotation.listed()
    services(app).key_rotation.replace()
    clock.advance(seconds=1)
    after = services(app).key_rotation.listed()
    assert [view.name for view in before][:1] == [view.name for view in after][:1]
    assert [view.name for view in before][1:] != [view.name for view in after][1:]
    assert app.test_client().get("/api/resource", headers=basic(token)).status_code == 200


def test_a_rotation_is_in_the_audit_log(nodes: tuple[Node, Node]) -> None:
    one, _ = nodes
    services(one.app).key_rotation.record()
    events = one.client.get(
        "/api/admin/audit?kind=keys.rotated", headers=basic("admin", "changeme")
    ).json["events"]
    assert [(event["kind"], event["actor"]) for event in events] == [
        (Event.KEYS_ROTATED.value, "(operator)")
    ]
