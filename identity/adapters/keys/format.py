"""The text format of signing keys: their validity, and their names."""

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
    """Return a secret key with its name."""
    # A key has too many bits to try them all, so its digest does not reveal it.
    return SigningKey(
        hashlib.sha256(f"identity.name.{key}".encode()).hexdigest()[:16],
        key,
        times or KeyValidity(),
    )


def dump_validity(times: KeyValidity) -> list[str]:
    """Return the times that are set, as words such as `created=2026-01-31T12:00:00Z`."""
    fields_set = {name: getattr(times, name) for name in TIME_NAMES}
    return [f"{name}={time.strftime(_TIME)}" for name, time in fields_set.items() if time]


def load_validity(words: Iterable[str]) -> KeyValidity:
    """Return the validity that `dump_validity` wrote.

    Raises:
        ValueError: there is another word.
    """
    pairs = dict(word.split("=", 1) for word in words)
    if not pairs.keys() <= set(TIME_NAMES):
        raise ValueError("unknown name of a time")
    return KeyValidity(
        **{name: datetime.strptime(text, _TIME).replace(tzinfo=UTC) for name, text in pairs.items()}
    )


def has_unbounded(keys: Sequence[SigningKey]) -> bool:
    """Tell whether a key does not expire."""
    return any(key.times.accepted_until is None for key in keys)


def stamp(path: Path) -> object:
    """Return a value that changes whenever the file is changed, created or deleted."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def file_error(path: Path, error: OSError) -> DataDirectoryError:
    """Return the error for a file that the system refuses to open or change."""
    return DataDirectoryError(f"{path} cannot be used: {error.strerror}")
