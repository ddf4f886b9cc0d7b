"""SHA-crypt, the `$5$` and `$6$` hashes of /etc/shadow and many LDAP servers.

Implements "Unix crypt using SHA-256 and SHA-512" (Ulrich Drepper, version 0.6), because Python
removed its `crypt` module in 3.13. The rounds run in Python, so other threads can run in between.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

_DIGITS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DEFAULT_ROUNDS: Final = 5000
_MIN_ROUNDS: Final = 1000
_YIELD_EVERY: Final = 500  # rounds after which another thread may run: about a millisecond

Hash = Callable[[bytes], Any]  # a constructor of hashlib


def verify_sha_crypt(kind: str, rounds: int | None, salt: str, digest: str, password: str) -> bool:
    """Check a password against a stored `$kind$rounds=…$salt$digest`; kind is 5 or 6."""
    new: Hash = hashlib.sha256 if kind == "5" else hashlib.sha512
    count = _DEFAULT_ROUNDS if rounds is None else max(rounds, _MIN_ROUNDS)
    computed = _stretched(new, password.encode(), salt.encode(), count)
    return hmac.compare_digest(_encoded(computed), digest)


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
        if number % _YIELD_EVERY == 0:
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
    # A group has one byte of each third of the digest. From group to group the position grows by
    # one and the order of the thirds rotates: to the right for SHA-256, to the left for SHA-512.
    step = len(digest) // 3
    rotation = -1 if len(digest) == hashlib.sha256().digest_size else 1
    for position in range(step):
        thirds = [(third + rotation * position) % 3 * step for third in range(3)]
        high, middle, low = (digest[start + position] for start in thirds)
        yield high << 16 | middle << 8 | low, 4
    rest = digest[3 * step :]
    yield int.from_bytes(rest[::-1], "big"), len(rest) + 1
