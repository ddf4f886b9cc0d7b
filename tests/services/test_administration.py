"""What administrators do to accounts, what it invalidates, and that one administrator always
remains."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from flask import Flask

from identity.domain.errors import (
    EmailTaken,
    Forbidden,
    IdentityError,
    InvalidInput,
    LastAdmin,
    NotFound,
    OwnAccount,
    Unauthenticated,
    UsernameTaken,
)
from identity.domain.principal import Principal, operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.administration.accounts import Administration
from support.accounts import ADMIN, HAWK
from support.app import ORIGIN, by_token, principal, services, token_principal
from support.clock import ManualClock
from support.database import rows

Act = Callable[[Administration, Principal, int], object]
ACTS: dict[str, Act] = {
    "fetch": lambda use, caller, one: use._accounts.fetch(caller, one),
    "change": lambda use, caller, one: use.change(caller, one, ProfileChange(full_name="F. Alcon")),
    "promote": lambda use, caller, one: use.change(caller, one, ProfileChange(), admin=True),
    "demote": lambda use, caller, one: use.change(caller, one, ProfileChange(), admin=False),
    "disable": Administration.disable,
    "enable": Administration.enable,
    "unlock": Administration.unlock,
    "revoke": Administration.revoke_sessions,
    "delete": Administration.delete,
}
REMOVALS = ("demote", "disable", "delete")
ACCOUNTS = "SELECT * FROM account ORDER BY id"


@pytest.fixture
def admin(app: Flask) -> Principal:
    return principal(app, *ADMIN)


def use(app: Flask) -> Administration:
    return services(app).administration


def another_admin(app: Flask) -> Principal:
    services(app).accounts.create(operator(), NewAccount("other", "newpwd"), admin=True)
    return principal(app, "other", "newpwd")


def test_only_an_admin_may(app: Flask) -> None:
    before = rows(app, ACCOUNTS)
    for caller, refusal in (
        (principal(app, *HAWK), Forbidden),
        (Principal(ORIGIN), Unauthenticated),
    ):
        for act, target in itertools.product(ACTS.values(), (1, 2, 3)):
            with pytest.raises(refusal):
                act(use(app), caller, target)
    assert rows(app, ACCOUNTS) == before


def test_unknown_account_is_not_found(app: Flask, admin: Principal) -> None:
    for act, unknown in itertools.product(ACTS.values(), (0, 3, 2**63 - 1, 2**63, 10**40)):
        with pytest.raises(NotFound):
            act(use(app), admin, unknown)


@pytest.mark.parametrize("removal", REMOVALS)
def test_admin_who_lost_the_rights_meanwhile_changes_nothing_more(
    app: Flask, admin: Principal, removal: str
) -> None:
    ACTS[removal](use(app), another_admin(app), 1)
    before = rows(app, ACCOUNTS)
    for act in (ACTS[name] for name in ACTS if name != "fetch"):
        with pytest.raises((Forbidden, Unauthenticated)):
            act(use(app), admin, 2)
    assert rows(app, ACCOUNTS) == before


@pytest.mark.parametrize("removal", REMOVALS)
def test_last_active_admin_stays(app: Flask, admin: Principal, removal: str) -> None:
    other = another_admin(app)
    ACTS["disable"](use(app), admin, other.account.id)
    before = rows(app, ACCOUNTS)
    refusal: type[IdentityError] = OwnAccount if removal == "disable" else LastAdmin
    with pytest.raises(refusal):
        ACTS[removal](use(app), admin, 1)
    with pytest.raises(LastAdmin):
        ACTS[removal](use(app), operator(), 1)
    assert rows(app, ACCOUNTS) == before


@pytest.mark.parametrize("removal", REMOVALS)
def test_admin_may_be_removed_while_another_one_is_active(app: Flask, removal: str) -> None:
    other = another_admin(app)
    ACTS[removal](use(app), other, 1)
    assert [
        view.id
        for view in services(app).account_list.page(other, search=None, cursor=None, limit=9).items
        if view.admin
    ] == ([3, 1] if removal == "disable" else [3])


@pytest.mark.parametrize("removal", ["demote", "delete"])
def test_admin_who_is_disabled_is_not_the_last_one(
    app: Flask, admin: Principal, removal: str
) -> None:
    other = another_admin(app)
    ACTS["disable"](use(app), admin, other.account.id)
    ACTS[removal](use(app), admin, other.account.id)
    assert rows(app, "SELECT id FROM account WHERE admin") == [(1,)]


def test_administrators_do_not_disable_themselves(app: Flask, admin: Principal) -> None:
    another_admin(app)
    with pytest.raises(OwnAccount):
        use(app).disable(admin, 1)
    assert principal(app, *ADMIN).account.id == 1


def test_disabling_ends_every_way_in_at_once_and_enabling_revives_nothing(
    app: Flask, admin: Principal
) -> None:
    token, caller = token_principal(app, *HAWK)
    assert use(app).disable(admin, 2).disabled
    for way in (
        lambda: by_token(app, token),
        lambda: principal(app, *HAWK),
        lambda: services(app).tokens.issue(caller),
    ):
        with pytest.raises(Unauthenticated):
            way()
    assert not use(app).enable(admin, 2).disabled
    with pytest.raises(Unauthenticated):
        by_token(app, token)
    assert by_token(app, token_principal(app, *HAWK)[0]).account.version == 2


def test_disabling_or_enabling_again_changes_nothing(app: Flask, admin: Principal) -> None:
    assert use(app).disable(admin, 2) == use(app).disable(admin, 2)
    assert use(app).enable(admin, 2) == use(app).enable(admin, 2)
    token, _ = token_principal(app, *HAWK)
    use(app).enable(admin, 2)
    assert by_token(app, token).account.version == 2


def test_revoking_ends_every_session_and_leaves_the_password(app: Flask, admin: Principal) -> None:
    tokens = [token_principal(app, *HAWK)[0] for _ in range(2)]
    use(app).revoke_sessions(admin, 2)
    for token in tokens:
        with pytest.raises(Unauthenticated):
            by_token(app, token)
    assert principal(app, *HAWK).account.id == 2


def test_rights_given_and_taken_show_in_a_live_token_at_once(app: Flask, admin: Principal) -> None:
    token, _ = token_principal(app, *HAWK)
    ACTS["promote"](use(app), admin, 2)
    assert by_token(app, token).account.admin
    ACTS["demote"](use(app), admin, 2)
    assert not by_token(app, token).account.admin


def test_name_that_was_deleted_and_registered_again_is_another_user(
    app: Flask, admin: Principal
) -> None:
    token, _ = token_principal(app, *HAWK)
    old = services(app).account_list.fetch(admin, 2)
    use(app).delete(admin, 2)
    with pytest.raises(NotFound):
        services(app).account_list.fetch(admin, 2)
    new = services(app).accounts.register(Principal(ORIGIN), NewAccount(*HAWK))
    assert new.id > old.id
    assert new.uuid != old.uuid
    with pytest.raises(Unauthenticated):
        by_token(app, token)
    assert principal(app, *HAWK).account.id == new.id


def test_deleting_leaves_no_row_of_the_account(app: Flask, admin: Principal) -> None:
    token_principal(app, *HAWK)
    use(app).delete(admin, 2)
    assert rows(app, "SELECT id FROM account") == [(1,)]
    assert rows(app, "SELECT id FROM session WHERE account_id = 2") == []


def test_change_sets_what_is_given_and_its_time(
    app: Flask, admin: Principal, clock: ManualClock
) -> None:
    clock.advance(minutes=15)
    shown = use(app).change(
        admin, 2, ProfileChange("Osprey", "o@example.org", "O. Sprey"), admin=True
    )
    assert (shown.username, shown.email, shown.full_name, shown.admin) == (
        "Osprey",
        "o@example.org",
        "O. Sprey",
        True,
    )
    assert shown.updated_at == clock.now()
    assert services(app).account_list.fetch(admin, 2) == shown
    assert principal(app, "osprey", "newpwd").account.admin


def test_name_that_an_account_has_may_be_given_again(app: Flask, admin: Principal) -> None:
    wanted = NewAccount("Ann O'Hara", "other", personal_name=True)
    ann = services(app).accounts.create(operator(), wanted, admin=False).id
    assert (
        use(app)
        .change(admin, ann, ProfileChange(username="Ann O'Hara", full_name="A. O."))
        .full_name
        == "A. O."
    )


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        (ProfileChange(username="ADMIN"), UsernameTaken),
        (ProfileChange(email="BOSS@example.org"), EmailTaken),
        (ProfileChange(username="ha:wk"), InvalidInput),
        (ProfileChange(username="osprey", email="nowhere"), InvalidInput),
    ],
)
def test_change_that_cannot_be_made_changes_nothing(
    app: Flask, admin: Principal, wanted: ProfileChange, refusal: type[IdentityError]
) -> None:
    use(app).change(admin, 1, ProfileChange(email="boss@example.org"))
    before = rows(app, ACCOUNTS)
    with pytest.raises(refusal):
        use(app).change(admin, 2, wanted, admin=True)
    assert rows(app, ACCOUNTS) == before
