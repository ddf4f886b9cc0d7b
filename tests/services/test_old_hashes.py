"""Accounts with another system's hash: the first login verifies it and replaces it."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Callable

import bcrypt
import pytest
from argon2 import PasswordHasher
from flask import Flask
from werkzeug.security import generate_password_hash

from identity.domain.errors import Unauthenticated
from identity.domain.principal import operator
from support.accounts import HAWK
from support.app import by_token, principal, services, token_principal
from support.certificates import openssl
from support.database import execute, rows
from support.hashing import count_hashes

PASSWORD = HAWK[1].encode()
OURS = "$argon2id$v=19$m=8,t=1,p=1$"
OLD = {
    "Werkzeug scrypt": generate_password_hash(HAWK[1], "scrypt:1024:8:1"),
    "Werkzeug pbkdf2": generate_password_hash(HAWK[1], "pbkdf2:sha256:1000"),
    "Django": "pbkdf2_sha256$1000$salt$"
    + base64.b64encode(hashlib.pbkdf2_hmac("sha256", PASSWORD, b"salt", 1000)).decode(),
    "bcrypt": bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4)).decode(),
    "Meteor": "meteor$"
    + bcrypt.hashpw(hashlib.sha256(PASSWORD).hexdigest().encode(), bcrypt.gensalt(4)).decode(),
    "Argon2id of four lanes": PasswordHasher(memory_cost=64, time_cost=1, parallelism=4).hash(
        HAWK[1]
    ),
    "Django's Argon2": "argon2"
    + PasswordHasher(memory_cost=64, time_cost=1, parallelism=8).hash(HAWK[1]),
    "SHA-crypt": openssl("passwd", "-6", HAWK[1]).strip(),
    "Argon2id of other parameters": PasswordHasher(memory_cost=16, time_cost=2, parallelism=1).hash(
        HAWK[1]
    ),
}
UNUSABLE = {
    "nothing": "",
    "Django's unusable": "!abc",
    "plain text": HAWK[1],
    "unknown method": "md5$salt$0123",
    "hostile scrypt": "scrypt:8388608:8:1$salt$" + "0" * 128,
    "hostile pbkdf2": "pbkdf2_sha256$99999999$salt$" + "A" * 43 + "=",
    "hostile bcrypt": "$2b$31$" + "." * 53,
    "hostile Argon2": "$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
    "malformed bcrypt": "$2b$04$" + "z" * 53,
    "malformed scrypt": "scrypt:65536:1:1$salt$" + "0" * 128,
    "malformed Argon2": "$argon2id$v=19$m=8,t=1,p=1$\u00e9\u00e9\u00e9\u00e9$AAAA",
}
ANGSTROM = "\u212b and \ufb01sh"  # NFKC makes other letters of both
AS_IT_CAME = {
    "Werkzeug": generate_password_hash(ANGSTROM, "pbkdf2:sha256:1000"),
    "bcrypt": bcrypt.hashpw(ANGSTROM.encode(), bcrypt.gensalt(4)).decode(),
    "Argon2id at our cost": PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash(
        ANGSTROM
    ),
    "folded there already": generate_password_hash(
        unicodedata.normalize("NFKC", ANGSTROM), "pbkdf2:sha256:1000"
    ),
}
STORED = "SELECT password_hash, version FROM account WHERE id = 2"


def keep(app: Flask, stored: str) -> None:
    execute(app, "UPDATE account SET password_hash = :stored WHERE id = 2", stored=stored)


def test_a_password_that_is_folded_matches_as_it_came_and_is_kept_folded(app: Flask) -> None:
    folded = unicodedata.normalize("NFKC", ANGSTROM)
    for what, old in AS_IT_CAME.items():
        keep(app, old)
        assert principal(app, "hawk", ANGSTROM).account.id == 2, what
        for spelling in (ANGSTROM, folded):
            assert principal(app, "hawk", spelling).account.id == 2, what
        ((stored, _),) = rows(app, STORED)
        assert PasswordHasher().verify(stored, folded), what


def test_first_login_replaces_an_old_hash_and_ends_nothing(app: Flask) -> None:
    token, _ = token_principal(app, *HAWK)
    for what, old in OLD.items():
        keep(app, old)
        assert principal(app, *HAWK).account.id == 2, what
        ((stored, version),) = rows(app, STORED)
        assert stored.startswith(OURS), what
        assert (version, by_token(app, token).account.id) == (1, 2)
        hashes = count_hashes(app)
        assert principal(app, *HAWK).account.id == 2
        assert (hashes.checked, hashes.hashed) == ([stored], 0)


def test_wrong_password_leaves_an_old_hash_as_it_is(app: Flask) -> None:
    for what, old in OLD.items():
        keep(app, old)
        with pytest.raises(Unauthenticated):
            principal(app, "hawk", "wrong")
        assert rows(app, STORED) == [(old, 1)], what


def test_unusable_hash_is_refused_like_any_wrong_password(app: Flask) -> None:
    refusals = {}
    for what, unusable in UNUSABLE.items():
        keep(app, unusable)
        try:
            principal(app, *HAWK)
        except Exception as error:  # noqa: BLE001 - which one it is is the question
            refusals[what] = type(error).__name__
        assert rows(app, STORED) == [(unusable, 1)], what
    assert refusals == dict.fromkeys(UNUSABLE, "Unauthenticated")
    assert rows(app, "SELECT DISTINCT count FROM counter") == [(len(UNUSABLE),)]


def test_disabled_account_keeps_its_old_hash(app: Flask) -> None:
    keep(app, OLD["Django"])
    services(app).administration.disable(operator(), 2)
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)
    assert rows(app, STORED)[0][0] == OLD["Django"]


def change_password(app: Flask) -> None:
    execute(app, "UPDATE account SET password_hash = 'newer', version = 2 WHERE id = 2")


def delete(app: Flask) -> None:
    services(app).administration.delete(operator(), 2)


@pytest.mark.parametrize(("change", "stored"), [(change_password, [("newer", 2)]), (delete, [])])
def test_old_hash_that_was_replaced_while_it_was_checked_is_not_brought_back(
    app: Flask, change: Callable[[Flask], None], stored: list[tuple[str, int]]
) -> None:
    keep(app, OLD["Django"])
    count_hashes(app).meanwhile = lambda: change(app)
    with pytest.raises(Unauthenticated):
        principal(app, *HAWK)
    assert rows(app, STORED) == stored
