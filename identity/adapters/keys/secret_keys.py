"""The keys of access tokens and mails: a file of ours, or a setting."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Final

from identity.adapters import data_directory
from identity.adapters.data_directory import DataDirectoryError
from identity.adapters.keys import format as key_format
from identity.domain.keys import KeyValidity, SigningKey
from identity.domain.values import is_weak_key

_LOCK: Final = "keys.lock"


class ConfiguredKeys:
    """Keys that a setting gives: they are what they are, and change with a restart."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = tuple(map(key_format.named_key, keys))

    def stamp(self) -> object:
        """Return always the same."""
        return None

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first."""
        return self._keys


class UnmadeKeys:
    """A key that is kept nowhere, for a command that only looks where there is none yet."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def stamp(self) -> object:
        """Return always the same."""
        return None

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the one key."""
        return (self._key,)


class SecretKeyFile:
    """One key a line, oldest first, and its times behind it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make_first(self, now: datetime) -> None:
        """Make the first key if there is none; processes that start at the same moment agree on it.

        Raises:
            DataDirectoryError: it cannot be written.
        """
        try:
            if not self._path.exists():
                data_directory.link_new(self._path, _line(self.new(), KeyValidity(created=now)))
        except OSError as error:
            raise key_format.unusable(self._path, error) from None

    def made(self) -> bool:
        """Tell whether the first key was made."""
        return self._path.exists()

    def stamp(self) -> object:
        """Return what changes with the file."""
        return key_format.stamp(self._path)

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first.

        Raises:
            DataDirectoryError: the file is open to others, or holds no key that lasts.
        """
        try:
            data_directory.require_private(self._path)
            lines = map(str.split, self._path.read_text("ascii", "replace").splitlines())
            keys = tuple(
                key_format.named_key(key, key_format.read_times(times))
                for key, *times in filter(None, lines)
            )
        except OSError as error:
            raise key_format.unusable(self._path, error) from None
        except ValueError:
            keys = ()
        if any(is_weak_key(key.secret) for key in keys) or not key_format.has_unbounded(keys):
            raise DataDirectoryError(
                f"{self._path} holds no key, or a weak one: delete it to get a new one, or restore it"
            )
        return keys

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep others from changing keys meanwhile."""
        return data_directory.locked(self._path.with_name(_LOCK))

    def new(self) -> SigningKey:
        """Return a key that nobody knows yet."""
        return key_format.named_key(secrets.token_hex(32))

    def write(self, keys: Sequence[SigningKey]) -> None:
        """Keep these keys and no others, in one step.

        Raises:
            DataDirectoryError: it cannot be written; the old ones are kept.
        """
        try:
            data_directory.replace(self._path, b"".join(_line(key, key.times) for key in keys))
        except OSError as error:
            raise key_format.unusable(self._path, error) from None


def _line(key: SigningKey, times: KeyValidity) -> bytes:
    return f"{' '.join([key.secret, *key_format.dump_validity(times)])}\n".encode("ascii")
