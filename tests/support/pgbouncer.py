"""A real PgBouncer before the PostgreSQL server of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from support.postgresql import free_port
from support.waiting import wait_until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
WHY_SKIPPED = "no PgBouncer: install Debian's pgbouncer"
_SETTINGS = """
[databases]
* = host={host} port={port} user={user}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 20
max_client_conn = 200
"""


@contextmanager
def pooled(database_url: str, folder: Path, mode: str) -> Iterator[str]:
    """Run PgBouncer in a mode, `session` or `transaction`; give the URL through it."""
    assert PROGRAM
    url, listen = make_url(database_url), free_port()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        _SETTINGS.format(
            host=url.host,
            port=url.port or 5432,
            user=url.username,
            password=f" password={url.password}" if url.password else "",
            listen=listen,
            mode=mode,
        )
    )
    through = url.set(host="127.0.0.1", port=listen, password=None)
    as_user = []
    if os.geteuid() == 0:  # it refuses to run as root
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        for path in (settings, *settings.parents):
            path.chmod(path.stat().st_mode | (0o005 if path.is_dir() else 0o004))
    process = subprocess.Popen(
        [*as_user, PROGRAM, str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _answers(through.render_as_string().replace("+psycopg", "")))
        yield through.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
