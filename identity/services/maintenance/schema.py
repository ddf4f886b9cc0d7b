"""Migrates the database, and checks whether this version can work with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Engine, Executable, Row, text

from identity.domain.errors import (
    DatabaseReadOnly,
    InstallationIncomplete,
    SchemaNewer,
    SchemaOutdated,
    SchemaUnversioned,
    Unavailable,
)
from identity.services.work.database_errors import translated
from identity.services.work.transaction import Transactions
from identity.store import migrations
from identity.store.migrations.readers import ALL_READERS
from identity.store.migrations.version_table import VERSION_TABLE
from identity.store.models import Base
from identity.store.writable import is_writable

_RETRY_AFTER: Final = timedelta(seconds=30)
REVISION: Final = migrations.HEAD
_REVISION: Final = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - our own name
_TABLE_NAMES: Final = ", ".join(sorted(Base.metadata.tables))
_EVERY_TABLE: Final = text(f"SELECT 1 FROM {_TABLE_NAMES} LIMIT 0")  # noqa: S608 - our own names


class Schema:
    """Migrates the database, and checks its schema.

    Args:
        engine: of the database.
        transactions: reads the schema revision.
    """

    def __init__(self, engine: Engine, transactions: Transactions) -> None:
        self._engine = engine
        self._transactions = transactions

    def migrate(self, version: str | None = None) -> str:
        """Migrate the database to this version, and return its revision.

        A database that a later version has migrated is not changed. That is an error only if this
        version cannot work with it.

        Args:
            version: of the running package.

        Raises:
            Unavailable: the database does not answer.
            SchemaNewer: this version cannot work with the database; nothing was changed.
            SchemaUnversioned: the database has tables but no revision; nothing was changed.
            InstallationIncomplete: migrations are missing from this installation.
        """
        try:
            with translated():
                migrations.upgrade(self._engine, version=version)
        except migrations.UnknownRevision:
            return self._require_readable()
        except migrations.UnversionedTables as error:
            raise SchemaUnversioned(error.names) from None
        except migrations.IncompleteHistory:
            raise InstallationIncomplete from None
        return migrations.HEAD

    def has_foreign_version_table(self) -> bool:
        """Tell whether another program keeps its own `alembic_version` in this database.

        Raises:
            Unavailable: the database does not answer.
        """
        with translated():
            return migrations.has_foreign_version_table(self._engine)

    def shares_connections(self) -> bool:
        """Tell whether a pooler gives each transaction another connection to the server.

        Raises:
            Unavailable: the database does not answer.
        """
        with translated(), self._engine.connect() as connection:
            return bool(getattr(connection.connection.dbapi_connection, "shared", False))

    def require_current(self) -> None:
        """Require a schema of this version, or of a later one that this version can work with.

        Raises:
            Unavailable: the database does not answer.
            SchemaOutdated: the database was not migrated, or only to an earlier version.
            SchemaNewer: it was migrated to a later version that this one cannot work with.
        """
        self._transactions.row(text("SELECT 1"), {})
        self._require_readable()
        self._require(_EVERY_TABLE)

    def _require_readable(self) -> str:
        """Return the revision of the database; raise if this version cannot work with it."""
        row = self._require(_REVISION)
        if row is None or not row[0]:
            raise SchemaOutdated(_RETRY_AFTER)
        revision = str(row[0])
        if revision == migrations.HEAD:
            return revision
        readers = self._readers(revision)
        if migrations.HEAD in readers:
            return revision
        with translated():
            if migrations.is_older(self._engine, revision):
                raise SchemaOutdated(_RETRY_AFTER)
        raise SchemaNewer(
            migrations.HEAD, revision, next(reversed(readers), ""), readers.get(revision) or ""
        )

    def _readers(self, revision: str) -> dict[str, str | None]:
        try:
            rows = self._transactions.read(lambda session: session.execute(ALL_READERS).all())
        except Unavailable:  # the schema is older than the table of readers
            return {}
        readers = {row.revision: row.version for row in rows}
        return readers if revision in readers else {}  # else they belong to another schema

    def _require(self, statement: Executable) -> Row[Any] | None:
        try:
            return self._transactions.row(statement, {})
        except Unavailable:  # it has just answered, so the table is missing
            raise SchemaOutdated(_RETRY_AFTER) from None

    def require_writable(self) -> None:
        """Require that the database can be written.

        Raises:
            DatabaseReadOnly: it cannot.
            Unavailable: it does not answer.
        """
        with translated():
            writable = is_writable(self._engine)
        if not writable:
            raise DatabaseReadOnly(_RETRY_AFTER)
