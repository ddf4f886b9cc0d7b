"""Is the database there, and in the shape this version expects."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Engine, text

from identity.domain.errors import (
    DatabaseReadOnly,
    InstallationIncomplete,
    SchemaNewer,
    SchemaOutdated,
    SchemaUnversioned,
    Unavailable,
)
from identity.services.transactions import Transactions, translated
from identity.store import migrations
from identity.store.migrations.version_table import VERSION_TABLE
from identity.store.models import Base
from identity.store.writable import takes_writing

_RETRY_AFTER: Final = timedelta(seconds=30)
_REVISION: Final = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - our own name
_EVERY_TABLE: Final = text(f"SELECT 1 FROM {', '.join(sorted(Base.metadata.tables))} LIMIT 0")  # noqa: S608 - our own names


class Schema:
    """Migrates the database and tells whether it can be used."""

    def __init__(self, engine: Engine, transactions: Transactions) -> None:
        self._engine = engine
        self._transactions = transactions

    def migrate(self) -> str:
        """Bring the database to this version and return the revision it then has.

        Raises:
            Unavailable: the database does not answer.
            SchemaNewer: it was migrated by a later version already; nothing was changed.
            SchemaUnversioned: it has tables and no revision; nothing was changed.
            InstallationIncomplete: this installation lacks its migrations.
        """
        try:
            with translated():
                migrations.upgrade(self._engine)
        except migrations.UnknownRevision:
            raise SchemaNewer from None
        except migrations.UnversionedTables as error:
            raise SchemaUnversioned(error.names) from None
        except migrations.IncompleteHistory:
            raise InstallationIncomplete from None
        return migrations.HEAD

    def another_program_beside(self) -> bool:
        """Tell whether another program keeps its own `alembic_version` in this database.

        Raises:
            Unavailable: the database does not answer.
        """
        with translated():
            return migrations.another_program_beside(self._engine)

    def require_current(self) -> None:
        """Make sure the service can work on this database.

        Raises:
            Unavailable: the database does not answer.
            SchemaOutdated: it answers, and was never migrated or to another version.
        """
        self._transactions.row(text("SELECT 1"), {})
        try:
            self._transactions.row(_EVERY_TABLE, {})
            row = self._transactions.row(_REVISION, {})
        except Unavailable:  # it answered a moment ago: the table is what is missing
            raise SchemaOutdated(_RETRY_AFTER) from None
        if row is None or row[0] != migrations.HEAD:
            raise SchemaOutdated(_RETRY_AFTER)

    def require_writable(self) -> None:
        """Make sure the database takes writing.

        Raises:
            DatabaseReadOnly: it does not.
            Unavailable: it does not answer.
        """
        with translated():
            writable = takes_writing(self._engine)
        if not writable:
            raise DatabaseReadOnly(_RETRY_AFTER)
