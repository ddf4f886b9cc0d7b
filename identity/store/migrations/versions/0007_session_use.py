"""When the token of a session was last used and last renewed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from identity.store.types import UtcDateTime

revision = "0007"
down_revision = "0006"

Time = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column("session", sa.Column("shown_at", Time))
    op.add_column("session", sa.Column("renewed_at", Time))


def downgrade() -> None:
    """Revert."""
    with op.batch_alter_table("session") as session:
        session.drop_column("renewed_at")
        session.drop_column("shown_at")
