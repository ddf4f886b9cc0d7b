"""What an access token says, read and changed without its keys."""

from __future__ import annotations

from typing import Any

from identity.adapters.tokens.payload import pack, unpack
from identity.domain.claims import AccessClaims
from identity.domain.token_kinds import TokenKind

PREFIX = TokenKind.ACCESS.prefix


def claims_of(token: str) -> AccessClaims:
    """Return the claims of an access token."""
    claims = unpack(token.removeprefix(PREFIX).partition(".")[0].encode())
    assert claims is not None
    return claims


def session_of(token: str) -> str:
    """Return the id of the session of an access token."""
    return claims_of(token).session


def with_claims(token: str, **values: Any) -> str:
    """Return the token with other claims and the same signature."""
    payload = pack(claims_of(token)._replace(**values))
    assert payload
    return f"{PREFIX}{payload}.{token.partition('.')[2]}"
