"""The shipped nginx configuration asks before it forwards, and only Identity says who is calling."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nginx
import pytest
from live import Answer, Live, curl, serving
from postgresql import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx-forward-auth.conf"


class Protected(BaseHTTPRequestHandler):
    """A service that says what it was told."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@dataclass
class Guarded:
    """A service behind nginx, and the Identity that it asks."""

    live: Live
    base: str

    def curl(self, path: str, *arguments: str) -> Answer:
        return curl(*arguments, self.base + path)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    assert nginx.installed(), nginx.WHY_SKIPPED
    folder, port = tmp_path_factory.mktemp("forward"), free_port()
    protected = ThreadingHTTPServer(("127.0.0.1", 0), Protected)
    threading.Thread(target=protected.serve_forever, daemon=True).start()
    with serving(folder, "--workers", "1") as live:
        text = CONFIGURATION.read_text("utf-8")
        text = re.sub(r" +ssl_certificate.*\n", "", text).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
        text = text.replace("127.0.0.1:5000", live.base.removeprefix("http://"))
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{protected.server_port}")
        with nginx.running(folder, text, ports=[port]):
            yield Guarded(live, f"http://127.0.0.1:{port}")
    protected.shutdown()


@pytest.fixture(scope="module")
def token(guarded: Guarded) -> str:
    found: str = guarded.live.curl("/api/token", "-u", "admin:changeme").json()["token"]
    return found


def test_nobody_passes_without_a_credential(guarded: Guarded) -> None:
    for arguments in ([], ["-u", "admin:wrong"], ["-u", "idt_x:"], ["-H", "Authorization: Bearer x"]):
        answer = guarded.curl("/", *arguments)
        assert answer.status == 401
        assert str(answer.header("WWW-Authenticate")).startswith("Basic ")


@pytest.mark.parametrize("carrier", ["password", "basic", "bearer"])
def test_the_service_hears_who_it_is_and_never_by_what_proof(guarded: Guarded, token: str, carrier: str) -> None:
    credentials = {
        "password": ["-u", "admin:changeme"],
        "basic": ["-u", f"{token}:"],
        "bearer": ["-H", f"Authorization: Bearer {token}"],
    }
    answer = guarded.curl("/some/page?x=1", *credentials[carrier])
    heard = answer.json()
    assert answer.status == 200
    assert (heard["x-identity-user"], heard["x-identity-id"], heard["x-identity-admin"]) == ("admin", "1", "true")
    assert "authorization" not in heard
    assert token not in answer.body


def test_what_a_caller_claims_is_overwritten(guarded: Guarded, token: str) -> None:
    claims = ["X-Identity-User: root", "x-identity-id: 7", "X_Identity_User: root", "X-Identity-Admin: true"]
    heard = guarded.curl("/", "-u", f"{token}:", *(part for claim in claims for part in ("-H", claim))).json()
    assert [heard["x-identity-user"], heard["x-identity-id"]] == ["admin", "1"]
    assert "root" not in heard.values()
    assert guarded.curl("/", "-H", "X-Identity-User: admin").status == 401


def test_a_body_goes_to_the_service_and_not_to_identity(guarded: Guarded, token: str, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 60_000)
    for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
        assert guarded.curl("/", "-u", f"{token}:", "--data-binary", f"@{body}", *extra).status == 200


def test_other_addresses_do_not_lead_past_the_question(guarded: Guarded) -> None:
    for path in ("/_identity", "//_identity", "/%5fidentity", "/./_identity", "/@identity_away"):
        assert guarded.curl(path, "--path-as-is").status in {401, 404}


def test_the_services_own_failure_stays_its_own(guarded: Guarded, token: str) -> None:
    assert guarded.curl("/broken", "-u", f"{token}:").status == 500


def test_z_an_identity_that_is_away_closes_the_door_and_says_for_how_long(guarded: Guarded, token: str) -> None:
    guarded.live.stop()
    answer = guarded.curl("/", "-u", f"{token}:")
    assert (answer.status, answer.header("Retry-After")) == (503, "2")
