"""A PostgreSQL connection that does not wait for ever.

A server that is frozen, not gone, still acknowledges every packet, so no time limit of the network or of the server
itself ends the wait for its answer: this one does, on our side.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import errors

PATIENCE_SECONDS: Final = 6.0


class PatientConnection(psycopg.Connection[Any]):
    """Gives a statement `patience` seconds, then itself up. None waits as long as it takes."""

    patience: float | None = PATIENCE_SECONDS

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401 - psycopg's own
        """Wait for an answer.

        Raises:
            OperationalError: there was none in time; the connection is closed.
        """
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except errors._WaitTimeout:  # noqa: SLF001 - what psycopg raises here
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from None
