"""Sessions: users see and revoke their own, and a revoked session stays revoked."""

from __future__ import annotations

import pytest
from flask import Flask

from identity.domain.errors import NoSession, NotFound, Unauthenticated
from identity.domain.principal import Origin, Principal, operator
from identity.domain.token_kinds import TokenKind
from support.accounts import ADMIN, HAWK
from support.app import ORIGIN, by_token, is_refused, principal, services, token_principal
from support.clock import ManualClock
from support.database import execute, rows


def test_sessions_are_listed_newest_first_with_the_one_that_asks_marked(
    app: Flask, clock: ManualClock
) -> None:
    began, seen = clock.now(), []
    for number in range(3):
        clock.advance(minutes=1)
        caller = services(app).authentication.by_password(
            *HAWK, Origin(f"192.0.2.{number}", "r", "native")
        )
        seen.append(services(app).tokens.issue(caller).token)
    token_principal(app, *ADMIN)
    views = services(app).tokens.sessions(by_token(app, seen[1]))
    assert [(view.origin, view.current) for view in views] == [
        ("192.0.2.2", False),
        ("192.0.2.1", True),
        ("192.0.2.0", False),
    ]
    assert views[-1].created_at == views[-1].authenticated_at == views[-1].last_used_at > began
    assert {view.kind for view in views} == {"access"}


def test_password_marks_no_session_as_its_own(app: Flask) -> None:
    token_principal(app, *HAWK)
    assert [view.current for view in services(app).tokens.sessions(principal(app, *HAWK))] == [
        False
    ]


def test_expired_session_is_not_listed(app: Flask, clock: ManualClock) -> None:
    _, first = token_principal(app, *HAWK)
    clock.advance(days=30)
    assert services(app).tokens.sessions(first) == ()
    _, second = token_principal(app, *HAWK)
    _, third = token_principal(app, *HAWK)
    services(app).tokens.revoke_current(second)
    assert [view.id for view in services(app).tokens.sessions(third)] == [third.session]


def test_session_that_was_idle_for_too_long_is_not_listed_and_not_ended_again(
    app: Flask, clock: ManualClock
) -> None:
    services(app).logins.open(principal(app, *HAWK), TokenKind.UUID)
    (listed,) = services(app).tokens.sessions(principal(app, *HAWK))
    clock.advance(minutes=5)
    assert services(app).tokens.sessions(principal(app, *HAWK)) == ()
    with pytest.raises(NotFound):
        services(app).tokens.revoke(principal(app, *HAWK), listed.id)


def test_ending_the_current_session_ends_it_alone(app: Flask) -> None:
    (first, caller), (second, _) = token_principal(app, *HAWK), token_principal(app, *HAWK)
    services(app).tokens.revoke_current(caller)
    assert is_refused(app, first)
    assert not is_refused(app, second)
    with pytest.raises(Unauthenticated):
        services(app).tokens.revoke_current(caller)


def test_password_has_no_current_session_to_end(app: Flask) -> None:
    with pytest.raises(NoSession):
        services(app).tokens.revoke_current(principal(app, *HAWK))


def test_own_session_is_ended_by_its_name(app: Flask) -> None:
    (first, caller), (second, other) = token_principal(app, *HAWK), token_principal(app, *HAWK)
    services(app).tokens.revoke(caller, str(other.session))
    assert is_refused(app, second)
    assert not is_refused(app, first)


def test_sessions_of_others_are_not_found_even_by_an_admin(app: Flask) -> None:
    hawks, hawk = token_principal(app, *HAWK)
    admins, admin = token_principal(app, *ADMIN)
    for caller, session in ((hawk, admin.session), (admin, hawk.session)):
        with pytest.raises(NotFound) as refusal:
            services(app).tokens.revoke(caller, str(session))
        with pytest.raises(NotFound) as unknown:
            services(app).tokens.revoke(caller, "0" * 32)
        assert refusal.value.detail == unknown.value.detail
    assert not is_refused(app, hawks)
    assert not is_refused(app, admins)
    assert rows(app, "SELECT id FROM audit_event WHERE kind = 'session.revoked'") == []


def test_unknown_session_is_not_found(app: Flask) -> None:
    _, caller = token_principal(app, *HAWK)
    for session in ("", "0" * 32, "x" * 1000, "%", "' OR 1=1 --"):
        with pytest.raises(NotFound):
            services(app).tokens.revoke(caller, session)


def test_expired_session_is_not_found(app: Flask, clock: ManualClock) -> None:
    _, caller = token_principal(app, *HAWK)
    clock.advance(days=30)
    with pytest.raises(NotFound):
        services(app).tokens.revoke(principal(app, *HAWK), str(caller.session))


def test_logging_out_everywhere_ends_every_own_session_and_no_other(app: Flask) -> None:
    own = [token_principal(app, *HAWK)[0] for _ in range(3)]
    admins, _ = token_principal(app, *ADMIN)
    caller = by_token(app, own[0])
    services(app).tokens.revoke_all(caller)
    assert [is_refused(app, token) for token in own] == [True] * 3
    assert not is_refused(app, admins)
    assert services(app).tokens.sessions(principal(app, *HAWK)) == ()
    with pytest.raises(Unauthenticated):
        services(app).tokens.revoke_all(caller)


def test_logging_out_everywhere_leaves_the_password_valid(app: Flask) -> None:
    services(app).tokens.revoke_all(principal(app, *HAWK))
    token, _ = token_principal(app, *HAWK)
    assert not is_refused(app, token)


def test_ended_sessions_are_pruned_at_the_next_login_and_others_left(
    app: Flask, clock: ManualClock
) -> None:
    ended, expired = token_principal(app, *HAWK)[1], token_principal(app, *HAWK)[1]
    admins = token_principal(app, *ADMIN)[1]
    services(app).tokens.revoke_current(ended)
    clock.advance(days=29)
    kept = token_principal(app, *HAWK)[1]
    assert {each for (each,) in rows(app, "SELECT id FROM session")} == {
        expired.session,
        admins.session,
        kept.session,
    }
    clock.advance(days=1)
    last = token_principal(app, *HAWK)[1]
    assert {each for (each,) in rows(app, "SELECT id FROM session")} == {
        admins.session,
        kept.session,
        last.session,
    }


def test_sessions_of_an_older_version_are_pruned_at_the_next_login(app: Flask) -> None:
    for _ in range(3):
        token_principal(app, *HAWK)
    services(app).tokens.revoke_all(principal(app, *HAWK))
    last = token_principal(app, *HAWK)[1]
    assert rows(app, "SELECT id FROM session") == [(last.session,)]


def test_session_goes_with_its_account(app: Flask) -> None:
    token_principal(app, *HAWK)
    _, admin = token_principal(app, *ADMIN)
    execute(app, "DELETE FROM account WHERE id = 2")
    assert rows(app, "SELECT id FROM session") == [(admin.session,)]


def test_long_origin_is_cut_to_what_a_row_holds(app: Flask) -> None:
    caller = services(app).authentication.by_password(
        *HAWK, Origin("x" * 1000, "r" * 1000, "native")
    )
    services(app).tokens.issue(caller)
    assert [view.origin for view in services(app).tokens.sessions(caller)] == ["x" * 64]


def test_anonymous_has_no_sessions(app: Flask) -> None:
    with pytest.raises(Unauthenticated):
        services(app).tokens.sessions(Principal(ORIGIN))


def test_session_ids_are_named_by_the_service_alone(app: Flask) -> None:
    ids = {token_principal(app, *HAWK)[1].session for _ in range(5)}
    assert len(ids) == 5
    services(app).administration.revoke_sessions(operator(), 2)
    assert token_principal(app, *HAWK)[1].session not in ids
