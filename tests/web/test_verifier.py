"""What Flask-HTTPAuth leaves open and the verifier closes."""

from __future__ import annotations

import base64
import inspect
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import identity
from identity.api import problems
from identity.domain.errors import Unauthenticated
from identity.domain.principal import Principal
from identity.web import verifier as module
from identity.web.problems import CHALLENGES, REALM
from identity.web.requests.credentials import read_authorization
from identity.web.verifier import auth
from support.accounts import ADMIN, HAWK
from support.app import ORIGIN, services
from support.hashing import CountingPasswords
from support.http import basic, bearer
from support.native_api import NativeApi, sent

PAIR = base64.b64encode(b"hawk:newpwd").decode()


def authorization(value: str) -> dict[str, str]:
    return {"Authorization": value}


@pytest.mark.parametrize(
    "scheme", ["Bearer", "Foo", "Digest", "Token", "Basic2", "Bas ic", "Negotiate", ""]
)
def test_a_password_is_refused_when_the_scheme_is_not_basic(api: NativeApi, scheme: str) -> None:
    assert (
        api.client.get("/api/resource", headers=authorization(f"{scheme} {PAIR}")).status_code
        == 401
    )
    assert (
        api.client.get("/api/resource", headers=authorization(f"Basic {PAIR}")).status_code == 200
    )


@pytest.mark.parametrize(
    "text",
    [
        "!" + PAIR,
        PAIR[:4] + "!" + PAIR[4:],
        PAIR[:4] + " " + PAIR[4:],
        PAIR + "!",
        PAIR + "====",
        base64.urlsafe_b64encode(b"hawk:\xc3\xbf\xc3\xbf?>").decode(),
        PAIR.rstrip("="),
        base64.b64encode("hawk:newpwd".encode("utf-16")).decode(),
        "aGF3azpuZXdwd1==",
    ],
)
def test_a_password_has_one_spelling_in_strict_base64(text: str) -> None:
    assert read_authorization(f"Basic {text}") is None


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Bearer", "Basic ", "Basic Og==", "Basic OnB3", "Bearer "]
)
def test_no_account_is_looked_up_when_there_is_no_name(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, header: str | None
) -> None:
    passwords = CountingPasswords()
    monkeypatch.setattr(services(api.app).authentication, "_passwords", passwords)
    headers = {} if header is None else authorization(header)
    with api.unchanged():
        assert api.client.get("/api/resource", headers=headers).status_code == 401
    assert passwords.admitted == 0


@pytest.mark.parametrize("falsy", [None, False, 0, "", (), [], {}], ids=repr)
@pytest.mark.parametrize("credential", [basic(*HAWK), bearer("idt_any")], ids=["password", "token"])
def test_no_caller_passes_when_a_check_returns_something_falsy(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, falsy: object, credential: dict[str, str]
) -> None:
    for check in ("by_password", "by_token"):
        monkeypatch.setattr(services(api.app).authentication, check, lambda *_: falsy)
    monkeypatch.setitem(api.app.view_functions, "tokens.resource", auth.required(lambda: "in"))
    answer = api.client.get("/api/resource", headers=credential)
    assert (answer.status_code, answer.text) == (401, "Unauthorized Access")


def test_a_principal_is_never_falsy() -> None:
    assert Principal(ORIGIN)


@pytest.mark.parametrize(
    "header",
    [
        basic("hawk", "wrong")["Authorization"],
        basic("falsy", "newpwd")["Authorization"],
        basic("idt_wrong")["Authorization"],
        "Bearer idt_wrong",
        "Basic",
        "Basic ???",
        "Foo bar",
        "",
    ],
)
def test_a_wrong_credential_is_never_anonymous_even_where_authentication_is_optional(
    api: NativeApi, header: str
) -> None:
    headers = authorization(header)
    users = services(api.app).account_list
    before = users.page(_admin(api), search=None, cursor=None, limit=200)
    for answer in (
        api.client.get("/api/users/1", headers=headers),
        api.client.head("/api/users/1", headers=headers),
        api.client.post(
            "/api/users", headers=headers, **sent(b'{"username":"falcon","password":"newpwd"}')
        ),
    ):
        assert (answer.status_code, answer.headers.getlist("WWW-Authenticate")) == (
            401,
            list(CHALLENGES),
        )
    assert users.page(_admin(api), search=None, cursor=None, limit=200) == before


def _admin(api: NativeApi) -> Principal:
    return services(api.app).authentication.by_password(*ADMIN, ORIGIN)


@pytest.mark.parametrize(
    "headers", [{}, basic(*HAWK), basic("hawk", "wrong"), authorization("Foo")]
)
@pytest.mark.parametrize(
    "path", ["/api/users", "/api/users/1", "/api/token", "/api/resource", "/api/admin/users"]
)
def test_options_is_answered_without_a_challenge(
    api: NativeApi, path: str, headers: dict[str, str]
) -> None:
    with api.unchanged():
        answer = api.client.options(path, headers=headers)
    assert (answer.status_code, answer.text) == (200, "")
    assert "WWW-Authenticate" not in answer.headers
    assert "token" not in answer.headers
    assert "OPTIONS" in answer.headers["Allow"]


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
@pytest.mark.parametrize("spaces", [" ", "   "])
def test_basic_is_understood_in_any_letter_case(api: NativeApi, scheme: str, spaces: str) -> None:
    answer = api.client.get("/api/resource", headers=authorization(f"{scheme}{spaces}{PAIR}"))
    assert answer.json == {"data": "Hello, hawk!"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_bearer_is_understood_in_any_letter_case(api: NativeApi, scheme: str) -> None:
    token = api.client.get("/api/token", headers=basic(*HAWK)).json["token"]
    answer = api.client.get("/api/resource", headers=authorization(f"{scheme} {token}"))
    assert answer.json == {"data": "Hello, hawk!"}


def test_the_verifier_knows_no_roles() -> None:
    assert auth.get_user_roles_callback is None
    for decorator in (auth.required, auth.optional):
        assert list(inspect.signature(decorator).parameters) == ["view"]


def test_a_refusal_is_spelled_once_when_its_spelling_has_a_bug(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def broken(*_: object) -> None:
        calls.append(1)
        raise TypeError("broken")

    with pytest.raises(Unauthenticated):
        auth.auth_error_callback(401)
    monkeypatch.setattr(problems, "wants_json", broken)
    assert api.client.get("/api/resource").status_code == 500
    assert calls == [1]


@pytest.mark.parametrize(
    ("name", "password"), [("h\u00e4wk", "newpwd"), ("hawk", "n\u00e9wpwd"), ("\u9df9", "\u5bc6")]
)
def test_a_password_that_is_not_ascii_is_wrong_and_not_an_error(
    api: NativeApi, name: str, password: str
) -> None:
    assert (
        auth.get_auth_password(read_authorization(basic(name, password)["Authorization"])) is None
    )
    assert api.client.get("/api/resource", headers=basic(name, password)).status_code == 401


def test_digest_is_not_offered(api: NativeApi) -> None:
    sources = [
        path.read_text("utf-8") for path in Path(inspect.getfile(identity)).parent.rglob("*.py")
    ]
    assert not any(
        word in source
        for source in sources
        for word in ("HTTPDigestAuth", "MultiAuth", "HTTPBasicAuth")
    )
    digest = 'Digest username="hawk", realm="x", nonce="y", uri="/api/resource", response="z"'
    assert api.client.get("/api/resource", headers=authorization(digest)).status_code in {400, 401}
    assert "digest" not in str(api.client.get("/api/resource").headers).lower()


def test_a_principal_does_not_outlive_its_request(client: FlaskClient) -> None:
    for number, headers in enumerate(
        (basic(*ADMIN), {}, basic(*HAWK), {}, basic("hawk", "wrong"), {})
    ):
        fields = {"username": f"falcon{number}", "password": "newpwd"}
        assert client.post("/api/users", json=fields, headers=headers).status_code in {201, 401}
        assert client.get("/api/users/me").status_code == 401
    trail = client.get("/api/admin/audit?kind=account.registered", headers=basic(*ADMIN)).json[
        "events"
    ]
    actors = {
        event["subject"]: event["actor"] for event in trail if event["subject"].startswith("falcon")
    }
    assert actors == {
        "falcon0": "admin",
        "falcon1": None,
        "falcon2": "hawk",
        "falcon3": None,
        "falcon5": None,
    }


def test_the_challenges_are_our_own_words(api: NativeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "realm", 'unescaped"')
    monkeypatch.setattr(auth, "scheme", "Foreign")
    answer = api.client.get("/api/resource")
    assert answer.headers.getlist("WWW-Authenticate") == [
        'Basic realm="Authentication Required"',
        'Bearer realm="Authentication Required"',
    ]


def test_the_realm_needs_no_escaping() -> None:
    assert REALM.isascii()
    assert REALM.isprintable()
    assert not set('"\\') & set(REALM)


def test_there_is_one_verifier() -> None:
    assert [name for name, value in vars(module).items() if isinstance(value, module.Verifier)] == [
        "auth"
    ]
