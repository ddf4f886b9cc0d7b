"""Creates many accounts by SQL, each with one live session, and signs tokens for them.

The tokens are signed by the service's own code.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from argon2 import PasswordHasher
from sqlalchemy import Engine, Row, create_engine, text

from harness.knobs import MEMORY_KIB, TIME, note
from identity.adapters.clock import SystemClock
from identity.adapters.keys.secret_keys import ConfiguredKeys
from identity.adapters.tokens.opaque import OpaqueTokens
from identity.adapters.tokens.signed import SignedAccessTokens
from identity.domain.claims import AccessClaims
from identity.domain.principal import Subject
from identity.domain.token_kinds import TokenKind
from identity.store.journal import Change, record

FIRST: Final = 1001  # lower ids belong to the accounts that the service creates
PASSWORD: Final = "correct horse battery"  # noqa: S105 - of accounts that exist for a minute
SECRET_KEY: Final = secrets.token_hex(32)  # the service uses it, too
_STEP: Final = 100_000
_LIFE_SECONDS: Final = 600
_HOLDERS: Final = """
    SELECT session.id, account.id, username, account.version, uuid, short_id
    FROM session JOIN account ON account.id = account_id
    WHERE account_id BETWEEN :low AND :high AND digest IS NULL ORDER BY random() LIMIT :count"""

_RANDOM: Final = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "replace(gen_random_uuid()::text, '-', '')",
}
_NUMBERS: Final = """
    WITH RECURSIVE series(n) AS (SELECT CAST(:first AS INTEGER) UNION ALL SELECT n + 1 FROM series WHERE n < :last),
    numbered AS (SELECT n, {random} AS r FROM series)"""
_ACCOUNTS: Final = """
    INSERT INTO account (id, uuid, short_id, username, username_canonical, email, email_canonical, password_hash,
        version, created_at, updated_at)
    {numbers} SELECT n, '00000000-0000-4000-8000-' || (100000000000 + n), '' || (10000000000000000 + n),
        'bench' || n, 'bench' || n, 'bench' || n || '@example.com', 'bench' || n || '@example.com', :hash, 1, :now, :now
    FROM numbered"""
_SESSIONS: Final = """
    INSERT INTO session (id, account_id, kind, version, authenticated_at, created_at, last_used_at, absolute_end,
        origin)
    {numbers} SELECT r, n, :kind, 1, :now, :now, :now, :end, '127.0.0.1' FROM numbered"""


def fill(url: str, *, start: int = 0, upto: int) -> None:
    """Add the accounts `bench<id>` number `start` up to `upto`, with PASSWORD and a new session."""
    engine = create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            connection.exec_driver_sql("PRAGMA cache_size = -400000")
        for low in range(start, upto, _STEP):
            high = min(low + _STEP, upto)
            values = _values(engine) | {"first": FIRST + low, "last": FIRST + high - 1}
            numbers = _NUMBERS.format(random=_RANDOM[engine.dialect.name])
            for statement in (_ACCOUNTS, _SESSIONS):
                connection.execute(text(statement.format(numbers=numbers)), values)
            connection.commit()
            note(f"{engine.dialect.name}: {high:,} accounts and sessions")
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


def _values(engine: Engine) -> dict[str, object]:
    now = datetime.now(UTC)
    end = now + timedelta(days=30)
    embedded = engine.dialect.name == "sqlite"  # stores times as text without a zone
    moments = [f"{moment:%Y-%m-%d %H:%M:%S.%f}" if embedded else moment for moment in (now, end)]
    hasher = PasswordHasher(time_cost=TIME, memory_cost=MEMORY_KIB, parallelism=1)
    return {
        "now": moments[0],
        "end": moments[1],
        "kind": TokenKind.ACCESS.value,
        "hash": hasher.hash(PASSWORD),
    }


def tokens(url: str, *, count: int, account: int = 0) -> list[str]:
    """Return access tokens for `count` random sessions, of all accounts or of one.

    They live as long as the service's own, and the journal says that they were issued.
    """
    engine = create_engine(url)
    values = {"low": account or FIRST, "high": account or 2**62, "count": count}
    with engine.begin() as connection:
        now = datetime.now(UTC)
        record(connection, [Change(int(now.timestamp()))])
        rows = connection.execute(text(_HOLDERS), values).all()
    engine.dispose()
    issued = int(now.timestamp())
    signer = SignedAccessTokens(ConfiguredKeys([SECRET_KEY]), SystemClock())
    return [signer.sign(_claims(row, issued)) for row in rows]


def _claims(row: Row[Any], issued: int) -> AccessClaims:
    session, account, username, version, uuid, short_id = row
    subject = Subject(account, username, admin=False, version=version, uuid=uuid, short_id=short_id)
    proved = datetime.fromtimestamp(issued, UTC)
    return AccessClaims(session, issued, issued + _LIFE_SECONDS, subject, proved, used=True)


def opaque_tokens(url: str, *, count: int) -> list[str]:
    """Turn `count` sessions into ones with Wekan's opaque tokens, and return the tokens."""
    engine, made = create_engine(url), OpaqueTokens()
    secret = [made.new(TokenKind.OPAQUE) for _ in range(count)]
    with engine.begin() as connection:
        pick = "SELECT id FROM session WHERE digest IS NULL ORDER BY account_id DESC LIMIT :count"
        ids = connection.execute(text(pick), {"count": count}).scalars().all()
        connection.execute(
            text(
                "UPDATE session SET digest = :digest, kind = 'opaque', shown_at = created_at "
                "WHERE id = :id"
            ),
            [
                {"id": one, "digest": made.digest(token)}
                for one, token in zip(ids, secret, strict=True)
            ],
        )
    engine.dispose()
    return secret
