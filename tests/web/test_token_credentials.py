"""Access tokens as credentials: one spelling, one purpose, one owner, one lifetime."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from itsdangerous import Signer, TimestampSigner, URLSafeSerializer, URLSafeTimedSerializer

from support.accounts import ADMIN, HAWK
from support.http import basic, bearer, token_of
from support.native_api import NativeApi, statuses
from support.tokens import claims_of, session_of, with_claims

KEY_A, KEY_B, KEY_C = (hashlib.sha256(name).hexdigest() for name in (b"a", b"b", b"c"))
HELLO = {"data": "Hello, hawk!"}


@pytest.fixture
def token(api: NativeApi) -> str:
    return token_of(api.client, *HAWK)


@pytest.mark.parametrize("password", ["x", "", "newpwd", "wrong", "a:b", ":", "\u00e9", "p" * 300])
def test_a_token_is_valid_as_a_username_with_any_password(
    api: NativeApi, token: str, password: str
) -> None:
    with api.unchanged():
        assert api.client.get("/api/resource", headers=basic(token, password)).json == HELLO


def test_a_token_is_valid_as_a_bearer(api: NativeApi, token: str) -> None:
    with api.unchanged():
        assert api.client.get("/api/resource", headers=bearer(token)).json == HELLO


def test_a_token_is_its_owner_beside_any_other_field(api: NativeApi, token: str) -> None:
    for password in (ADMIN[1], ":".join(ADMIN), token_of(api.client, *ADMIN)):
        answer = api.client.get("/api/resource?user=admin", headers=basic(token, password))
        assert answer.json == HELLO
    changed = api.client.patch(
        "/api/users/me", headers=basic(token, ADMIN[1]), json={"full_name": "A. Hawk"}
    )
    assert changed.json["username"] == "hawk"


def _session_alone(token: str) -> str:
    claims = claims_of(token)
    times = f"{claims.issued_at:08x}.{claims.expires_at:08x}"
    return f"idt_{claims.session}.{times}.{token.partition('.')[2]}"


RESPELLED: dict[str, Callable[[str], str]] = {
    "next last character": lambda t: t[:-1] + chr(ord(t[-1]) + 1),
    "every padding bit": lambda t: t[:-1] + _SIBLING[t[-1]],
    "equals sign": lambda t: t + "=",
    "two equals signs": lambda t: t + "==",
    "exclamation marks": lambda t: t + "!!",
    "space": lambda t: t + " ",
    "line break": lambda t: t + "\n",
    "NUL": lambda t: t + "\0",
    "not ASCII": lambda t: t + "\u00e9",
    "full width": lambda t: t[:-1] + chr(ord(t[-1]) + 0xFEE0),
    "dot": lambda t: t + ".",
    "last character gone": lambda t: t[:-1],
    "signature gone": lambda t: t.rpartition(".")[0],
    "signature empty": lambda t: t.rpartition(".")[0] + ".",
    "signature twice": lambda t: t + "." + t.rpartition(".")[2],
    "prefix gone": lambda t: t.removeprefix("idt_"),
    "prefix, upper case": lambda t: "IDT_" + t.removeprefix("idt_"),
    "prefix, one letter": lambda t: "Idt_" + t.removeprefix("idt_"),
    "prefix twice": lambda t: "idt_" + t,
    "other session": lambda t: with_claims(t, session="f" * 32),
    "other account": lambda t: with_claims(t, subject=claims_of(t).subject._replace(id=1)),
    "administrator": lambda t: with_claims(t, subject=claims_of(t).subject._replace(admin=True)),
    "later end": lambda t: with_claims(t, expires_at=claims_of(t).expires_at + 1),
    "earlier issue": lambda t: with_claims(t, issued_at=claims_of(t).issued_at - 1),
    "session alone": _session_alone,
    "standard alphabet": lambda t: t[:4] + t[4:].replace("-", "+").replace("_", "/") + "A",
    "8 KiB": lambda t: t + "A" * 8192,
    "percent signs": lambda t: t.replace("_", "%5F", 1),
    "quoted": lambda t: f'"{t}"',
    "before another": lambda t: f"{t}.{t}",
}
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SIBLING: dict[str, str] = {char: _ALPHABET[index ^ 1] for index, char in enumerate(_ALPHABET)}


@pytest.mark.parametrize("respell", RESPELLED.values(), ids=RESPELLED)
def test_a_token_has_one_spelling(
    api: NativeApi, token: str, respell: Callable[[str], str]
) -> None:
    assert respell(token) != token
    header = f"Bearer {respell(token)}".replace("\n", " ").encode("utf-8").decode("latin-1")
    assert api.client.get("/api/resource", headers=basic(respell(token))).status_code == 401
    assert api.client.get("/api/resource", headers={"Authorization": header}).status_code == 401


def test_a_revoked_token_stays_revoked_however_it_is_spelled(client: FlaskClient) -> None:
    token = token_of(client, *HAWK)
    assert client.delete("/api/token", headers=bearer(token)).status_code == 204
    for spelling in (token, *(respell(token) for respell in RESPELLED.values())):
        assert client.get("/api/resource", headers=basic(spelling)).status_code == 401


def test_a_cookie_is_no_credential(api: NativeApi, token: str) -> None:
    for name in ("session", "token", "access_token", "Authorization", "remember_token"):
        headers = {"Cookie": f"{name}={token}"}
        assert api.client.get("/api/resource", headers=headers).status_code == 401


def test_a_token_in_the_query_is_no_credential(api: NativeApi, token: str) -> None:
    for name in ("token", "access_token", "username"):
        assert api.client.get(f"/api/resource?{name}={token}").status_code in {400, 401}


def _signers(key: str) -> dict[str, Callable[[str], str]]:
    ours, sha256 = "identity.access-token", hashlib.sha256
    made = {
        "other key": Signer(KEY_B, salt=ours, key_derivation="hmac", digest_method=sha256),
        "other purpose": Signer(
            key, salt="identity.activation", key_derivation="hmac", digest_method=sha256
        ),
        "no purpose": Signer(key, key_derivation="hmac", digest_method=sha256),
        "other derivation": Signer(key, salt=ours, key_derivation="concat", digest_method=sha256),
        "the library's derivation": Signer(key, salt=ours, digest_method=sha256),
        "no derivation": Signer(key, salt=ours, key_derivation="none", digest_method=sha256),
        "SHA-1": Signer(key, salt=ours, key_derivation="hmac", digest_method=hashlib.sha1),
        "SHA-512": Signer(key, salt=ours, key_derivation="hmac", digest_method=hashlib.sha512),
        "the library's defaults": Signer(key),
        "with a time": TimestampSigner(key, salt=ours, key_derivation="hmac", digest_method=sha256),
        "other separator": Signer(
            key, salt=ours, sep=":", key_derivation="hmac", digest_method=sha256
        ),
        "empty key": Signer("", salt=ours, key_derivation="hmac", digest_method=sha256),
    }
    return {
        name: lambda text, signer=signer: signer.sign(text).decode()
        for name, signer in made.items()
    }


def test_a_token_is_refused_when_it_was_signed_otherwise(
    make_api: Callable[..., NativeApi],
) -> None:
    api = make_api(secret_keys=KEY_A)
    token = token_of(api.client, *HAWK)
    assert statuses(api.client, token) == {200}
    for name, sign in _signers(KEY_A).items():
        assert statuses(api.client, sign(token.rpartition(".")[0])) == {401}, name


def test_a_token_is_refused_when_it_is_of_another_format(
    make_api: Callable[..., NativeApi],
) -> None:
    api = make_api(secret_keys=KEY_A)
    session = session_of(token_of(api.client, *HAWK))
    payload = {"session": session, "id": 2, "sub": "hawk", "exp": 4102444800}
    part = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    headers = ({"alg": alg, "typ": "JWT"} for alg in ("none", "None", "nOnE", "HS256", "ES256"))
    forged = [
        base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        for header in headers
    ]
    forged = [f"{header}.{part}.{tail}" for header in forged for tail in ("", "AAAA")]
    forged += [
        URLSafeSerializer(KEY_A).dumps(payload),
        URLSafeTimedSerializer(KEY_A).dumps(payload),
        session,
        KEY_A,
    ]
    forged += [URLSafeTimedSerializer(KEY_A, salt="cookie-session").dumps({"_user_id": "2"})]
    for token in forged:
        assert statuses(api.client, token) == {401}
        assert statuses(api.client, f"idt_{token}") == {401}


def test_a_token_stays_valid_in_a_rotation_and_expires_with_its_key(
    make_api: Callable[..., NativeApi],
) -> None:
    before = make_api(secret_keys=KEY_A)
    old = token_of(before.client, *HAWK)
    rotating = make_api(secret_keys=f"{KEY_A},{KEY_B}")
    new = token_of(rotating.client, *HAWK)
    assert statuses(rotating.client, old) == statuses(rotating.client, new) == {200}
    assert statuses(before.client, new) == {401}  # the newest key, the last, is the one that signs
    after = make_api(secret_keys=f"{KEY_B},{KEY_C}")
    assert statuses(after.client, new) == {200}
    assert statuses(after.client, old) == {401}
