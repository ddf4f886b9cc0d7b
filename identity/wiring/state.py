"""What lies in the data directory: the database file, and the keys that are made once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from identity.adapters import data_directory
from identity.adapters.ca import LocalAuthority, new_authority
from identity.adapters.jwt_keys import JwtKeyFolder
from identity.adapters.secret_keys import SecretKeyFile, SettledKeys
from identity.settings import Settings
from identity.settings.readers import SettingError


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the signing keys are kept."""

    secret: SecretKeyFile | SettledKeys
    jwt: JwtKeyFolder


def prepare_state(settings: Settings, now: datetime) -> Keys:
    """Open the data directory and return where the signing keys are; the first ones are made.

    Raises:
        DataDirectoryError: it cannot be used.
    """
    data_directory.open_data_directory(settings.data_dir)
    _close_database(settings)
    file, folder = SecretKeyFile(settings.data_dir / "secret_keys"), JwtKeyFolder(settings.data_dir / "jwt_keys")
    folder.make_first(now)
    if settings.secret_keys:
        return Keys(SettledKeys(settings.secret_keys), folder)
    file.make_first(now)
    return Keys(file, folder)


def _close_database(settings: Settings) -> None:
    # SQLite would make the file readable for all; its other files get the mode of this one.
    name = settings.database_url.database or ""
    a_path = settings.database_url.get_backend_name() == "sqlite" and not name.startswith("file:")
    if not a_path or not Path(name).parent.is_dir():
        return
    try:
        data_directory.prepare_file(Path(name))
    except data_directory.DataDirectoryError as error:
        raise data_directory.DataDirectoryError(f"IDENTITY_DATABASE_URL: {error}") from None
    except OSError:
        return  # whoever opens it says what is wrong


def authority(settings: Settings, now: datetime) -> LocalAuthority:
    """Return the certificate authority: the one that a setting names, else our own.

    Raises:
        SettingError: its key and chain cannot be used.
        DataDirectoryError: others can read its key.
    """
    own = settings.data_dir / "ca"
    try:
        if settings.ca_file:
            data_directory.require_private(Path(settings.ca_file))
        pem = (
            Path(settings.ca_file).read_bytes()
            if settings.ca_file
            else data_directory.key_files(own, lambda: new_authority(now))[-1]
        )
        return LocalAuthority(pem, list_url=f"{settings.public_url}/ca.crl" if settings.public_url else "", now=now)
    except (OSError, ValueError, TypeError, data_directory.NotAFile) as error:
        raise SettingError(f"IDENTITY_CA_FILE: {settings.ca_file or own} cannot be used: {error}") from None
