"""A PostgreSQL connection with a time limit for every answer.

If the server process is frozen, its system still acknowledges every packet, so neither the time
limits of the network nor those of the server apply.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import errors

ANSWER_TIMEOUT_SECONDS: Final = 6.0


class TimeoutConnection(psycopg.Connection[Any]):
    """Closes itself if a statement takes more than `answer_timeout` seconds; None is no limit."""

    answer_timeout: float | None = ANSWER_TIMEOUT_SECONDS
    shared = False  # by a pooler, which gives each transaction another server connection

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401 - psycopg's own
        """Wait for an answer.

        Raises:
            OperationalError: none arrived in time; the connection is closed.
        """
        try:
            return super().wait(gen, interval, timeout or self.answer_timeout)
        except errors._WaitTimeout:  # noqa: SLF001 - what psycopg raises here
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not respond in time") from None
