"""The checks of the invariants find each violation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine

from support.faults import invariants
from support.faults.invariants import Aftermath
from support.faults.recorder import Operation, Recorder

Rule = Callable[[Aftermath], None]
NOW = time.monotonic()
SECRET = "canary-0-Passw0rd"


def operation(
    kind: str, status: int | None, body: str = "", *, at: float = NOW, **headers: str
) -> Operation:
    """Return a call of hawk's."""
    return Operation(
        kind, "node", "hawk", at, at, {200, 201, 401}, "id", status, tuple(headers.items()), body
    )


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database."""
    made = create_engine(database_url)
    yield made
    made.dispose()


def aftermath(
    engine: Engine, *operations: Operation, said: str = "", metrics: str = ""
) -> Aftermath:
    """Return what an experiment would leave behind that broke nothing."""
    recorder = Recorder()
    recorder.secret(SECRET)
    recorder.operations.extend(operations)
    return Aftermath(recorder, {}, engine, ["node"], said, [metrics])


GREETING = '{"data": "Hello, hawk!"}'
REGISTERED = operation("register", 201, '{"username": "hawk"}')
ENDED = operation("disable", 200)
FOUND = [
    (invariants.answers, [operation("check", 500)], {}),
    (invariants.answers, [operation("check", 404)], {}),
    (invariants.answers, [operation("check", 503, **{"Retry-After": "1"})], {}),
    (invariants.answers, [operation("check", None)], {}),
    (invariants.answers, [], {"said": "Traceback (most recent call last):"}),
    (invariants.answers, [], {"said": '{"exception": "KeyError"}'}),
    (invariants.echoes, [operation("check", 200, '{"data": "Hello, kite!"}')], {}),
    (invariants.echoes, [operation("register", 201, '{"username": "kite"}')], {}),
    (invariants.ends, [ENDED, operation("check", 200, GREETING, at=NOW + 1.1)], {}),
    (invariants.canaries, [operation("check", 401, SECRET)], {}),
    (invariants.canaries, [operation("check", 200, GREETING, Location=f"/{SECRET}")], {}),
    (invariants.canaries, [], {"said": f"login of {SECRET}"}),
    (invariants.canaries, [], {"metrics": f'path="{SECRET}"'}),
    (invariants.canaries, [], {"said": "$argon2id$v=19"}),
    (invariants.metrics, [], {"metrics": 'requests{status="500"} 1'}),
]
MISSING = [
    (invariants.accounts_are_there, [REGISTERED]),
    (invariants.audit_log, [REGISTERED]),
    (invariants.audit_log, [ENDED]),
    (invariants.an_admin_is_left, []),
]


@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize(("rule", "operations", "more"), FOUND)
def test_a_breach_is_found_in_answers_and_output(
    engine: Engine, rule: Rule, operations: list[Operation], more: dict[str, str]
) -> None:
    with pytest.raises(AssertionError):
        rule(aftermath(engine, *operations, **more))


@pytest.mark.parametrize(("rule", "operations"), MISSING)
def test_what_was_acknowledged_and_is_not_in_the_database_is_found(
    engine: Engine, rule: Callable[[Aftermath, Connection], None], operations: list[Operation]
) -> None:
    with pytest.raises(AssertionError), engine.connect() as connection:
        rule(aftermath(engine, *operations), connection)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_nothing_is_found_where_all_is_well(engine: Engine) -> None:
    after = aftermath(
        engine, REGISTERED, operation("check", 200, GREETING, at=NOW + 2), operation("check", 401)
    )
    with after.recorder.fault():
        after.recorder.operations.append(operation("check", None, at=time.monotonic()))
        after.recorder.operations.append(
            operation("check", 503, at=time.monotonic(), **{"Retry-After": "1"})
        )
    for rule in (
        invariants.answers,
        invariants.echoes,
        invariants.ends,
        invariants.canaries,
        invariants.metrics,
    ):
        rule(after)
    with engine.connect() as connection:
        for look in (invariants.no_duplicates, invariants.integrity):
            look(after, connection)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_an_answer_is_not_excused_six_seconds_after_a_fault_or_without_word_when_to_come_back(
    engine: Engine,
) -> None:
    for late in (operation("check", None, at=NOW + 6.1), operation("check", 503, at=NOW)):
        after = aftermath(engine, late)
        after.recorder.windows.append((NOW - 1, NOW + 1))
        with pytest.raises(AssertionError):
            invariants.answers(after)
