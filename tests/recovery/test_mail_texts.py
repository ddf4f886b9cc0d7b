"""The texts of mails, which no request can change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.adapters.mail import compose
from identity.domain.mail import Mail, MailKind, write
from support.http import basic
from support.mail import EMAIL, Mailbox, register, token_in_mail

KINDS = list(MailKind)
PUBLIC = "https://id.example.org"


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.text += "\n" * (tag == "p")

    def handle_data(self, data: str) -> None:
        self.text += data


def mail_of(kind: MailKind = MailKind.RESET, **changed: str) -> Mail:
    given_values = {
        "message_id": "1",
        "recipient": EMAIL,
        "username": "hawk",
        "token": "t0k3n",
        "link": "",
    }
    return write(kind, **(given_values | changed))


def test_a_mail_has_the_link_and_the_bare_token_in_both_parts() -> None:
    made = mail_of(link=f"{PUBLIC}/reset?token=t0k3n")
    assert f"\n{PUBLIC}/reset?token=t0k3n\n" in made.text
    assert token_in_mail(made.text) == token_in_mail(_Tags(made.html).text) == "t0k3n"
    assert [attrs for tag, attrs in _Tags(made.html).seen if tag == "a"] == [
        [("href", f"{PUBLIC}/reset?token=t0k3n")]
    ]


def test_a_mail_without_a_public_url_has_no_link() -> None:
    made = mail_of()
    assert "http" not in made.text + made.html
    assert "<a" not in made.html
    assert token_in_mail(made.text) == "t0k3n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["<b>x</b>", "<script>alert(1)</script>", "O'Hara & Co", '"><img src=x>']
)
def test_a_name_is_escaped(kind: MailKind, name: str) -> None:
    plain = _Tags(mail_of(kind).html)
    named = _Tags(mail_of(kind, username=name).html)
    assert [tag for tag, _ in named.seen] == [tag for tag, _ in plain.seen]
    assert name.replace(".", ". ") in named.text


@pytest.mark.parametrize(
    "name", ["evil.example", "www.evil.example", "a@evil.example", "http.evil.example.org"]
)
def test_a_name_is_no_link(name: str) -> None:
    made = mail_of(username=name)
    assert name not in made.text + made.html
    assert name.replace(".", ". ") in made.text


def test_a_name_is_cut() -> None:
    assert len(mail_of(username="x" * 500).text) < len(mail_of().text) + 80


@settings(deadline=None, max_examples=30)
@given(name=st.text(max_size=100), kind=st.sampled_from(KINDS))
def test_a_name_adds_no_element_and_no_email(name: str, kind: MailKind) -> None:
    made = mail_of(
        kind, username=name, link=f"{PUBLIC}/x" if kind is not MailKind.PASSWORD_CHANGED else ""
    )
    plain = mail_of(kind, link=f"{PUBLIC}/x" if kind is not MailKind.PASSWORD_CHANGED else "")
    assert [tag for tag, _ in _Tags(made.html).seen] == [tag for tag, _ in _Tags(plain.html).seen]
    assert made.recipient == EMAIL
    assert made.subject == plain.subject


@pytest.mark.parametrize("field", ["recipient", "subject", "message_id"])
@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r"])
def test_a_line_break_in_a_header_is_refused(field: str, line_break: str) -> None:
    values = {"message_id": "1", "recipient": EMAIL, "subject": "s", "text": "t", "html": "h"}
    values[field] += f"{line_break}Bcc: evil@example.org"
    with pytest.raises(ValueError, match=r"."):
        compose(Mail(**values), "identity@example.org").as_bytes()


def test_a_message_is_addressed_and_marked_as_automatic() -> None:
    message = compose(mail_of(), "identity@example.org")
    assert (message["From"], message["To"]) == ("identity@example.org", EMAIL)
    assert message["Message-ID"] == "<1@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_a_message_has_a_date_as_every_message_must() -> None:
    written = compose(mail_of(), "identity@example.org")["Date"].datetime
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)


def test_a_domain_of_other_letters_is_written_as_every_server_knows_it() -> None:
    message = compose(mail_of(recipient="hawk@bücher.example"), "identity@example.org")
    assert message["To"] == "hawk@xn--bcher-kva.example"
    assert message.as_bytes().isascii()


@pytest.mark.parametrize(
    "email",
    [
        "hawk@example.org\r\nBcc: evil@example.org",
        "hawk@example.org\nBcc: evil@example.org",
        "hawk@example.org, evil@example.org",
        "hawk@example.org;evil@example.org",
        "Hawk <hawk@example.org>",
        '"hawk evil"@example.org',
        "hawk@[192.0.2.1]",
        "hawk@example.org%0d%0aBcc:evil@example.org",
    ],
)
def test_an_email_that_is_more_than_one_is_never_written_to(app: Flask, email: str) -> None:
    mailbox, client = Mailbox(app), app.test_client(use_cookies=False)
    answer = client.post(
        "/api/users", json={"username": "kite", "password": "newpwd", "email": email}
    )
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_input")
    assert mailbox.collect() == []


HOSTS = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "Forwarded": "host=evil.example",
    "X-Original-URL": "/evil.example",
    "X-Forwarded-For": "evil.example",
    "Referer": "https://evil.example/",
}


@pytest.mark.parametrize("chosen", [{}, {"public_url": PUBLIC}, {"trusted_proxies": "127.0.0.1"}])
def test_a_mail_follows_no_header_of_a_request(
    make_app: Callable[..., Flask], chosen: dict[str, str]
) -> None:
    app = make_app(**chosen)
    mailbox, client = Mailbox(app), app.test_client(use_cookies=False)
    body = {"username": "kite", "password": "newpwd", "email": EMAIL}
    assert client.post("/api/users", json=body, headers=HOSTS).status_code == 201
    assert (
        client.post("/api/password-resets", json={"email": EMAIL}, headers=HOSTS).status_code == 204
    )
    mails = mailbox.collect()
    assert [made.subject for made in mails] == [
        "Confirm your email address",
        "Choose a new password",
    ]
    for made in mails:
        assert "evil" not in made.text + made.html
        assert (f"{PUBLIC}/" in made.text) == ("public_url" in chosen)
        assert made.text.count("://") == ("public_url" in chosen)


def test_a_link_leads_to_the_page_that_takes_its_token(make_app: Callable[..., Flask]) -> None:
    app = make_app(public_url=f"{PUBLIC}/")
    mailbox, client = Mailbox(app), app.test_client(use_cookies=False)
    register(client, "kite")
    client.post("/api/password-resets", json={"email": EMAIL})
    links = [
        next(line for line in made.text.split("\n") if "://" in line) for made in mailbox.collect()
    ]
    assert [link.partition("?")[0] for link in links] == [f"{PUBLIC}/activate", f"{PUBLIC}/reset"]
    for link in links:
        page = client.get(link.removeprefix(PUBLIC))
        token = link.partition("token=")[2]
        fields = {"token": token, "password": "brand new"}
        assert f'value="{token}"' in page.text
        assert (
            client.post(link.removeprefix(PUBLIC).partition("?")[0], data=fields).status_code == 200
        )
    assert (
        client.get("/api/users/me", headers=basic("kite", "brand new")).json["email_verified"]
        is True
    )
