"""Errors about accounts: who may have or use one, and which changes are impossible."""

from __future__ import annotations

from identity.domain.errors.base import Conflict, Forbidden


class ConditionUnmet(Forbidden):
    """Forward authentication: the account does not meet a condition, or it is unknown."""

    code = "condition_unmet"
    detail = "You may not use this service."


class UnconfirmedName(Forbidden):
    """The username is an email that the account has not confirmed as its own."""

    code = "unconfirmed_name"
    detail = "Your username is an email. Confirm this email before you use other services."


class RegistrationRefused(Forbidden):
    """This caller cannot register accounts (`IDENTITY_REGISTRATION`)."""

    code = "registration_refused"
    detail = "Registration is not open. Ask an administrator for an account."


class UsernameTaken(Conflict):
    """Another account has this username, or one with the same canonical form."""

    code = "username_taken"

    def __init__(self, username: str) -> None:
        super().__init__(username)
        self.username = username
        self.detail = f"Username {username} already exists"


class EmailTaken(Conflict):
    """Another account has this email."""

    code = "email_taken"
    detail = "Another account has this email."


class LastAdmin(Conflict):
    """The change would leave the service without an active administrator."""

    code = "last_admin"
    detail = "This is the last active administrator; create another one first."


class OwnAccount(Conflict):
    """Administrators can do this only to the accounts of others."""

    code = "own_account"
    detail = "You cannot disable your own account. Ask another administrator."
