"""The first schema: accounts, sessions, the audit log and counters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from identity.store.types import UtcDateTime

revision = "0001"
down_revision = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "account",
        sa.Column("id", Id, nullable=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("short_id", sa.String(17), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("username_canonical", sa.String(64), nullable=False),
        sa.Column("email", sa.String(254)),
        sa.Column("email_canonical", sa.String(254)),
        sa.Column("email_verified", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("full_name", sa.String(128)),
        sa.Column("password_hash", sa.String(512), nullable=False),
        sa.Column("admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("activated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
        sa.CheckConstraint(
            "length(username_canonical) > 0", name=op.f("ck_account_username_not_empty")
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_account_version_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email_canonical", name=op.f("uq_account_email_canonical")),
        sa.UniqueConstraint("short_id", name=op.f("uq_account_short_id")),
        sa.UniqueConstraint("username_canonical", name=op.f("uq_account_username_canonical")),
        sa.UniqueConstraint("uuid", name=op.f("uq_account_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_event",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("actor_id", Id),
        sa.Column("actor", sa.String(64)),
        sa.Column("subject_id", Id),
        sa.Column("subject", sa.String(64)),
        sa.Column("credential", sa.String(16), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("tongue", sa.String(16), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_event_actor_id_id"), "audit_event", ["actor_id", "id"])
    op.create_index(op.f("ix_audit_event_subject_id_id"), "audit_event", ["subject_id", "id"])
    op.create_table(
        "account_change",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_change")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counter",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_counter")),
    )
    op.create_index(op.f("ix_counter_ends_at"), "counter", ["ends_at"])
    op.create_table(
        "session",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("authenticated_at", Time, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("last_used_at", Time, nullable=False),
        sa.Column("absolute_end", Time, nullable=False),
        sa.Column("revoked_at", Time),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_session_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_absolute_end"), "session", ["absolute_end"])
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"])


def downgrade() -> None:
    """Revert."""
    for table in ("session", "counter", "account_change", "audit_event", "account"):
        op.drop_table(table)
