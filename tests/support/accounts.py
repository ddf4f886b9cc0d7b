"""The accounts that most tests use, as the document of Certifire has them."""

from __future__ import annotations

from flask import Flask

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.app import services

ADMIN = ("admin", "changeme")
HAWK = ("hawk", "newpwd")


def populate(app: Flask) -> None:
    """Make the accounts of Certifire's document: admin has the id 1, hawk the id 2."""
    accounts = services(app).accounts
    accounts.create(operator(), NewAccount(*ADMIN), admin=True)
    accounts.create(operator(), NewAccount(*HAWK), admin=False)
