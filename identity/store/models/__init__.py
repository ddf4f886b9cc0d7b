"""The tables. Canonical forms, times and identifiers are computed in Python and stored here."""

from __future__ import annotations

from identity.store.models.account import ACCOUNTS, Account
from identity.store.models.audit import AUDIT_EVENTS, AuditEvent
from identity.store.models.base import Base, Id
from identity.store.models.certificate import CERTIFICATES, Certificate
from identity.store.models.counter import COUNTERS, Counter
from identity.store.models.journal import JOURNAL, JournalEntry
from identity.store.models.mail import OutboxMail
from identity.store.models.node import NODES, SCHEMA_READERS, Node, SchemaReader
from identity.store.models.session import SESSIONS, LoginSession

__all__ = [
    "ACCOUNTS",
    "AUDIT_EVENTS",
    "CERTIFICATES",
    "COUNTERS",
    "JOURNAL",
    "NODES",
    "SCHEMA_READERS",
    "SESSIONS",
    "Account",
    "AuditEvent",
    "Base",
    "Certificate",
    "Counter",
    "Id",
    "JournalEntry",
    "LoginSession",
    "Node",
    "OutboxMail",
    "SchemaReader",
]
