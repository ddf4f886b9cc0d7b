"""Measures the token check with a large database, and the memory of the workers afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus

from harness.knobs import ONLY, ROUNDS, ROWS, SECONDS, SESSIONS, SMALL, WORKERS, note, wanted
from harness.load import Load, requests_per_second
from harness.memory import memory_mib, present
from harness.population import fill
from harness.servers import Service, service
from harness.table import Row, alternate
from measures.carriers import VERIFY

_GAP = 100  # ids between two fills, left to the accounts that the service creates
_GOAL_MIB = 90
_RESOURCE = "/api/resource"


def rows(postgresql: str | None, points: dict[str, dict[int, float]]) -> Iterator[Row]:
    """Measure a large database against a small one; store microseconds by size in `points`."""
    with ExitStack() as stack:
        big = stack.enter_context(service(postgresql))
        known = points[big.engine] = {}
        if wanted("size"):
            small = stack.enter_context(service(postgresql))
            yield _grow(small, big, known)
        elif wanted("memory"):
            fill(big.database, start=SMALL + _GAP, upto=SESSIONS + _GAP)
        # Half a minute each, with similar results on both databases.
        if wanted("memory") and (postgresql is None or "memory" in ONLY):
            yield _memory(big)


def _grow(small: Service, big: Service, known: dict[int, float]) -> Row:
    reached, rates = SMALL, {}
    for upto in sorted({size for size in (SMALL * 10, SMALL * 100) if size < ROWS} | {ROWS}):
        fill(big.database, start=reached + _GAP, upto=upto)
        reached = upto
        note(f"token check, {upto:,} rows against {SMALL:,} on {big.engine}")
        measures = {name: _rotating(one) for name, one in (("few", small), ("many", big))}
        rates = alternate(measures, rounds=ROUNDS if upto == ROWS else 1)
        known.setdefault(SMALL, _microseconds(rates["few"]))
        known[upto] = _microseconds(rates["many"])
    known[SMALL] = _microseconds(rates["few"])
    what = f"token check, {ROWS:,} accounts and sessions, {big.engine}"
    return Row(what, rates["many"], (rates["few"], f"with {SMALL:,}"), 0.95)


def _rotating(one: Service) -> Callable[[], float]:
    load = Load(f"{one.base}{_RESOURCE}", one.bearer(SMALL))
    present(one.port, one.pid, _RESOURCE, load.credentials)  # so that no first check counts
    return lambda: requests_per_second(load, seconds=SECONDS)


def _microseconds(rate: float) -> float:
    return WORKERS * 1e6 / rate


def _memory(big: Service) -> Row:
    known = big.bearer(SESSIONS)
    verified = big.status(VERIFY, known[0]) == HTTPStatus.NO_CONTENT
    present(big.port, big.pid, VERIFY if verified else _RESOURCE, known)
    used = memory_mib(big.port, big.pid)
    what = f"memory of a worker that knows {SESSIONS:,} sessions, {big.engine}"
    return Row(what, max(used.values()), goal=_GOAL_MIB, unit="MiB PSS", at_most=True)
