"""`make bench-profile`: the time that each layer of a token check takes, inside one process.

Each layer is called alone, without the layers below it. The rest is what only their combination
needs.
"""

from __future__ import annotations

import tempfile
import time
import timeit
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from baselines.bare import app as bare_app
from baselines.hello import app as hello_app
from harness import document
from harness.knobs import SMALL, note
from harness.population import SECRET_KEY, fill, tokens
from harness.servers import prepared
from harness.table import grid
from identity import create_app
from identity.adapters.clock import SystemClock
from identity.adapters.keys.secret_keys import ConfiguredKeys
from identity.adapters.tokens.signed import SignedAccessTokens
from identity.api import NATIVE
from identity.web.context import Context, origin_of
from identity.web.dialect import RawResponse
from identity.web.environ import CONTEXT, DIALECT, REQUEST_ID
from identity.web.middleware.fast_path import FastPath
from identity.web.middleware.middleware import Middleware
from identity.web.requests.credentials import read_authorization
from identity.web.requests.hosts import has_valid_host

_CALLS: Final = 2000
_TIMES: Final = 7
_HEAD: Final = ("layer", "µs", "what it is")
_RESOURCE, _VERIFY, _TOKEN = "/api/resource", "/api/verify", "/api/token"


def main() -> None:
    """Measure, print the results, and write them to the page if asked."""
    with tempfile.TemporaryDirectory() as folder:
        environment, database = prepared(Path(folder), "")
        fill(database, upto=SMALL)
        (token,) = tokens(database, count=1)
        own = {name: value for name, value in environment.items() if name.startswith("IDENTITY_")}
        app = create_app(type("Config", (), {"IDENTITY": own}))
        table = grid(_HEAD, _lines(app, token))
    text = f"{document.circumstances('make bench-profile')}\n\n{table}"
    print(text)
    document.write("profile", text)


def _lines(app: Any, token: str) -> list[tuple[str, str, str]]:  # noqa: ANN401 - a Flask application
    context, middleware = app.extensions["identity"], app.wsgi_app
    dialects = middleware._dialects  # noqa: SLF001 - has no public name
    alone = Middleware(bare_app, context, dialects, _Prepared())
    by_flask = Middleware(middleware._application, context, dialects)  # noqa: SLF001 - bypasses the fast path
    bare = _calls(bare_app, _VERIFY, token)
    layers = {
        "WSGI call": (bare, "a callable that sends three headers"),
        "middleware": (
            _tried(lambda: _calls(alone, _RESOURCE, token) - bare),
            "id, dialect, headers, count",
        ),
        **_inside(context, token),
    }
    whole = _calls(app, _RESOURCE, token)
    known = sum(microseconds or 0.0 for microseconds, _ in layers.values())
    layers["rest"] = (whole - known, "what only the combination of the layers needs")
    layers["`GET /api/resource`"] = (
        whole,
        "the complete check, by Bearer, on SQLite, session known",
    )
    layers["`GET /api/verify`"] = (
        _tried(lambda: _calls(app, _VERIFY, token)),
        "the same, without a body",
    )
    layers["`GET /api/token`"] = (
        _tried(lambda: _calls(app, _TOKEN, token)),
        "the same, and a token is signed",
    )
    layers["Flask hello"] = (_calls(hello_app, _RESOURCE, token), "a bare view, for comparison")
    layers["by Flask's route"] = (
        _tried(lambda: _calls(by_flask, _RESOURCE, token)),
        "`GET /api/resource`, without the fast path",
    )
    return [
        (name, "-" if each is None else f"{each:.1f}", what)
        for name, (each, what) in layers.items()
    ]


class _Prepared(FastPath):
    """Answers every request with the same response, as the layers below the middleware would."""

    def __init__(self) -> None:
        self._prepared = RawResponse("204 No Content", [("X-Identity-User", "hawk")])

    def answer(self, environ: Any, question: object = None) -> RawResponse:  # noqa: ANN401, ARG002 - FastPath's
        """Return the response."""
        return self._prepared


def _inside(context: Context, token: str) -> dict[str, tuple[float | None, str]]:
    signer, services, settings = (
        SignedAccessTokens(ConfiguredKeys([SECRET_KEY]), SystemClock()),
        context.services,
        context.settings,
    )
    claims = signer.verify(token)
    if claims is None:
        raise RuntimeError("the access token is not valid")
    environ = _environ(_RESOURCE, token)
    environ |= {CONTEXT: context, REQUEST_ID: "bench", DIALECT: NATIVE}
    origin = origin_of(environ, settings)
    principal = services.authentication.by_token(token, origin)

    def read() -> object:
        has_valid_host(environ)
        return read_authorization(environ["HTTP_AUTHORIZATION"]), origin_of(environ, settings)

    signature = _timed(lambda: signer.verify(token))
    journal = _timed(lambda: services.journal.confirms(claims))
    by_token = _timed(lambda: services.authentication.by_token(token, origin))
    greet = NATIVE.fast[_RESOURCE].answer
    return {
        "fast path": (_timed(read), "Host, credential from the header, origin"),
        "token check": (by_token - signature - journal, "kind, claims, time, principal"),
        "signature": (
            signature,
            "format and HMAC of the access token, or a cached result",
        ),
        "journal": (journal, "it is current, and holds nothing about account and session"),
        "response": (_timed(lambda: greet(principal, context)), "JSON and its headers"),
    }


def _calls(application: Any, path: str, token: str) -> float:  # noqa: ANN401 - any WSGI application
    statuses: list[str] = []

    def start_response(
        status: str, _headers: list[tuple[str, str]], _exc_info: object = None
    ) -> None:
        statuses[:] = [status]

    def call() -> None:
        for _ in application(_environ(path, token), start_response):
            pass

    call()
    if statuses[-1][:1] != "2":
        raise RuntimeError(f"{path} answers {statuses[-1]}")
    return _timed(call)


def _environ(path: str, token: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "5000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:5000",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _timed(call: Callable[[], object]) -> float:
    # Processor time, so that other load on the machine hardly changes the result.
    return (
        min(timeit.repeat(call, timer=time.process_time, number=_CALLS, repeat=_TIMES))
        / _CALLS
        * 1e6
    )


def _tried(measure: Callable[[], float]) -> float | None:
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - such a layer is shown as a dash
        note(f"not measured: {type(error).__name__}: {error}")
        return None


if __name__ == "__main__":
    main()
