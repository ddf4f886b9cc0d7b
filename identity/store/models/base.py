"""The base of all tables."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    MetaData,
    text,
)
from sqlalchemy.orm import DeclarativeBase

# SQLite never reuses the ids of a column only if it is exactly INTEGER PRIMARY KEY AUTOINCREMENT.
Id = BigInteger().with_variant(Integer(), "sqlite")


def unique_where_set(column: str) -> Index:
    """Return a unique index of a column that is usually null, without the nulls.

    With them, statistics of SQLite say that a value has many rows, so that its planner reads the
    whole table to find one.
    """
    is_set = text(f"{column} IS NOT NULL")
    return Index(None, column, unique=True, sqlite_where=is_set, postgresql_where=is_set)


class Base(DeclarativeBase):
    """Base of the mapped classes; its naming convention gives constraints names for migrations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
