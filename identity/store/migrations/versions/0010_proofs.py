"""How a session was authenticated, accounts without a password, and kinds of accounts."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from identity.store.types import UtcDateTime

revision = "0010"
down_revision = "0009"

# Times that stood for a method before there was a column for it.
_METHODS = {
    "certificate": "1970-01-01 00:00:00",
    "administrator": "1970-01-01 00:00:01",
}
_NO_PASSWORD = "!"  # noqa: S105 - no hash


def _session() -> sa.TableClause:
    return sa.table(
        "session",
        sa.column("proof", sa.String),
        sa.column("authenticated_at", UtcDateTime(timezone=True)),
        sa.column("created_at", UtcDateTime(timezone=True)),
    )


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "session",
        sa.Column("proof", sa.String(16), nullable=False, server_default=sa.text("'password'")),
    )
    session = _session()
    for method, time in _METHODS.items():
        known = session.c.authenticated_at == _time(time)
        values = {"proof": method, "authenticated_at": session.c.created_at}
        op.execute(session.update().where(known).values(values))
    op.add_column(
        "account",
        sa.Column("kind", sa.String(16), nullable=False, server_default=sa.text("'person'")),
    )
    with op.batch_alter_table("account", table_kwargs={"sqlite_autoincrement": True}) as account:
        account.alter_column("password_hash", existing_type=sa.String(512), nullable=True)
    op.execute(f"UPDATE account SET password_hash = NULL WHERE password_hash = '{_NO_PASSWORD}'")  # noqa: S608 - our words


def downgrade() -> None:
    """Revert."""
    op.execute(f"UPDATE account SET password_hash = '{_NO_PASSWORD}' WHERE password_hash IS NULL")  # noqa: S608 - our words
    with op.batch_alter_table("account", table_kwargs={"sqlite_autoincrement": True}) as account:
        account.alter_column("password_hash", existing_type=sa.String(512), nullable=False)
        account.drop_column("kind")
    session = _session()
    for method, time in _METHODS.items():
        known = session.c.proof == method
        op.execute(session.update().where(known).values(authenticated_at=_time(time)))
    with op.batch_alter_table("session") as sessions:
        sessions.drop_column("proof")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
