"""The keys of JWTs: a folder of PEM files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Final

from identity.adapters import data_directory
from identity.adapters.data_directory import DataDirectoryError
from identity.adapters.keys import format as key_format
from identity.adapters.tokens import jwt
from identity.domain.keys import KeyValidity, SigningKey

_LOCK: Final = "keys.lock"
_PEM: Final = "-----BEGIN"


class JwtKeyFolder:
    """One PEM file a key, oldest first by name, its times in the text before the key (RFC 7468 §2)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make_first(self, now: datetime) -> None:
        """Make the first key if there is none; see `SecretKeyFile.make_first`."""
        data_directory.key_files(self._folder, lambda: _pem(self.new(), KeyValidity(created=now)))

    def made(self) -> bool:
        """Tell whether the first key was made."""
        return any(self._paths())

    def stamp(self) -> object:
        """Return what changes with any of the files."""
        return tuple((path.name, key_format.stamp(path)) for path in self._paths())

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first.

        Raises:
            DataDirectoryError: a file is open to others or holds no such key, or no key lasts.
        """
        keys = tuple(map(_read_pem, self._paths()))
        if not key_format.has_unbounded(keys):
            raise DataDirectoryError(
                f"{self._folder} holds no key that lasts: move it away to get a new one"
            )
        return keys

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep others from changing keys meanwhile."""
        return data_directory.locked(self._folder.with_name(_LOCK))

    def new(self) -> SigningKey:
        """Return a key that nobody knows yet."""
        text = jwt.new_key().decode("ascii")
        return SigningKey(jwt.key_id(text.encode()), text)

    def write(self, keys: Sequence[SigningKey]) -> None:
        """Keep these keys and no others: first what is new, so that a crash leaves more keys and not fewer.

        Raises:
            DataDirectoryError: not all could be written.
        """
        try:
            self._write(keys)
        except OSError as error:
            raise key_format.unusable(self._folder, error) from None

    def _write(self, keys: Sequence[SigningKey]) -> None:
        files = {_read_pem(path): path for path in self._paths()}
        named = {key.name: path for key, path in files.items()}
        last = max(path.stem for path in files.values())
        for key in keys:
            if key.name not in named:
                last = _following(last)
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
        head, mark, body = path.read_text("ascii").partition(_PEM)
        times = key_format.read_times(
            word for word in head.split() if word.startswith(key_format.TIME_NAMES)
        )
        return SigningKey(jwt.key_id(f"{mark}{body}".encode()), mark + body, times)
    except OSError as error:
        raise key_format.unusable(path, error) from None
    except (ValueError, TypeError):
        raise DataDirectoryError(
            f"{path} holds no P-256 private key in PEM: restore it, or move it away"
        ) from None


def _following(stem: str) -> str:
    number = str(int(stem) + 1).zfill(len(stem)) if stem.isdecimal() else ""
    return number if number > stem else f"{stem}-1"
