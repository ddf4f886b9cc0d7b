"""An application under test, used without HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask

from config import TestConfig
from identity.domain.errors import Unauthenticated
from identity.domain.principal import Origin, Principal
from identity.domain.views import AuditView
from identity.services import Services
from identity.services.administration.audit_query import AuditFilter
from support.waiting import wait_until

ORIGIN = Origin("192.0.2.1", "test", "native")


def config(data_dir: Path, **settings: str) -> Any:
    """Return a configuration for tests; settings are given without their prefix, in lower case."""
    own = {"IDENTITY_DATA_DIR": str(data_dir)} | {
        f"IDENTITY_{k.upper()}": v for k, v in settings.items()
    }
    return type("OwnConfig", (TestConfig,), {"IDENTITY": TestConfig.IDENTITY | own})


def close(app: Flask) -> None:
    """Give an application's connections and threads back."""
    app.extensions["identity"].services.journal.close()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def services(app: Flask) -> Services:
    """Return the use cases of an application."""
    found: Services = app.extensions["identity"].services
    return found


def principal(app: Flask, name: str, password: str) -> Principal:
    """Log in without HTTP."""
    return services(app).authentication.by_password(name, password, ORIGIN)


def token_principal(app: Flask, name: str, password: str) -> tuple[str, Principal]:
    """Log in; return the token and the principal that it makes."""
    token = services(app).tokens.issue(principal(app, name, password)).token
    return token, by_token(app, token)


def by_token(app: Flask, token: str) -> Principal:
    """Return the principal of a token."""
    return services(app).authentication.by_token(token, ORIGIN)


def is_refused(app: Flask, token: str) -> bool:
    """Tell whether a token is refused."""
    try:
        by_token(app, token)
    except Unauthenticated:
        return True
    return False


def audit_events(app: Flask, admin: Principal) -> list[AuditView]:
    """Return the whole audit log, oldest first."""
    page = services(app).audit.list(admin, AuditFilter(), cursor=None, limit=1000)
    return list(reversed(page.items))


def judge_by_rows(app: Flask) -> None:
    """Have the tokens that were issued up to now judged by the rows of their sessions."""
    wait_until(services(app).journal.is_current)
    services(app).journal._replace(())
