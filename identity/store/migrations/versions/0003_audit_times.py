"""An index for finding events by time."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_audit_event_at"), "audit_event", ["at"])


def downgrade() -> None:
    """Revert."""
    op.drop_index(op.f("ix_audit_event_at"), "audit_event")
