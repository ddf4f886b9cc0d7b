"""Path converters that accept one spelling of each value, so that no resource has two paths."""

from __future__ import annotations

from typing import Any, ClassVar

from werkzeug.routing import BaseConverter


class AccountId(BaseConverter):
    """A non-negative number in ASCII digits, without sign or leading zeros."""

    regex = "0|[1-9][0-9]{0,39}"
    openapi_schema: ClassVar[dict[str, Any]] = {"type": "integer", "minimum": 0}

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)


class Serial(BaseConverter):
    """The serial number of a certificate, in decimal."""

    regex = "[1-9][0-9]{0,49}"
    openapi_schema: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^[1-9][0-9]{0,49}$"}


class SessionId(BaseConverter):
    """The id of a session."""

    regex = "[0-9a-f]{32}"
    openapi_schema: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
