"""The signing keys of JWTs, in a folder of PEM files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Final

from identity.adapters import data_directory
from identity.adapters.data_directory import DataDirectoryError
from identity.adapters.keys import format as key_format
from identity.adapters.keys import p256
from identity.domain.keys import KeyValidity, SigningKey

_LOCK: Final = "keys.lock"
_PEM: Final = "-----BEGIN"


class JwtKeyFolder:
    """One PEM file for each key, sorted by name from oldest to newest.

    The validity is in the text before the key (RFC 7468 section 2).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create_first(self, now: datetime) -> None:
        """Create the first key if there is none; see `SecretKeyFile.create_first`."""
        data_directory.key_files(self._folder, lambda: _pem(self.new(), KeyValidity(created=now)))

    def exists(self) -> bool:
        """Tell whether there is a key."""
        return any(self._paths())

    def stamp(self) -> object:
        """Return a value that changes whenever one of the files changes."""
        return tuple((path.name, key_format.stamp(path)) for path in self._paths())

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first.

        Raises:
            DataDirectoryError: other users can read a file, a file has no such key, or all keys
                expire.
        """
        keys = tuple(map(_read_pem, self._paths()))
        if not key_format.has_unbounded(keys):
            raise DataDirectoryError(
                f"{self._folder} contains no non-expiring key; move it away to generate a new one"
            )
        return keys

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other processes from changing keys meanwhile."""
        return data_directory.locked(self._folder.with_name(_LOCK))

    def new(self) -> SigningKey:
        """Return a newly generated key."""
        text = p256.new_key().decode("ascii")
        return SigningKey(p256.key_id(text.encode()), text)

    def write(self, keys: Sequence[SigningKey]) -> None:
        """Store exactly these keys.

        New ones are written before old ones are deleted, so that a crash leaves too many keys
        rather than too few.

        Raises:
            DataDirectoryError: not all could be written.
        """
        try:
            self._write(keys)
        except OSError as error:
            raise key_format.file_error(self._folder, error) from None

    def _write(self, keys: Sequence[SigningKey]) -> None:
        files = {_read_pem(path): path for path in self._paths()}
        named = {key.name: path for key, path in files.items()}
        last = max(path.stem for path in files.values())
        for key in keys:
            if key.name not in named:
                last = _next_name(last)
                data_directory.link_new(self._folder / f"{last}.pem", _pem(key, key.times))
        for key in keys:
            if key.name in named and key not in files:
                data_directory.replace(named[key.name], _pem(key, key.times))
        for name in named.keys() - {key.name for key in keys}:
            named[name].unlink()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.pem"), key=lambda path: path.stem)


def _pem(key: SigningKey, times: KeyValidity) -> bytes:
    return "\n".join([*key_format.dump_validity(times), key.secret]).encode("ascii")


def _read_pem(path: Path) -> SigningKey:
    try:
        data_directory.require_private(path)
        head, begin, body = path.read_text("ascii").partition(_PEM)
        times = key_format.load_validity(
            word for word in head.split() if word.startswith(key_format.TIME_NAMES)
        )
        return SigningKey(p256.key_id(f"{begin}{body}".encode()), begin + body, times)
    except OSError as error:
        raise key_format.file_error(path, error) from None
    except (ValueError, TypeError):
        raise DataDirectoryError(
            f"{path} contains no P-256 private key in PEM: restore it, or move it away"
        ) from None


def _next_name(stem: str) -> str:
    number = str(int(stem) + 1).zfill(len(stem)) if stem.isdecimal() else ""
    return number if number > stem else f"{stem}-1"
