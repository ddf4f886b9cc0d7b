"""Argon2id, one hash at a time; `adapters.passwords.queue` stands before it."""

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
# A stored hash names its own cost; beyond these it is a weapon, not a password.
_MAX_MEMORY_KIB: Final = 1024 * 1024
_MAX_TIME: Final = 16
_MAX_WORK_KIB: Final = 4 * 1024 * 1024  # memory by passes: some four seconds
_MAX_LANES: Final = 16  # each is a thread
_DJANGO: Final = "argon2"  # Django writes the name of its hasher before Argon2's own text


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """Memory in KiB and passes (RFC 9106); one lane."""

    memory_kib: int
    time: int


class Argon2Hasher:
    """Computes hashes, one at a time per process, in a thread of its own.

    The allocator keeps a hash's memory for the thread that asked for it: with one thread it is kept once. That thread
    stands back where the processor is wanted for shorter work.

    Args:
        cost: for new hashes and for the work done in vain.
        wait: how long a caller stands before the slot.
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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hash", initializer=_stand_back)
        self._wait_seconds = wait.total_seconds()
        self._nobodys_hash = _unmatched(cost)
        self._forms = HashFormats(self._nobodys_hash)

    def hash(self, password: str) -> str:
        """Return a new hash of an already normalised password."""
        with self._alone():
            return self._thread.submit(self._argon2.hash, password).result()

    def verify(self, stored: str | None, password: str, *, typed: str | None = None) -> Verdict:
        """Check a password; with nothing usable stored, do the same work and say no.

        A wrong password costs a check of every hash format seen so far (`adapters.passwords.formats`),
        in both spellings where there are two.
        """
        spellings = (password,) if typed is None or typed == password else (typed, password)
        with self._alone():
            return self._thread.submit(self._verify, stored, spellings).result()

    def _verify(self, stored: str | None, spellings: tuple[str, ...]) -> Verdict:
        # Every known form has a dollar; what has none, such as "!", is nobody's, and by the same steps.
        checked = stored if stored and "$" in stored else self._nobodys_hash
        begun = time.thread_time()
        verdict = self._verify_spellings(checked, spellings)
        if verdict and verdict.matches:
            return verdict
        if verdict:
            self._forms.observe(checked, seconds=(time.thread_time() - begun) / len(spellings))
        for other in self._forms.others(checked if verdict else ""):
            self._verify_spellings(other, spellings)
        return Verdict(matches=False)

    def _verify_spellings(self, stored: str, spellings: tuple[str, ...]) -> Verdict | None:
        verdict = None
        for spelling in spellings:
            verdict = self._verify_stored(stored, spelling)
            if verdict is None:
                return None
            if verdict.matches:  # of two spellings the last one is that in which hashes are kept
                return Verdict(matches=True, outdated=verdict.outdated or spelling != spellings[-1])
        return verdict

    def _verify_stored(self, stored: str, password: str) -> Verdict | None:
        argon2 = _argon2_text(stored)
        if argon2 is not None:
            return (
                self._verify_argon2(argon2, password, own=argon2 == stored)
                if _bearable(argon2)
                else None
            )
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
    def _alone(self) -> Iterator[None]:
        if not self._slot.acquire(timeout=self._wait_seconds):
            raise Busy(_RETRY_AFTER)
        try:
            yield
        finally:
            self._slot.release()


def can_verify(stored: str) -> bool:
    """Tell whether a stored hash is of a form and cost that is checked here; nothing is computed."""
    argon2 = _argon2_text(stored)
    return is_legacy(stored) if argon2 is None else _bearable(argon2)


def _stand_back() -> None:
    with suppress(AttributeError, OSError):  # Linux knows a priority for each thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _bearable(stored: str) -> bool:
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


def _unmatched(cost: Argon2Cost) -> str:
    # Not computed from any password: checking against it costs what a real check costs and never matches.
    salt, digest = (_base64(secrets.token_bytes(size)) for size in (_SALT_BYTES, _HASH_BYTES))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.time},p=1${salt}${digest}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode("ascii")
