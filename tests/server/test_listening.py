"""Where a server listens: a name is resolved first, to IPv4 if it has one; an error is one line."""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from identity.server.listening import bindable, reachable
from identity.settings.readers import SettingError
from support.live import COMMAND, Live, curl, environment, migrate, wait_until_ready
from support.postgresql import free_port

V4, V6 = socket.AF_INET, socket.AF_INET6


def has_ipv6() -> bool:
    try:
        with socket.socket(V6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@contextmanager
def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[Any, ...]) -> Iterator[None]:
    """Let every name have these addresses."""
    found = [(V6 if ":" in each[0] else V4, 1, 6, "", each) for each in addresses]
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        yield


def test_a_name_is_its_ipv4_address_where_it_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    with resolving(monkeypatch, ("::1", 0, 0, 0), ("127.0.0.1", 0)):
        assert bindable("localhost", 0) == "127.0.0.1"


@needs_ipv6
def test_a_name_with_an_ipv6_address_alone_is_that(monkeypatch: pytest.MonkeyPatch) -> None:
    with resolving(monkeypatch, ("fe80::1", 0, 0, 2), ("::1", 0, 0, 0)):
        assert bindable("localhost", 0) == "::1"


def test_of_a_names_addresses_the_one_of_this_machine_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with resolving(monkeypatch, ("192.0.2.1", 0), ("127.0.0.1", 0)):
        assert bindable("host.example.org", 0) == "127.0.0.1"


def test_a_port_that_is_taken_is_not_left_for_the_same_port_of_another_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            resolving(monkeypatch, ("127.0.0.1", port), ("127.0.0.2", port)),
            pytest.raises(SettingError, match=os.strerror(errno.EADDRINUSE)),
        ):
            bindable("localhost", port)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "192.0.2.1",
            "2001:db8::1",
            "[2001:db8::1]",
            "fe80::1%lo",
            "nowhere.invalid",
            "a..b",
            "a b",
        ),
        *("::1]", "1.2.3.4:80", "x" * 70, "\udc80", "two\nlines", "\xfc..", ""),
    ],
)
def test_a_host_that_is_not_this_machine_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(SettingError) as refused:
        bindable(host, 5000)
    assert str(refused.value).startswith(f"cannot listen on {host!a} port 5000: ")
    assert "\n" not in str(refused.value)


def _as_nobody(answer: Any) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        answer.put(bindable("127.0.0.1", 1))
    except SettingError as error:
        answer.put(str(error))


@pytest.mark.skipif(
    int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text("ascii")) < 2,
    reason="this machine has no privileged ports",
)
def test_a_privileged_port_is_refused_in_one_line() -> None:
    fork = multiprocessing.get_context("fork")
    answer = fork.SimpleQueue()
    child = fork.Process(target=_as_nobody, args=(answer,))
    child.start()
    child.join(60)
    assert answer.get() == (
        f"cannot listen on '127.0.0.1' port 1: {os.strerror(errno.EACCES)}; set HOST and PORT"
    )


@pytest.mark.parametrize(
    ("host", "ip", "url"),
    [
        ("localhost", "127.0.0.1", "http://localhost:5000"),
        ("localhost", "::1", "http://[::1]:5000"),
        ("0", "0.0.0.0", "http://127.0.0.1:5000"),  # noqa: S104 - shown, not bound
        ("*", "0.0.0.0", "http://127.0.0.1:5000"),  # noqa: S104 - shown, not bound
        ("::", "::", "http://[::1]:5000"),
        ("[::1]", "::1", "http://[::1]:5000"),
        ("2001:db8::7", "2001:db8::7", "http://[2001:db8::7]:5000"),
    ],
)
def test_what_is_printed_can_be_called(host: str, ip: str, url: str) -> None:
    assert reachable(host, ip, 5000, "http") == url


@pytest.mark.parametrize(
    ("scheme", "host"),
    [
        ("http", "localhost"),
        ("https", "127.1"),
        pytest.param("http", "[::1]", marks=needs_ipv6),
        pytest.param("https", "::1", marks=needs_ipv6),
    ],
)
def test_both_servers_listen_at_names_and_at_addresses_of_both_kinds(
    tmp_path: Path, scheme: str, host: str
) -> None:
    variables = environment(tmp_path / "data", {"HOST": host, "PORT": str(free_port())})
    migrate(variables)
    url = reachable(host, bindable(host, int(variables["PORT"])), int(variables["PORT"]), scheme)
    command = [COMMAND, "serve", "--workers", "1", *(["--tls"] if scheme == "https" else [])]
    with (tmp_path / "log").open("wb") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    live = Live(url, variables, tmp_path / "log", process)
    try:
        _wait(live, tmp_path)
        assert f"Serving Identity on {url} with 1 workers" in live.output()
    finally:
        live.stop()
    assert "Traceback" not in live.output()


def _wait(live: Live, tmp_path: Path) -> None:
    if live.base.startswith("http:"):
        wait_until_ready(live)
        return
    trusted = (
        "--cacert",
        str(tmp_path / "data/tls/ca.pem"),
        "--retry",
        "60",
        "--retry-connrefused",
        "--retry-delay",
        "1",
    )
    assert curl(*trusted, f"{live.base}/readyz").status == 200
