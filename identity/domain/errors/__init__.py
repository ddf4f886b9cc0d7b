"""What can go wrong for a caller.

`web.problems` maps these errors to HTTP; each dialect renders them. Errors hold no secrets: every
attribute may be shown.
"""

from __future__ import annotations

from identity.domain.errors.accounts import (
    ConditionUnmet,
    EmailTaken,
    LastAdmin,
    OwnAccount,
    RegistrationRefused,
    UnconfirmedName,
    UsernameTaken,
)
from identity.domain.errors.availability import (
    AuthorityExpired,
    DatabaseReadOnly,
    Draining,
    InstallationIncomplete,
    KeysDiffer,
    SchemaNewer,
    SchemaOutdated,
    SchemaUnversioned,
    Unavailable,
)
from identity.domain.errors.base import (
    Conflict,
    FieldProblem,
    Forbidden,
    IdentityError,
    InvalidInput,
    NotFound,
    RetryLater,
)
from identity.domain.errors.credentials import (
    BadCertificateRequest,
    CurrentPasswordRequired,
    InvalidToken,
    NoSession,
    PasswordChangeRequired,
    StepUpRequired,
    Unauthenticated,
    UnknownAccount,
    WrongPassword,
)
from identity.domain.errors.limits import (
    Busy,
    MailRefused,
    RateLimited,
)

__all__ = [
    "AuthorityExpired",
    "BadCertificateRequest",
    "Busy",
    "ConditionUnmet",
    "Conflict",
    "CurrentPasswordRequired",
    "DatabaseReadOnly",
    "Draining",
    "EmailTaken",
    "FieldProblem",
    "Forbidden",
    "IdentityError",
    "InstallationIncomplete",
    "InvalidInput",
    "InvalidToken",
    "KeysDiffer",
    "LastAdmin",
    "MailRefused",
    "NoSession",
    "NotFound",
    "OwnAccount",
    "PasswordChangeRequired",
    "RateLimited",
    "RegistrationRefused",
    "RetryLater",
    "SchemaNewer",
    "SchemaOutdated",
    "SchemaUnversioned",
    "StepUpRequired",
    "Unauthenticated",
    "Unavailable",
    "UnconfirmedName",
    "UnknownAccount",
    "UsernameTaken",
    "WrongPassword",
]
