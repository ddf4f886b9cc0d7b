"""Usernames, addresses and passwords: what is allowed, and which spellings are the same.

Every function returns the value to keep or raises `InvalidInput` for its field; none repeats the value.
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
_DOMAIN_MAX: Final = 189  # with 64 characters before the @, as long as an address may be
_NOT_IN_A_LINE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Unset(Enum):
    """Stands for "leave this field as it is" where None means "empty it"."""

    UNSET = "keep"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name or address as it was typed, and the form in which two spellings are compared."""

    raw: str
    canonical: str


def canonical(text: str) -> str:
    """Fold `text` so that spellings people take for the same are the same (NFKC, then casefold)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def is_username(text: str) -> bool:
    """Tell whether an account could have this name."""
    return _USERNAME.fullmatch(text) is not None and not looks_like_token(text)


def read_username(text: str, *, personal: bool = False) -> Identifier:
    """Accept a username: 1-64 ASCII characters that no token looks like.

    ASCII, because look-alike letters of other scripts survive every folding and would let one
    account pass for another; no colon, because Basic splits there (RFC 7617 section 2).

    Args:
        text: as typed.
        personal: allow single spaces and apostrophes between the others, for a dialect whose clients
            use people's names (seed 001).
    """
    if not (_USERNAME.fullmatch(text) or (personal and _PERSONAL_NAME.fullmatch(text))):
        raise InvalidInput.of(
            "username",
            "use 1-64 of the characters A-Z a-z 0-9 . _ @ + - and begin with a letter, digit or _",
        )
    if looks_like_token(text):
        raise InvalidInput.of("username", "this name looks like a token; choose another")
    return Identifier(text, canonical(text))


def read_email(text: str) -> Identifier:
    """Accept one plain address (RFC 5321 dot-string, a domain with a dot; no literals, no quotes)."""
    local, _, domain = text.rpartition("@")
    if not (
        len(text.encode("utf-8", "replace")) <= EMAIL_MAX_BYTES
        and text.isprintable()
        and _LOCAL_PART.fullmatch(local.lower())
        and local.isascii()
        and (ascii_domain := _ascii_domain(domain))
    ):
        raise InvalidInput.of("email", "give one address such as name@example.org")
    return Identifier(text, f"{canonical(local)}@{ascii_domain}")


def canonical_email(text: str) -> str:
    """Return the form in which an address is looked up; what is no address keeps a form nobody has."""
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
    """Accept a person's name: one line of up to 128 characters."""
    name = unicodedata.normalize("NFC", text)
    if len(name) > FULL_NAME_MAX or any(
        unicodedata.category(each) in _NOT_IN_A_LINE for each in name
    ):
        raise InvalidInput.of("full_name", f"use one line of up to {FULL_NAME_MAX} characters")
    return name


def normal_password(text: str) -> str | None:
    """Return the form of a password that is hashed (NFKC), or None for what no account can have.

    Lengths are judged before any other work, so that a huge password costs nothing.
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
    """Accept a new password and return the form to hash.

    Args:
        text: as typed.
        hardened: ask for 8 characters, none of the common passwords and none of `names`.
        names: the account's own username and address.
    """
    password = normal_password(text)
    if password is None:
        raise InvalidInput.of(
            "password",
            f"use 1-{PASSWORD_MAX} characters ({PASSWORD_MAX_BYTES} bytes) without control characters",
        )
    if looks_like_token(password):  # in a Basic credential it would be checked as that token
        raise InvalidInput.of("password", "this password has the form of a token; choose another")
    if hardened and len(password) < HARDENED_PASSWORD_MIN:
        raise InvalidInput.of("password", f"use at least {HARDENED_PASSWORD_MIN} characters")
    folded = canonical(password)
    if hardened and (folded in COMMON_PASSWORDS or folded in map(canonical, names)):
        raise InvalidInput.of(
            "password", "this password is among the first that anybody would guess"
        )
    return password


def weak_key(key: str) -> bool:
    """Tell whether a signing key is too short, or too plain to be random."""
    return len(key) < KEY_MIN or len(set(key)) < KEY_MIN // 4
