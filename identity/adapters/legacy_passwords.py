"""Hashes that other systems made: checked once, then replaced by ours at the first login.

Known: Werkzeug's scrypt and pbkdf2, Django's pbkdf2, bcrypt, and Meteor's bcrypt over SHA-256 (kept here as
`meteor$` and the bcrypt text). The cost is part of the stored text, so it is bounded before any work.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Callable
from typing import Final

from werkzeug.security import check_password_hash

_log = logging.getLogger(__name__)
_MAX_PBKDF2_ROUNDS: Final = 2_000_000
_MAX_SCRYPT_BYTES: Final = 256 * 1024 * 1024
_BCRYPT_COSTS: Final = range(4, 15)
_BCRYPT_BYTES: Final = 72  # what bcrypt looks at; whoever hashed a longer password looked no further either

_BCRYPT = r"(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53})"
_SCRYPT = r"scrypt:(\d{1,7}):(\d{1,3}):(\d{1,3})\$[^$]{1,128}\$[0-9a-f]{128}"
_PBKDF2 = r"pbkdf2:sha(?:256|512):(\d{1,8})\$[^$]{1,128}\$[0-9a-f]{64,128}"
_DJANGO = r"pbkdf2_sha256\$(\d{1,8})\$([^$]{1,128})\$([A-Za-z0-9+/]{43}=)"


def verify_legacy(stored: str, password: str) -> bool | None:
    """Check `password` against a hash of another system; None if it is of no known or no bearable form."""
    for pattern, verify in _FORMATS:
        form = re.fullmatch(pattern, stored, re.ASCII)
        if form is not None:
            try:
                return verify(form, password)
            except ValueError:  # the form was right and the content was not
                return None
    return None


def _scrypt(form: re.Match[str], password: str) -> bool | None:
    cost, block, lanes = int(form[1]), int(form[2]), int(form[3])
    sound = cost > 1 and cost & (cost - 1) == 0 and block > 0 and lanes > 0
    if not sound or 128 * cost * block * lanes > _MAX_SCRYPT_BYTES:
        return None
    return check_password_hash(form[0], password)


def _pbkdf2(form: re.Match[str], password: str) -> bool | None:
    return check_password_hash(form[0], password) if 0 < int(form[1]) <= _MAX_PBKDF2_ROUNDS else None


def _django(form: re.Match[str], password: str) -> bool | None:
    rounds, salt, digest = int(form[1]), form[2], base64.b64decode(form[3])
    if not 0 < rounds <= _MAX_PBKDF2_ROUNDS:
        return None
    return hmac.compare_digest(hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds), digest)


def _bcrypt(form: re.Match[str], password: str) -> bool | None:
    return _check_bcrypt(form[1], int(form[2]), password.encode()[:_BCRYPT_BYTES])


def _meteor(form: re.Match[str], password: str) -> bool | None:
    return _check_bcrypt(form[1], int(form[2]), hashlib.sha256(password.encode()).hexdigest().encode())


def _check_bcrypt(stored: str, cost: int, password: bytes) -> bool | None:
    if cost not in _BCRYPT_COSTS:
        return None
    try:
        import bcrypt  # noqa: PLC0415 - an extra: only imported accounts need it
    except ImportError:
        _log.warning("an imported bcrypt hash cannot be checked: install identityd[imports]")
        return None
    return bcrypt.checkpw(password, stored.encode())


_FORMATS: Final[tuple[tuple[str, Callable[[re.Match[str], str], bool | None]], ...]] = (
    (_SCRYPT, _scrypt),
    (_PBKDF2, _pbkdf2),
    (_DJANGO, _django),
    (_BCRYPT, _bcrypt),
    (rf"meteor\${_BCRYPT}", _meteor),
)
