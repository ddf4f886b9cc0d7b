"""A fault experiment: a load, something that breaks, and the invariants afterwards."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, NullPool, create_engine, text

from support.accounts import ADMIN
from support.faults.invariants import Aftermath, check_all
from support.faults.load import Load
from support.faults.processes import Held, held
from support.faults.recorder import Recorder
from support.live import Live
from support.waiting import wait_until

THREADS = (
    "--workers",
    "2",
    "--threads",
    "4",
)  # few, so that all are at work before anything is measured
WARM_LIVES = 12
_MORE_KIB, _MORE_FILES, _MORE_CONNECTIONS = 12 * 1024, 6, 3


@dataclass(frozen=True, slots=True)
class Experiment:
    """What an experiment works with."""

    recorder: Recorder
    load: Load
    nodes: Sequence[Live]
    engine: Engine


@contextmanager
def run_experiment(
    nodes: Sequence[Live],
    database_url: str,
    *,
    loaded: Sequence[Live] | None = None,
    warm: int = WARM_LIVES,
    mail: bool = False,
) -> Iterator[Experiment]:
    """Warm the nodes up, let the experiment happen, and check the invariants and what the processes
    hold (I11).

    Args:
        nodes: all that take part.
        database_url: what they share.
        loaded: who bears the load, if not all do.
        warm: how many lives are lived before anything is measured.
        mail: register with emails, so that there are mails.
    """
    recorder = Recorder()
    load = Load(recorder, [live.base for live in loaded or nodes], mail=mail)
    engine = create_engine(database_url, poolclass=NullPool)
    try:
        with load.running():
            load.wait_for(warm)
        before, connections = [held(live) for live in nodes], _connections(engine)
        yield Experiment(recorder, load, nodes, engine)
        check_all(_aftermath(load, engine, nodes))
        wait_until(lambda: all(map(_back, nodes, before)))
        wait_until(lambda: _connections(engine) <= connections + _MORE_CONNECTIONS * len(nodes))
    finally:
        engine.dispose()


def _aftermath(load: Load, engine: Engine, nodes: Sequence[Live]) -> Aftermath:
    said = "\n".join(live.output() for live in nodes)
    metrics = [
        urllib.request.urlopen(f"{live.base}/metrics", timeout=60).read().decode() for live in nodes
    ]
    for secret in (ADMIN[1], *(key for live in nodes for key in _keys(live))):
        load.recorder.secret(secret)
    return Aftermath(load.recorder, load.passwords, engine, load.nodes, said, metrics)


def _keys(live: Live) -> list[str]:
    """Return the signing keys that the service has made for itself, and of each private key in PEM
    the first line."""
    directory = Path(live.environment["IDENTITY_DATA_DIR"])
    signing = [
        line for path in directory.glob("secret_keys") for line in path.read_text("ascii").split()
    ]
    private = [
        path.read_text("ascii").splitlines()[1]
        for path in directory.glob("*/*.pem")
        if path.parent.name != "tls"
    ]
    return [*signing, *private]


def _back(live: Live, before: Held) -> bool:
    now = held(live)
    return (
        now.threads <= before.threads + 1
        and now.files <= before.files + _MORE_FILES
        and now.resident_kib <= before.resident_kib * 1.1 + _MORE_KIB
    )


def _connections(engine: Engine) -> int:
    if engine.dialect.name == "sqlite":
        return 0
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with engine.connect() as connection:
        found: int = connection.execute(text(query)).scalar_one()
        return found
