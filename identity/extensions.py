"""The Flask extensions. They are bound to each application that the process creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_sqlalchemy import SQLAlchemy

from identity.settings.readers import SettingError
from identity.store.engines import engine_options, prepare
from identity.store.models import Base

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy import Engine

    from identity.settings import Settings

db = SQLAlchemy(metadata=Base.metadata)


def connect(app: Flask, settings: Settings) -> Engine:
    """Bind `app` to its database and return the engine. No connection is opened yet.

    Raises:
        SettingError: the driver of the database is not installed.
    """
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(
        settings.database_url, pool_size=settings.database_pool
    )
    try:
        db.init_app(app)
        with app.app_context():
            engine = db.engine
    except ImportError:
        raise SettingError(
            "IDENTITY_DATABASE_URL: PostgreSQL needs psycopg; install identityd[postgresql]"
        ) from None
    app.teardown_appcontext_funcs.clear()  # use cases open their own sessions; none ends here
    prepare(engine, settings.database_pooler)
    return engine
