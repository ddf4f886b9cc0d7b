"""What must hold after every experiment, whatever was broken meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, Engine, text

from support.faults.recorder import Operation, Recorder

REVOKED_AFTER_SECONDS = 1.0
_EVENTS = {
    "register": "account.registered",
    "sign": "certificate.issued",
    "disable": "account.disabled",
}
_GIVES_A_TOKEN = frozenset({"login"})


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What an experiment leaves behind: its operations, the database, and all that the service has
    said."""

    recorder: Recorder
    passwords: dict[str, str]
    engine: Engine
    nodes: Sequence[str]
    said: str  # logs of all nodes
    metrics: Sequence[str]


def check_all(after: Aftermath) -> None:
    """Check the invariants, those that ask the service itself last.

    Raises:
        AssertionError: one does not hold.
    """
    for rule in (answers, echoes, ends, canaries, metrics):
        rule(after)
    with after.engine.connect() as connection:
        for look in (
            accounts_are_there,
            no_duplicates,
            an_admin_is_left,
            certificates_are_recorded,
            audit_log,
            integrity,
        ):
            look(after, connection)
    registered_can_log_in(after)


def answers(after: Aftermath) -> None:
    """No call fails with a server error, and none is deferred or unanswered but during a fault and
    shortly after.
    """
    none([each for each in after.recorder.operations if each.outcome == "wrong"])
    late = [each for each in after.recorder.operations if each.outcome in {"unknown", "put off"}]
    none([each for each in late if not after.recorder.excused(each)])
    none(
        [
            each
            for each in late
            if each.outcome == "put off" and not each.header("Retry-After").isdecimal()
        ]
    )
    assert "Traceback" not in after.said
    assert '"exception"' not in after.said


def echoes(after: Aftermath) -> None:
    """A credential stands for its own account."""
    none([each for each in after.recorder.ok("register") if each.json() != {"username": each.who}])
    none(
        [
            each
            for each in after.recorder.ok("check")
            if each.json() != {"data": f"Hello, {each.who}!"}
        ]
    )


def ends(after: Aftermath) -> None:
    """No ended credential is accepted later than a second after the acknowledgement."""
    ended = {each.who: each.answered for each in after.recorder.ok("disable", "log out")}
    uses = after.recorder.ok("check", "login", "sign")
    never = float("inf")
    none([each for each in uses if each.asked > ended.get(each.who, never) + REVOKED_AFTER_SECONDS])


def canaries(after: Aftermath) -> None:
    """No secret is in a log line, in a metric, or in an answer to another request."""
    told = [("log", after.said), *(("metrics", text) for text in after.metrics)]
    for each in after.recorder.operations:
        shown = [] if each.kind in _GIVES_A_TOKEN and each.outcome == "ok" else [each.body]
        told += [
            (
                each.kind,
                "\n".join([*shown, *(value for name, value in each.headers if name != "token")]),
            )
        ]
    planted = [*after.recorder.secrets, "$argon2"]
    joined = "\n".join(text for _, text in told)
    found = [secret for secret in planted if secret in joined]
    none([(place, secret) for secret in found for place, text in told if secret in text])


def metrics(after: Aftermath) -> None:
    """The service's own count of server errors is zero."""
    for text_ in after.metrics:
        none([line for line in text_.splitlines() if 'status="500"' in line])


def accounts_are_there(after: Aftermath, connection: Connection) -> None:
    """Every acknowledged account exists."""
    there = set(connection.execute(text("SELECT username_canonical FROM account")).scalars())
    none([each for each in after.recorder.ok("register") if each.who not in there])


def no_duplicates(_after: Aftermath, connection: Connection) -> None:
    """Every username, email, serial and mail is unique."""
    for table, column in (
        ("account", "username_canonical"),
        ("account", "email_canonical"),
        ("certificate", "serial"),
        ("certificate", "public_key"),
        ("outbox_mail", "message_id"),
    ):
        query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1"  # noqa: S608 - our own words
        none(connection.execute(text(query)).scalars())


def an_admin_is_left(_after: Aftermath, connection: Connection) -> None:
    """At least one enabled administrator is left."""
    assert (
        connection.execute(
            text("SELECT count(*) FROM account WHERE admin AND NOT disabled")
        ).scalar_one()
        >= 1
    )


def certificates_are_recorded(after: Aftermath, connection: Connection) -> None:
    """Every issued certificate is recorded."""
    recorded = set(connection.execute(text("SELECT fingerprint FROM certificate")).scalars())
    none([each for each in after.recorder.ok("sign") if _fingerprint(each) not in recorded])


def audit_log(after: Aftermath, connection: Connection) -> None:
    """Every acknowledged action is in the audit log once."""
    events = connection.execute(text("SELECT kind, request_id FROM audit_event")).all()
    recorded = [(str(kind), str(request_id)) for kind, request_id in events]
    wanted = [
        each
        for each in after.recorder.ok(*_EVENTS)
        if recorded.count((_EVENTS[each.kind], each.request_id)) != 1
    ]
    none(wanted)


def integrity(_after: Aftermath, connection: Connection) -> None:
    """The database is consistent, and no row refers to a deleted one."""
    if connection.dialect.name == "sqlite":
        assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
        none(connection.execute(text("PRAGMA foreign_key_check")).all())
    else:
        none(
            connection.execute(
                text("SELECT conname FROM pg_constraint WHERE NOT convalidated")
            ).scalars()
        )
        none(
            connection.execute(
                text("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
            ).scalars()
        )
    for table in ("session", "certificate", "outbox_mail"):
        orphans = f"SELECT count(*) FROM {table} WHERE account_id NOT IN (SELECT id FROM account)"  # noqa: S608 - our own words
        assert connection.execute(text(orphans)).scalar_one() == 0


def registered_can_log_in(after: Aftermath) -> None:
    """A registered account can log in unless it was disabled."""
    disabled = {
        each.who
        for each in after.recorder.operations
        if each.kind == "disable" and each.outcome != "put off"
    }
    certain = {each.who for each in after.recorder.ok("disable")}
    names = [
        each.who for each in after.recorder.ok("register") if each.who not in disabled - certain
    ]

    def status(name: str) -> tuple[str, int | None]:
        node, user = after.nodes[hash(name) % len(after.nodes)], f"{name}:{after.passwords[name]}"
        recorder = after.recorder
        return name, recorder.call(
            node, "GET", "/api/resource", kind="check", who=name, user=user, expect={200, 401}
        ).status

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(status, names))
    none([(name, got) for name, got in found if got != (401 if name in certain else 200)])


def _fingerprint(signed: Operation) -> str:
    der = x509.load_pem_x509_certificate(signed.json()["cert"].encode()).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def none(found: Iterable[object]) -> None:
    """Make sure that there is none."""
    listed = list(found)
    assert not listed, "\n".join([f"{len(listed)} found:", *map(str, listed[:10])])
