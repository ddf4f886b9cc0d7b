"""A JWT that the service did not sign in exactly this form is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from flask import Flask
from flask.testing import FlaskClient

from identity.adapters.keys.p256 import new_key
from support.database import shared_database
from support.http import bearer

USER = {
    "email": "email@domain.tld",
    "password": "correct horse",
    "password_confirm": "correct horse",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """One application for all that opens nothing."""
    with shared_database(request, tmp_path_factory) as make:
        made = make()
        yield made


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture(scope="module")
def user(client: FlaskClient) -> str:
    found: str = client.post("/continuous/users", json=USER).json["id"]
    return found


@pytest.fixture(scope="module")
def token(client: FlaskClient, user: str) -> str:
    """A valid JWT of the user."""
    assert user
    found: str = client.post("/continuous/sessions", json=USER).json["token"]
    return found


@pytest.fixture(scope="module")
def key(app: Flask) -> Any:
    """The service's own private key: only with it can a token be wrong in its claims alone."""
    return load(
        (app.extensions["identity"].settings.data_dir / "jwt_keys" / "0001.pem").read_bytes()
    )


def load(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem, password=None)


def alive(client: FlaskClient, user: str, token: str) -> bool:
    status = client.put(f"/continuous/users/{user}", json={}, headers=bearer(token)).status_code
    assert status in {204, 401}
    return status == 204


def part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return pyjwt.get_unverified_header(token), pyjwt.decode(
        token, options={"verify_signature": False}
    )


def test_a_token_signed_again_unchanged_is_valid(
    client: FlaskClient, user: str, token: str, key: Any
) -> None:
    header, claims = read(token)
    assert alive(client, user, pyjwt.encode(claims, key, "ES256", headers=header))


HEADERS: dict[str, dict[str, Any]] = {
    "no kid": {"kid": None},
    "a path as kid": {"kid": "../../../../dev/null"},
    "SQL as kid": {"kid": "' OR 1=1 --"},
    "a long kid": {"kid": "x" * 10_000},
    "an unknown kid": {"kid": "0123456789abcdef"},
    "critical": {"crit": ["b64"], "b64": False},
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_made_up_header_opens_nothing(
    client: FlaskClient, user: str, token: str, key: Any, case: str
) -> None:
    header, claims = read(token)
    changed = {name: value for name, value in (header | HEADERS[case]).items() if value is not None}
    signed = f"{part(changed)}.{part(claims)}"
    assert not alive(client, user, f"{signed}.{signature(key, signed)}")


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_a_token_brings_along_is_not_asked(
    client: FlaskClient, user: str, token: str, name: str
) -> None:
    header, claims = read(token)
    own = load(new_key())
    brought = {
        "jwk": json.loads(pyjwt.algorithms.ECAlgorithm.to_jwk(own.public_key())),
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "http://127.0.0.1:1/chain",
        "x5c": [base64.b64encode(b"x").decode()],
    }
    forged = pyjwt.encode(claims, own, "ES256", headers={"kid": header["kid"], name: brought[name]})
    assert not alive(client, user, forged)


def signature(key: Any, text: str) -> str:
    """Return what ES256 puts behind a text, whatever the text says."""
    made = pyjwt.algorithms.ECAlgorithm(pyjwt.algorithms.ECAlgorithm.SHA256).sign(
        text.encode(), key
    )
    return part(made)


def by_mac(text: str, key: Any) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return part(hmac.new(public, text.encode(), hashlib.sha256).digest())


ALGORITHMS: dict[str, tuple[Any, Callable[[str, Any], str]]] = {
    "none": ("none", lambda _text, _key: ""),
    "None": ("None", lambda _text, _key: ""),
    "nOnE": ("nOnE", lambda _text, _key: ""),
    "none with a signature": ("none", lambda text, key: signature(key, text)),
    "HS256 with the public key": ("HS256", by_mac),
    "HS256 with a good signature": ("HS256", lambda text, key: signature(key, text)),
    "RS256": ("RS256", lambda text, key: signature(key, text)),
    "ES384": ("ES384", lambda text, key: signature(key, text)),
    "a list": (["ES256"], lambda text, key: signature(key, text)),
    "zero r and s": ("ES256", lambda _text, _key: part(b"\0" * 64)),
    "no signature": ("ES256", lambda _text, _key: ""),
    "another key": ("ES256", lambda text, _key: signature(load(new_key()), text)),
}


@pytest.mark.parametrize("case", ALGORITHMS)
def test_the_algorithm_is_not_the_tokens_choice(
    client: FlaskClient, user: str, token: str, key: Any, case: str
) -> None:
    header, claims = read(token)
    algorithm, sign = ALGORITHMS[case]
    text = f"{part(header | {'alg': algorithm})}.{part(claims)}"
    assert not alive(client, user, f"{text}.{sign(text, key)}")


REMOVED = object()


CLAIMS: dict[str, dict[str, Any]] = {
    **{
        f"no {name}": {name: REMOVED}
        for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "typ")
    },
    **{
        f"exp {exp!r}": {"exp": exp}
        for exp in ("9999999999", 4e9, float("nan"), 1e30, -1, [4_000_000_000], None, True)
    },
    **{f"iat {iat!r}": {"iat": iat} for iat in ("1", 4_000_000_000, 1.5, None, [1])},
    "in the future": {"iat": 4_000_000_000, "exp": 4_000_003_600},
    "not before the future": {"nbf": 4_000_000_000},
    "another issuer": {"iss": "https://evil.example"},
    "issuers": {"iss": ["identity"]},
    "another audience": {"aud": "another-service"},
    "no audience at all": {"aud": []},
    "another type": {"typ": "password-reset"},
    "a number as subject": {"sub": 1},
    "an unknown session": {"sid": "0" * 32},
    "a number as session": {"sid": 1},
    "a list as session": {"sid": []},
}


@pytest.mark.parametrize("case", CLAIMS)
def test_a_token_with_other_claims_opens_nothing(
    client: FlaskClient, user: str, token: str, key: Any, case: str
) -> None:
    header, claims = read(token)
    changed = {
        name: value for name, value in (claims | CLAIMS[case]).items() if value is not REMOVED
    }
    text = f"{part(header)}.{part(changed)}"
    assert not alive(client, user, f"{text}.{signature(key, text)}")


@pytest.mark.parametrize(
    "respell",
    [
        lambda token: token + "=",
        lambda token: token + "!!",
        lambda token: token[:-1] + chr(ord(token[-1]) + 1),
        lambda token: token[:-1],
        lambda token: token + "." + token.rpartition(".")[2],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", "..", 1),
        lambda token: token.upper(),
        lambda _token: "eyJ.eyJ.x",
        lambda _token: "eyJhbGciOiJFUzI1NiJ9.e30." + "A" * 86,
        lambda token: token + "A" * 5000,
    ],
)
def test_a_token_has_one_spelling(
    client: FlaskClient, user: str, token: str, respell: Callable[[str], str]
) -> None:
    assert not alive(client, user, respell(token))
    assert alive(client, user, token)
