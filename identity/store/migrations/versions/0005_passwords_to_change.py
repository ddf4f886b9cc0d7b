"""Whether the password of an account must be changed before it can be used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    column: sa.Column[bool] = sa.Column(
        "must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("account", column)


def downgrade() -> None:
    """Revert."""
    with op.batch_alter_table("account", table_kwargs={"sqlite_autoincrement": True}) as account:
        account.drop_column("must_change_password")
