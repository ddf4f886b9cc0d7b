"""The facts a caller may have to hear. `web.problems` gives them HTTP's meaning, a dialect its spelling.

Nothing in an error is secret: every attribute may be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from identity.domain.limits import Limit


class IdentityError(Exception):
    """Base of every expected refusal. `code` is stable, `detail` says what to do about it."""

    code: ClassVar[str] = "refused"
    detail: str = "The request was refused."


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field, without repeating its value."""

    field: str
    message: str


class InvalidInput(IdentityError):
    """One or more fields do not hold what they must."""

    code = "invalid_input"

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__(*problems)
        self.problems = problems
        self.detail = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)

    @classmethod
    def of(cls, field: str, message: str) -> InvalidInput:
        """Build the error for a single field."""
        return cls(FieldProblem(field, message))


class Unauthenticated(IdentityError):
    """No credential, or one that proves nothing. Says no more than that, for every reason alike.

    Args:
        retry_after: for how long a password cannot be checked; only for a caller that knows no other refusal.
    """

    code = "authentication_failed"
    detail = "Send a valid username and password, or a live token."

    def __init__(self, retry_after: timedelta | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after


class UnknownAccount(Unauthenticated):
    """No account has this name. Only a dialect whose document tells the two apart says so, and never hardened."""


class Forbidden(IdentityError):
    """The caller is known and may not do this."""

    code = "forbidden"
    detail = "Only an administrator may do this."


class ConditionUnmet(Forbidden):
    """A proxy asked whether this caller is one of some, and they are not, or there is no such condition."""

    code = "condition_unmet"
    detail = "You may not use this service."


class UnconfirmedName(Forbidden):
    """The account is called by an email address that is not confirmed as its own; others may take it for the owner."""

    code = "unconfirmed_name"
    detail = (
        "Your username is an email address: confirm it as your own before you use other services."
    )


class RegistrationRefused(Forbidden):
    """Accounts are not made this way here (`IDENTITY_REGISTRATION`)."""

    code = "registration_refused"
    detail = "Registration is not open here; ask an administrator for an account."


class StepUpRequired(IdentityError):
    """The credential is good, and the proof behind it older than `max_age`, which this act allows (RFC 9470)."""

    code = "step_up_required"
    detail = (
        "This needs a fresh proof: send your password with curl -u, add current_password where the call has it, "
        "or log in again and use the new token."
    )

    def __init__(self, max_age: timedelta) -> None:
        super().__init__(max_age)
        self.max_age = max_age


class CurrentPasswordRequired(Forbidden):
    """A new password came without the current one beside it."""

    code = "current_password_required"
    detail = "A new password needs the current one: add current_password."


class PasswordChangeRequired(Forbidden):
    """The password is right, and an administrator wants another one chosen before it opens anything."""

    code = "password_change_required"
    detail = (
        "This password must be changed before it can be used: POST username, current_password and password "
        "to /api/password-changes, or ask for a reset by mail."
    )


class WrongPassword(Forbidden):
    """The current password given beside a valid credential is not the account's."""

    code = "wrong_password"
    detail = "current_password is not your password; nothing was changed."


class BadCertificateRequest(IdentityError):
    """A certificate signing request that is not signed, whoever asks."""

    code = "bad_certificate_request"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidToken(IdentityError):
    """A one-use token that is not genuine, over, already used, or of an account that has moved on."""

    code = "invalid_token"
    detail = "This token cannot be used (any more); ask for a new one."


class NotFound(IdentityError):
    """Nothing there that this caller may see."""

    code = "not_found"
    detail = "There is nothing here."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.detail = f"There is no such {what}."


class Conflict(IdentityError):
    """The request is well formed and clashes with how things stand."""

    code = "conflict"


class UsernameTaken(Conflict):
    """Another account has this name, spelled so or in other letters of the same canonical form."""

    code = "username_taken"

    def __init__(self, username: str) -> None:
        super().__init__(username)
        self.username = username
        self.detail = f"Username {username} already exists"


class EmailTaken(Conflict):
    """Another account has this address."""

    code = "email_taken"
    detail = "This e-mail address belongs to another account."


class LastAdmin(Conflict):
    """The change would leave the service without an active administrator."""

    code = "last_admin"
    detail = "This is the last active administrator; make another one first."


class OwnAccount(Conflict):
    """An administrator tried on himself what is only done to others."""

    code = "own_account"
    detail = "You cannot disable your own account; ask another administrator."


class NoSession(Conflict):
    """The request was made with a password, so there is no session to end."""

    code = "no_session"
    detail = "This request has no session: send the token whose session should end."


@dataclass(eq=False)
class RetryLater(IdentityError):
    """The same request may succeed after `retry_after`; `repeated` if the same caller was told so a moment ago."""

    retry_after: timedelta
    repeated: bool = field(default=False, kw_only=True)


@dataclass(eq=False)
class RateLimited(RetryLater):
    """Too many attempts; nothing was tried."""

    code = "too_many_attempts"
    detail = (
        "Too many attempts; wait for as long as Retry-After says, or use a token you already have."
    )

    limit: Limit | None = None


class Busy(RetryLater):
    """The queue before the password hash is full; nothing was tried."""

    code = "busy"
    detail = "Too many passwords are being checked right now; try again shortly."


class MailRefused(IdentityError):
    """A letter was not taken by the mail server; `reply` is the server's code, if it gave one.

    `permanent` if the same letter would be refused again (RFC 5321 section 4.2.1).
    """

    code = "mail_refused"

    def __init__(self, reason: str, *, reply: str = "", permanent: bool = False) -> None:
        super().__init__(reason)
        self.reply = reply
        self.permanent = permanent


@dataclass(eq=False)
class Unavailable(RetryLater):
    """Something this request needs, usually the database, does not answer. `reason` is for the operator alone."""

    code = "unavailable"
    detail = "The service cannot reach its database right now; try again shortly."

    reason: str = ""


class SchemaNewer(Unavailable):
    """The database was migrated by a later version of the service, and this one cannot work with it.

    Args:
        own: the revision that this version knows.
        revision: the one of the database.
        least: the oldest one that works with it, if the database tells.
        version: of an Identity that does, if the database tells.
    """

    code = "schema_newer"

    def __init__(self, own: str, revision: str, least: str = "", version: str = "") -> None:
        super().__init__(timedelta(seconds=30))
        named = f"Identity {version}, or any" if version else "an Identity"
        needed = f"with schema {least or revision} or later (`identity --version` tells)"
        self.detail = (
            f"This Identity is older than the database: it knows schema {own}, and the database is at {revision}. "
            f"Install {named} {needed}, or restore a backup of the database."
        )


class SchemaUnversioned(IdentityError):
    """The database has tables with the names of ours, and no revision."""

    code = "schema_unversioned"

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(*tables)
        self.detail = (
            f"The database has no revision of Identity, but already has: {', '.join(tables)}. "
            "Name a database or schema of its own, or restore a whole backup."
        )


class InstallationIncomplete(IdentityError):
    """Files of the package are missing."""

    code = "installation_incomplete"
    detail = "This installation of Identity has no migrations: install the package again."


class AuthorityExpired(Unavailable):
    """The certificate authority's own time is over while the service runs; everything else goes on."""

    code = "authority_expired"
    detail = "The service's certificate authority has expired and signs nothing; tell its operator."


class SchemaOutdated(Unavailable):
    """The database answers and has not the tables of this version."""

    code = "schema_outdated"
    detail = "The database is not migrated to this version: run `identity migrate`."


class DatabaseReadOnly(Unavailable):
    """The database answers and takes no writing."""

    code = "database_read_only"
    detail = (
        "The database can only be read: it is a standby, it is set to read only, or its role may not write. "
        "Point IDENTITY_DATABASE_URL to the primary server."
    )


class Draining(Unavailable):
    """This node is about to end, and still answers what comes."""

    code = "draining"
    detail = "This node is about to end: send requests to another one."


class KeysDiffer(Unavailable):
    """This node has other signing keys than the nodes that were here first."""

    code = "keys_differ"
    detail = (
        "The signing keys of this node are not those of the nodes that were here first: what one signs, the others "
        "refuse. Give every node the same keys; the log and `identity check` name them."
    )
