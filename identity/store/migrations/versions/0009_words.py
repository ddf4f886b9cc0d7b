"""Rename columns of the audit log to `dialect` and `ip`, and the kinds that contained "address"."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

_COLUMNS = {"tongue": "dialect", "address": "ip"}
_KINDS = (
    ("audit_event", "address.unlocked", "ip.unlocked"),
    ("outbox_mail", "address_wanted", "email_already_registered"),
)


def upgrade() -> None:
    """Apply."""
    for old, new in _COLUMNS.items():
        op.execute(f"ALTER TABLE audit_event RENAME COLUMN {old} TO {new}")
    for table, old, new in _KINDS:
        op.execute(f"UPDATE {table} SET kind = '{new}' WHERE kind = '{old}'")  # noqa: S608 - our words


def downgrade() -> None:
    """Revert."""
    for table, old, new in _KINDS:
        op.execute(f"UPDATE {table} SET kind = '{old}' WHERE kind = '{new}'")  # noqa: S608 - our words
    for old, new in _COLUMNS.items():
        op.execute(f"ALTER TABLE audit_event RENAME COLUMN {new} TO {old}")
