"""Detects that the database file was deleted or replaced.

A deleted file still exists for connections that have it open. What is written there is lost with
the last connection, although it was committed. See decision 47.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

FileIdentity = tuple[int, int] | None
_log = logging.getLogger(__name__)
_FILE: Final = "identity_file"


def identity_of(engine: Engine) -> FileIdentity:
    """Return device and inode of the database file; None if it does not exist."""
    name = engine.url.database or ""
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def require_same_file(engine: Engine) -> None:
    """Use only connections to the current file, and do not create one that was there before."""
    name = engine.url.database or ""
    if name in {"", ":memory:"} or name.startswith("file:"):
        return
    seen: list[FileIdentity] = []

    def refuse_new_file(*_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's types, as below
        if seen and identity_of(engine) is None:
            _log.error("the database file was deleted")
            raise sqlite3.OperationalError

    def note_file(_connection: Any, record: Any) -> None:  # noqa: ANN401
        record.info[_FILE] = identity_of(engine)
        seen[:] = [record.info[_FILE]]

    def compare_file(_connection: Any, record: Any, _proxy: Any) -> None:  # noqa: ANN401
        if record.info[_FILE] != identity_of(engine):
            raise DisconnectionError("the database file was replaced")

    event.listen(engine, "do_connect", refuse_new_file)
    event.listen(engine, "connect", note_file)
    event.listen(engine, "checkout", compare_file)
