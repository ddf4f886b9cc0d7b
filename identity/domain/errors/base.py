"""The base classes of errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar


class IdentityError(Exception):
    """Base of every expected error. `code` is stable; `detail` tells the caller what to do."""

    code: ClassVar[str] = "refused"
    detail: str = "The request was refused."


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field, without repeating its value."""

    field: str
    message: str


class InvalidInput(IdentityError):
    """One or more fields have invalid values."""

    code = "invalid_input"

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__(*problems)
        self.problems = problems
        self.detail = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)

    @classmethod
    def of(cls, field: str, message: str) -> InvalidInput:
        """Build the error for a single field."""
        return cls(FieldProblem(field, message))


class Forbidden(IdentityError):
    """The caller is authenticated but lacks the right."""

    code = "forbidden"
    detail = "Only an administrator may do this."


class NotFound(IdentityError):
    """The resource does not exist, or the caller may not see it."""

    code = "not_found"
    detail = "Not found."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.detail = f"There is no such {what}."


class Conflict(IdentityError):
    """The request is well-formed but conflicts with the current state."""

    code = "conflict"


@dataclass(eq=False)
class RetryLater(IdentityError):
    """The same request may succeed after `retry_after`.

    `repeated` is true if the same caller recently received the same error.
    """

    retry_after: timedelta
    repeated: bool = field(default=False, kw_only=True)
