"""The forms of the credentials that travel where a username or a password could stand.

A string of one of these forms is a token and nothing else: no account may be named so or choose it as
its password, and no such string in a Basic credential is ever tried as a password.
"""

from __future__ import annotations

import re
from enum import StrEnum

ACCESS_PREFIX = "idt_"
PERSONAL_PREFIX = "nhu_"
MAX_TOKEN_CHARACTERS = 4096


class TokenKind(StrEnum):
    """The kinds of tokens, each with a form of its own."""

    ACCESS = "access"
    PERSONAL = "personal"  # seed 000
    JWT = "jwt"  # seed 002
    UUID = "uuid"  # seed 003
    OPAQUE = "opaque"  # seed 001


# In any case of letters, said where it matters: a whole pattern that ignores it is three times as slow.
_FORMS = (
    (TokenKind.ACCESS, rf"(?i:{ACCESS_PREFIX}).*"),
    (TokenKind.PERSONAL, rf"(?i:{PERSONAL_PREFIX}).*"),
    (TokenKind.JWT, r"(?i:eyJ)[\w-]*\.[\w-]*\.[\w-]*"),
    (TokenKind.UUID, r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
    (TokenKind.OPAQUE, r"[\w-]{43}"),
)
_TOKEN = re.compile(
    "|".join(f"(?P<{kind.value}>{form})" for kind, form in _FORMS), re.ASCII | re.DOTALL
)
_ACCESS = TokenKind.ACCESS  # by a short name: asking the class for a member is slow


def token_kind(text: str) -> TokenKind | None:
    """Return which kind of token `text` has the form of, valid or not; None if of none."""
    if text.startswith(ACCESS_PREFIX):  # by far the most frequent
        return _ACCESS
    form = _TOKEN.fullmatch(text)
    return TokenKind(str(form.lastgroup)) if form else None


def looks_like_token(text: str) -> bool:
    """Tell whether `text` has the form of any token the service knows, valid or not."""
    return token_kind(text) is not None
