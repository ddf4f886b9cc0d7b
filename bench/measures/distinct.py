"""Measures token checks with many different tokens, as users have them, and after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.knobs import ROUNDS, SECONDS, SMALL, note
from harness.load import Load, requests_per_second
from harness.memory import memory_mib, restart_workers
from harness.population import fill, opaque_tokens
from harness.servers import Service, service
from harness.table import Row, alternate
from measures.carriers import VERIFY

TOKENS = 1_000_000
OPAQUE = 300_000
_GOAL_MIB = 60
_COLD_SECONDS = 10
_GAP = 100  # ids between two fills, left to the accounts that the service creates


def rows(postgresql: str | None) -> Iterator[Row]:
    """Measure one database."""
    with service(postgresql) as one:
        fill(one.database, start=SMALL + _GAP, upto=TOKENS + _GAP)
        yield from _access(one)
        yield _cold(one)
        yield _opaque(one)


def _access(one: Service) -> Iterator[Row]:
    bearers = one.bearer(TOKENS)
    note(f"token check, up to {TOKENS:,} different tokens on {one.engine}")
    sizes = (1, 1000, 100_000, TOKENS)
    measures = {str(size): _rate(one, bearers[:size]) for size in sizes}
    rates = alternate(measures, rounds=ROUNDS)
    what = f"`/api/verify`, {TOKENS:,} different tokens, {one.engine}"
    yield Row(what, rates[str(TOKENS)], (rates["1"], "with one token"), 0.85)
    used = max(memory_mib(one.port, one.pid).values())
    what = f"memory of a worker after {TOKENS:,} different tokens, {one.engine}"
    yield Row(what, used, goal=_GOAL_MIB, unit="MiB PSS", at_most=True)


def _rate(one: Service, bearers: tuple[str, ...], seconds: float = SECONDS) -> Callable[[], float]:
    load = Load(one.base + VERIFY, bearers)
    return lambda: requests_per_second(load, seconds=seconds)


def _cold(one: Service) -> Row:
    note(f"token check after a restart on {one.engine}")
    bearers = one.bearer(TOKENS)
    warm = _rate(one, bearers, _COLD_SECONDS)()
    restart_workers(one.port, one.pid)
    cold = _rate(one, bearers, _COLD_SECONDS)()
    what = f"the same in the first {_COLD_SECONDS} s after a restart, {one.engine}"
    return Row(what, cold, (warm, "warm"), 0.90)


def _opaque(one: Service) -> Row:
    bearers = tuple(f"Bearer {token}" for token in opaque_tokens(one.database, count=OPAQUE))
    note(f"token check, {OPAQUE:,} different opaque tokens on {one.engine}")
    _rate(one, bearers, _COLD_SECONDS)()  # fills the cache
    rates = alternate({"one": _rate(one, bearers[:1]), "many": _rate(one, bearers)}, rounds=ROUNDS)
    what = f"`/api/verify`, {OPAQUE:,} different opaque tokens, {one.engine}"
    return Row(what, rates["many"], (rates["one"], "with one token"))
