"""Usernames, emails and passwords: which values are allowed, and their canonical forms.

The `read_…` functions return the value to store or raise `InvalidInput` for its field, whose text
never repeats the value.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import Final

from identity.domain.common_passwords import COMMON_PASSWORDS
from identity.domain.errors import InvalidInput
from identity.domain.token_kinds import looks_like_token

KEY_MIN: Final = 32
USERNAME_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,63}$"
EMAIL_MAX_BYTES: Final = 254
FULL_NAME_MAX: Final = 128
PASSWORD_MAX: Final = 256
PASSWORD_MAX_BYTES: Final = 1024
HARDENED_PASSWORD_MIN: Final = 8

_USERNAME = re.compile(USERNAME_PATTERN)
_PERSONAL_NAME = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_][A-Za-z0-9._@+-]*(?:[ '][A-Za-z0-9._@+-]+)*")
_LOCAL_PART = re.compile(
    r"(?=.{1,64}\Z)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)
_DOMAIN_MAX: Final = 189  # with @ and 64 characters before it, the maximum length of an email
_NOT_IN_A_LINE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Unset(Enum):
    """Means "leave this field unchanged", where None means "clear it"."""

    UNSET = "keep"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Identifier:
    """A username or email as typed, and in the canonical form that is compared."""

    raw: str
    canonical: str


def canonical(text: str) -> str:
    """Return the form in which texts are compared (NFKC, then casefold)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def is_username(text: str) -> bool:
    """Tell whether an account could have this username."""
    return _USERNAME.fullmatch(text) is not None and not looks_like_token(text)


def read_username(text: str, *, personal: bool = False) -> Identifier:
    """Accept a username: 1-64 ASCII characters that do not look like a token.

    Other scripts are excluded, because their look-alike letters stay different in canonical form,
    so one account could pass for another. A colon is excluded, because it ends the username in a
    Basic credential (RFC 7617 section 2).

    Args:
        text: as typed.
        personal: allow single spaces and apostrophes inside, for Wekan, whose clients use
            people's names.
    """
    if not (_USERNAME.fullmatch(text) or (personal and _PERSONAL_NAME.fullmatch(text))):
        raise InvalidInput.of(
            "username",
            "use 1-64 of the characters A-Z a-z 0-9 . _ @ + - and start with a letter, digit or _",
        )
    if looks_like_token(text):
        raise InvalidInput.of("username", "this name looks like a token; choose another")
    return Identifier(text, canonical(text))


def read_email(text: str) -> Identifier:
    """Accept one plain email (RFC 5321: dot-string, domain with a dot; no literals or quotes)."""
    local, _, domain = text.rpartition("@")
    if not (
        len(text.encode("utf-8", "replace")) <= EMAIL_MAX_BYTES
        and text.isprintable()
        and _LOCAL_PART.fullmatch(local.lower())
        and local.isascii()
        and (ascii_domain := _ascii_domain(domain))
    ):
        raise InvalidInput.of("email", "enter one email address such as name@example.org")
    return Identifier(text, f"{canonical(local)}@{ascii_domain}")


def canonical_email(text: str) -> str:
    """Return the form in which an email is looked up; of other text, one that no account has."""
    try:
        return read_email(text).canonical
    except InvalidInput:
        return canonical(text)


def _ascii_domain(domain: str) -> str | None:
    try:
        name = canonical(domain).encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = name.split(".")
    plain = len(labels) > 1 and not labels[-1].isdigit() and all(map(_LABEL.fullmatch, labels))
    return name if plain and len(name) <= _DOMAIN_MAX else None


def read_full_name(text: str) -> str:
    """Accept the full name of a person: one line of up to 128 characters."""
    name = unicodedata.normalize("NFC", text)
    if len(name) > FULL_NAME_MAX or any(
        unicodedata.category(each) in _NOT_IN_A_LINE for each in name
    ):
        raise InvalidInput.of("full_name", f"use one line of up to {FULL_NAME_MAX} characters")
    return name


def normalise_password(text: str) -> str | None:
    """Return a password as it is hashed (NFKC), or None if it is not an allowed password.

    The length is checked first, so that a huge password costs no further work.
    """
    if (
        not text
        or len(text) > PASSWORD_MAX
        or len(text.encode("utf-8", "replace")) > PASSWORD_MAX_BYTES
    ):
        return None
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        return None
    return unicodedata.normalize("NFKC", text)


def read_password(text: str, *, hardened: bool, names: tuple[str, ...] = ()) -> str:
    """Accept a new password and return it as it is to be hashed.

    Args:
        text: as typed.
        hardened: require 8 characters, no common password and none of `names`.
        names: the account's username and email.
    """
    password = normalise_password(text)
    if password is None:
        raise InvalidInput.of(
            "password",
            f"use 1-{PASSWORD_MAX} characters (at most {PASSWORD_MAX_BYTES} bytes) "
            "without control characters",
        )
    if looks_like_token(password):  # in a Basic credential it would be checked as that token
        raise InvalidInput.of("password", "this password looks like a token; choose another")
    if hardened and len(password) < HARDENED_PASSWORD_MIN:
        raise InvalidInput.of("password", f"use at least {HARDENED_PASSWORD_MIN} characters")
    folded = canonical(password)
    if hardened and (folded in COMMON_PASSWORDS or folded in map(canonical, names)):
        raise InvalidInput.of("password", "this password is too easy to guess")
    return password


def is_weak_key(key: str) -> bool:
    """Tell whether a signing key is too short, or has too few different characters."""
    return len(key) < KEY_MIN or len(set(key)) < KEY_MIN // 4
