"""The settings: `Settings.load` reads them, and refuses unknown, invalid and unsafe ones."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL

from identity.settings.names import require_known
from identity.settings.readers import SettingError
from identity.settings.secret_files import SUFFIX, with_secret_files
from identity.settings.table import MIB, Table

PREFIX: Final = "IDENTITY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Table):
    """The settings of an installation, read once at the start."""

    @classmethod
    def load(cls, values: Mapping[str, str]) -> Settings:
        """Read the `IDENTITY_…` names of a mapping and ignore other names.

        Raises:
            SettingError: a setting is unknown, invalid or unsafe; the text is one line.
        """
        own = {name: value for name, value in values.items() if name.startswith(PREFIX)}
        secrets = [_name(field) for field in dataclasses.fields(cls) if field.metadata["secret"]]
        names = [_name(field) for field in dataclasses.fields(cls)]
        require_known(own.items(), [*names, *(name + SUFFIX for name in secrets)])
        texts = with_secret_files(own, secrets)
        settings = cls(**{field.name: _read(field, texts) for field in dataclasses.fields(cls)})
        if not settings.database_url.drivername:
            settings = dataclasses.replace(settings, database_url=_embedded(settings.data_dir))
        if settings.proxy_secret and settings.proxy_secret in settings.secret_keys:
            raise SettingError(
                "IDENTITY_PROXY_SECRET: must not be a signing key, which proxies must not know"
            )
        if settings.hardened:
            _require_hardened(settings)
        return settings

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the process environment; see `load`."""
        return cls.load(os.environ)

    @property
    def database_name(self) -> str:
        """The database URL without secrets, which may be in the password and in the query."""
        return self.database_url.set(query={}).render_as_string(hide_password=True)

    @property
    def database_file(self) -> Path | None:
        """The file of an SQLite database, if the URL has its path."""
        name = self.database_url.database or ""
        is_path = self.database_url.get_backend_name() == "sqlite" and not name.startswith("file:")
        return Path(name) if is_path else None

    @property
    def embedded(self) -> bool:
        """Whether the database is the file in the data directory."""
        return self.database_url == _embedded(self.data_dir)


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """The description of one setting."""

    name: str
    default: str
    meaning: str
    secret: bool


def described() -> tuple[SettingInfo, ...]:
    """Return every setting with its default and meaning, in the order of `Settings`."""
    return tuple(
        SettingInfo(
            _name(field),
            field.metadata["default"],
            field.metadata["meaning"],
            field.metadata["secret"],
        )
        for field in dataclasses.fields(Settings)
    )


def _require_hardened(settings: Settings) -> None:
    if settings.public_url and not settings.public_url.startswith("https://"):
        raise SettingError("IDENTITY_PUBLIC_URL: a hardened service needs an https URL")
    if settings.argon2_memory_kib < 19 * MIB or settings.argon2_time < 2:  # noqa: PLR2004 - OWASP's minimum
        raise SettingError(
            "IDENTITY_ARGON2_MEMORY_KIB: a hardened service needs at least 19456 KiB and 2 passes"
        )
    if not settings.step_up_seconds:
        raise SettingError(
            "IDENTITY_STEP_UP_SECONDS: a hardened service needs recent authentication"
        )


def _name(field: dataclasses.Field[Any]) -> str:
    return PREFIX + field.name.upper()


def _read(field: dataclasses.Field[Any], texts: Mapping[str, str]) -> Any:  # noqa: ANN401 - the field's own type
    name = _name(field)
    text = texts.get(name, field.metadata["default"])
    read = field.metadata["read"]
    try:
        return read(text if read is str else text.strip())
    except ValueError as error:
        raise SettingError(f"{name}: {error}") from None


def _embedded(data_dir: Path) -> URL:
    return URL.create("sqlite", database=str(data_dir.absolute() / "identity.sqlite3"))
