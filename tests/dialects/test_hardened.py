"""What the documents expose is exposed by default and closed when hardened."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from identity.store.models import Account
from support.app import services
from support.database import account_row, table_rows
from support.dialects import dialect_client_of
from support.http import basic, bearer
from support.mail import ACTIVATION, RESET, Mailbox
from support.modes import EMAIL, KIM, LONG_PASSWORD, REGISTRATIONS, SETTINGS, Installation


@pytest.fixture(params=SETTINGS)
def empty(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Iterator[Installation]:
    """An installation without accounts."""
    app = make_app(**SETTINGS[request.param])
    with dialect_client_of(app, "") as say:
        yield Installation(app, request.param == "hardened", say, Mailbox(app))


@pytest.fixture
def installation(empty: Installation) -> Installation:
    services(empty.app).accounts.create(operator(), NewAccount("admin", LONG_PASSWORD), admin=True)
    empty.uuid = empty.asks("/continuous/users", "POST", KIM).json["id"]
    return empty


def test_azuma_distinguishes_unknown_from_wrong_only_by_default(installation: Installation) -> None:
    wrong, unknown = (
        installation.asks("/azuma/user/login", "POST", {"name": name, "password": "wrong"})
        for name in (EMAIL, "nobody")
    )
    installation.require_status_by_mode(wrong, 403, 401)
    installation.require_status_by_mode(unknown, 404, 401)
    if installation.hardened:
        assert wrong.json == unknown.json == {"message": "UNAUTHORIZED"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/passwords/reset", {"email": "nobody@example.org"}),
        ("/passwords", KIM | {"email": "nobody@example.org", "token": "x"}),
        ("/passwords", KIM | {"token": "x"}),
    ],
)
def test_continuous_discloses_unknown_emails_only_by_default(
    installation: Installation, path: str, body: dict[str, str]
) -> None:
    before = table_rows(installation.app, Account)
    answer = installation.asks(f"/continuous{path}", "POST", body)
    installation.require_status_by_mode(answer, 404, 204)
    assert table_rows(installation.app, Account) == before
    assert [mail for mail in installation.mailbox.fetch() if mail.subject == RESET] == []


def test_a_reset_of_a_known_email_is_204_and_mailed_in_both_modes(
    installation: Installation,
) -> None:
    assert (
        installation.asks("/continuous/passwords/reset", "POST", {"email": EMAIL}).status_code
        == 204
    )
    new = {
        "email": EMAIL,
        "password": "another passphrase",
        "password_confirm": "another passphrase",
    }
    token = installation.mailbox.token(RESET)
    assert (
        installation.asks("/continuous/passwords", "POST", new | {"token": token}).status_code
        == 204
    )
    assert installation.asks("/api/token", **basic(EMAIL, "another passphrase")).status_code == 200


def test_continuous_activates_by_id_alone_only_by_default(installation: Installation) -> None:
    answer = installation.asks(f"/continuous/users/{installation.uuid}/activate")
    installation.require_status_by_mode(answer, 200, 404)
    assert account_row(installation.app, EMAIL)["activated"] is not installation.hardened
    assert account_row(installation.app, EMAIL)["email_verified"] is False


def test_the_mailed_token_activates_and_verifies_in_both_modes(installation: Installation) -> None:
    token = installation.mailbox.token(ACTIVATION)
    answer = installation.asks(f"/continuous/users/{installation.uuid}/activate?token={token}")
    assert (answer.status_code, answer.json["activated"]) == (200, True)
    assert account_row(installation.app, EMAIL)["email_verified"] is True


def test_continuous_shows_a_user_to_every_caller_only_by_default(
    installation: Installation,
) -> None:
    path = f"/continuous/users/{installation.uuid}"
    other = installation.asks(
        "/continuous/users", "POST", KIM | {"email": "other@example.org"}
    ).json["id"]
    installation.require_status_by_mode(installation.asks(path), 200, 401)
    installation.require_status_by_mode(
        installation.asks(path, **basic("other@example.org", LONG_PASSWORD)), 200, 404
    )
    installation.require_status_by_mode(installation.asks("/continuous/users/nobody"), 404, 401)
    assert (
        installation.asks(
            f"/continuous/users/{other}", **basic("other@example.org", LONG_PASSWORD)
        ).status_code
        == 200
    )
    assert installation.asks(path, **basic("admin", LONG_PASSWORD)).json["email"] == EMAIL


def test_certifire_shows_a_name_to_every_caller_only_by_default(installation: Installation) -> None:
    path = f"/api/users/{account_row(installation.app, EMAIL)['id']}"
    installation.require_status_by_mode(installation.asks(path), 200, 401)
    installation.require_status_by_mode(installation.asks("/api/users/999"), 400, 401)
    assert installation.asks(path, **basic("admin", LONG_PASSWORD)).json == {"username": EMAIL}


@pytest.mark.parametrize("dialect", REGISTRATIONS)
def test_the_documents_short_passwords_are_taken_only_by_default(
    installation: Installation, dialect: str
) -> None:
    path, body = REGISTRATIONS[dialect]
    for weak in ("neo", "newpwd", "changeme"):
        answer = installation.asks(path, "POST", body(weak))
        assert answer.status_code in ({400, 401, 422} if installation.hardened else {200, 201}), (
            answer.text
        )
        assert len(table_rows(installation.app, Account)) == (2 if installation.hardened else 3)
        if not installation.hardened:
            number = table_rows(installation.app, Account)[-1]["id"]
            assert (
                installation.asks(
                    f"/api/admin/users/{number}", "DELETE", **basic("admin", LONG_PASSWORD)
                ).status_code
                == 204
            )
    assert installation.asks(path, "POST", body("not so short")).status_code < 300


@pytest.mark.parametrize("weak", ["neox", "password", EMAIL])
def test_a_new_password_is_judged_like_the_first(installation: Installation, weak: str) -> None:
    change = {"password": weak, "password_confirm": weak}
    installation.require_status_by_mode(
        installation.asks(
            f"/continuous/users/{installation.uuid}", "PUT", change, **basic(EMAIL, LONG_PASSWORD)
        ),
        204,
        400,
    )
    if installation.hardened:
        update = installation.asks(
            "/azuma/user/update", "PATCH", {"password": weak}, **basic(EMAIL, LONG_PASSWORD)
        )
        assert update.status_code == 400
        installation.asks("/continuous/passwords/reset", "POST", {"email": EMAIL})
        redemption = change | {"email": EMAIL, "token": installation.mailbox.token(RESET)}
        assert installation.asks("/continuous/passwords", "POST", redemption).status_code == 400
        assert installation.asks("/api/token", **basic(EMAIL, LONG_PASSWORD)).status_code == 200


def test_certifire_repeats_the_token_in_a_header_only_by_default(
    installation: Installation,
) -> None:
    answer = installation.asks("/api/token", **basic(EMAIL, LONG_PASSWORD))
    assert answer.status_code == 200
    assert answer.headers.get("token") == (None if installation.hardened else answer.json["token"])


def test_wekan_makes_the_very_first_account_an_administrator_only_by_default(
    empty: Installation,
) -> None:
    made = empty.asks(
        "/wekan/users/register", "POST", {"username": "first", "password": LONG_PASSWORD}
    )
    own = empty.asks("/wekan/api/user", **bearer(made.json["token"]))
    assert own.json["isAdmin"] is not empty.hardened
    later = empty.asks(
        "/wekan/users/register", "POST", {"username": "second", "password": LONG_PASSWORD}
    )
    assert empty.asks("/wekan/api/user", **bearer(later.json["token"])).json["isAdmin"] is False


@pytest.mark.parametrize("dialect", sorted(REGISTRATIONS.keys() - {"wekan"}))
def test_no_other_dialect_makes_its_first_account_an_administrator(
    empty: Installation, dialect: str
) -> None:
    path, body = REGISTRATIONS[dialect]
    assert empty.asks(path, "POST", body(LONG_PASSWORD)).status_code < 300
    assert [row["admin"] for row in table_rows(empty.app, Account)] == [False]
