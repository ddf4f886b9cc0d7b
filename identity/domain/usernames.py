"""What a username must be beyond its form: not reserved, and an email only where it is the account's own."""

from __future__ import annotations

from typing import Final

from identity.domain.errors import InvalidInput
from identity.domain.values import canonical_email

OWN_EMAIL: Final = (
    "a username with @ must be the account's own email; choose another, or use that email"
)
NO_EMAIL: Final = "use a username without @; once your email is confirmed, it can be your username"


def is_email_of(username: str, email_canonical: str | None) -> bool:
    """Tell whether a username with @ is this email; a username without @ is taken for no email."""
    return "@" not in username or canonical_email(username) == email_canonical


def require_own_email(
    username: str, email_canonical: str | None, *, otherwise: str = OWN_EMAIL
) -> None:
    """Refuse a username that readers take for the email of another person.

    Args:
        username: as typed.
        email_canonical: the account's own email, None where it has none that counts.
        otherwise: what to say.

    Raises:
        InvalidInput: it holds an @ and is not this email.
    """
    if not is_email_of(username, email_canonical):
        raise InvalidInput.of("username", otherwise)


def require_unreserved(username_canonical: str, reserved: frozenset[str]) -> None:
    """Refuse a username that programs or readers take for something else than a person.

    Raises:
        InvalidInput: it is one of `reserved`, which are canonical, too.
    """
    if username_canonical in reserved:
        raise InvalidInput.of("username", "this username is reserved; choose another")
