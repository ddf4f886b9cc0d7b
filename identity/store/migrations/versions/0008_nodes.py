"""The versions that can work with the schema, and the nodes with the names of their keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from identity.store.types import UtcDateTime

revision = "0008"
down_revision = "0007"

Time = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "schema_reader",
        sa.Column("revision", sa.String(32), nullable=False),
        sa.Column("age", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(32)),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema_reader")),
    )
    op.create_table(
        "node",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("since", Time, nullable=False),
        sa.Column("seen_at", Time, nullable=False),
        sa.Column("signing", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
    )


def downgrade() -> None:
    """Revert."""
    op.drop_table("node")
    op.drop_table("schema_reader")
