"""Rules about usernames beyond their characters: reserved names, and emails as usernames."""

from __future__ import annotations

from typing import Final

from identity.domain.errors import InvalidInput
from identity.domain.values import canonical_email

OWN_EMAIL: Final = "a username with @ must be the account's own email; use that email or no @"
NO_EMAIL: Final = "use a username without @; your email can be your username once it is confirmed"


def is_email_of(username: str, email_canonical: str | None) -> bool:
    """Tell whether a username with @ is this email; true for every username without @."""
    return "@" not in username or canonical_email(username) == email_canonical


def require_own_email(
    username: str, email_canonical: str | None, *, otherwise: str = OWN_EMAIL
) -> None:
    """Refuse a username that readers could mistake for another person's email.

    Args:
        username: as typed.
        email_canonical: the account's own email, None if it has none that may be used.
        otherwise: the error's text.

    Raises:
        InvalidInput: it contains an @ and is not this email.
    """
    if not is_email_of(username, email_canonical):
        raise InvalidInput.of("username", otherwise)


def require_unreserved(username_canonical: str, reserved: frozenset[str]) -> None:
    """Refuse a username that programs or readers do not take for a user's.

    Raises:
        InvalidInput: it is one of `reserved`, which are canonical, too.
    """
    if username_canonical in reserved:
        raise InvalidInput.of("username", "this username is reserved; choose another")
