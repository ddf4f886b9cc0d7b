"""The kinds of events in the audit log."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """The kinds of events. The values are stable, because scripts filter by them."""

    REGISTERED = "account.registered"
    INVITED = "account.invited"
    CHANGED = "account.changed"
    DELETED = "account.deleted"
    DISABLED = "account.disabled"
    ENABLED = "account.enabled"
    UNLOCKED = "account.unlocked"
    IP_UNLOCKED = "ip.unlocked"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an event
    AUTHENTICATED = "authentication"
    LOCKED = "authentication.locked"
    ACTIVATED = "account.activated"
    RESET_REQUESTED = "password.reset_requested"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_REVOKED = "certificate.revoked"
    KEYS_ROTATED = "keys.rotated"
    SESSION_OPENED = "session.opened"
    SESSION_REVOKED = "session.revoked"
    SESSIONS_REVOKED = "sessions.revoked"
    SESSIONS_DROPPED = "sessions.dropped"
    EMAIL_CHANGE_REQUESTED = "email.change_requested"
    EMAIL_CHANGED = "email.changed"
    EMAIL_RELEASED = "email.released"
    ADMIN_GRANTED = "admin.granted"
    ADMIN_WITHDRAWN = "admin.withdrawn"
    ADMINISTRATION = "administration"
    STEP_UP = "step_up"


class Outcome(StrEnum):
    """Whether the action was accepted or refused."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
