"""What documents show and careful services do not: as documented by default, closed when hardened."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from identity.store.models import Account
from support.app import services
from support.dialects import ACTIVATION, RESET, Mailbox, row_of, rows, speaking
from support.http import basic, bearer
from support.modes import EMAIL, KIM, LONG, REGISTRATIONS, SETTINGS, House


@pytest.fixture(params=SETTINGS)
def empty(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Iterator[House]:
    """A house where nobody lives yet."""
    app = make_app(**SETTINGS[request.param])
    with speaking(app, "") as say:
        yield House(app, request.param == "hardened", say, Mailbox(app))


@pytest.fixture
def house(empty: House) -> House:
    services(empty.app).accounts.create(operator(), NewAccount("admin", LONG), admin=True)
    empty.uuid = empty.asks("/continuous/users", "POST", KIM).json["id"]
    return empty


def test_azuma_tells_unknown_from_wrong_only_by_default(house: House) -> None:
    wrong, unknown = (
        house.asks("/azuma/user/login", "POST", {"name": name, "password": "wrong"})
        for name in (EMAIL, "nobody")
    )
    house.only_faithful(wrong, 403, 401)
    house.only_faithful(unknown, 404, 401)
    if house.hardened:
        assert wrong.json == unknown.json == {"message": "UNAUTHORIZED"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/passwords/reset", {"email": "nobody@example.org"}),
        ("/passwords", KIM | {"email": "nobody@example.org", "token": "x"}),
        ("/passwords", KIM | {"token": "x"}),
    ],
)
def test_continuous_tells_unknown_emails_only_by_default(
    house: House, path: str, body: dict[str, str]
) -> None:
    before = rows(house.app, Account)
    answer = house.asks(f"/continuous{path}", "POST", body)
    house.only_faithful(answer, 404, 204)
    assert rows(house.app, Account) == before
    assert [letter for letter in house.mailbox.fetch() if letter.subject == RESET] == []


def test_a_reset_of_a_known_email_is_204_and_mailed_in_both_modes(house: House) -> None:
    assert house.asks("/continuous/passwords/reset", "POST", {"email": EMAIL}).status_code == 204
    new = {
        "email": EMAIL,
        "password": "another passphrase",
        "password_confirm": "another passphrase",
    }
    token = house.mailbox.token(RESET)
    assert house.asks("/continuous/passwords", "POST", new | {"token": token}).status_code == 204
    assert house.asks("/api/token", **basic(EMAIL, "another passphrase")).status_code == 200


def test_continuous_activates_by_id_alone_only_by_default(house: House) -> None:
    answer = house.asks(f"/continuous/users/{house.uuid}/activate")
    house.only_faithful(answer, 200, 404)
    assert row_of(house.app, EMAIL)["activated"] is not house.hardened
    assert row_of(house.app, EMAIL)["email_verified"] is False


def test_the_mailed_token_activates_and_verifies_in_both_modes(house: House) -> None:
    token = house.mailbox.token(ACTIVATION)
    answer = house.asks(f"/continuous/users/{house.uuid}/activate?token={token}")
    assert (answer.status_code, answer.json["activated"]) == (200, True)
    assert row_of(house.app, EMAIL)["email_verified"] is True


def test_continuous_shows_a_user_to_every_caller_only_by_default(house: House) -> None:
    path = f"/continuous/users/{house.uuid}"
    other = house.asks("/continuous/users", "POST", KIM | {"email": "other@example.org"}).json["id"]
    house.only_faithful(house.asks(path), 200, 401)
    house.only_faithful(house.asks(path, **basic("other@example.org", LONG)), 200, 404)
    house.only_faithful(house.asks("/continuous/users/nobody"), 404, 401)
    assert (
        house.asks(f"/continuous/users/{other}", **basic("other@example.org", LONG)).status_code
        == 200
    )
    assert house.asks(path, **basic("admin", LONG)).json["email"] == EMAIL


def test_certifire_shows_a_name_to_every_caller_only_by_default(house: House) -> None:
    path = f"/api/users/{row_of(house.app, EMAIL)['id']}"
    house.only_faithful(house.asks(path), 200, 401)
    house.only_faithful(house.asks("/api/users/999"), 400, 401)
    assert house.asks(path, **basic("admin", LONG)).json == {"username": EMAIL}


@pytest.mark.parametrize("dialect", REGISTRATIONS)
def test_the_documents_short_passwords_are_taken_only_by_default(
    house: House, dialect: str
) -> None:
    path, body = REGISTRATIONS[dialect]
    for weak in ("neo", "newpwd", "changeme"):
        answer = house.asks(path, "POST", body(weak))
        assert answer.status_code in ({400, 401, 422} if house.hardened else {200, 201}), (
            answer.text
        )
        assert len(rows(house.app, Account)) == (2 if house.hardened else 3)
        if not house.hardened:
            number = rows(house.app, Account)[-1]["id"]
            assert (
                house.asks(
                    f"/api/admin/users/{number}", "DELETE", **basic("admin", LONG)
                ).status_code
                == 204
            )
    assert house.asks(path, "POST", body("not so short")).status_code < 300


@pytest.mark.parametrize("weak", ["neox", "password", EMAIL])
def test_a_new_password_is_judged_like_the_first(house: House, weak: str) -> None:
    change = {"password": weak, "password_confirm": weak}
    house.only_faithful(
        house.asks(f"/continuous/users/{house.uuid}", "PUT", change, **basic(EMAIL, LONG)), 204, 400
    )
    if house.hardened:
        update = house.asks("/azuma/user/update", "PATCH", {"password": weak}, **basic(EMAIL, LONG))
        assert update.status_code == 400
        house.asks("/continuous/passwords/reset", "POST", {"email": EMAIL})
        redemption = change | {"email": EMAIL, "token": house.mailbox.token(RESET)}
        assert house.asks("/continuous/passwords", "POST", redemption).status_code == 400
        assert house.asks("/api/token", **basic(EMAIL, LONG)).status_code == 200


def test_certifire_repeats_the_token_in_a_header_only_by_default(house: House) -> None:
    answer = house.asks("/api/token", **basic(EMAIL, LONG))
    assert answer.status_code == 200
    assert answer.headers.get("token") == (None if house.hardened else answer.json["token"])


def test_wekan_makes_the_very_first_account_an_administrator_only_by_default(
    empty: House,
) -> None:
    made = empty.asks("/wekan/users/register", "POST", {"username": "first", "password": LONG})
    own = empty.asks("/wekan/api/user", **bearer(made.json["token"]))
    assert own.json["isAdmin"] is not empty.hardened
    later = empty.asks("/wekan/users/register", "POST", {"username": "second", "password": LONG})
    assert empty.asks("/wekan/api/user", **bearer(later.json["token"])).json["isAdmin"] is False


@pytest.mark.parametrize("dialect", sorted(REGISTRATIONS.keys() - {"wekan"}))
def test_no_other_dialect_makes_its_first_account_an_administrator(
    empty: House, dialect: str
) -> None:
    path, body = REGISTRATIONS[dialect]
    assert empty.asks(path, "POST", body(LONG)).status_code < 300
    assert [row["admin"] for row in rows(empty.app, Account)] == [False]
