"""The classic tutorial: Flask and Flask-HTTPAuth.

The signed token has the user's id, and each request reads one row.
"""

from __future__ import annotations

import os

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from flask import Flask, Response, g, jsonify, request
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth, MultiAuth
from flask_sqlalchemy import SQLAlchemy
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

_LIFE_SECONDS = 600

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['BENCH_FOLDER']}/app.sqlite3"
app.config["SECRET_KEY"] = os.environ["BENCH_SECRET"]
db = SQLAlchemy(app)
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
tokens = URLSafeTimedSerializer(app.config["SECRET_KEY"])
by_password, by_token = HTTPBasicAuth(), HTTPTokenAuth("Bearer")
auth = MultiAuth(by_password, by_token)


class User(db.Model):  # type: ignore[name-defined,misc]
    """An account."""

    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(254), unique=True, nullable=False)
    password_hash = db.Column(db.String(128), nullable=False)


with app.app_context():

    @event.listens_for(db.engine, "connect")
    def _write_ahead(connection: object, _entry: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[attr-defined]


@by_password.verify_password
def check_password(email: str, password: str) -> User | None:
    """Return the user if the password is right."""
    user = db.session.execute(db.select(User).filter_by(email=email)).scalar_one_or_none()
    try:
        return user if user and hasher.verify(user.password_hash, password) else None
    except VerifyMismatchError:
        return None


@by_token.verify_token
def check_token(token: str) -> User | None:
    """Return the user of a valid token."""
    try:
        return db.session.get(User, tokens.loads(token, max_age=_LIFE_SECONDS))
    except BadSignature:
        return None


@app.post("/register")
def register() -> tuple[Response, int]:
    """Create an account."""
    body = request.get_json()
    db.session.add(User(email=body["email"], password_hash=hasher.hash(body["password"])))
    db.session.commit()
    return jsonify(email=body["email"]), 201


@app.get("/token")
@auth.login_required
def token() -> Response:
    """Return a token in exchange for a password or another token."""
    g.user = auth.current_user()
    return jsonify(token=tokens.dumps(g.user.id))


@app.get("/check")
@auth.login_required
def check() -> Response:
    """Name the caller."""
    return jsonify(email=auth.current_user().email)


if __name__ == "__main__":
    with app.app_context():
        db.create_all()
