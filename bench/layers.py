"""`make bench-profile`: where the time of a token check goes, layer by layer, timed inside one process.

Each layer is called alone and without the ones below it; what only happens when they meet is the rest.
"""

from __future__ import annotations

import tempfile
import time
import timeit
from collections.abc import Callable
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import document
from bare import app as bare_app
from hello import app as hello_app
from knobs import SMALL, note
from population import SECRET_KEY, fill, tokens
from servers import prepared
from table import grid

from identity.adapters.signing import SignedAccessTokens
from identity.domain.principal import Origin
from identity.web.answers import json_answer
from identity.web.auth import auth
from identity.web.context import CONTEXT, REQUEST_ID
from identity.web.guard import Guard
from identity.wiring import create_app

_CALLS: Final = 2000
_TIMES: Final = 7
_HEAD: Final = ("layer", "µs", "what it is")
_RESOURCE, _VERIFY = "/api/resource", "/api/verify"


def main() -> None:
    """Measure, print, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        environment, database = prepared(Path(folder), "")
        fill(database, upto=SMALL)
        (token,) = tokens(database, count=1)
        own = {name: value for name, value in environment.items() if name.startswith("IDENTITY_")}
        app = create_app(type("Config", (), {"IDENTITY": own}))
        table = grid(_HEAD, _lines(app, token))
    print(table)
    document.write("profile", f"{document.circumstances('make bench-profile')}\n\n{table}")


def _lines(app: Any, token: str) -> list[tuple[str, str, str]]:  # noqa: ANN401 - a Flask application
    here = app.extensions["identity"]
    bare = _calls(bare_app, _VERIFY, token)
    layers = {
        "WSGI call": (bare, "a callable that sends three headers"),
        "guard": (_tried(lambda: _calls(Guard(bare_app, here), _RESOURCE, token) - bare), "id, tongue, headers, count"),
        "Flask": (_calls(hello_app, _RESOURCE, token) - bare, "dispatch, request and response of a bare view"),
        **_inside(app, here, token),
    }
    whole = _calls(app, _RESOURCE, token)
    known = sum(microseconds or 0.0 for microseconds, _ in layers.values())
    layers["rest"] = (whole - known, "what only happens when the layers meet")
    layers["`GET /api/resource`"] = (whole, "the whole, by Bearer, on SQLite, session known")
    layers["`GET /api/verify`"] = (_tried(lambda: _calls(app, _VERIFY, token)), "the whole, by the fast lane")
    return [(name, "-" if each is None else f"{each:.1f}", what) for name, (each, what) in layers.items()]


def _inside(app: Any, here: Any, token: str) -> dict[str, tuple[float | None, str]]:  # noqa: ANN401 - as above
    signer = SignedAccessTokens([SECRET_KEY])
    claims = signer.read(token)
    origin = Origin("127.0.0.1", "bench", "native")
    signature = _timed(lambda: signer.read(token))
    directory = _timed(lambda: here.services.directory.find(claims.session if claims else ""))
    by_token = _timed(lambda: here.services.authentication.by_token(token, origin))
    with ExitStack() as stack:
        context = app.test_request_context(_RESOURCE, headers={"Authorization": f"Bearer {token}"})
        context.request.environ |= {CONTEXT: here, REQUEST_ID: "bench"}
        here.tongues.select(context.request.environ)
        stack.enter_context(context)
        verifier = _tried(lambda: _timed(lambda: auth.authenticate(auth.get_auth(), None)) - by_token)
        answer = _timed(lambda: json_answer({"data": "Hello, hawk!"}))
    return {
        "verifier": (verifier, "header to credential, Flask-HTTPAuth's part"),
        "token check": (by_token - signature - directory, "kind, claims, time, principal"),
        "signature": (signature, "form and HMAC of the access token, or that both were seen before"),
        "directory": (directory, "feed current, session looked up"),
        "answer": (answer, "JSON and its response; Flask's layer has one of its own"),
    }


def _calls(application: Any, path: str, token: str) -> float:  # noqa: ANN401 - any WSGI application
    statuses: list[str] = []

    def start_response(status: str, _headers: list[tuple[str, str]], _exc_info: object = None) -> None:
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
    # Processor time, so that a busy machine tells about the same.
    return min(timeit.repeat(call, timer=time.process_time, number=_CALLS, repeat=_TIMES)) / _CALLS * 1e6


def _tried(measure: Callable[[], float]) -> float | None:
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - a layer that cannot be called alone is a dash
        note(f"not measured: {type(error).__name__}: {error}")
        return None


if __name__ == "__main__":
    main()
