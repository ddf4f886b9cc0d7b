"""`make bench-flood`: token checks, honest logins and memory during a flood of wrong passwords."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness import document
from harness.knobs import FLOOD_SECONDS, MEMORY_KIB, SECONDS, WORKERS, note, wanted
from harness.load import TOOL, WRK, Load, flooding, requests_per_second
from harness.memory import connections, pss_mib
from harness.population import FIRST
from harness.postgres import server
from harness.servers import LIMITS_OFF, Service, basic, bench_user, service
from harness.table import Row, alternate, markdown
from measures.honest_logins import Logins, log_in
from measures.steady_checks import Answers, ask

_CONNECTIONS: Final = 16
_ATTACKED: Final = 50
_PER_SECOND: Final = 100
_HONEST: Final = 100  # the number of an account that is not attacked
_WARM_UP: Final = 10
_P99_MS: Final = 150
_MEMORY_MIB: Final = WORKERS * MEMORY_KIB / 1024  # one hash for each worker
_KINDS: Final[dict[str, dict[str, str]]] = {"limits off": LIMITS_OFF, "as shipped": {}}


@dataclass(frozen=True)
class Outcome:
    """What was measured during one flood."""

    checks: Answers
    logins: Logins
    attempts_per_second: float
    growth_mib: float


def main() -> None:
    """Run the floods, print the results, and write them to the page if asked."""
    if WRK is None:
        raise SystemExit(f"The flood needs wrk; found only {TOOL}.")
    parts = [document.circumstances("make bench-flood")]
    print(parts[0])
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as postgresql:
        for name, settings in _KINDS.items():
            for engine in [None, postgresql] if postgresql else [None]:
                with service(engine, settings=settings) as one:
                    title = f"{name}, {one.engine}"
                    if wanted(name) or wanted(one.engine):
                        note(title)
                        parts.append(f"**{title[0].upper()}{title[1:]}**\n\n{markdown(_rows(one))}")
                        print(f"\n{parts[-1]}")
    document.write("flood", "\n\n".join(parts))


def _rows(one: Service) -> Iterator[Row]:
    (credential,) = one.bearer()
    full = Load(f"{one.base}/api/resource", (credential,))
    wrong = tuple(basic(f"bench{FIRST + number}", "wrong horse") for number in range(_ATTACKED))
    attack = Load(f"{one.base}/api/resource", wrong, connections=_CONNECTIONS)
    requests_per_second(full, seconds=SECONDS)
    for _ in range(_WARM_UP):  # exclude the one-time cost of a first login
        one.status("/api/resource", bench_user(_HONEST))
    seen = _flood(one, attack, credential)

    def flooded() -> float:
        with flooding(attack):
            return requests_per_second(full, seconds=SECONDS)

    calm = "without the flood"
    rates = alternate(
        {calm: lambda: requests_per_second(full, seconds=SECONDS), "flooded": flooded}
    )
    times = seen.logins.seconds
    yield Row("wrong passwords sent", seen.attempts_per_second)
    yield Row(
        f"checks at {_PER_SECOND}/s: not answered 200",
        seen.checks.errors,
        goal=0,
        unit="errors",
        at_most=True,
    )
    yield Row(f"checks at {_PER_SECOND}/s: median", seen.checks.percentile(50) * 1000, unit="ms")
    yield Row(
        f"checks at {_PER_SECOND}/s: p99",
        seen.checks.percentile(99) * 1000,
        goal=_P99_MS,
        unit="ms",
        at_most=True,
    )
    yield Row("checks at full speed", rates["flooded"], (rates[calm], calm), 0.5)
    yield Row(
        "memory growth, all workers", seen.growth_mib, goal=_MEMORY_MIB, unit="MiB", at_most=True
    )
    yield Row("honest logins that got through", len(times), goal=1, unit="logins")
    yield Row("honest logins: told to wait", seen.logins.waits, unit="times")
    yield Row(
        "honest logins: refused otherwise", seen.logins.refused, goal=0, unit="times", at_most=True
    )
    yield Row("honest logins: median, waits included", statistics.median(times or [0]), unit="s")
    yield Row("honest logins: slowest, waits included", max(times, default=0.0), unit="s")


def _flood(one: Service, attack: Load, credential: str) -> Outcome:
    workers = list(connections(one.port, one.pid))
    before = sum(map(pss_mib, workers))
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, context) as aside,
        ThreadPoolExecutor(1) as beside,
        flooding(attack) as attempts,
    ):
        checks = aside.submit(
            ask, one.port, credential, per_second=_PER_SECOND, seconds=FLOOD_SECONDS
        )
        logins = beside.submit(log_in, one.port, bench_user(_HONEST), seconds=FLOOD_SECONDS)
        with _watching(workers) as highest:
            found = checks.result(), logins.result()
    return Outcome(
        *found, attempts_per_second=attempts[0], growth_mib=max(0.0, highest[0] - before)
    )


@contextmanager
def _watching(workers: list[int]) -> Iterator[list[float]]:
    highest, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            highest[0] = max(highest[0], sum(map(pss_mib, workers)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield highest
    finally:
        stop.set()
        watcher.join()


if __name__ == "__main__":
    main()
