"""Secrets from files: what `IDENTITY_…_FILE` names holds the value of the setting without `_FILE`.

Container platforms mount secrets as files, and variables are seen by every process that is started from here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from identity.settings.readers import SettingError

SUFFIX: Final = "_FILE"
_MAX_BYTES: Final = 64 * 1024


def with_secret_files(given: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """Return the settings with the content of each file in place of its name.

    Args:
        given: settings as they were set.
        secrets: the names of the settings that may stand in files.

    Raises:
        SettingError: both are given, or the file is not there, not readable or empty, or has several lines.
    """
    values = dict(given)
    for name in secrets:
        if name + SUFFIX not in values:
            continue
        if name in values:
            raise SettingError(f"{name} and {name}{SUFFIX}: give only one of the two")
        values[name] = _read(name + SUFFIX, values.pop(name + SUFFIX))
    return values


def _read(name: str, path: str) -> str:
    try:
        content = _content(Path(path))
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SettingError(
            f"{name}: cannot read {path or 'a file without a name'}: {error.strerror}"
        ) from None
    except ValueError:  # no UTF-8, or a name with NUL
        raise SettingError(f"{name}: {path} holds no text") from None
    if not text or len(content) > _MAX_BYTES:
        raise SettingError(f"{name}: {path} is empty or too large")
    if not text.isprintable():
        raise SettingError(f"{name}: {path} must hold one line of text")
    return text


def _content(path: Path) -> bytes:
    # A pipe gives what it has only once, and each worker reads again.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        return file.read(_MAX_BYTES + 1)
