"""The signing keys of access tokens and mails, from a file or a setting."""

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
    """Keys from a setting. They do not change while the service runs."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = tuple(map(key_format.named_key, keys))

    def stamp(self) -> object:
        """Return a constant."""
        return None

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first."""
        return self._keys


class TemporaryKey:
    """A key that is not stored, for commands that change nothing where no key exists yet."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def stamp(self) -> object:
        """Return a constant."""
        return None

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the one key."""
        return (self._key,)


class SecretKeyFile:
    """One key with its validity on each line, oldest first."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def create_first(self, now: datetime) -> None:
        """Create the first key if there is none; processes that start together agree on one.

        Raises:
            DataDirectoryError: it cannot be written.
        """
        try:
            if not self._path.exists():
                data_directory.link_new(self._path, _line(self.new(), KeyValidity(created=now)))
        except OSError as error:
            raise key_format.file_error(self._path, error) from None

    def exists(self) -> bool:
        """Tell whether there is a key."""
        return self._path.exists()

    def stamp(self) -> object:
        """Return a value that changes whenever the file changes."""
        return key_format.stamp(self._path)

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first.

        Raises:
            DataDirectoryError: other users can read the file, a key is weak, or all keys expire.
        """
        try:
            data_directory.require_private(self._path)
            lines = map(str.split, self._path.read_text("ascii", "replace").splitlines())
            keys = tuple(
                key_format.named_key(key, key_format.load_validity(times))
                for key, *times in filter(None, lines)
            )
        except OSError as error:
            raise key_format.file_error(self._path, error) from None
        except ValueError:
            keys = ()
        if any(is_weak_key(key.secret) for key in keys) or not key_format.has_unbounded(keys):
            raise DataDirectoryError(
                f"{self._path} contains no non-expiring key, or a weak one: "
                "restore it, or remove it to generate a new one"
            )
        return keys

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other processes from changing keys meanwhile."""
        return data_directory.locked(self._path.with_name(_LOCK))

    def new(self) -> SigningKey:
        """Return a newly generated key."""
        return key_format.named_key(secrets.token_hex(32))

    def write(self, keys: Sequence[SigningKey]) -> None:
        """Store exactly these keys, atomically.

        Raises:
            DataDirectoryError: the file cannot be written; the old keys are kept.
        """
        try:
            data_directory.replace(self._path, b"".join(_line(key, key.times) for key in keys))
        except OSError as error:
            raise key_format.file_error(self._path, error) from None


def _line(key: SigningKey, times: KeyValidity) -> bytes:
    return f"{' '.join([key.secret, *key_format.dump_validity(times)])}\n".encode("ascii")
