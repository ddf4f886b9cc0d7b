"""fastapi-users, with its routers, its JWT strategy and its SQLAlchemy adapter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.password import PasswordHelper
from fastapi_users.schemas import BaseUser, BaseUserCreate
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

_SECRET = os.environ["BENCH_SECRET"]
_LIFE_SECONDS = 600
engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['BENCH_FOLDER']}/app.sqlite3")
sessions = async_sessionmaker(engine, expire_on_commit=False)
hashing = PasswordHelper(
    PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),))
)


class Base(DeclarativeBase):
    """Base of the tables."""


class User(SQLAlchemyBaseUserTableUUID, Base):  # type: ignore[misc]
    """An account."""


class Manager(UUIDIDMixin, BaseUserManager[User, UUID]):  # type: ignore[misc]
    """The library's default rules."""


async def session() -> AsyncIterator[AsyncSession]:
    """Yield a database session for one request."""
    async with sessions() as one:
        yield one


async def manager(one: Annotated[AsyncSession, Depends(session)]) -> AsyncIterator[Manager]:
    """Yield the user manager of that session."""
    yield Manager(SQLAlchemyUserDatabase(one, User), hashing)


def strategy() -> JWTStrategy[User, UUID]:
    """Return how tokens are signed and verified."""
    return JWTStrategy(_SECRET, lifetime_seconds=_LIFE_SECONDS)


backend = AuthenticationBackend("jwt", BearerTransport("login"), strategy)
users = FastAPIUsers[User, UUID](manager, [backend])
Caller = Annotated[User, Depends(users.current_user(active=True))]
app = FastAPI()
app.include_router(users.get_auth_router(backend))
app.include_router(users.get_register_router(BaseUser[UUID], BaseUserCreate))


@app.get("/check")
async def check(caller: Caller) -> dict[str, str]:
    """Name the caller."""
    return {"email": caller.email}


@app.get("/issue")
async def issue(caller: Caller) -> dict[str, str]:
    """Exchange a valid token for a new one."""
    return {"access_token": await strategy().write_token(caller)}


async def _prepare() -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(_prepare())
