"""`make bench`: measures every promised figure against its baseline, in one table."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from subprocess import SubprocessError
from typing import Final

from harness import document, plot
from harness.knobs import CONNECTIONS, ROUNDS, ROWS, SECONDS, WORKERS, note, wanted
from harness.load import TOOL
from harness.postgres import server
from harness.servers import Service, service
from harness.table import Row, markdown
from measures import carriers, changes, distinct, passwords, scale, starting

# The order of the table, which is not the order of measuring.
_ORDER: Final = (
    *(
        "`/api/resource`",
        "`/api/verify`, token",
        "`/api/verify`, JWT",
        "`/api/verify`, opaque",
        "`/api/token`",
    ),
    *("password logins", f"token check, {ROWS:,}", "token check while", "memory", "from"),
)


def main() -> None:
    """Measure, print the results, and write them to the page if asked."""
    begun = time.monotonic()
    note(
        f"{WORKERS} workers, {CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS:g} s, "
        f"loaded by {TOOL}"
    )
    throughput: dict[str, dict[str, float]] = {}
    points: dict[str, dict[int, float]] = {}
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as postgresql:
        rows = list(_rows(postgresql, throughput, points))
    if postgresql is None:
        rows.append(
            Row(
                "everything on PostgreSQL",
                missing="set IDENTITY_TEST_POSTGRESQL, or install postgresql",
            )
        )
    table = markdown(sorted(rows, key=_place))
    note(f"{time.monotonic() - begun:.0f} s in all")
    tool = TOOL.partition(" (")[0]
    text = f"{document.circumstances('make bench')} Loaded by {tool}.\n\n{table}"
    print(text)
    document.write("table", text)
    _draw(throughput, points)


def _place(row: Row) -> int:
    return next(
        (place for place, start in enumerate(_ORDER) if row.what.startswith(start)), len(_ORDER)
    )


def _rows(
    postgresql: str | None,
    throughput: dict[str, dict[str, float]],
    points: dict[str, dict[int, float]],
) -> Iterator[Row]:
    engines = [None, postgresql] if postgresql else [None]
    if any(map(wanted, ("resource", "verify", "token", "logins", "changes"))):
        with ExitStack() as stack:
            services = [stack.enter_context(service(engine)) for engine in engines]
            yield from _side_by_side(services, throughput)
    if wanted("size") or wanted("memory"):
        for engine in engines:
            yield from _careful("size and memory", scale.rows(engine, points))
    if wanted("distinct"):
        for engine in engines:
            yield from _careful("different tokens", distinct.rows(engine))
    if wanted("start"):
        yield from _careful("start", starting.rows(postgresql))


def _side_by_side(
    services: list[Service], throughput: dict[str, dict[str, float]]
) -> Iterator[Row]:
    if any(map(wanted, ("resource", "verify", "token"))):
        for one in services:
            yield from _careful(f"carriers, {one.engine}", carriers.rows(one, throughput))
    if wanted("logins"):
        yield from _careful("password logins", passwords.rows(services))
    if wanted("changes"):
        for one in services:
            yield from _careful(f"changes, {one.engine}", changes.rows(one))


def _careful(what: str, rows: Iterable[Row]) -> Iterator[Row]:
    # A failed measurement becomes a line in the table and does not end the run.
    try:
        yield from rows
    except (RuntimeError, OSError, HTTPException, SubprocessError) as error:
        note(f"{what}: {error}")
        yield Row(what, missing=type(error).__name__)


def _draw(throughput: dict[str, dict[str, float]], points: dict[str, dict[int, float]]) -> None:
    names = dict.fromkeys(name for rates in throughput.values() for name in rates)
    groups = {
        name.replace("`", ""): {
            engine: rates[name] for engine, rates in throughput.items() if name in rates
        }
        for name in names
    }
    document.write_drawing(
        "performance-carriers.svg", plot.bars("Requests per second, by carrier", groups)
    )
    size = (
        "Microseconds of a worker's time for a token check, by accounts and sessions in the "
        "database"
    )
    document.write_drawing("performance-size.svg", plot.lines(size, points))


if __name__ == "__main__":
    main()
