"""A proxy's question about a request that is not ours: only its credential counts.

A proxy asks with whatever the guarded request brought: its method, its query, its body. None of that is for us, and
what an answer depended on would be a way around it. So every question is brought to one form before any route is
looked for, and both lanes see no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from identity.web.dialect import FastRoute
from identity.web.environ import DIALECT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

QUESTION: Final = "identity.question"


def simplify(environ: WSGIEnvironment) -> FastRoute | None:
    """Bring a proxy's question to the form of its route, and note the call that answers it.

    Returns:
        The call, if anything was changed; None for a question that had this form, and for other requests.
    """
    question = environ[DIALECT].question
    found = question(environ["PATH_INFO"]) if question else None
    if found is None:
        return None
    asked = (environ["PATH_INFO"], environ["REQUEST_METHOD"], environ.get("QUERY_STRING", ""))
    # HEAD stays: it is answered like GET, and the server must know that no body follows.
    plain = (found.path, "HEAD" if asked[1] == "HEAD" else "GET", "")
    environ["PATH_INFO"], environ["REQUEST_METHOD"], environ["QUERY_STRING"] = plain
    environ[QUESTION] = found.call
    return None if asked == plain else found.call
