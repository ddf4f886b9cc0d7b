"""Prepares the data directory: the database file, the keys and the CA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from identity.adapters import data_directory
from identity.adapters.ca import LocalAuthority, new_authority
from identity.adapters.keys.jwt_keys import JwtKeyFolder
from identity.adapters.keys.secret_keys import ConfiguredKeys, SecretKeyFile, TemporaryKey
from identity.settings import Settings
from identity.settings.readers import SettingError


@dataclass(frozen=True, slots=True)
class Keys:
    """The sources of the signing keys."""

    secret: SecretKeyFile | ConfiguredKeys | TemporaryKey
    jwt: JwtKeyFolder | TemporaryKey


def prepare_state(settings: Settings, now: datetime, *, make: bool = True) -> Keys:
    """Open the data directory and return the signing keys; missing ones are created.

    Args:
        settings: of the service.
        now: the time of creation of a new key.
        make: False to change nothing; temporary keys then replace missing ones.

    Raises:
        DataDirectoryError: it cannot be used.
    """
    if not make:
        return _existing_keys(settings)
    data_directory.open_data_directory(settings.data_dir)
    _protect_database(settings)
    file = SecretKeyFile(settings.data_dir / "secret_keys")
    folder = JwtKeyFolder(settings.data_dir / "jwt_keys")
    folder.create_first(now)
    if settings.secret_keys:
        return Keys(ConfiguredKeys(settings.secret_keys), folder)
    file.create_first(now)
    return Keys(file, folder)


def _existing_keys(settings: Settings) -> Keys:
    if settings.data_dir.is_dir() and any(settings.data_dir.iterdir()):
        data_directory.make_private(settings.data_dir)  # changes only an empty directory
    if settings.database_file is not None and settings.database_file.exists():
        _protect_database(settings)  # changes nothing if the file exists
    file = SecretKeyFile(settings.data_dir / "secret_keys")
    folder = JwtKeyFolder(settings.data_dir / "jwt_keys")
    secret = file if file.exists() else TemporaryKey(file.new())
    return Keys(
        ConfiguredKeys(settings.secret_keys) if settings.secret_keys else secret,
        folder if folder.exists() else TemporaryKey(folder.new()),
    )


def _protect_database(settings: Settings) -> None:
    # SQLite would create a file that all users can read; its other files get the mode of this one.
    file = settings.database_file
    if file is None or not file.parent.is_dir():
        return
    try:
        data_directory.prepare_file(file)
    except data_directory.DataDirectoryError as error:
        raise data_directory.DataDirectoryError(f"IDENTITY_DATABASE_URL: {error}") from None
    except OSError:
        return  # opening the database reports the error


def authority(settings: Settings, now: datetime, *, make: bool = True) -> LocalAuthority:
    """Return the CA: that of IDENTITY_CA_FILE, or by default one that the service creates.

    Args:
        settings: of the service.
        now: the time of creation of a new CA.
        make: False to change nothing; a temporary CA then replaces a missing one.

    Raises:
        SettingError: its key or chain is invalid.
        DataDirectoryError: other users can read its key.
    """
    own = settings.data_dir / "ca"
    try:
        if settings.ca_file:
            data_directory.require_private(Path(settings.ca_file))
            pem = Path(settings.ca_file).read_bytes()
        elif make or any(own.glob("*.pem")):
            pem = data_directory.key_files(own, lambda: new_authority(now))[-1]
        else:
            pem = new_authority(now)
        return LocalAuthority(
            pem, list_url=f"{settings.public_url}/ca.crl" if settings.public_url else "", now=now
        )
    except (OSError, ValueError, TypeError, data_directory.NotAFile) as error:
        raise SettingError(
            f"IDENTITY_CA_FILE: {settings.ca_file or own} cannot be used: {error}"
        ) from None
