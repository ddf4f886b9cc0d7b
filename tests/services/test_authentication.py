"""From a password to a principal: the same work and the same refusal for every reason, and one
event each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from identity.domain.credentials import Credential
from identity.domain.errors import Busy, Unauthenticated, WrongPassword
from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK, populate
from support.app import ORIGIN, audit_events, by_token, principal, services, token_principal
from support.clock import ManualClock
from support.database import execute, rows
from support.hashing import count_hashes

WRONG = {
    "unknown name": ("nobody", "newpwd"),
    "wrong password": ("hawk", "newpwe"),
    "empty password": ("hawk", ""),
    "other letter case": ("hawk", "NEWPWD"),
    "password and more": ("hawk", "newpwd "),
    "empty name": ("", "newpwd"),
    "over-long password": ("hawk", "p" * 257),
    "huge password": ("hawk", "p" * 2**20),
    "password with a NUL": ("hawk", "newpwd\0"),
    "password with a control": ("hawk", "new\npwd"),
    "over-long name": ("h" * 65, "newpwd"),
    "huge name": ("h" * 2**20, "newpwd"),
    "name that folds to many letters": ("\ufdfa" * 64, "newpwd"),
    "name of another's": ("admin", "newpwd"),
    "e-mail for a name": ("hawk@example.org", "newpwd"),
    "hash for a password": ("hawk", "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"),
}


def test_refusal_costs_one_hash_one_event_and_one_count_for_every_error(app: Flask) -> None:
    refusals = (
        "SELECT count(*) FROM audit_event WHERE kind = 'authentication' AND outcome = 'refused'"
    )
    for number, (what, (name, password)) in enumerate(WRONG.items(), start=1):
        hashes = count_hashes(app)
        with pytest.raises(Unauthenticated):
            services(app).authentication.by_password(name, password, ORIGIN)
        assert (len(hashes.checked), hashes.hashed) == (1, 0), what
        known, possible = (
            name in {"hawk", "admin"},
            0 < len(password) <= 256 and password.isprintable(),
        )
        assert (hashes.checked[0] is not None) == (known and possible), what
        assert rows(app, refusals) == [(number,)], what
        # Once for the name and once for the email.
        assert rows(app, "SELECT sum(count) FROM counter") == [(2 * number,)], what


def test_disabled_account_costs_one_hash_in_vain_even_with_the_right_password(app: Flask) -> None:
    services(app).administration.disable(operator(), 2)
    hashes = count_hashes(app)
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)
    assert hashes.checked == [None]


def test_deleted_account_costs_one_hash_in_vain(app: Flask) -> None:
    services(app).administration.delete(operator(), 2)
    hashes = count_hashes(app)
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)
    assert hashes.checked == [None]


def test_password_makes_a_principal_under_any_spelling_of_the_name(
    app: Flask, clock: ManualClock
) -> None:
    for name in ("hawk", "HAWK", "\uff48awk", "haw\u212a"):
        hashes = count_hashes(app)
        found = services(app).authentication.by_password(name, "newpwd", ORIGIN)
        assert (found.account.id, found.account.username, found.account.admin) == (2, "hawk", False)
        assert (found.credential, found.session) == (Credential.PASSWORD, None)
        assert (found.origin, found.authenticated_at) == (ORIGIN, clock.now())
        assert (len(hashes.checked), hashes.hashed) == (1, 0)


def test_password_opens_whether_it_was_composed_or_decomposed(app: Flask) -> None:
    for number, chosen in enumerate(("caf\u00e9", "cafe\u0301")):
        services(app).accounts.create(operator(), NewAccount(f"bird{number}", chosen), admin=False)
        for typed in ("caf\u00e9", "cafe\u0301"):
            assert principal(app, f"bird{number}", typed).account.username == f"bird{number}"


def test_password_counts_to_its_last_character(app: Flask) -> None:
    for number, password in enumerate(("p" * 256, "p" * 80, "\U0001f426" * 256, "a:b:c", " ", "-")):
        services(app).accounts.create(
            operator(), NewAccount(f"bird{number}", password), admin=False
        )
        assert principal(app, f"bird{number}", password).account.username == f"bird{number}"
        for almost in (password[:-1], password[:72] + "x", password + "x"):
            with pytest.raises(Unauthenticated):
                principal(app, f"bird{number}", almost)


def disable(app: Flask) -> None:
    services(app).administration.disable(operator(), 2)


def delete(app: Flask) -> None:
    services(app).administration.delete(operator(), 2)


def revoke(app: Flask) -> None:
    services(app).administration.revoke_sessions(operator(), 2)


def disable_and_enable(app: Flask) -> None:
    disable(app)
    services(app).administration.enable(operator(), 2)


@pytest.mark.parametrize("change", [disable, delete, revoke, disable_and_enable])
def test_account_that_changes_while_its_hash_is_computed_stays_out(
    app: Flask, change: Callable[[Flask], None]
) -> None:
    count_hashes(app).meanwhile = lambda: change(app)
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)
    assert rows(app, "SELECT id FROM session") == []
    assert (
        rows(
            app, "SELECT id FROM audit_event WHERE kind = 'authentication' AND outcome = 'accepted'"
        )
        == []
    )


def test_refusal_after_the_hash_leaves_its_event_too(app: Flask) -> None:
    count_hashes(app).meanwhile = lambda: disable(app)
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)
    last = audit_events(app, operator())[-1]
    assert (last.kind, last.outcome, last.subject_id) == ("authentication", "refused", 2)


def test_nothing_is_computed_or_counted_when_the_queue_is_full(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(hash_queue="1")
    populate(app)
    hashes = count_hashes(app)
    with services(app).authentication._passwords.admit(), pytest.raises(Busy):
        principal(app, *HAWK)
    assert (hashes.checked, rows(app, "SELECT key FROM counter")) == ([], [])
    assert principal(app, *HAWK).account.id == 2


def test_waiting_in_vain_for_the_hash_is_not_counted_as_a_wrong_password(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(lockout_failures="2")
    populate(app)
    hasher = services(app).authentication._passwords._hasher  # type: ignore[attr-defined]
    hasher._wait_seconds = 0.001
    with hasher._exclusive():
        for _ in range(3):
            with pytest.raises(Busy):
                principal(app, *HAWK)
    assert principal(app, *HAWK).account.id == 2


def test_own_password_is_confirmed_at_the_time_of_the_request(
    app: Flask, clock: ManualClock
) -> None:
    _, caller = token_principal(app, *HAWK)
    clock.advance(minutes=5)
    assert services(app).authentication.confirm(caller, "newpwd") == clock.now()


def test_wrong_confirmation_is_counted_and_written_down_like_a_failed_login(app: Flask) -> None:
    _, caller = token_principal(app, *HAWK)
    hashes = count_hashes(app)
    with pytest.raises(WrongPassword):
        services(app).authentication.confirm(caller, "wrong")
    assert len(hashes.checked) == 1
    assert rows(app, "SELECT count FROM counter WHERE count > 0") == [(1,)]
    assert audit_events(app, operator())[-1].outcome == "refused"


def test_confirmation_by_the_password_of_a_new_owner_of_the_name_counts_for_nothing(
    app: Flask,
) -> None:
    _, caller = token_principal(app, *HAWK)
    execute(app, "UPDATE account SET username_canonical = 'osprey' WHERE id = 2")
    services(app).accounts.create(operator(), NewAccount("HAWK", "other-pw"), admin=False)
    with pytest.raises(WrongPassword):
        services(app).authentication.confirm(caller, "other-pw")


def test_text_in_a_tokens_format_never_reaches_the_hash_nor_writes_a_row(app: Flask) -> None:
    hashes = count_hashes(app)
    before = rows(app, "SELECT count(*) FROM audit_event")
    for text in ("", "idt_", "idt_x", "nhu_x", "eyJ.a.b", "A" * 43, "idt_" + "x" * 2**20, "\ud800"):
        with pytest.raises(Unauthenticated):
            by_token(app, text)
    assert (hashes.checked, rows(app, "SELECT key FROM counter")) == ([], [])
    assert rows(app, "SELECT count(*) FROM audit_event") == before


def test_administrators_login_says_so(app: Flask) -> None:
    assert principal(app, *ADMIN).account.admin
