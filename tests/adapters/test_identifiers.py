"""Random identifiers have the right format and do not repeat."""

from __future__ import annotations

import re
import uuid
from datetime import UTC

from identity.adapters.clock import SystemClock
from identity.adapters.identifiers import RandomIdentifiers

MADE = RandomIdentifiers()


def test_uuid_is_random_and_canonical() -> None:
    parsed = uuid.UUID(MADE.uuid())
    assert parsed.version == 4
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", MADE.uuid())


def test_short_id_has_17_unmistakable_characters() -> None:
    for _ in range(100):
        short = MADE.short_id()
        assert re.fullmatch(r"[A-Za-z0-9]{17}", short)
        assert not set(short) & set("01IOUVl")


def test_session_is_named_by_128_bits() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", MADE.session_id())


def test_no_name_comes_twice() -> None:
    for make in (MADE.uuid, MADE.short_id, MADE.session_id):
        assert len({make() for _ in range(1000)}) == 1000


def test_clock_gives_aware_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
