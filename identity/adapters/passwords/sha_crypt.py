"""SHA-crypt, the `$5$` and `$6$` of /etc/shadow and of many LDAP servers.

Written from "Unix crypt using SHA-256 and SHA-512" (Ulrich Drepper, version 0.6), because Python's `crypt` ended with
3.12. A round is a few calls, so a hash of many rounds lets other threads run in between.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

_DIGITS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DEFAULT_ROUNDS: Final = 5000
_LEAST_ROUNDS: Final = 1000
_AT_ONCE: Final = 500  # rounds before another thread may run: about a millisecond

Hash = Callable[[bytes], Any]  # a constructor of hashlib


def verify_sha_crypt(kind: str, rounds: int | None, salt: str, digest: str, password: str) -> bool:
    """Check a password against the digest of a stored `$kind$rounds=…$salt$digest`; kind is 5 or 6."""
    new: Hash = hashlib.sha256 if kind == "5" else hashlib.sha512
    wanted = _DEFAULT_ROUNDS if rounds is None else max(rounds, _LEAST_ROUNDS)
    return hmac.compare_digest(
        _encoded(_stretched(new, password.encode(), salt.encode(), wanted)), digest
    )


def _stretched(new: Hash, password: bytes, salt: bytes, rounds: int) -> bytes:
    sum_b = new(password + salt + password).digest()
    bits = [
        sum_b if len(password) >> bit & 1 else password for bit in range(len(password).bit_length())
    ]
    result: bytes = new(password + salt + _repeated(sum_b, len(password)) + b"".join(bits)).digest()
    key = _repeated(new(password * len(password)).digest(), len(password))
    seed = _repeated(new(salt * (16 + result[0])).digest(), len(salt))
    for number in range(rounds):
        odd = number & 1
        middle = (seed if number % 3 else b"") + (key if number % 7 else b"")
        result = new((key if odd else result) + middle + (result if odd else key)).digest()
        if number % _AT_ONCE == 0:
            time.sleep(0)
    return result


def _repeated(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encoded(digest: bytes) -> str:
    return "".join(
        _DIGITS[group >> 6 * place & 63]
        for group, digits in _groups(digest)
        for place in range(digits)
    )


def _groups(digest: bytes) -> Iterator[tuple[int, int]]:
    # Three bytes a third of the digest apart; each group begins one byte on, in another order of the thirds.
    step = len(digest) // 3
    first, second, third = 0, step, 2 * step
    for _ in range(step):
        yield digest[first] << 16 | digest[second] << 8 | digest[third], 4
        if len(digest) == hashlib.sha256().digest_size:
            first, second, third = third + 1, first + 1, second + 1
        else:
            first, second, third = second + 1, third + 1, first + 1
    rest = digest[3 * step :]
    yield int.from_bytes(rest[::-1], "big"), len(rest) + 1
