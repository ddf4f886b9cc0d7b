"""The response to an error outside of Flask's own error handling, in no dialect's format."""

from __future__ import annotations

import logging

from identity.web.dialect import RawResponse
from identity.web.problems import INTERNAL_ERROR
from identity.web.responses import raw_json

_log = logging.getLogger(__name__)


def internal_error(request_id: str) -> RawResponse:
    """Log the current exception, and return a 500 (RFC 9457) that does not contain its text."""
    _log.exception("unexpected error")
    status, code, detail = INTERNAL_ERROR
    body = {"status": status.value, "title": status.phrase, "type": "about:blank"}
    body |= {"code": code, "detail": detail, "request_id": request_id}
    return raw_json(body, status=status, kind="application/problem+json")
