"""Secrets from files: `IDENTITY_…_FILE` names a file with the value of the setting.

Container platforms mount secrets as files. Variables, in contrast, are visible to child processes.
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


def with_secret_files(texts: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """Return the settings with the contents of secret files instead of their names.

    Args:
        texts: the settings by name.
        secrets: the names of the settings that may be in files.

    Raises:
        SettingError: both variables are set, or the file is unreadable, empty or has several lines.
    """
    values = dict(texts)
    for name in secrets:
        if name + SUFFIX not in values:
            continue
        if name in values:
            raise SettingError(f"{name} and {name}{SUFFIX}: set only one of them")
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
    except ValueError:  # not UTF-8, or a name with NUL
        raise SettingError(f"{name}: {path} is not a text file") from None
    if not text or len(content) > _MAX_BYTES:
        raise SettingError(f"{name}: {path} is empty or too large")
    if not text.isprintable():
        raise SettingError(f"{name}: {path} must contain one line of text")
    return text


def _content(path: Path) -> bytes:
    # A pipe can be read only once, but each worker reads the file again.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        return file.read(_MAX_BYTES + 1)
