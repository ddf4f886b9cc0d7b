"""References to an account: its id, its UUID or its short id."""

from __future__ import annotations

from typing import NamedTuple


class Uuid(NamedTuple):
    """An account by its UUID."""

    text: str


class ShortId(NamedTuple):
    """An account by its short id, or by its username if no account has that short id."""

    text: str
    or_username: bool = False


AccountRef = int | Uuid | ShortId
