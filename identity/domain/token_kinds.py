"""The kinds of tokens: one row for each, with all that the service knows about a kind.

A text that has the format of a kind is a token and nothing else: no account may have it as its name
or password, and in a Basic credential it is never tried as a password.
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

    SIGNED = auto()  # it names the session, and our signature vouches for it
    JWT = auto()  # the same, in a format that others verify (RFC 7519)
    DIGEST = auto()  # it is random, and the session keeps its digest


class Secret(Enum):
    """How the text of a token with a digest is made."""

    RANDOM = auto()
    UUID = auto()
    CHECKSUMMED = auto()  # the prefix of the kind, random text, a checksum


class Pool(Enum):
    """Sessions that give way to one another when an account has too many."""

    AUTOMATIC = auto()  # opened by programs, as often as they like
    WEKAN = auto()
    NERVESHUB = auto()


class Lifetime(NamedTuple):
    """How long a session lives: at most `absolute`, and `idle` until its first use if that is given.

    Each use moves the idle end to `sliding` from then.
    """

    absolute: timedelta
    idle: timedelta | None = None
    sliding: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a kind of token; `lifetime` is None if settings decide."""

    name: str
    pattern: str
    pool: Pool
    storage: Storage
    lifetime: Lifetime | None = None
    secret: Secret = Secret.RANDOM
    prefix: str = ""


_DAY: Final = timedelta(days=1)


class TokenKind(StrEnum):
    """The kinds of tokens; the value is kept in the session."""

    pattern: str
    pool: Pool
    storage: Storage
    lifetime: Lifetime | None
    secret: Secret
    prefix: str
    credential: Credential

    def __new__(cls, row: Kind) -> Self:
        """Make a member of a row."""
        member = str.__new__(cls, row.name)
        member._value_ = row.name
        member.pattern, member.pool, member.storage = row.pattern, row.pool, row.storage
        member.lifetime, member.secret, member.prefix = row.lifetime, row.secret, row.prefix
        member.credential = Credential(f"{row.name}_token")
        return member

    # Prefixes are known in any case of letters. The patterns say so where it matters: a whole pattern
    # that ignores case takes three times as long.
    ACCESS = Kind("access", r"(?i:idt_).*", Pool.AUTOMATIC, Storage.SIGNED, prefix="idt_")
    PERSONAL = Kind(  # NervesHub; its document names no end
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
_ACCESS: Final = TokenKind.ACCESS  # a short name: looking a member up is slow
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
