"""Connection poolers between the service and PostgreSQL, such as PgBouncer."""

from __future__ import annotations

from enum import StrEnum


class Pooler(StrEnum):
    """Whether connections to the database pass through a pooler, and how it shares them."""

    AUTO = "auto"  # found out with each connection; a pooler is taken to share transactions
    NONE = "none"
    SESSION = "session"  # a server connection for as long as ours is open
    TRANSACTION = "transaction"  # another server connection for each transaction
