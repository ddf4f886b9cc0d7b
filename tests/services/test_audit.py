"""The audit log: one event for each action, with actor and subject, and without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from identity.adapters.logs import JsonFormatter
from identity.domain.errors import Forbidden, IdentityError, StepUpRequired, Unauthenticated
from identity.domain.events import Event
from identity.domain.principal import Origin, Principal, operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.administration.audit_query import AuditFilter
from support.accounts import ADMIN, HAWK, populate
from support.app import ORIGIN, audit_events, principal, services, token_principal
from support.clock import ManualClock
from support.database import rows

LONG_PASSWORD = "canary-" * 5
Happening = Callable[[Flask, Principal, Principal], object]
BY_ADMIN: dict[Event, Happening] = {
    Event.CHANGED: lambda app, admin, _: services(app).administration.change(
        admin, 2, ProfileChange(full_name="H")
    ),
    Event.DELETED: lambda app, admin, _: services(app).administration.delete(admin, 2),
    Event.DISABLED: lambda app, admin, _: services(app).administration.disable(admin, 2),
    Event.ENABLED: lambda app, admin, _: services(app).administration.enable(admin, 2),
    Event.UNLOCKED: lambda app, admin, _: services(app).administration.unlock(admin, 2),
    Event.SESSIONS_REVOKED: lambda app, admin, _: services(app).administration.revoke_sessions(
        admin, 2
    ),
}
BY_ONESELF: dict[Event, Happening] = {
    Event.CHANGED: lambda app, _, hawk: services(app).profiles.change(
        hawk, ProfileChange(username="osprey")
    ),
    Event.DELETED: lambda app, _, hawk: services(app).profiles.delete(hawk),
    Event.SESSION_REVOKED: lambda app, _, hawk: services(app).tokens.revoke_current(hawk),
    Event.SESSIONS_REVOKED: lambda app, _, hawk: services(app).tokens.revoke_all(hawk),
}


@pytest.mark.parametrize("kind", BY_ADMIN)
def test_what_an_admin_does_leaves_one_event_with_both_sides(
    app: Flask, clock: ManualClock, kind: Event
) -> None:
    (_, admin), (_, hawk) = token_principal(app, *ADMIN), token_principal(app, *HAWK)
    before = len(audit_events(app, operator()))
    clock.advance(seconds=5)
    BY_ADMIN[kind](app, admin, hawk)
    (event,) = audit_events(app, operator())[before:]
    assert (event.kind, event.outcome, event.at) == (kind.value, "accepted", clock.now())
    assert (event.actor_id, event.actor, event.subject_id, event.subject) == (1, "admin", 2, "hawk")
    assert (event.credential, event.ip, event.request_id, event.dialect) == (
        *("access_token", ORIGIN.ip, ORIGIN.request_id, ORIGIN.dialect),
    )


@pytest.mark.parametrize("kind", BY_ONESELF)
def test_an_own_action_leaves_one_event(app: Flask, kind: Event) -> None:
    (_, admin), (_, hawk) = token_principal(app, *ADMIN), token_principal(app, *HAWK)
    before = len(audit_events(app, operator()))
    BY_ONESELF[kind](app, admin, hawk)
    events = [
        event
        for event in audit_events(app, operator())[before:]
        if event.kind != Event.AUTHENTICATED.value
    ]
    assert [(event.kind, event.outcome) for event in events] == [(kind.value, "accepted")]
    (event,) = events
    assert (event.actor_id, event.actor, event.subject_id, event.subject) == (2, "hawk", 2, "hawk")


def test_change_of_password_has_its_own_event_after_the_authentication(app: Flask) -> None:
    _, hawk = token_principal(app, *HAWK)
    before = len(audit_events(app, operator()))
    services(app).profiles.change(
        hawk, ProfileChange(), password="other-pw", current_password="newpwd"
    )
    kinds = [(event.kind, event.credential) for event in audit_events(app, operator())[before:]]
    assert kinds == [("authentication", "password"), ("password.changed", "access_token")]


@pytest.mark.parametrize("sessions", ["false", "true"])
def test_a_login_leaves_one_event_or_two_by_setting_and_a_token_check_none(
    make_app: Callable[..., Flask], sessions: str
) -> None:
    app = make_app(audit_sessions=sessions)
    populate(app)
    before = len(audit_events(app, operator()))
    _, caller = token_principal(app, *HAWK)
    services(app).tokens.issue(caller)
    kinds = [
        (event.kind, event.outcome, event.actor) for event in audit_events(app, operator())[before:]
    ]
    opened = [("session.opened", "accepted", "hawk")] if sessions == "true" else []
    assert kinds == [("authentication", "accepted", "hawk"), *opened]


def test_registration_has_actor_and_subject(app: Flask) -> None:
    services(app).accounts.register(Principal(ORIGIN), NewAccount("falcon", "newpwd"))
    services(app).accounts.create(principal(app, *ADMIN), NewAccount("eagle", "newpwd"), admin=True)
    made = [event for event in audit_events(app, operator()) if event.kind == "account.registered"]
    told = [(event.actor, event.subject_id, event.subject, event.credential) for event in made]
    assert told == [
        ("(operator)", 1, "admin", "operator"),
        ("(operator)", 2, "hawk", "operator"),
        (None, 3, "falcon", "none"),
        ("admin", 4, "eagle", "password"),
    ]


def pseudonym(app: Flask, name: str) -> str:
    return services(app).audit._pseudonyms.of(name)


def test_failed_login_leaves_one_event_that_keeps_only_what_could_be_a_name(app: Flask) -> None:
    for name, subject in (
        ("hawk", (2, "hawk")),
        ("HAWK", (2, "hawk")),
        ("nobody", (None, pseudonym(app, "nobody"))),
        ("Nobody", (None, pseudonym(app, "nobody"))),
        ("mary@example.org", (None, pseudonym(app, "mary@example.org"))),
        ("canary pass word", (None, None)),
        (LONG_PASSWORD * 3, (None, None)),
        ("bob\n2026 INFO login ok for admin", (None, None)),
        ("\x1b[31mred", (None, None)),
        ("idt_canary", (None, None)),
        ("A" * 43, (None, None)),
    ):
        before = len(audit_events(app, operator()))
        with pytest.raises(Unauthenticated):
            principal(app, name, "wrong")
        (event,) = audit_events(app, operator())[before:]
        assert (event.kind, event.outcome, event.credential) == (
            "authentication",
            "refused",
            "none",
        )
        assert (event.actor_id, event.actor) == (None, None)
        assert (event.subject_id, event.subject) == subject


def test_refused_use_leaves_no_event_of_something_that_did_not_happen(app: Flask) -> None:
    hawk, admin = principal(app, *HAWK), principal(app, *ADMIN)
    before = audit_events(app, operator())
    for use in (
        lambda: services(app).administration.delete(admin, 1),
        lambda: services(app).administration.disable(admin, 9),
        lambda: services(app).administration.change(admin, 2, ProfileChange(username="ADMIN")),
        lambda: services(app).profiles.change(hawk, ProfileChange(username="ADMIN")),
        lambda: services(app).accounts.register(hawk, NewAccount("HAWK", "newpwd")),
        lambda: services(app).tokens.revoke(hawk, "0" * 32),
    ):
        with pytest.raises(IdentityError):
            use()
    assert audit_events(app, operator()) == before


def the_audit_log_outlives_the_account(app: Flask) -> None:
    principal(app, *HAWK)
    services(app).administration.delete(principal(app, *ADMIN), 2)
    kinds = [
        event.kind
        for event in audit_events(app, operator())
        if (event.subject_id, event.subject) == (2, "hawk")
    ]
    assert kinds == ["account.registered", "authentication", "account.deleted"]


def test_no_secret_is_ever_written_down(app: Flask) -> None:
    services(app).accounts.create(operator(), NewAccount("falcon", LONG_PASSWORD), admin=False)
    token, caller = token_principal(app, "falcon", LONG_PASSWORD)
    for wrong in (f"{LONG_PASSWORD}x", token):
        with pytest.raises(IdentityError):
            principal(app, "falcon", wrong)
    for swapped in (f"{LONG_PASSWORD} ", token):
        with pytest.raises(IdentityError):
            principal(app, swapped, "falcon")
    change = {"password": f"{LONG_PASSWORD}2", "current_password": LONG_PASSWORD}
    services(app).profiles.change(caller, ProfileChange(), **change)
    tables = ("SELECT * FROM audit_event", "SELECT * FROM counter", "SELECT * FROM journal")
    written = str([rows(app, table) for table in tables])
    assert "canary" not in written
    assert token not in written
    assert "argon2" not in written
    assert str(caller.session) not in written


def test_long_origin_is_cut_to_what_a_row_holds(app: Flask) -> None:
    with pytest.raises(Unauthenticated):
        services(app).authentication.by_password("x", "x", Origin("a" * 1000, "r" * 1000, "native"))
    event = audit_events(app, operator())[-1]
    assert (event.ip, event.request_id) == ("a" * 64, "r" * 64)


def the_audit_log_is_read_page_by_page_newest_first(app: Flask) -> None:
    for _ in range(5):
        principal(app, *HAWK)
    found, cursor = [], None
    for length in (3, 3, 2):
        page = services(app).audit.list(operator(), AuditFilter(), cursor=cursor, limit=3)
        assert len(page.items) == length
        found += [event.id for event in page.items]
        cursor = page.cursor
    assert cursor is None
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 8


def the_audit_log_is_filtered_by_what_who_how_and_when(app: Flask, clock: ManualClock) -> None:
    start = clock.now()
    clock.advance(seconds=1)
    principal(app, *HAWK)
    with pytest.raises(Unauthenticated):
        principal(app, "hawk", "wrong")
    services(app).administration.disable(principal(app, *ADMIN), 2)
    for which, count in (
        (AuditFilter(), 7),
        (AuditFilter(kind="authentication"), 3),
        (AuditFilter(kind="account.disabled"), 1),
        (AuditFilter(kind="AUTHENTICATION"), 0),
        (AuditFilter(kind="auth%"), 0),
        (AuditFilter(subject_id=2), 4),
        (AuditFilter(actor_id=1), 2),
        (AuditFilter(actor_id=1, subject_id=2), 1),
        (AuditFilter(kind="authentication", subject_id=2), 2),
        (AuditFilter(subject_id=2**63 - 1), 0),
        (AuditFilter(subject="hawk"), 4),
        (AuditFilter(subject="HAWK"), 0),
        (AuditFilter(actor="admin"), 2),
        (AuditFilter(outcome="refused"), 1),
        (AuditFilter(outcome="accepted", actor="hawk"), 1),
        (AuditFilter(since=start), 7),
        (AuditFilter(since=clock.now()), 4),
        (AuditFilter(until=clock.now()), 3),
        (AuditFilter(since=start, until=start), 0),
    ):
        found = services(app).audit.list(operator(), which, cursor=None, limit=99).items
        assert len(found) == count, which


def the_audit_log_is_for_admins_only(app: Flask) -> None:
    for caller, refusal in (
        (principal(app, *HAWK), Forbidden),
        (Principal(ORIGIN), Unauthenticated),
    ):
        with pytest.raises(refusal):
            services(app).audit.list(caller, AuditFilter(), cursor=None, limit=9)


def test_refused_admin_act_leaves_its_own_event(app: Flask) -> None:
    _, hawk = token_principal(app, *HAWK)
    before = len(audit_events(app, operator()))
    administration, accounts = services(app).administration, services(app).accounts
    for use in (
        lambda: administration.delete(hawk, 1),
        lambda: services(app).account_list.fetch(hawk, 1),
        lambda: accounts.create(hawk, NewAccount("eagle", "newpwd"), admin=True),
        lambda: services(app).audit.list(hawk, AuditFilter(), cursor=None, limit=9),
    ):
        with pytest.raises(Forbidden):
            use()
    events = audit_events(app, operator())[before:]
    assert {(event.kind, event.outcome, event.actor, event.credential) for event in events} == {
        ("administration", "refused", "hawk", "access_token")
    }
    assert len(events) == 4


def test_anonymous_leaves_no_event_of_an_admin_act(app: Flask) -> None:
    before = audit_events(app, operator())
    with pytest.raises(Unauthenticated):
        services(app).administration.delete(Principal(ORIGIN), 2)
    assert audit_events(app, operator()) == before


def test_refused_step_up_leaves_its_own_event(app: Flask, clock: ManualClock) -> None:
    (_, hawk), (_, admin) = token_principal(app, *HAWK), token_principal(app, *ADMIN)
    clock.advance(minutes=16)
    before = len(audit_events(app, operator()))
    for use in (
        lambda: services(app).profiles.change(hawk, ProfileChange(email="h@example.org")),
        lambda: services(app).certificates.revoke(hawk, "00"),
        lambda: services(app).administration.delete(admin, 2),
    ):
        with pytest.raises(StepUpRequired):
            use()
    told = [
        (event.kind, event.outcome, event.actor) for event in audit_events(app, operator())[before:]
    ]
    assert told == [
        ("step_up", "refused", "hawk"),
        ("step_up", "refused", "hawk"),
        ("step_up", "refused", "admin"),
    ]


def test_each_kind_of_change_leaves_its_own_event(app: Flask) -> None:
    hawk, admin = principal(app, *HAWK), principal(app, *ADMIN)
    before = len(audit_events(app, operator()))
    everything = ProfileChange("osprey", "hawk@example.org", "H. Awk")
    services(app).administration.change(admin, 2, everything, password="other-pw", admin=True)
    services(app).administration.change(admin, 2, ProfileChange(), admin=False)
    services(app).administration.change(admin, 2, ProfileChange(email=None))
    with pytest.raises(Unauthenticated):
        services(app).profiles.change(hawk, everything)
    services(app).profiles.change(
        principal(app, "osprey", "other-pw"), ProfileChange(email="o@example.org")
    )
    assert [event.kind for event in audit_events(app, operator())[before:]] == [
        *("account.changed", "email.changed", "admin.granted", "password.changed"),
        *("admin.withdrawn", "email.changed"),
        *("authentication", "email.changed"),
    ]


def test_making_an_admin_is_an_event_beside_the_account(app: Flask) -> None:
    before = len(audit_events(app, operator()))
    services(app).accounts.create(operator(), NewAccount("eagle", "newpwd"), admin=True)
    events = audit_events(app, operator())[before:]
    assert [(event.kind, event.subject) for event in events] == [
        ("account.registered", "eagle"),
        ("admin.granted", "eagle"),
    ]


def test_each_event_is_a_log_line_after_its_commit_and_none_without(
    app: Flask, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, "identity.audit")
    caller = principal(app, *HAWK)
    (line,) = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    event = audit_events(app, operator())[-1]
    assert (line["logger"], line["message"], line["id"], line["kind"]) == (
        *("identity.audit", "audit"),
        *(event.id, "authentication"),
    )
    assert {
        "at",
        "outcome",
        "actor",
        "subject",
        "credential",
        "ip",
        "dialect",
        "request_id",
    } <= line.keys()
    assert line["at"] == event.at.isoformat()
    caplog.clear()
    with pytest.raises(
        IdentityError
    ):  # the event is written, and undone with the change that clashes
        services(app).profiles.change(caller, ProfileChange(username="admin"))
    assert caplog.records == []


def test_audit_lines_can_be_switched_off(make_app: Callable[..., Flask], caplog: Any) -> None:
    caplog.set_level(logging.INFO, "identity.audit")
    app = make_app(log_audit="false")
    services(app).accounts.create(operator(), NewAccount(*HAWK), admin=False)
    assert len(audit_events(app, operator())) == 1
    assert caplog.records == []
