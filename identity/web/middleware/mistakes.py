"""The answer to a mistake that was made outside of every route, and so in no dialect's words."""

from __future__ import annotations

import logging

from identity.web.dialect import RawResponse
from identity.web.problems import MISTAKE
from identity.web.responses import raw_json

_log = logging.getLogger(__name__)


def answer_mistake(request_id: str) -> RawResponse:
    """Log the exception that is being handled, and return a 500 without a word of its text (RFC 9457)."""
    _log.exception("unexpected error")
    status, code, detail = MISTAKE
    body = {"status": status.value, "title": status.phrase, "type": "about:blank"}
    body |= {"code": code, "detail": detail, "request_id": request_id}
    return raw_json(body, status=status, kind="application/problem+json")
