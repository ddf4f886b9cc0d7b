"""The rows of running nodes. Times come from the database, because the nodes' clocks may differ."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, case, delete, func, or_, select
from sqlalchemy.exc import OperationalError

from identity.store.engines import LOCK_WAIT_SECONDS, for_single_reads
from identity.store.models import NODES
from identity.store.types import UtcDateTime
from identity.store.upsert import insert

_KEPT_SECONDS: Final = 3600
_SQLITE_TIME: Final = "%Y-%m-%d %H:%M:%f000"


def record(engine: Engine, *, node_id: str, signing: str, accepted: str) -> None:
    """Record that a node is running, and the names of its keys.

    A locked SQLite database is left alone; the next call will record the node.
    """
    dialect = engine.dialect.name
    row = NODES.c
    now = _now(dialect)
    values = {"id": node_id, "signing": signing, "accepted": accepted, "since": now, "seen_at": now}
    new = insert(dialect, NODES).values(values)
    changed = or_(row.signing != signing, row.accepted != accepted)
    update = {"signing": signing, "accepted": accepted, "seen_at": now}
    update["since"] = case((changed, now), else_=row.since)
    statements = (
        new.on_conflict_do_update(index_elements=[row.id], set_=update),
        delete(NODES).where(row.seen_at < _now(dialect, ago=_KEPT_SECONDS)),
    )
    with for_single_reads(engine).connect() as connection:
        if dialect != "sqlite":
            for statement in statements:
                connection.execute(statement)
            return
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            for statement in statements:
                connection.execute(statement)
        except OperationalError as error:
            if "locked" not in str(error.orig):
                raise
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {LOCK_WAIT_SECONDS * 1000}")


def seen_within(engine: Engine, seconds: int) -> Any:  # noqa: ANN401 - a Select of four columns
    """Return the query for recently seen nodes, in the order in which their keys appeared."""
    row = NODES.c
    return (
        select(row.id, row.signing, row.accepted)
        .where(row.seen_at > _now(engine.dialect.name, ago=seconds))
        .order_by(row.since, row.id)
    )


def remove(engine: Engine, node_id: str) -> None:
    """Delete the row of a node that stops."""
    with for_single_reads(engine).connect() as connection:
        connection.execute(delete(NODES).where(NODES.c.id == node_id))


def _now(dialect: str, *, ago: int = 0) -> ColumnElement[Any]:
    if dialect == "sqlite":
        return func.strftime(_SQLITE_TIME, "now", f"-{ago} seconds", type_=UtcDateTime())
    return func.clock_timestamp(type_=UtcDateTime()) - func.make_interval(0, 0, 0, 0, 0, 0, ago)
