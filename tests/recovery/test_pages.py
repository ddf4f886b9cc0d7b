"""The two pages that links in mails lead to: opening one changes nothing, its button does."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from support.hashing import full_queue
from support.http import basic
from support.mail import EMAIL, Mailbox, register

PAGES = ["/activate", "/reset"]


@pytest.fixture
def mailbox(app: Flask, client: FlaskClient) -> Mailbox:
    """A mailbox, and an account named kite that has it."""
    register(client, "kite")
    return Mailbox(app)


def activated(client: FlaskClient) -> bool:
    found: bool = client.get("/api/users/me", headers=basic("kite", "newpwd")).json["activated"]
    return found


def reset_token(client: FlaskClient, mailbox: Mailbox) -> str:
    client.post("/api/password-resets", json={"email": EMAIL})
    return mailbox.token("Choose a new password")


def test_opening_the_activation_page_changes_nothing(client: FlaskClient, mailbox: Mailbox) -> None:
    token = mailbox.token("Confirm your email address")
    for method in ("get", "head", "get"):
        assert getattr(client, method)(f"/activate?token={token}").status_code == 200
    assert not activated(client)


def test_its_form_may_be_multipart(client: FlaskClient, mailbox: Mailbox) -> None:
    body = {"data": {"token": reset_token(client, mailbox), "password": "brand new"}}
    assert client.post("/reset", **body, content_type="multipart/form-data").status_code == 200
    assert client.get("/api/resource", headers=basic("kite", "brand new")).status_code == 200


def test_its_button_activates(client: FlaskClient, mailbox: Mailbox) -> None:
    token = mailbox.token("Confirm your email address")
    assert f'value="{token}"' in client.get(f"/activate?token={token}").text
    answer = client.post(f"/activate?token={token}", data={"token": token})
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert activated(client)
    again = client.post("/activate", data={"token": token})
    assert (again.status_code, again.mimetype) == (400, "text/html")


def test_opening_the_reset_page_changes_nothing(client: FlaskClient, mailbox: Mailbox) -> None:
    token = reset_token(client, mailbox)
    page = client.get(f"/reset?token={token}")
    assert f'value="{token}"' in page.text
    assert client.get(f"/reset?token={token}&password=evil").status_code == 400
    assert client.get("/api/resource", headers=basic("kite", "newpwd")).status_code == 200


def test_its_button_sets_the_password(client: FlaskClient, mailbox: Mailbox) -> None:
    token = reset_token(client, mailbox)
    answer = client.post("/reset", data={"token": token, "password": "brand new"})
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "brand new" not in answer.text
    assert client.get("/api/resource", headers=basic("kite", "brand new")).status_code == 200


@pytest.mark.parametrize(
    "fields", [{}, {"token": "x"}, {"password": "x"}, {"token": "x", "password": "y"}]
)
def test_a_reset_without_what_it_needs_is_refused_on_the_page(
    client: FlaskClient, mailbox: Mailbox, fields: dict[str, str]
) -> None:
    answer = client.post("/reset", data=fields, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert client.get("/api/resource", headers=basic("kite", "newpwd")).status_code == 200


def test_a_bad_password_is_reported_and_the_token_stays_valid(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    token = reset_token(client, mailbox)
    answer = client.post("/reset", data={"token": token, "password": ""})
    assert answer.status_code == 400
    assert "password" in answer.text
    assert client.post("/reset", data={"token": token, "password": "brand new"}).status_code == 200


@pytest.mark.parametrize("engine_name", ["sqlite"])  # no data is touched
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "token",
    [
        '"><script>alert(1)</script>',
        "'><img src=x>",
        "{token}",
        "{0.__class__}",
        "</html>",
        "&quot;",
        "a b",
        "\u2028",
    ],
)
def test_a_token_is_escaped(client: FlaskClient, page: str, token: str) -> None:
    text = client.get(f"{page}?token={quote(token)}").text
    inside = text.partition('name="token" value="')[2].partition('"')[0]
    assert not set("<>'\"") & set(inside)
    assert text.count("<script") == text.count("<img") == 0
    assert text.endswith("</form></main></html>\n")


@pytest.mark.parametrize("engine_name", ["sqlite"])  # no data is touched
@pytest.mark.parametrize("page", PAGES)
def test_a_page_lets_nothing_in_and_discloses_nothing(client: FlaskClient, page: str) -> None:
    for answer in (
        client.get(f"{page}?token=x"),
        client.post(page, data={"token": "x", "password": "y"}),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers.get_all("Content-Security-Policy") == [policy]
        words = (
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
        assert all(word in policy for word in words)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.content_type == "text/html; charset=utf-8"
        assert "Set-Cookie" not in answer.headers
        assert "http" not in answer.text


@pytest.mark.parametrize("engine_name", ["sqlite"])  # no data is touched
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/mixed; boundary=x"])
def test_a_page_takes_forms_only(client: FlaskClient, page: str, kind: str) -> None:
    assert client.post(page, data="{}", content_type=kind).status_code == 415


@pytest.mark.parametrize("engine_name", ["sqlite"])  # no data is touched
@pytest.mark.parametrize("page", PAGES)
def test_a_huge_token_is_cut(client: FlaskClient, page: str) -> None:
    assert len(client.get(f"{page}?token={'x' * 3000}").data) < 1200


@pytest.mark.parametrize("engine_name", ["sqlite"])  # no data is touched
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_of_another_site_is_refused(
    client: FlaskClient, page: str, headers: dict[str, str]
) -> None:
    answer = client.post(page, data={"token": "x"}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "cross_site_request")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Origin": "http://localhost"},
    ],
)
def test_the_pages_own_form_is_taken_as_browsers_send_it(
    client: FlaskClient, mailbox: Mailbox, headers: dict[str, str]
) -> None:
    token = mailbox.token("Confirm your email address")
    assert client.post("/activate", data={"token": token}, headers=headers).status_code == 200


def test_a_busy_service_asks_to_come_again(
    app: Flask, client: FlaskClient, mailbox: Mailbox
) -> None:
    token = reset_token(client, mailbox)
    passwords = app.extensions["identity"].services.recovery._passwords
    with full_queue(passwords):
        answer = client.post("/reset", data={"token": token, "password": "brand new"})
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert int(answer.headers["Retry-After"]) > 0
    assert client.post("/reset", data={"token": token, "password": "brand new"}).status_code == 200
