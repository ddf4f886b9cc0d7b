"""The owner of an account is notified of every change of a credential, at the email from before
it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.principal import Principal, operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.administration.audit_query import AuditFilter
from support.accounts import ADMIN
from support.app import ORIGIN, principal, services
from support.certificates import csr
from support.http import basic
from support.mail import EMAIL, Mailbox, register

NEW = "new@example.org"
HAWK = ("hawk", "newpwd")
CONFIRM, PASSWORD, EMAIL_CHANGED = (
    "Confirm your email address",
    "Your password was changed",
    "Your email address was changed",
)
WANTED = "A change of your email address was requested"
ISSUED, REVOKED = "A certificate was issued", "A certificate was revoked"
Change = Callable[..., object]
Case = tuple[ProfileChange, str | None, list[tuple[str, str]]]


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    made = make_app()
    services(made).accounts.create(operator(), NewAccount(*ADMIN), admin=True)
    return made


@pytest.fixture
def mailbox(app: Flask, client: FlaskClient) -> Mailbox:
    """The mail after that of a registration."""
    register(client)
    box = Mailbox(app)
    box.collect()
    return box


def told(mailbox: Mailbox) -> list[tuple[str, str]]:
    return [(mail.recipient, mail.subject) for mail in mailbox.collect()]


def by_oneself(app: Flask, wanted: ProfileChange, password: str | None = None) -> None:
    current = None if password is None else HAWK[1]
    services(app).profiles.change(
        principal(app, *HAWK), wanted, password=password, current_password=current
    )


def by_admin(app: Flask, wanted: ProfileChange, password: str | None = None) -> None:
    hawk = principal(app, *HAWK).account.id
    services(app).administration.change(principal(app, *ADMIN), hawk, wanted, password=password)


@pytest.mark.parametrize("change", [by_oneself, by_admin])
@pytest.mark.parametrize(
    "case",
    [
        (ProfileChange(), "other-pw", [(EMAIL, PASSWORD)]),
        (ProfileChange(email=NEW), None, [(EMAIL, WANTED), (NEW, CONFIRM)]),
        (
            ProfileChange(email=NEW),
            "other-pw",
            [(EMAIL, PASSWORD), (EMAIL, WANTED), (NEW, CONFIRM)],
        ),
        (ProfileChange(email=None), None, [(EMAIL, EMAIL_CHANGED)]),
        (ProfileChange(email=EMAIL.upper()), None, [(EMAIL.upper(), CONFIRM)]),
        (ProfileChange(full_name="H. Awk", username="osprey"), None, []),
    ],
)
def test_the_owner_is_notified_of_a_change(
    app: Flask, mailbox: Mailbox, change: Change, case: Case
) -> None:
    wanted, password, mails = case
    change(app, wanted, password)
    assert sorted(told(mailbox)) == sorted(mails)


@pytest.mark.parametrize("change", [by_oneself, by_admin])
def test_a_confirmed_email_given_again_stays_confirmed_and_causes_no_mail(
    app: Flask, change: Change
) -> None:
    mailbox = Mailbox(app)
    register(app.test_client())
    services(app).activation.activate(Principal(ORIGIN), mailbox.token(CONFIRM))
    change(app, ProfileChange(email=EMAIL, full_name="H. Awk"), "other-pw")
    assert told(mailbox) == [(EMAIL, PASSWORD)]
    assert services(app).profiles.fetch(principal(app, "hawk", "other-pw")).email_verified
    events = services(app).audit.list(
        principal(app, *ADMIN), AuditFilter(subject="hawk"), cursor=None, limit=50
    )
    assert "email.changed" not in [event.kind for event in events.items]


@pytest.mark.parametrize("change", [by_oneself, by_admin])
@pytest.mark.parametrize("spelled", [EMAIL.upper(), "Hawk@Example.org"])
def test_a_confirmed_email_in_another_letter_case_stays_confirmed(
    app: Flask, change: Change, spelled: str
) -> None:
    mailbox = Mailbox(app)
    register(app.test_client())
    services(app).activation.activate(Principal(ORIGIN), mailbox.token(CONFIRM))
    change(app, ProfileChange(email=spelled))
    shown = services(app).profiles.fetch(principal(app, *HAWK))
    assert (shown.email, shown.email_verified) == (spelled, True)
    assert told(mailbox) == []
    assert app.test_client().post("/api/password-resets", json={"email": EMAIL}).status_code == 204
    assert told(mailbox) == [(spelled, "Choose a new password")]


def test_a_first_email_notifies_no_other_email(app: Flask, mailbox: Mailbox) -> None:
    by_admin(app, ProfileChange(email=None))
    mailbox.collect()
    by_oneself(app, ProfileChange(email=NEW))
    assert told(mailbox) == [(NEW, CONFIRM)]


def test_the_old_email_is_notified_of_a_password_even_if_it_is_changed_right_after(
    app: Flask, mailbox: Mailbox
) -> None:
    services(app).profiles.change(
        principal(app, *HAWK), ProfileChange(), password="other-pw", current_password=HAWK[1]
    )
    services(app).profiles.change(principal(app, "hawk", "other-pw"), ProfileChange(email=NEW))
    assert sorted(told(mailbox)) == sorted([(EMAIL, PASSWORD), (EMAIL, WANTED), (NEW, CONFIRM)])


def test_the_owner_is_notified_of_certificates(client: FlaskClient, mailbox: Mailbox) -> None:
    made = client.post("/api/certificates", json={"csr": csr()}, headers=basic(*HAWK))
    assert (made.status_code, told(mailbox)) == (201, [(EMAIL, ISSUED)])
    serial = client.get("/api/certificates", headers=basic(*HAWK)).json["certificates"][0]["serial"]
    for status in (204, 404):
        assert (
            client.delete(f"/api/certificates/{serial}", headers=basic(*HAWK)).status_code == status
        )
    assert told(mailbox) == [(EMAIL, REVOKED)]


def test_a_notice_carries_no_token_and_no_new_email(app: Flask, mailbox: Mailbox) -> None:
    by_oneself(app, ProfileChange(email=NEW))
    (notice,) = [mail for mail in mailbox.collect() if mail.recipient == EMAIL]
    assert "Account: hawk" in notice.text
    assert "Token:" not in notice.text
    assert NEW not in notice.text + notice.html
