"""What lies in the data directory: the database file, and the keys that are made once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from identity.adapters import data_directory
from identity.adapters.ca import LocalAuthority, new_authority
from identity.adapters.jwt import new_key
from identity.settings import Settings
from identity.settings.readers import SettingError


def prepare_state(settings: Settings) -> tuple[str, ...]:
    """Open the data directory and return the secret keys, oldest first.

    Raises:
        DataDirectoryError: it cannot be used.
    """
    data_directory.open_data_directory(settings.data_dir)
    if settings.embedded:
        data_directory.prepare_file(settings.data_dir / "identity.sqlite3")
    return settings.secret_keys or data_directory.secret_keys(settings.data_dir / "secret_keys")


def jwt_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return the keys that sign JWTs, oldest first."""
    return data_directory.key_files(settings.data_dir / "jwt_keys", new_key)


def authority(settings: Settings, now: datetime) -> LocalAuthority:
    """Return the certificate authority: the one that a setting names, else our own.

    Raises:
        SettingError: its key and chain cannot be used.
    """
    own = settings.data_dir / "ca"
    try:
        pem = (
            Path(settings.ca_file).read_bytes()
            if settings.ca_file
            else data_directory.key_files(own, lambda: new_authority(now))[-1]
        )
        return LocalAuthority(pem, list_url=f"{settings.public_url}/ca.crl" if settings.public_url else "", now=now)
    except (OSError, ValueError, TypeError) as error:
        raise SettingError(f"IDENTITY_CA_FILE: {settings.ca_file or own} cannot be used: {error}") from None
