"""Hashes of other systems, which are replaced by a new hash at the first login.

The cost is part of the stored text, so it is limited before anything is computed. Argon2 hashes of
other systems are handled in `adapters.passwords.argon2`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, Final

from werkzeug.security import check_password_hash

from identity.adapters.passwords.sha_crypt import verify_sha_crypt

_log = logging.getLogger(__name__)
_MAX_PBKDF2_ROUNDS: Final = 2_000_000
# passlib uses 656,000 rounds, about a second; other software uses 5,000.
_MAX_SHA_CRYPT_ROUNDS: Final = 700_000
_MAX_SCRYPT_BYTES: Final = 256 * 1024 * 1024
_BCRYPT_COSTS: Final = range(4, 15)
_BCRYPT_BYTES: Final = 72  # bcrypt ignores the rest of a longer password

_BCRYPT = r"(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53})"

Check = Callable[[str], bool]


def is_legacy(stored: str) -> bool:
    """Tell whether a hash of another system has a supported format and cost; computes nothing."""
    return _find(stored) is not None


def verify_legacy(stored: str, password: str) -> bool | None:
    """Check a password against a hash of another system; None if its format is not supported."""
    check = _find(stored)
    if check is None:
        return None
    with suppress(ValueError):  # the format is right, but the content is not
        return check(password)
    return None


def _find(stored: str) -> Check | None:
    for pattern, read in _FORMATS:
        if match := re.fullmatch(pattern, stored, re.ASCII):
            with suppress(ValueError):  # as in `verify_legacy`
                return read(match)
    return None


def _werkzeug_scrypt(match: re.Match[str]) -> Check | None:
    if not _scrypt_is_acceptable(int(match[1]), int(match[2]), int(match[3])):
        return None
    return _by_werkzeug(match)


def _django_scrypt(match: re.Match[str]) -> Check | None:
    cost = int(match[1])
    salt = match[2]
    block = int(match[3])
    lanes = int(match[4])
    if not _scrypt_is_acceptable(cost, block, lanes):
        return None
    digest = base64.b64decode(match[5])

    def check(password: str) -> bool:
        made = hashlib.scrypt(
            password.encode(),
            salt=salt.encode(),
            n=cost,
            r=block,
            p=lanes,
            maxmem=2 * _MAX_SCRYPT_BYTES,
            dklen=len(digest),
        )
        return hmac.compare_digest(made, digest)

    return check


def _scrypt_is_acceptable(cost: int, block: int, lanes: int) -> bool:
    valid = cost > 1 and cost & (cost - 1) == 0 and block > 0 and lanes > 0
    return valid and 128 * cost * block * lanes <= _MAX_SCRYPT_BYTES


def _werkzeug_pbkdf2(match: re.Match[str]) -> Check | None:
    return _by_werkzeug(match) if 0 < int(match[1]) <= _MAX_PBKDF2_ROUNDS else None


def _by_werkzeug(match: re.Match[str]) -> Check:
    return lambda password: check_password_hash(match[0], password)


def _django_pbkdf2(match: re.Match[str]) -> Check | None:
    return _pbkdf2("sha256", int(match[1]), match[2].encode(), base64.b64decode(match[3]))


def _passlib_pbkdf2(match: re.Match[str]) -> Check | None:
    return _pbkdf2(match[1], int(match[2]), _from_ab64(match[3]), _from_ab64(match[4]))


def _from_ab64(text: str) -> bytes:
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))


def _pbkdf2(digest: str, rounds: int, salt: bytes, wanted: bytes) -> Check | None:
    if not 0 < rounds <= _MAX_PBKDF2_ROUNDS or len(wanted) != hashlib.new(digest).digest_size:
        return None
    return lambda password: hmac.compare_digest(
        hashlib.pbkdf2_hmac(digest, password.encode(), salt, rounds), wanted
    )


def _sha_crypt(match: re.Match[str]) -> Check | None:
    rounds = int(match[2]) if match[2] else None
    if rounds is not None and rounds > _MAX_SHA_CRYPT_ROUNDS:
        return None
    return lambda password: verify_sha_crypt(match[1], rounds, match[3], match[4], password)


def _bcrypt(match: re.Match[str]) -> Check | None:
    check = _bcrypt_of(match)
    if check is None:
        return None
    return lambda password: check(password.encode()[:_BCRYPT_BYTES])


def _bcrypt_of_sha256(match: re.Match[str]) -> Check | None:
    check = _bcrypt_of(match)
    if check is None:
        return None
    return lambda password: check(hashlib.sha256(password.encode()).hexdigest().encode())


def _bcrypt_of(match: re.Match[str]) -> Callable[[bytes], bool] | None:
    if int(match[2]) not in _BCRYPT_COSTS:
        return None
    bcrypt = _bcrypt_module()
    if bcrypt is None:
        return None
    return lambda password: bool(bcrypt.checkpw(password, match[1].encode()))


@cache  # so that the warning is logged once
def _bcrypt_module() -> Any:  # noqa: ANN401 - a module or None
    try:
        import bcrypt  # noqa: PLC0415 - an extra: only imported accounts need it
    except ImportError:
        _log.warning("cannot check an imported bcrypt hash: install identityd[imports]")
        return None
    return bcrypt


_FORMATS: Final[tuple[tuple[str, Callable[[re.Match[str]], Check | None]], ...]] = (
    (r"scrypt:(\d{1,7}):(\d{1,3}):(\d{1,3})\$[^$]{1,128}\$[0-9a-f]{128}", _werkzeug_scrypt),
    (r"pbkdf2:sha(?:256|512):(\d{1,8})\$[^$]{1,128}\$[0-9a-f]{64,128}", _werkzeug_pbkdf2),
    (
        r"scrypt\$(\d{1,7})\$([^$]{1,128})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9+/]{86}==)",
        _django_scrypt,
    ),
    (r"pbkdf2_sha256\$(\d{1,8})\$([^$]{1,128})\$([A-Za-z0-9+/]{43}=)", _django_pbkdf2),
    (
        r"\$pbkdf2-(sha256|sha512)\$(\d{1,8})\$([./A-Za-z0-9]{0,128})\$([./A-Za-z0-9]{43,86})",
        _passlib_pbkdf2,
    ),
    (r"\$(5)\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$([./A-Za-z0-9]{43})", _sha_crypt),
    (r"\$(6)\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$([./A-Za-z0-9]{86})", _sha_crypt),
    (rf"(?:bcrypt\$)?{_BCRYPT}", _bcrypt),
    (rf"(?:meteor|bcrypt_sha256)\${_BCRYPT}", _bcrypt_of_sha256),
)
