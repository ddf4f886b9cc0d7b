"""The keys under which a request's WSGI environ carries what our layers tell one another."""

from __future__ import annotations

from typing import Final

CONTEXT: Final = "identity.context"
DIALECT: Final = "identity.dialect"
ROUTE: Final = "identity.route"
REQUEST_ID: Final = "identity.request_id"
UNAVAILABLE: Final = "identity.unavailable"  # the error that the fast path met
REPEATED: Final = "identity.repeated"  # set where a refusal repeats an earlier one
CACHEABLE: Final = "identity.cacheable"  # set where the response says for how long it may be cached
