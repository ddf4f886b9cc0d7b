"""Certificate lines, and the certificate that a mail is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.add_column("certificate", sa.Column("parent", sa.String(50)))
    op.add_column("certificate", sa.Column("line", sa.String(50)))
    op.create_index(op.f("ix_certificate_parent"), "certificate", ["parent"])
    op.create_index(op.f("ix_certificate_line"), "certificate", ["line"])
    op.add_column("outbox_mail", sa.Column("certificate", sa.String(50)))


def downgrade() -> None:
    """Revert."""
    with op.batch_alter_table("outbox_mail") as mail:
        mail.drop_column("certificate")
    op.drop_index(op.f("ix_certificate_line"), "certificate")
    op.drop_index(op.f("ix_certificate_parent"), "certificate")
    with op.batch_alter_table("certificate") as certificate:
        certificate.drop_column("line")
        certificate.drop_column("parent")
