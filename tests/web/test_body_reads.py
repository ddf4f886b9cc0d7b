"""Bodies that are being received: how many, from whom, for how long, and which connection is cut
off."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from identity.server.slow_clients import shut_down
from identity.settings.readers import read_networks
from identity.web.environ import CONTEXT
from identity.web.problems import SlowBodies
from identity.web.requests.body_reads import (
    HALF_OF_THE_SLOTS,
    SHORT_TIMEOUT_SECONDS,
    TIMEOUT_SECONDS,
    BodyRead,
    BodyReads,
)

HERE, THERE, PROXY = "192.0.2.1", "198.51.100.1", "10.0.0.1"


class Slow:
    """Bodies that never end, as of a moment that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.cut: list[tuple[int, str, float]] = []
        self.open = ExitStack()
        self.arrivals = BodyReads(
            lambda port, ip, idle_seconds: self.cut.append((port, ip, idle_seconds))
        )
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(BodyReads, "_watch", lambda _: None)

    def begin(self, caller: str = HERE, *, peer: str | None = None) -> BodyRead:
        """Begin one more."""
        environ = {"REMOTE_ADDR": peer or caller, "SERVER_PORT": "5000"}
        return self.open.enter_context(self.arrivals.reading(environ, caller))

    def later(self, seconds: float) -> list[tuple[int, str, float]]:
        """Let time pass and return who is cut off then."""
        self.now += seconds
        self.cut.clear()
        self.arrivals.cut_overdue()
        return self.cut


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    found = Slow(monkeypatch)
    with found.open:
        yield found


def admitted(slow: Slow, caller: str) -> int:
    """Return how many bodies of a caller are let in until one is not."""
    for count in range(99):
        try:
            slow.begin(caller, peer=PROXY)
        except SlowBodies:
            return count
    raise AssertionError


def test_a_network_has_half_of_what_is_left(slow: Slow) -> None:
    assert admitted(slow, "2001:db8::1") == HALF_OF_THE_SLOTS
    assert admitted(slow, "2001:db8:0:ffff::2") == 0  # of the same network
    assert [admitted(slow, caller) for caller in (HERE, "192.0.2.200")] == [3, 0]
    assert [admitted(slow, caller) for caller in (THERE, "203.0.113.1", "10.1.1.1")] == [2, 1, 0]


def test_one_network_of_many_ips_leaves_room_for_others(slow: Slow) -> None:
    assert sum(admitted(slow, f"192.0.2.{number}") for number in range(30)) == HALF_OF_THE_SLOTS
    assert admitted(slow, THERE) > 1


def test_a_slow_client_leaves_half_of_the_slots_to_others(slow: Slow) -> None:
    attackers = [f"198.51.{number}.1" for number in range(30)]
    for _ in range(15):
        for each in attackers:
            admitted(slow, each)
        slow.later(SHORT_TIMEOUT_SECONDS)
        slow.open.close()  # all that were cut off have gone
    assert sum(admitted(slow, each) for each in attackers) == HALF_OF_THE_SLOTS
    assert admitted(slow, HERE) > 1
    slow.open.close()
    slow.later(61)
    assert admitted(slow, attackers[0]) == HALF_OF_THE_SLOTS


def test_no_connection_of_a_trusted_proxy_is_cut_off(slow: Slow) -> None:
    settings = SimpleNamespace(trusted_proxies=read_networks("10.0.0.0/8"))
    environ = {
        "REMOTE_ADDR": PROXY,
        "SERVER_PORT": "5000",
        CONTEXT: SimpleNamespace(settings=settings),
    }
    proxied = slow.open.enter_context(slow.arrivals.reading(environ, HERE))
    direct = slow.begin(THERE)
    assert slow.later(TIMEOUT_SECONDS) == [(5000, THERE, TIMEOUT_SECONDS - 0.5)]
    assert (proxied.cut, direct.cut) == (False, True)


def test_a_caller_who_is_refused_again_is_not_logged_for_a_while(slow: Slow) -> None:
    for _ in range(HALF_OF_THE_SLOTS):
        slow.begin()

    def again() -> bool:
        with pytest.raises(SlowBodies) as refused:
            slow.begin()
        return refused.value.repeated

    assert [again() for _ in range(3)] == [False, True, True]
    slow.later(9)
    assert again()
    slow.later(1)
    assert [again() for _ in range(2)] == [False, True]


def test_a_slot_is_free_again_when_its_body_was_read(slow: Slow) -> None:
    for _ in range(HALF_OF_THE_SLOTS):
        slow.begin()
    slow.open.close()
    slow.begin()


def test_a_sender_is_cut_off_after_ten_seconds(slow: Slow) -> None:
    first = slow.begin(THERE, peer=PROXY)
    assert slow.later(TIMEOUT_SECONDS - 1) == []
    second = slow.begin()
    assert slow.later(1) == [(5000, PROXY, TIMEOUT_SECONDS - 0.5)]
    assert (first.cut, second.cut) == (True, False)


def test_a_sender_is_cut_off_after_three_seconds_while_others_are_turned_away(slow: Slow) -> None:
    found = [slow.begin() for _ in range(HALF_OF_THE_SLOTS - 1)]
    assert slow.later(SHORT_TIMEOUT_SECONDS) == []
    last = slow.begin()
    assert slow.later(0) == [(5000, HERE, SHORT_TIMEOUT_SECONDS - 0.5)]
    assert [each.cut for each in (*found, last)] == [True] * (HALF_OF_THE_SLOTS - 1) + [False]


def connected(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


def test_what_has_waited_for_an_answer_is_cut_off_and_still_gets_it() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port = listener.getsockname()[1]
        pairs = [connected(listener), connected(other)]
        time.sleep(0.4)
        pairs.append(connected(listener))
        shut_down(port, "127.0.0.2", idle_seconds=0)
        shut_down(port, "127.0.0.1", idle_seconds=0.3)
        for client, service in pairs:
            service.settimeout(0)
            service.sendall(b"408")
            assert client.recv(3) == b"408"
        assert pairs[0][1].recv(1) == b""
        for _, service in pairs[1:]:
            with pytest.raises(BlockingIOError):
                service.recv(1)
        for each in (socket for pair in pairs for socket in pair):
            each.close()


def test_cutting_off_meets_sockets_of_other_kinds() -> None:
    one, other = socket.socketpair()
    with one, other, socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket():
        shut_down(0, "no IP", idle_seconds=0)


def test_a_thread_watches_only_while_bodies_are_read() -> None:
    reads = BodyReads(lambda *_, **__: None)
    environ = {"REMOTE_ADDR": HERE, "SERVER_PORT": "5000"}
    for _ in range(2):
        with reads.reading(environ, HERE):
            watcher = reads._watcher
            assert watcher is not None
            assert watcher.is_alive()
        watcher.join(60)
        assert not watcher.is_alive()
        assert reads._watcher is None
