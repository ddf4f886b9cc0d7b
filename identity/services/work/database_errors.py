"""Translates the errors of database drivers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from identity.domain.errors import Unavailable

_log = logging.getLogger(__name__)
_RETRY_AFTER: Final = timedelta(seconds=2)
# SQLSTATE: serialization failure, deadlock (PostgreSQL manual, appendix A).
_RETRYABLE: Final = frozenset({"40001", "40P01"})


class Retryable(Unavailable):
    """The database asks for the same transaction to be run again."""


@contextmanager
def translated() -> Iterator[None]:
    """Translate the errors of database drivers.

    Raises:
        IntegrityError: unchanged; only the use case knows what it means.
        Retryable: the database asks for the same transaction to be run again.
        Unavailable: for every other error.
    """
    try:
        yield
    except IntegrityError:
        raise
    except PoolTimeout:
        _log.warning("database pool exhausted")
        raise Unavailable(_RETRY_AFTER) from None
    except DBAPIError as error:
        # The driver's text may quote a row, which may hold a password hash, so only the class of
        # the error is logged. Without a statement there is no row: the connection failed.
        state = getattr(error.orig, "sqlstate", None)
        reason = str(error.orig).partition("\n")[0] if error.statement is None else ""
        _log.error("database error: %s %s", type(error.orig).__name__, reason or state or "")
        if state in _RETRYABLE:
            raise Retryable(_RETRY_AFTER, reason) from None
        raise Unavailable(_RETRY_AFTER, reason) from None
