"""The kinds of tokens: one row for each, with all facts about a kind.

A text in the format of a kind is always a token: no account may have it as username or password,
and in a Basic credential it is never checked as a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple, Self

from identity.domain.credentials import Credential

MAX_TOKEN_CHARACTERS: Final = 4096


class Storage(Enum):
    """How a token leads to its session."""

    SIGNED = auto()  # it contains the session's id and is signed
    JWT = auto()  # the same, in a format that others can verify (RFC 7519)
    DIGEST = auto()  # it is random, and the session has its digest


class Secret(Enum):
    """How the text of a token with a digest is generated."""

    RANDOM = auto()
    UUID = auto()
    CHECKSUMMED = auto()  # the prefix of the kind, random text and a checksum


class Pool(Enum):
    """Sessions of an account that share one cap; a new one evicts one of its own pool."""

    AUTOMATIC = auto()  # opened by programs at every login
    WEKAN = auto()
    NERVESHUB = auto()


class Lifetime(NamedTuple):
    """The lifetime of a session: at most `absolute`, and `idle` before its first use, if given.

    Each use moves the idle end to `sliding` after it.
    """

    absolute: timedelta
    idle: timedelta | None = None
    sliding: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Kind:
    """The facts about a kind of token; `lifetime` is None if a setting decides."""

    name: str
    pattern: str
    pool: Pool
    storage: Storage
    lifetime: Lifetime | None = None
    secret: Secret = Secret.RANDOM
    prefix: str = ""


_DAY: Final = timedelta(days=1)


class TokenKind(StrEnum):
    """The kinds of tokens; the value is stored in the session."""

    pattern: str
    pool: Pool
    storage: Storage
    lifetime: Lifetime | None
    secret: Secret
    prefix: str
    credential: Credential

    def __new__(cls, row: Kind) -> Self:
        """Create a member from a row."""
        member = str.__new__(cls, row.name)
        member._value_ = row.name
        member.pattern = row.pattern
        member.pool = row.pool
        member.storage = row.storage
        member.lifetime = row.lifetime
        member.secret = row.secret
        member.prefix = row.prefix
        member.credential = Credential(f"{row.name}_token")
        return member

    # Case is ignored only in the prefixes: with a flag for the whole pattern, matching takes three
    # times as long.
    ACCESS = Kind("access", r"(?i:idt_).*", Pool.AUTOMATIC, Storage.SIGNED, prefix="idt_")
    PERSONAL = Kind(  # NervesHub, whose document states no lifetime
        "personal",
        r"(?i:nhu_).*",
        Pool.NERVESHUB,
        Storage.DIGEST,
        Lifetime(365 * _DAY),
        Secret.CHECKSUMMED,
        "nhu_",
    )
    JWT = Kind(  # continuous.sh
        "jwt",
        r"(?i:eyJ)[\w-]*\.[\w-]*\.[\w-]*",
        Pool.AUTOMATIC,
        Storage.JWT,
        Lifetime(timedelta(hours=1)),
    )
    UUID = Kind(  # Azuma
        "uuid",
        r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
        Pool.AUTOMATIC,
        Storage.DIGEST,
        Lifetime(90 * _DAY, idle=timedelta(minutes=5), sliding=14 * _DAY),
        Secret.UUID,
    )
    OPAQUE = Kind("opaque", r"[\w-]{43}", Pool.WEKAN, Storage.DIGEST, Lifetime(90 * _DAY))  # Wekan


_TOKEN: Final = re.compile(
    "|".join(f"(?P<{kind.value}>{kind.pattern})" for kind in TokenKind), re.ASCII | re.DOTALL
)
_BY_NAME: Final = {kind.value: kind for kind in TokenKind}
_ACCESS: Final = TokenKind.ACCESS  # looking up a member of an enum is slow
_ACCESS_PREFIX: Final = _ACCESS.prefix


def token_kind(text: str) -> TokenKind | None:
    """Return the kind whose format a text has, valid or not; None for any other text."""
    if text.startswith(_ACCESS_PREFIX):  # by far the most frequent
        return _ACCESS
    found = _TOKEN.fullmatch(text)
    return _BY_NAME[str(found.lastgroup)] if found else None


def looks_like_token(text: str) -> bool:
    """Tell whether a text has the format of any kind of token, valid or not."""
    return token_kind(text) is not None
