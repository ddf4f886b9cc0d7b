"""The native dialect: the document of Certifire, and the routes that its users need besides."""

from __future__ import annotations

from identity.api import (
    admin,
    admin_credentials,
    certificates,
    docs,
    forward_auth,
    front,
    operations,
    pages,
    recovery,
    tokens,
    users,
)
from identity.api.problems import spell
from identity.web.dialect import Dialect

NATIVE = Dialect(
    name="native",
    prefix="",
    blueprints=(
        front.blueprint,
        users.blueprint,
        tokens.blueprint,
        forward_auth.blueprint,
        recovery.blueprint,
        pages.blueprint,
        certificates.blueprint,
        admin.blueprint,
        admin_credentials.blueprint,
        operations.blueprint,
        docs.blueprint,
    ),
    spell=spell,
    fast=tokens.FAST | forward_auth.FAST,
    proxy_question=forward_auth.proxy_question,
)
