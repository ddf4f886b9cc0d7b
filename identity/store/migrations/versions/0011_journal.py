"""A journal instead of the notes of changes, and unique indexes without nulls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_UNIQUE = {"account": "email_canonical", "session": "digest"}
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "journal",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("account_id", Id, nullable=True),
        sa.Column("session_id", sa.String(32), nullable=True),
        sa.Column("transaction_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_journal_at"), "journal", ["at"])
    op.create_index(op.f("ix_journal_transaction_id"), "journal", ["transaction_id"])
    op.drop_table("account_change")
    for table, column in _UNIQUE.items():
        with op.batch_alter_table(table, table_kwargs=_kept(table)) as batch:
            batch.drop_constraint(op.f(f"uq_{table}_{column}"), type_="unique")
        is_set = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            op.f(f"ix_{table}_{column}"),
            table,
            [column],
            unique=True,
            sqlite_where=is_set,
            postgresql_where=is_set,
        )


def _kept(table: str) -> dict[str, bool]:
    return {"sqlite_autoincrement": True} if table == "account" else {}


def downgrade() -> None:
    """Revert."""
    for table, column in _UNIQUE.items():
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
        with op.batch_alter_table(table, table_kwargs=_kept(table)) as batch:
            batch.create_unique_constraint(op.f(f"uq_{table}_{column}"), [column])
    op.create_table(
        "account_change",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_change")),
        sqlite_autoincrement=True,
    )
    op.drop_table("journal")
