"""One's own account: what can be changed, which authentication it needs, and which sessions it
revokes."""

from __future__ import annotations

import pytest
from flask import Flask

from identity.domain.errors import (
    EmailTaken,
    InvalidInput,
    LastAdmin,
    StepUpRequired,
    Unauthenticated,
    UsernameTaken,
    WrongPassword,
)
from identity.domain.principal import Principal, operator
from identity.domain.views import AccountView
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK
from support.app import ORIGIN, by_token, principal, services, token_principal
from support.clock import ManualClock
from support.database import execute, rows

NAME, EMAIL = ProfileChange(username="osprey"), ProfileChange(email="hawk@example.org")
FULL_NAME, NOTHING = ProfileChange(full_name="H. Awk"), ProfileChange()
EVERYTHING = ProfileChange("osprey", "hawk@example.org", "H. Awk")
ROW = (
    "SELECT username, email, full_name, password_hash, version, updated_at FROM account WHERE "
    "id = 2"
)


def change(
    app: Flask, caller: Principal, wanted: ProfileChange = NOTHING, **more: str
) -> AccountView:
    return services(app).profiles.change(caller, wanted, **more)


def test_profile_shows_the_callers_account(app: Flask) -> None:
    assert services(app).profiles.fetch(principal(app, *HAWK)).username == "hawk"
    with pytest.raises(Unauthenticated):
        services(app).profiles.fetch(Principal(ORIGIN))


def test_profile_is_changed_in_the_given_fields_only(app: Flask, clock: ManualClock) -> None:
    caller = principal(app, *HAWK)
    clock.advance(minutes=1)
    shown = change(app, caller, EVERYTHING)
    assert (shown.username, shown.email, shown.full_name) == (
        "osprey",
        "hawk@example.org",
        "H. Awk",
    )
    assert shown.updated_at == clock.now() > shown.created_at
    assert services(app).profiles.fetch(caller) == shown
    assert change(app, caller, ProfileChange(email=None)).email is None
    assert change(app, caller, ProfileChange(full_name=None)).full_name is None
    assert services(app).profiles.fetch(caller).username == "osprey"


def test_new_name_logs_in_and_the_old_one_is_free(app: Flask) -> None:
    change(app, principal(app, *HAWK), NAME)
    assert principal(app, "OSPREY", "newpwd").account.id == 2
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)
    assert (
        services(app).accounts.create(operator(), NewAccount("hawk", "other"), admin=False).id == 3
    )


def test_change_of_name_revokes_no_session_and_every_token_shows_the_new_one(app: Flask) -> None:
    token, caller = token_principal(app, *HAWK)
    change(app, caller, NAME)
    assert by_token(app, token).account.username == "osprey"


def test_own_name_may_be_spelled_anew(app: Flask) -> None:
    assert change(app, principal(app, *HAWK), ProfileChange(username="HAWK")).username == "HAWK"


def test_own_name_may_be_given_again_from_any_dialect(app: Flask) -> None:
    services(app).accounts.create(
        operator(), NewAccount("Ann O'Hara", "other", personal_name=True), admin=False
    )
    caller = principal(app, "Ann O'Hara", "other")
    assert (
        change(app, caller, ProfileChange(username="Ann O'Hara", full_name="A. O.")).full_name
        == "A. O."
    )
    with pytest.raises(InvalidInput):
        change(app, caller, ProfileChange(username="Ann O'Hare"))


def test_new_email_is_not_verified(app: Flask) -> None:
    execute(app, "UPDATE account SET email_verified = :yes WHERE id = 2", yes=True)
    caller = principal(app, *HAWK)
    assert change(app, caller, FULL_NAME).email_verified
    assert not change(app, caller, EMAIL).email_verified


def test_nothing_is_changed_when_one_value_cannot_be_used(app: Flask) -> None:
    change(app, principal(app, *ADMIN), ProfileChange(email="a@xn--bcher-kva.example"))
    token, caller = token_principal(app, *HAWK)
    before = rows(app, ROW)
    for wanted, password, refusal in (
        (ProfileChange(username="ADMIN"), None, UsernameTaken),
        (ProfileChange(email="A@B\u00dcCHER.example"), None, EmailTaken),
        (ProfileChange(username="ha:wk"), None, InvalidInput),
        (ProfileChange(email="hawk"), None, InvalidInput),
        (ProfileChange(full_name="a\nb"), None, InvalidInput),
        (ProfileChange(username="osprey", email="hawk"), None, InvalidInput),
        (ProfileChange(username="osprey"), "", InvalidInput),
        (ProfileChange(username="osprey"), "p" * 257, InvalidInput),
        (ProfileChange(username="ADMIN"), "other-pw", UsernameTaken),
    ):
        with pytest.raises(refusal):
            services(app).profiles.change(
                caller, wanted, password=password, current_password="newpwd"
            )
        assert rows(app, ROW) == before
        assert by_token(app, token).account.id == 2


@pytest.mark.parametrize("wanted", [NAME, EMAIL, ProfileChange(email=None), EVERYTHING])
def test_name_and_email_need_the_password_or_an_authentication_within_15_minutes(
    app: Flask, clock: ManualClock, wanted: ProfileChange
) -> None:
    _, caller = token_principal(app, *HAWK)
    clock.advance(minutes=15)
    assert change(app, caller, NAME).username == "osprey"
    change(app, caller, ProfileChange(username="hawk"))
    clock.advance(seconds=1)
    services(app).tokens.issue(principal(app, *HAWK))  # a login elsewhere is none of this session
    caller = by_token(app, services(app).tokens.issue(caller).token)
    before = rows(app, ROW)
    with pytest.raises(StepUpRequired):
        change(app, caller, wanted)
    with pytest.raises(WrongPassword):
        change(app, caller, wanted, current_password="wrong")
    assert rows(app, ROW) == before
    change(app, caller, wanted, current_password="newpwd")
    assert rows(app, ROW) != before


def test_full_name_needs_no_recent_authentication(app: Flask, clock: ManualClock) -> None:
    _, caller = token_principal(app, *HAWK)
    clock.advance(days=7)
    assert change(app, caller, FULL_NAME).full_name == "H. Awk"


def test_deleting_their_own_account_ends_everything(app: Flask) -> None:
    token, caller = token_principal(app, *HAWK)
    services(app).profiles.delete(caller)
    assert rows(app, "SELECT id FROM account") == [(1,)]
    assert rows(app, "SELECT id FROM session") == []
    for use in (
        lambda: by_token(app, token),
        lambda: principal(app, *HAWK),
        lambda: change(app, caller, FULL_NAME),
    ):
        with pytest.raises(Unauthenticated):
            use()


def test_deleting_their_own_account_needs_recent_authentication(
    app: Flask, clock: ManualClock
) -> None:
    _, caller = token_principal(app, *HAWK)
    clock.advance(minutes=15, seconds=1)
    with pytest.raises(StepUpRequired):
        services(app).profiles.delete(caller)
    assert len(rows(app, "SELECT id FROM account")) == 2


def test_last_admin_does_not_delete_their_own_account(app: Flask) -> None:
    caller = principal(app, *ADMIN)
    with pytest.raises(LastAdmin):
        services(app).profiles.delete(caller)
    services(app).accounts.create(operator(), NewAccount("other", "newpwd"), admin=True)
    services(app).profiles.delete(caller)
    assert rows(app, "SELECT id FROM account WHERE admin") == [(3,)]


@pytest.mark.parametrize("end", ["disable", "delete", "revoke_sessions"])
def test_authentication_does_not_count_once_the_accounts_credentials_were_invalidated(
    app: Flask, end: str
) -> None:
    caller = principal(app, *HAWK)
    getattr(services(app).administration, end)(operator(), 2)
    before = rows(app, ROW)
    for use in (
        lambda: change(app, caller, FULL_NAME),
        lambda: services(app).profiles.delete(caller),
    ):
        with pytest.raises(Unauthenticated):
            use()
    assert rows(app, ROW) == before
