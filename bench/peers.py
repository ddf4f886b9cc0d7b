"""`make bench PEERS=1`: measures other systems on the same work.

Each is a thin application on published packages.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness import document
from harness.asking import CLIENTS, Live
from harness.installing import installed
from harness.knobs import SECONDS, WORKERS, note, wanted
from harness.load import requests_per_second
from harness.running import free_port, running
from harness.servers import LIMITS_OFF, service
from harness.systems import OURS, PEERS, Peer
from harness.table import Row, alternate, grid, markdown

_HERE: Final = Path(__file__).parent / "other_systems"
_LEAST_SECONDS: Final = 3  # a login is slow, so a shorter run says little
_WORK: Final = ("token check", "token issue", "login", "registration")

Rates = dict[str, float]


def main() -> None:
    """Measure all systems in turn, print the results, and write them to the page if asked."""
    found: dict[str, Rates | str] = {}
    with service(settings=LIMITS_OFF) as one:
        found[OURS.name] = _measured(Live(OURS, one.port))
    for peer in PEERS:
        if wanted(peer.name):
            found[peer.name] = _attempt(peer)
    table = grid(("requests/s", *_WORK), [(name, *_cells(each)) for name, each in found.items()])
    circumstances = document.circumstances("make bench PEERS=1")
    text = f"{circumstances}\n\n{table}\n\n{markdown(_goals(found))}"
    print(f"\n{text}")
    document.write("peers", text)


def _attempt(peer: Peer) -> Rates | str:
    try:
        with _started(peer) as live:
            return _measured(live)
    except (RuntimeError, OSError, subprocess.SubprocessError, KeyError, ValueError) as error:
        note(f"{peer.name}: {error}")
        return f"not measured: {str(error).strip().splitlines()[0][:80]}"


def _measured(live: Live) -> Rates:
    note(live.peer.name)
    names = [live.new_name() for _ in range(CLIENTS)]
    for name in names:
        live.ask(live.registration(name))
    loads, long = live.loads(names[0]), max(SECONDS, _LEAST_SECONDS)
    measures: dict[str, Callable[[], float]] = {
        work: lambda load=load: requests_per_second(load, seconds=SECONDS)
        for work, load in loads.items()
    }
    measures["login"] = lambda: live.per_second(
        lambda number: live.login(names[number]), seconds=long
    )
    measures["registration"] = lambda: live.per_second(
        lambda _: live.registration(live.new_name()), seconds=long
    )
    return alternate(measures, warm_up=True)


@contextmanager
def _started(peer: Peer) -> Iterator[Live]:
    environment, port = installed(peer), free_port()
    with tempfile.TemporaryDirectory(prefix="identity-peer-") as folder:
        given = {
            "bin": str(environment / "bin"),
            "port": str(port),
            "folder": folder,
            "here": str(_HERE),
        }
        own = {
            "BENCH_FOLDER": folder,
            "BENCH_MODULES": str(environment),
            "BENCH_SECRET": secrets.token_hex(32),
        }
        own |= {"BENCH_PORT": str(port), "BENCH_WORKERS": str(WORKERS), "GOMAXPROCS": str(WORKERS)}
        variables = {
            name: value for name, value in os.environ.items() if name != "PYTHONPATH"
        } | own
        if peer.prepare:
            command = [part.format(**given) for part in peer.prepare]
            subprocess.run(command, check=True, env=variables, cwd=_HERE, capture_output=True)  # noqa: S603 - a fixed command
        command = [part.format(**given) for part in peer.command]
        url = f"http://127.0.0.1:{port}{peer.check.replace('{id}', 'unknown')}"
        with running(command, url, environment=variables, folder=_HERE):
            yield Live(peer, port)


def _cells(rates: Rates | str) -> list[str]:
    return (
        [rates, "", "", ""] if isinstance(rates, str) else [f"{rates[work]:,.0f}" for work in _WORK]
    )


def _goals(found: dict[str, Rates | str]) -> list[Row]:
    checks = {
        name: rates["token check"] for name, rates in found.items() if not isinstance(rates, str)
    }
    python = {peer.name: checks[peer.name] for peer in PEERS if peer.python and peer.name in checks}
    best = max(python, key=lambda name: python[name], default="the best Python peer")
    return [
        Row("token check", checks[OURS.name], (checks[name], name), goal)
        if name in checks
        else Row("token check", against=(0, name), goal=goal, missing="see above")
        for name, goal in ((best, 4.5), ("PocketBase", 2.2))
    ]


if __name__ == "__main__":
    main()
