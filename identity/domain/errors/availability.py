"""Errors about the service itself: its database, installation, keys and nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from identity.domain.errors.base import IdentityError, RetryLater


@dataclass(eq=False)
class Unavailable(RetryLater):
    """Something that this request needs does not respond, usually the database.

    `reason` is for operators and not shown to callers.
    """

    code = "unavailable"
    detail = "The service cannot reach its database. Try again shortly."

    reason: str = ""


class SchemaNewer(Unavailable):
    """A later version migrated the database, and this version cannot work with the result.

    Args:
        own: the revision that this version knows.
        revision: the revision of the database.
        least: the oldest revision that works with it, if the database names one.
        version: a version of Identity that works with it, if the database names one.
    """

    code = "schema_newer"

    def __init__(self, own: str, revision: str, least: str = "", version: str = "") -> None:
        super().__init__(timedelta(seconds=30))
        named = f"Identity {version}, or any" if version else "an Identity"
        needed = f"with schema {least or revision} or later (see `identity --version`)"
        self.detail = (
            f"This Identity is older than the database: it knows schema {own}, "
            f"and the database is at {revision}. "
            f"Install {named} {needed}, or restore a backup of the database."
        )


class SchemaUnversioned(IdentityError):
    """The database has tables with Identity's table names, but no revision."""

    code = "schema_unversioned"

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(*tables)
        self.detail = (
            f"The database has no revision of Identity, but already has: {', '.join(tables)}. "
            "Use a separate database or schema, or restore a complete backup."
        )


class InstallationIncomplete(IdentityError):
    """Files of the package are missing."""

    code = "installation_incomplete"
    detail = "The migrations of this installation are missing. Reinstall the package."


class AuthorityExpired(Unavailable):
    """The CA's own certificate expired while the service runs; everything else works."""

    code = "authority_expired"
    detail = (
        "The service's certificate authority has expired and cannot sign. Contact the operator."
    )


class SchemaOutdated(Unavailable):
    """The database responds but lacks tables of this version."""

    code = "schema_outdated"
    detail = "The database is not migrated to this version: run `identity migrate`."


class DatabaseReadOnly(Unavailable):
    """The database responds but accepts no writes."""

    code = "database_read_only"
    detail = (
        "The database is read-only: it is a standby, it is set to read-only, or its role may not "
        "write. Point IDENTITY_DATABASE_URL to the primary server."
    )


class Draining(Unavailable):
    """This node is about to stop but still answers requests."""

    code = "draining"
    detail = "This node is about to stop. Send requests to another node."


class KeysDiffer(Unavailable):
    """The signing keys of this node differ from those of the nodes that started before it."""

    code = "keys_differ"
    detail = (
        "The signing keys of this node differ from those of the nodes that started before it, so "
        "they refuse each other's tokens. Give every node the same keys; the log and "
        "`identity check` name them."
    )
