"""SHA-crypt: the vectors of its own description, and what the real openssl makes."""

from __future__ import annotations

import pytest

from identity.adapters.passwords.legacy import is_legacy, verify_legacy
from support.certificates import openssl

LONG_PASSWORD = (
    "a very much longer text to encrypt.  This one even stretches over morethan one line."
)
SHORT_SALT = "we have a short salt string but not a short password"
# "Unix crypt using SHA-256 and SHA-512", version 0.6, appendix.
VECTORS = [
    ("Hello world!", "$5$saltstring$", "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    (
        "Hello world!",
        "$5$rounds=10000$saltstringsaltst$",
        "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
    ),
    (
        "This is just a test",
        "$5$rounds=5000$toolongsaltstrin$",
        "Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
    ),
    (
        LONG_PASSWORD,
        "$5$rounds=1400$anotherlongsalts$",
        "Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
    ),
    (SHORT_SALT, "$5$rounds=77777$short$", "JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/"),
    (
        "a short string",
        "$5$rounds=123456$asaltof16chars..$",
        "gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD",
    ),
    (
        "Hello world!",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    ),
    (
        "Hello world!",
        "$6$rounds=10000$saltstringsaltst$",
        "OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
    ),
    (
        "This is just a test",
        "$6$rounds=5000$toolongsaltstrin$",
        "lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
    ),
    (
        LONG_PASSWORD,
        "$6$rounds=1400$anotherlongsalts$",
        "POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
    ),
    (
        SHORT_SALT,
        "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
    ),
    (
        "a short string",
        "$6$rounds=123456$asaltof16chars..$",
        "BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1",
    ),
]


@pytest.mark.parametrize(
    ("password", "stored"), [(password, "".join(parts)) for password, *parts in VECTORS]
)
def test_a_published_vector_matches(password: str, stored: str) -> None:
    assert is_legacy(stored)
    assert verify_legacy(stored, password) is True
    assert verify_legacy(stored, password[:-1]) is False


@pytest.mark.parametrize(
    "password", ["x", "caf\u00e9", "a" * 31, "b" * 32, "c" * 63, "d" * 64, "e" * 200], ids=len
)
@pytest.mark.parametrize("kind", ["-5", "-6"])
@pytest.mark.parametrize("salt", ["s", "saltstring", "rounds=1000$0123456789abcdef"])
def test_what_openssl_makes_matches_and_nothing_else_does(
    password: str, kind: str, salt: str
) -> None:
    stored = openssl("passwd", kind, "-salt", salt, "-stdin", given=password + "\n").strip()
    assert verify_legacy(stored, password) is True
    assert verify_legacy(stored, password[:-1] + "?") is False
