"""Whether a connection still leads to the file that bears the database's name.

A file that was deleted or replaced lives on for whoever has it open: what is written there is gone with the last
connection, however often it was acknowledged.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

Identity = tuple[int, int] | None
_log = logging.getLogger(__name__)
_FILE: Final = "identity_file"


def identity_of(engine: Engine) -> Identity:
    """Return what tells the database's file from every other; None where there is no such file."""
    name = engine.url.database or ""
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def follow(engine: Engine) -> None:
    """Use only connections to the file that is there now, and never make a new one where there was one before."""
    if engine.url.database in {None, "", ":memory:"} or str(engine.url.database).startswith(
        "file:"
    ):
        return
    seen: list[Identity] = []

    def refuse_new(*_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own, as below
        if seen and identity_of(engine) is None:
            _log.error("the database file is gone")
            raise sqlite3.OperationalError

    def note(_connection: Any, record: Any) -> None:  # noqa: ANN401
        record.info[_FILE] = identity_of(engine)
        seen[:] = [record.info[_FILE]]

    def compare(_connection: Any, record: Any, _proxy: Any) -> None:  # noqa: ANN401
        if record.info[_FILE] != identity_of(engine):
            raise DisconnectionError("the database file is another")

    event.listen(engine, "do_connect", refuse_new)
    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", compare)
