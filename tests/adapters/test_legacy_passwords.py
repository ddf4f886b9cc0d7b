"""Hashes of other systems, made by their own libraries, are verified, and their parameters are
bounded."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from identity.adapters.passwords import legacy as legacy_passwords
from identity.adapters.passwords.argon2 import Argon2Cost, Argon2Hasher
from identity.adapters.passwords.legacy import is_legacy, verify_legacy
from identity.domain.ports import Verdict
from support.certificates import openssl

PASSWORD = "caf\u00e9 newpwd"
ZEROS = "0" * 128


def django(password: str, *, rounds: int = 1000, salt: str = "Q1w2E3r4T5y6") -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(digest).decode()}"


def bcrypted(password: bytes, *, prefix: bytes = b"2b") -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4, prefix=prefix)).decode()


def meteor(password: str) -> str:
    return "meteor$" + bcrypted(
        hashlib.sha256(password.encode()).hexdigest().encode(), prefix=b"2a"
    )


def django_scrypt(password: str) -> str:
    digest = hashlib.scrypt(password.encode(), salt=b"Q1w2E3r4", n=1024, r=8, p=1, dklen=64)
    return f"scrypt$1024$Q1w2E3r4$8$1${base64.b64encode(digest).decode()}"


def passlib(password: str, digest: str) -> str:
    made = hashlib.pbkdf2_hmac(digest, password.encode(), b"salt and more", 1000)
    salt, wanted = (
        base64.b64encode(raw).decode().rstrip("=").replace("+", ".")
        for raw in (b"salt and more", made)
    )
    return f"$pbkdf2-{digest}$1000${salt}${wanted}"


def shadow(password: str, *options: str) -> str:
    """Return what the real openssl makes for /etc/shadow."""
    return openssl("passwd", *options, "-stdin", given=password + "\n").strip()


MADE = {
    "Django bcrypt": "bcrypt$" + bcrypted(PASSWORD.encode()),
    "Django bcrypt over SHA-256": meteor(PASSWORD).replace("meteor$", "bcrypt_sha256$"),
    "Django scrypt": django_scrypt(PASSWORD),
    "passlib pbkdf2 sha256": passlib(PASSWORD, "sha256"),
    "passlib pbkdf2 sha512": passlib(PASSWORD, "sha512"),
    "SHA-crypt 256": shadow(PASSWORD, "-5"),
    "SHA-crypt 512": shadow(PASSWORD, "-6"),
    "SHA-crypt 512 with a long salt": shadow(PASSWORD, "-6", "-salt", "0123456789abcdef"),
    "Werkzeug scrypt": generate_password_hash(PASSWORD, "scrypt:1024:8:1"),
    "Werkzeug scrypt of today": generate_password_hash(PASSWORD, "scrypt"),
    "Werkzeug pbkdf2 sha256": generate_password_hash(PASSWORD, "pbkdf2:sha256:1000"),
    "Werkzeug pbkdf2 sha512": generate_password_hash(PASSWORD, "pbkdf2:sha512:1000"),
    "Django pbkdf2": django(PASSWORD),
    "bcrypt 2b": bcrypted(PASSWORD.encode()),
    "bcrypt 2a": bcrypted(PASSWORD.encode(), prefix=b"2a"),
    "bcrypt 2y": bcrypted(PASSWORD.encode()).replace("$2b$", "$2y$"),
    "Meteor": meteor(PASSWORD),
}
MALFORMED = {
    "nothing": "",
    "plain text": PASSWORD,
    "unusable in Django": "!",
    "unknown method": "md5$salt$0123456789abcdef",
    "scrypt without cost": f"scrypt$salt${ZEROS}",
    "scrypt with a short digest": "scrypt:1024:8:1$salt$00",
    "scrypt with capitals": f"scrypt:1024:8:1$salt${'A' * 128}",
    "scrypt cost that is no power of two": f"scrypt:1000:8:1$salt${ZEROS}",
    "scrypt cost of one": f"scrypt:1:8:1$salt${ZEROS}",
    "scrypt without blocks": f"scrypt:1024:0:1$salt${ZEROS}",
    "scrypt without lanes": f"scrypt:1024:8:0$salt${ZEROS}",
    "scrypt cost too small for its library": f"scrypt:2:1:1$salt${ZEROS}",
    "scrypt cost too large for its blocks": f"scrypt:65536:1:1$salt${ZEROS}",
    "scrypt in other digits": f"scrypt:\u0661024:8:1$salt${ZEROS}",
    "pbkdf2 over sha1": f"pbkdf2:sha1:1000$salt${'0' * 64}",
    "pbkdf2 without rounds": f"pbkdf2:sha256$salt${'0' * 64}",
    "pbkdf2 of no rounds": f"pbkdf2:sha256:0$salt${'0' * 64}",
    "pbkdf2 without salt": f"pbkdf2:sha256:1000$${'0' * 64}",
    "Django over sha1": f"pbkdf2_sha1$1000$salt${'A' * 43}=",
    "Django of no rounds": f"pbkdf2_sha256$0$salt${'A' * 43}=",
    "bcrypt of an unknown kind": f"$2c$04${'.' * 53}",
    "bcrypt too short": f"$2b$04${'.' * 52}",
    "bcrypt with spare bits in the salt": f"$2b$04${'z' * 53}",
    "bcrypt of no cost": f"$2b$00${'.' * 53}",
    "Meteor without bcrypt": "meteor$",
    "Django bcrypt without bcrypt": "bcrypt_sha256$",
    "Django scrypt of no cost": f"scrypt$0$salt$8$1${'A' * 86}==",
    "passlib over sha1": f"$pbkdf2$1000$salt${'A' * 27}",
    "passlib of no rounds": f"$pbkdf2-sha256$0$salt${'A' * 43}",
    "passlib with a short digest": f"$pbkdf2-sha512$1000$salt${'A' * 43}",
    "passlib with half a byte": f"$pbkdf2-sha256$1000$saltx${'A' * 43}",
    "MD5-crypt": f"$1$salt${'A' * 22}",
    "SHA-crypt with a short digest": f"$6$salt${'A' * 43}",
    "SHA-crypt with a long salt": f"$6$0123456789abcdefg${'A' * 86}",
    "Meteor twice": f"meteor$meteor$$2b$04${'.' * 53}",
    "line break at the end": django(PASSWORD) + "\n",
}
HOSTILE = {
    "scrypt of 8 GiB": f"scrypt:8388608:8:1$salt${ZEROS}",
    "scrypt of 1 GiB": f"scrypt:1048576:8:1$salt${ZEROS}",
    "scrypt of wide blocks": f"scrypt:32768:999:1$salt${ZEROS}",
    "scrypt of many lanes": f"scrypt:32768:8:999$salt${ZEROS}",
    "pbkdf2 of 99999999 rounds": f"pbkdf2:sha256:99999999$salt${'0' * 64}",
    "pbkdf2 of one round too many": f"pbkdf2:sha512:2000001$salt${'0' * 128}",
    "Django of 99999999 rounds": f"pbkdf2_sha256$99999999$salt${'A' * 43}=",
    "passlib of 99999999 rounds": f"$pbkdf2-sha512$99999999$salt${'A' * 86}",
    "SHA-crypt of a million rounds": f"$6$rounds=1000000$salt${'A' * 86}",
    "SHA-crypt of all rounds": f"$5$rounds=999999999$salt${'A' * 43}",
    "Django scrypt of 1 GiB": f"scrypt$1048576$salt$8$1${'A' * 86}==",
    "bcrypt of cost 15": f"$2b$15${'.' * 53}",
    "bcrypt of cost 31": f"$2b$31${'.' * 53}",
    "Meteor of cost 31": f"meteor$$2b$31${'.' * 53}",
}


@pytest.mark.parametrize("stored", MADE.values(), ids=MADE.keys())
def test_password_matches_the_hash_that_its_old_system_made(stored: str) -> None:
    assert is_legacy(stored)
    assert verify_legacy(stored, PASSWORD) is True
    assert verify_legacy(stored, PASSWORD + "x") is False
    assert verify_legacy(stored, "") is False


@pytest.mark.parametrize("stored", MADE.values(), ids=MADE.keys())
def test_password_does_not_match_when_the_stored_digest_was_altered(stored: str) -> None:
    at = stored.rindex("$") + 30
    altered = stored[:at] + ("0" if stored[at] != "0" else "1") + stored[at + 1 :]
    assert verify_legacy(altered, PASSWORD) is False


@pytest.mark.parametrize("stored", MALFORMED.values(), ids=MALFORMED.keys())
def test_hash_is_of_no_known_formatat_when_it_is_malformed(stored: str) -> None:
    assert verify_legacy(stored, PASSWORD) is None


@pytest.mark.parametrize("stored", HOSTILE.values(), ids=HOSTILE.keys())
def test_hash_is_not_computed_when_it_asks_for_too_much(
    stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*_: object) -> bool:
        raise AssertionError("computed")

    monkeypatch.setattr(legacy_passwords, "check_password_hash", compute)
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", compute)
    monkeypatch.setattr(bcrypt, "checkpw", compute)
    monkeypatch.setattr(hashlib, "scrypt", compute)
    monkeypatch.setattr(legacy_passwords, "verify_sha_crypt", compute)
    assert verify_legacy(stored, PASSWORD) is None
    assert not is_legacy(stored)


def test_bcrypt_looks_at_72_bytes_of_an_imported_password_as_its_old_system_did() -> None:
    long = "p" * 80
    stored = bcrypted(long.encode()[:72])
    assert verify_legacy(stored, long) is True
    assert verify_legacy(stored, "p" * 71) is False


def test_meteor_looks_at_the_whole_password() -> None:
    stored = meteor("p" * 80)
    assert verify_legacy(stored, "p" * 80) is True
    assert verify_legacy(stored, "p" * 79) is False


@pytest.mark.parametrize("stored", MADE.values(), ids=MADE.keys())
def test_old_hash_is_always_outdated(stored: str) -> None:
    hasher = Argon2Hasher(Argon2Cost(8, 1), wait=timedelta(seconds=5))
    assert hasher.verify(stored, PASSWORD) == Verdict(matches=True, outdated=True)
    assert not hasher.verify(stored, "wrong").matches


_SALT = st.text(st.characters(codec="utf-8", exclude_characters="$"), min_size=1, max_size=20)
_SCRYPT = st.builds(
    "scrypt:{}:{}:{}${}${}".format, *[st.integers(0, 64)] * 3, _SALT, st.just(ZEROS)
)
_PBKDF2 = st.builds(
    "pbkdf2:sha256:{}${}${}".format,
    st.integers(0, 10),
    _SALT,
    st.text("0123456789abcdef", min_size=64),
)
_DJANGO = st.builds(
    "pbkdf2_sha256${}${}${}=".format,
    st.integers(0, 10),
    _SALT,
    st.from_regex(r"[A-Za-z0-9+/]{43}\Z"),
)
_BCRYPT = st.builds(
    "{}$2b$04${}".format, st.sampled_from(["", "meteor$"]), st.from_regex(r"[./A-Za-z0-9]{53}\Z")
)


@settings(max_examples=60)
@given(
    st.one_of(st.text(), _SCRYPT, _PBKDF2, _DJANGO, _BCRYPT),
    st.text(st.characters(codec="utf-8"), max_size=100),
)
def test_every_stored_text_is_a_yes_a_no_or_unknown_and_never_an_error(
    stored: str, password: str
) -> None:
    assert verify_legacy(stored, password.replace("\0", "")) in (None, False)
