"""A small site of git, npm and Python packages that asks /api/verify before it answers, as a proxy
would.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_PASSED = ("www-authenticate", "retry-after")


@dataclass(frozen=True)
class Site:
    """Where the site is: a host with its port."""

    host: str

    def url(self, path: str, userinfo: str = "") -> str:
        """Return the URL of a path, with a credential in it where one is given."""
        return f"http://{userinfo}{'@' * bool(userinfo)}{self.host}{path}"


@contextmanager
def running(folder: Path, service: str) -> Iterator[Site]:
    """Serve the site from a folder; `service` is the URL of the Identity that guards it."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Guard, directory=str(folder), service=service)
    )
    site = Site(f"127.0.0.1:{server.server_port}")
    _publish_git(folder)
    _publish_npm(folder, site)
    _publish_python(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Guard(SimpleHTTPRequestHandler):
    def __init__(self, *args: object, directory: str, service: str) -> None:
        self._service = urlsplit(service).netloc
        super().__init__(*args, directory=directory)

    def do_GET(self) -> None:
        connection = http.client.HTTPConnection(self._service, timeout=60)
        given = self.headers.get("Authorization")
        connection.request("GET", "/api/verify", headers={"Authorization": given} if given else {})
        verdict = connection.getresponse()
        verdict.read()
        connection.close()
        if verdict.status == http.client.NO_CONTENT:
            super().do_GET()
            return
        self.send_response(verdict.status)
        for name, value in verdict.getheaders():
            if name.lower() in _PASSED:
                self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def guess_type(self, path: object) -> str:
        return "application/json" if str(path).endswith("/tiny") else super().guess_type(str(path))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _publish_git(folder: Path) -> None:
    work, bare = folder / "work", folder / "tiny.git"
    who = ("-c", "user.name=Hawk", "-c", "user.email=hawk@example.org")
    for command in (
        ("init", "-q", str(work)),
        ("-C", str(work), *who, "commit", "-q", "--allow-empty", "-m", "first"),
        ("clone", "-q", "--bare", str(work), str(bare)),
        ("-C", str(bare), "update-server-info"),  # what a plain web server needs
    ):
        subprocess.run(["git", *command], check=True, capture_output=True)


def _publish_npm(folder: Path, site: Site) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        text = json.dumps({"name": "tiny", "version": "1.0.0"}).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    (folder / "npm").mkdir()
    (folder / "npm" / "tiny-1.0.0.tgz").write_bytes(packed.getvalue())
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()
    dist = {"tarball": site.url("/npm/tiny-1.0.0.tgz"), "integrity": integrity}
    version = {"name": "tiny", "version": "1.0.0", "dist": dist}
    about = {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    (folder / "npm" / "tiny").write_text(json.dumps(about))


def _publish_python(folder: Path) -> None:
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    index = folder / "simple" / "tiny"
    index.mkdir(parents=True)
    (index / "index.html").write_text(
        f'<!DOCTYPE html><a href="../../{wheel.name}">{wheel.name}</a>'
    )
