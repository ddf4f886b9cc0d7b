"""Counting password hashes, and filling the queue before them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from flask import Flask

from identity.domain.errors import Busy
from identity.domain.ports import Hasher, Passwords, Verdict
from support.app import services


class CountedPasswords:
    """The real guard, counting what is computed. `meanwhile` runs while a password is being
    checked."""

    def __init__(self, inner: Passwords) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.checked: list[str | None] = []
        self.hashed = 0
        self.meanwhile: Callable[[], object] = lambda: None

    @contextmanager
    def admit(self, *caller: str) -> Iterator[Hasher]:
        with self._inner.admit(*caller) as hasher:
            yield _CountedHasher(self, hasher)

    def turned_away(self, ip: str, name: str) -> Busy | None:
        return self._inner.turned_away(ip, name)

    def count(self, stored: str | None, *, new: bool = False) -> None:
        with self._lock:
            if new:
                self.hashed += 1
            else:
                self.checked.append(stored)


class _CountedHasher:
    def __init__(self, counts: CountedPasswords, inner: Hasher) -> None:
        self._counts, self._inner = counts, inner

    def hash(self, password: str) -> str:
        self._counts.count(None, new=True)
        return self._inner.hash(password)

    def verify(self, stored: str | None, password: str, *, typed: str | None = None) -> Verdict:
        self._counts.count(stored)
        verdict = self._inner.verify(stored, password, typed=typed)
        self._counts.meanwhile()
        return verdict


@contextmanager
def full_queue(passwords: Passwords) -> Iterator[None]:
    """Take every slot of the admission queue, from one IP after another."""
    with ExitStack() as slots:
        for number in range(100):  # of which the first fill it
            with suppress(Busy):
                slots.enter_context(passwords.admit(f"198.51.100.{number}"))
        yield


def count_hashes(app: Flask) -> CountedPasswords:
    """Count every hash that an application computes from now on."""
    found = services(app)
    counted = CountedPasswords(found.authentication._passwords)
    for use_cases in (found.authentication, found.accounts, found.profiles):
        use_cases._passwords = counted
    return counted


class CountingPasswords:
    """A password hasher that counts its callers and accepts no password."""

    def __init__(self) -> None:
        self.admitted = 0

    @contextmanager
    def admit(self, *_caller: str) -> Iterator[CountingPasswords]:
        """Count one caller."""
        self.admitted += 1
        yield self

    def turned_away(self, _ip: str, _name: str) -> None:
        """Remember no refusal."""

    def hash(self, password: str) -> str:
        """Return what no hash looks like."""
        return f"counted:{len(password)}"

    def verify(self, _stored: str | None, _password: str, **_typed: str | None) -> Verdict:
        """Say no."""
        return Verdict(matches=False)
