"""Signing keys as text: the times beside a key, and how a key is called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from identity.adapters.data_directory import DataDirectoryError
from identity.domain.keys import KeyValidity, SigningKey

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
TIME_NAMES: Final = tuple(field.name for field in fields(KeyValidity))


def named_key(key: str, times: KeyValidity | None = None) -> SigningKey:
    """Return a secret key with the name that it is shown by."""
    # A key has more bits than anybody can try, so its digest does not tell it.
    return SigningKey(
        hashlib.sha256(f"identity.name.{key}".encode()).hexdigest()[:16],
        key,
        times or KeyValidity(),
    )


def dump_validity(times: KeyValidity) -> list[str]:
    """Return the times that are given, as words to stand beside a key."""
    given = {name: getattr(times, name) for name in TIME_NAMES}
    return [f"{name}={time.strftime(_TIME)}" for name, time in given.items() if time is not None]


def read_times(words: Iterable[str]) -> KeyValidity:
    """Return what `words` say.

    Raises:
        ValueError: they are others.
    """
    pairs = dict(word.split("=", 1) for word in words)
    if not pairs.keys() <= set(TIME_NAMES):
        raise ValueError("there is no such time")
    return KeyValidity(
        **{name: datetime.strptime(text, _TIME).replace(tzinfo=UTC) for name, text in pairs.items()}
    )


def has_unbounded(keys: Sequence[SigningKey]) -> bool:
    """Tell whether there is a key without an end."""
    return any(key.times.accepted_until is None for key in keys)


def stamp(path: Path) -> object:
    """Return what changes with a file, or with its being there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def unusable(path: Path, error: OSError) -> DataDirectoryError:
    """Return the error of a file that the system refuses."""
    return DataDirectoryError(f"{path} cannot be used: {error.strerror}")
