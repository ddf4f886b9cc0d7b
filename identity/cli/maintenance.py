"""The commands that maintain the database: migrate, prune, send-mail."""

from __future__ import annotations

import argparse
from collections import Counter
from importlib.metadata import version
from typing import NoReturn

from identity.server.background import send_mail_forever
from identity.services import Services
from identity.services.maintenance.schema import REVISION
from identity.settings import Settings


def migrate(_options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Migrate the database to the schema of this version, and print its revision."""
    shared = services.schema.has_foreign_version_table()
    revision = services.schema.migrate(version("identityd"))
    print(f"The database is at revision {revision}.")
    if revision != REVISION:
        print(
            f"This is newer than {REVISION}, the revision of this version, which supports it."
            " Nothing was changed."
        )
    if shared:
        print("The table alembic_version belongs to another program and was left alone.")


def prune(_options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Delete all expired rows, and print how many."""
    services.schema.require_current()
    deleted: Counter[str] = Counter()
    for step in services.pruning.steps():
        deleted[step.name] += step.rows
    print(f"Deleted {', '.join(f'{rows} {name}' for name, rows in deleted.items())}.")


def send_mail(_options: argparse.Namespace, _settings: Settings, services: Services) -> NoReturn:
    """Send due mails until interrupted."""
    print("Sending mail. Press Ctrl-C to stop.", flush=True)
    send_mail_forever(services)
