"""Flask-Security with its own login, registration and tokens; each request reads the user's row."""

from __future__ import annotations

import os

from flask import Flask, Response, jsonify
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, current_user
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

app = Flask(__name__)
app.config |= {
    "SQLALCHEMY_DATABASE_URI": f"sqlite:///{os.environ['BENCH_FOLDER']}/app.sqlite3",
    "SECRET_KEY": os.environ["BENCH_SECRET"],
    "SECURITY_PASSWORD_SALT": os.environ["BENCH_SECRET"],
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
    "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
        "argon2__time_cost": 2,
        "argon2__memory_cost": 19456,
        "argon2__parallelism": 1,
    },
    "SECURITY_TOKEN_AUTHENTICATION_HEADER": "Authorization",
    "SECURITY_REGISTERABLE": True,
    "SECURITY_USE_REGISTER_V2": True,
    "SECURITY_PASSWORD_CONFIRM_REQUIRED": False,
    "SECURITY_SEND_REGISTER_EMAIL": False,
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
    "WTF_CSRF_ENABLED": False,
}
db = SQLAlchemy(app)
fsqla.FsModels.set_db_info(db)


class Role(db.Model, fsqla.FsRoleMixin):  # type: ignore[name-defined,misc]
    """A role."""


class User(db.Model, fsqla.FsUserMixin):  # type: ignore[name-defined,misc]
    """An account."""


with app.app_context():

    @event.listens_for(db.engine, "connect")
    def _write_ahead(connection: object, _entry: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[attr-defined]


security = Security(app, SQLAlchemyUserDatastore(db, User, Role))


@app.get("/check")
@auth_required("token")
def check() -> Response:
    """Name the caller."""
    return jsonify(email=current_user.email)


@app.get("/issue")
@auth_required("token")
def issue() -> Response:
    """Return a new token."""
    return jsonify(token=current_user.get_auth_token())


if __name__ == "__main__":
    with app.app_context():
        db.create_all()
