"""Is the database there, and in the shape this version expects."""

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
from identity.services.work.transaction import Transactions, translated
from identity.store import migrations
from identity.store.migrations.readers import ALL_READERS
from identity.store.migrations.version_table import VERSION_TABLE
from identity.store.models import Base
from identity.store.writable import is_writable

_RETRY_AFTER: Final = timedelta(seconds=30)
REVISION: Final = migrations.HEAD
_REVISION: Final = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - our own name
_EVERY_TABLE: Final = text(f"SELECT 1 FROM {', '.join(sorted(Base.metadata.tables))} LIMIT 0")  # noqa: S608 - our own names


class Schema:
    """Migrates the database and tells whether it can be used."""

    def __init__(self, engine: Engine, transactions: Transactions) -> None:
        self._engine = engine
        self._transactions = transactions

    def migrate(self, version: str | None = None) -> str:
        """Bring the database to this version and return the revision it then has.

        One that a later version has migrated is left as it is; if this version can work with it, that is no failure.

        Args:
            version: of this Identity.

        Raises:
            Unavailable: the database does not answer.
            SchemaNewer: this version cannot work with it; nothing was changed.
            SchemaUnversioned: it has tables and no revision; nothing was changed.
            InstallationIncomplete: this installation lacks its migrations.
        """
        try:
            with translated():
                migrations.upgrade(self._engine, version=version)
        except migrations.UnknownRevision:
            return self._readable()
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

    def require_current(self) -> None:
        """Make sure the service can work on this database: one of this version, or a later one that it can read.

        Raises:
            Unavailable: the database does not answer.
            SchemaOutdated: it answers, and was never migrated or to an earlier version.
            SchemaNewer: it was migrated to a later version, which this one cannot work with.
        """
        self._transactions.row(text("SELECT 1"), {})
        self._readable()
        self._require(_EVERY_TABLE)

    def _readable(self) -> str:
        """Return the revision of the database, if this version can work with it."""
        row = self._require(_REVISION)
        if row is None or not row[0]:
            raise SchemaOutdated(_RETRY_AFTER)
        revision = str(row[0])
        if revision == migrations.HEAD:
            return revision
        found = self._readers(revision)
        if migrations.HEAD in found:
            return revision
        with translated():
            if migrations.is_older(self._engine, revision):
                raise SchemaOutdated(_RETRY_AFTER)
        raise SchemaNewer(
            migrations.HEAD, revision, next(reversed(found), ""), found.get(revision) or ""
        )

    def _readers(self, revision: str) -> dict[str, str | None]:
        try:
            rows = self._transactions.read(lambda session: session.execute(ALL_READERS).all())
        except Unavailable:  # such as a schema from before there were any
            return {}
        found = {row.revision: row.version for row in rows}
        return found if revision in found else {}  # else they are those of another schema

    def _require(self, statement: Executable) -> Row[Any] | None:
        try:
            return self._transactions.row(statement, {})
        except Unavailable:  # it answered a moment ago: the table is what is missing
            raise SchemaOutdated(_RETRY_AFTER) from None

    def require_writable(self) -> None:
        """Make sure the database takes writing.

        Raises:
            DatabaseReadOnly: it does not.
            Unavailable: it does not answer.
        """
        with translated():
            writable = is_writable(self._engine)
        if not writable:
            raise DatabaseReadOnly(_RETRY_AFTER)
