"""Pending and unconfirmed emails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from identity.store.types import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.add_column("account", sa.Column("pending_email", sa.String(254)))
    op.add_column("account", sa.Column("email_since", UtcDateTime(timezone=True)))


def downgrade() -> None:
    """Revert."""
    with op.batch_alter_table("account") as account:
        account.drop_column("email_since")
        account.drop_column("pending_email")
