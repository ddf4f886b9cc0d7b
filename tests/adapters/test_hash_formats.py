"""A wrong password costs one check of every known hash format, for every account."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import bcrypt
import pytest
from argon2 import PasswordHasher
from werkzeug.security import generate_password_hash

from identity.adapters.passwords import formats
from identity.adapters.passwords.argon2 import Argon2Cost, Argon2Hasher
from identity.adapters.passwords.formats import HashFormats, format_of
from support.certificates import openssl

OURS = "$argon2id$v=19$m=8,t=1,p=1"
RIGHT, WRONG = "right", "wrong"
DJANGO = base64.b64encode(hashlib.pbkdf2_hmac("sha256", RIGHT.encode(), b"salt", 1000)).decode()
BCRYPT = bcrypt.hashpw(RIGHT.encode(), bcrypt.gensalt(4)).decode()
METEOR = bcrypt.hashpw(
    hashlib.sha256(RIGHT.encode()).hexdigest().encode(), bcrypt.gensalt(5)
).decode()
OTHERS = {
    "scrypt:1024:8:1": generate_password_hash(RIGHT, "scrypt:1024:8:1"),
    "pbkdf2:sha256:1000": generate_password_hash(RIGHT, "pbkdf2:sha256:1000"),
    "pbkdf2_sha256$1000": f"pbkdf2_sha256$1000$salt${DJANGO}",
    "$2b$04": BCRYPT,
    "bcrypt_sha256$$2b$05": f"bcrypt_sha256${METEOR}",
    "$argon2id$v=19$m=64,t=1,p=4": PasswordHasher(memory_cost=64, time_cost=1, parallelism=4).hash(
        RIGHT
    ),
    "argon2$argon2id$v=19$m=64,t=1,p=8": "argon2"
    + PasswordHasher(memory_cost=64, time_cost=1, parallelism=8).hash(RIGHT),
    "scrypt$1024$8$1": "scrypt$1024$salt$8$1$"
    + base64.b64encode(hashlib.scrypt(RIGHT.encode(), salt=b"salt", n=1024, r=8, p=1)).decode(),
    "$6": openssl("passwd", "-6", RIGHT).strip(),
    "$5": openssl("passwd", "-5", RIGHT).strip(),
    "meteor$$2b$05": f"meteor${METEOR}",
    "$argon2id$v=19$m=16,t=2,p=1": PasswordHasher(memory_cost=16, time_cost=2, parallelism=1).hash(
        RIGHT
    ),
}


class CheckedClient(Argon2Hasher):
    """Tells of which forms hashes were checked."""

    def __init__(self) -> None:
        super().__init__(Argon2Cost(memory_kib=8, time=1), wait=timedelta(seconds=10))
        self.seen: list[str] = []

    def _verify_stored(self, stored: str, password: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as it is there
        verdict = super()._verify_stored(stored, password)
        self.seen += [format_of(stored)] if verdict else []
        return verdict

    def checked(self, stored: str | None, password: str) -> list[str]:
        self.seen = []
        assert self.verify(stored, password).matches == (password == RIGHT)
        return self.seen


@pytest.mark.parametrize("form", OTHERS)
def test_a_format_is_method_and_cost(form: str) -> None:
    assert format_of(OTHERS[form]) == form


def test_a_wrong_password_costs_a_check_of_each_known_hash_format(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formats, "_MAX_SECONDS", 60)  # a busy machine takes longer for all of them
    hasher, met = CheckedClient(), [OURS]
    own = hasher.hash(RIGHT)
    assert hasher.checked(None, WRONG) == hasher.checked(own, WRONG) == met
    for form, stored in OTHERS.items():
        met.append(form)
        for one in (stored, None, "!", own, "pbkdf2:md5:1$x$00", *OTHERS.values()):
            seen = hasher.checked(one, WRONG)
            unmet = {format_of(one)} - set(met) if one in OTHERS.values() else set()
            assert sorted(seen) == sorted({*met, *unmet}), one
            if unmet:
                hasher._formats._examples.pop(*unmet)


def test_a_right_password_costs_its_own_check_alone() -> None:
    hasher = CheckedClient()
    for form, stored in OTHERS.items():
        hasher.checked(stored, WRONG)
        assert hasher.checked(stored, RIGHT) == [form]


def test_forms_that_cost_too_much_together_are_not_learned() -> None:
    forms = HashFormats("own$salt$digest")
    forms.observe("dear$salt$digest", seconds=0.2)
    forms.observe("dearer$salt$digest", seconds=0.1)
    forms.observe("cheap$salt$digest", seconds=0.05)
    assert forms.others("own$salt$digest") == ["dear$salt$digest", "cheap$salt$digest"]
