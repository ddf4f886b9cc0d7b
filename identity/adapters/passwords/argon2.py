"""Argon2id, one hash at a time; `adapters.passwords.queue` limits how many callers wait for it."""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError

from identity.adapters.passwords.formats import HashFormats
from identity.adapters.passwords.legacy import is_legacy, verify_legacy
from identity.domain.errors import Busy
from identity.domain.ports import Verdict

_RETRY_AFTER: Final = timedelta(seconds=1)
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NICENESS: Final = 5
# A stored hash contains its own cost. Beyond these limits one check could stall the service.
_MAX_MEMORY_KIB: Final = 1024 * 1024
_MAX_TIME: Final = 16
_MAX_WORK_KIB: Final = 4 * 1024 * 1024  # memory times passes: about four seconds
_MAX_LANES: Final = 16  # each is a thread
_DJANGO: Final = "argon2"  # Django's prefix before the standard text of the hash


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """Memory in KiB and passes (RFC 9106); one lane."""

    memory_kib: int
    time: int


class Argon2Hasher:
    """Computes hashes, one at a time per process, in a separate thread.

    The allocator keeps the memory of a hash for the thread that used it, so that one thread needs
    it only once. The thread has a lower priority, so that shorter work comes first.

    Args:
        cost: of new hashes and of the dummy hash.
        wait: how long a caller waits for the previous hash.
    """

    def __init__(self, cost: Argon2Cost, *, wait: timedelta) -> None:
        self._argon2 = PasswordHasher(
            time_cost=cost.time,
            memory_cost=cost.memory_kib,
            parallelism=1,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        self._slot = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hash", initializer=_lower_priority)
        self._wait_seconds = wait.total_seconds()
        self._dummy_hash = _make_dummy_hash(cost)
        self._formats = HashFormats(self._dummy_hash)

    def hash(self, password: str) -> str:
        """Return a new hash of an already normalised password."""
        with self._exclusive():
            return self._thread.submit(self._argon2.hash, password).result()

    def verify(self, stored: str | None, password: str, *, typed: str | None = None) -> Verdict:
        """Check a password; without a usable stored hash, do the same work and return no match.

        A wrong password costs a check of every hash format seen so far, in both encodings if there
        are two: see `adapters.passwords.formats`.
        """
        encodings = (password,) if typed is None or typed == password else (typed, password)
        with self._exclusive():
            return self._thread.submit(self._verify, stored, encodings).result()

    def _verify(self, stored: str | None, encodings: tuple[str, ...]) -> Verdict:
        # Every known format contains a dollar. Other texts, such as "!", match no password.
        checked = stored if stored and "$" in stored else self._dummy_hash
        begun = time.thread_time()
        verdict = self._verify_encodings(checked, encodings)
        if verdict and verdict.matches:
            return verdict
        if verdict:
            self._formats.observe(checked, seconds=(time.thread_time() - begun) / len(encodings))
        for other in self._formats.others(checked if verdict else ""):
            self._verify_encodings(other, encodings)
        return Verdict(matches=False)

    def _verify_encodings(self, stored: str, encodings: tuple[str, ...]) -> Verdict | None:
        verdict = None
        for encoding in encodings:
            verdict = self._verify_stored(stored, encoding)
            if verdict is None:
                return None
            if verdict.matches:
                # New hashes are made of the last encoding, so a match of another one is outdated.
                return Verdict(matches=True, outdated=verdict.outdated or encoding != encodings[-1])
        return verdict

    def _verify_stored(self, stored: str, password: str) -> Verdict | None:
        argon2 = _argon2_text(stored)
        if argon2 is not None:
            if not _cost_is_acceptable(argon2):
                return None
            return self._verify_argon2(argon2, password, own=argon2 == stored)
        matches = verify_legacy(stored, password)
        return None if matches is None else Verdict(matches, outdated=True)

    def _verify_argon2(self, stored: str, password: str, *, own: bool) -> Verdict | None:
        try:
            self._argon2.verify(stored, password)
        except VerifyMismatchError:
            return Verdict(matches=False)
        except (Argon2Error, InvalidHashError, ValueError):  # nothing was computed
            return None
        return Verdict(matches=True, outdated=not own or self._argon2.check_needs_rehash(stored))

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if not self._slot.acquire(timeout=self._wait_seconds):
            raise Busy(_RETRY_AFTER)
        try:
            yield
        finally:
            self._slot.release()


def can_verify(stored: str) -> bool:
    """Tell whether a stored hash has a supported format and cost, without computing it."""
    argon2 = _argon2_text(stored)
    return is_legacy(stored) if argon2 is None else _cost_is_acceptable(argon2)


def _lower_priority() -> None:
    with suppress(AttributeError, OSError):  # only Linux has a priority for each thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _cost_is_acceptable(stored: str) -> bool:
    try:
        cost = extract_parameters(stored)
    except (InvalidHashError, ValueError):
        return False
    work = cost.memory_cost * cost.time_cost
    return (
        cost.memory_cost <= _MAX_MEMORY_KIB
        and cost.time_cost <= _MAX_TIME
        and work <= _MAX_WORK_KIB
        and cost.parallelism <= _MAX_LANES
    )


def _argon2_text(stored: str) -> str | None:
    text = stored.removeprefix(_DJANGO)
    return text if text.startswith("$argon2") else None


def _make_dummy_hash(cost: Argon2Cost) -> str:
    # Random, not computed from a password: checking it costs the same and never matches.
    salt, digest = (_base64(secrets.token_bytes(size)) for size in (_SALT_BYTES, _HASH_BYTES))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.time},p=1${salt}${digest}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode("ascii")
