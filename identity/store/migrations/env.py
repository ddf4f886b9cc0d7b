"""Alembic's environment: runs the migrations on the connection from the configuration."""

from __future__ import annotations

from alembic import context

from identity.store.migrations.version_table import DEFAULT_TABLE, VERSION_TABLE
from identity.store.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    include_name=lambda name, kind, _parents: (kind, name) != ("table", DEFAULT_TABLE),
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
