"""For the other dialects: opaque tokens, idle lifetimes, certificates and mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from identity.store.types import UtcDateTime

revision = "0002"
down_revision = "0001"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("session") as session:
        session.add_column(sa.Column("idle_end", Time))
        session.add_column(sa.Column("digest", sa.String(64)))
        session.create_unique_constraint(op.f("uq_session_digest"), ["digest"])
    op.create_table(
        "certificate",
        sa.Column("serial", sa.String(50), nullable=False),
        sa.Column("account_id", Id),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("subject_key_id", sa.String(64), nullable=False),
        sa.Column("authority_key_id", sa.String(64), nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("description", sa.String(128), nullable=False),
        sa.Column("not_before", Time, nullable=False),
        sa.Column("not_after", Time, nullable=False),
        sa.Column("revoked_at", Time),
        sa.Column("reason", sa.String(32)),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_certificate_account_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_certificate_fingerprint")),
    )
    op.create_index(op.f("ix_certificate_account_id"), "certificate", ["account_id"])
    op.create_index(op.f("ix_certificate_public_key"), "certificate", ["public_key"])
    op.create_index(op.f("ix_certificate_not_after"), "certificate", ["not_after"])
    op.create_table(
        "outbox_mail",
        sa.Column("id", Id, nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("next_attempt_at", Time, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("claimed_until", Time),
        sa.Column("sent_at", Time),
        sa.Column("parked_at", Time),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_outbox_mail_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_mail")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outbox_mail_message_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outbox_mail_account_id"), "outbox_mail", ["account_id"])
    op.create_index(op.f("ix_outbox_mail_next_attempt_at"), "outbox_mail", ["next_attempt_at"])


def downgrade() -> None:
    """Revert."""
    op.drop_table("outbox_mail")
    op.drop_table("certificate")
    with op.batch_alter_table("session") as session:
        session.drop_constraint(op.f("uq_session_digest"), type_="unique")
        session.drop_column("digest")
        session.drop_column("idle_end")
