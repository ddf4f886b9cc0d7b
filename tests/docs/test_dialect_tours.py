"""What docs/dialects.md shows of each dialect is what happens: its tours typed into a shell, its
lists of calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from identity.dialects import DIALECTS
from support.live import Live
from support.tours import TLS_BASE, beside_over_tls, read_page, section, steps, take

PAGE = read_page("docs/dialects.md")
HEADINGS = {
    "nerveshub": "NervesHub",
    "wekan": "Wekan",
    "continuous": "continuous.sh",
    "azuma": "Azuma",
}
CALL = re.compile(r"`((?:GET|POST|PATCH|PUT|DELETE) /[^`]*)`")
PARAMETER = re.compile(r"<[^>]+>")


@pytest.fixture
def secure_base(live: Live) -> Iterator[str]:
    with beside_over_tls(live) as base:
        yield base


@pytest.mark.parametrize("dialect", [name for name in HEADINGS if name != "nerveshub"])
def test_a_tour_answers_as_the_page_shows(dialect: str, live: Live, tmp_path: Path) -> None:
    tour = steps(section(section(PAGE, HEADINGS[dialect]), "A tour", level=3))
    assert len(tour) > 5
    take(tour, live, tmp_path)


def test_the_tour_with_a_certificate_answers_as_the_page_shows(
    live: Live, secure_base: str, tmp_path: Path
) -> None:
    tour = steps(section(section(PAGE, HEADINGS["nerveshub"]), "A tour", level=3))
    assert len(tour) > 5
    places = {TLS_BASE: secure_base, "instance/": live.environment["IDENTITY_DATA_DIR"] + "/"}
    take(tour, live, tmp_path, places=places)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("dialect", HEADINGS)
def test_every_call_of_a_dialect_is_listed(dialect: str, app: Flask) -> None:
    assert listed(HEADINGS[dialect]) == calls(app, DIALECTS[dialect].prefix)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_every_call_of_the_native_dialect_is_listed(app: Flask) -> None:
    others = tuple(f"{dialect.prefix}/" for dialect in DIALECTS.values())
    native = {
        call for call in calls(app, "") if not call.partition(" ")[2].startswith((*others, "/docs"))
    }
    assert listed("The native dialect") == native


def listed(heading: str) -> set[str]:
    """Return the calls that the page lists under a dialect."""
    found = CALL.findall(section(section(PAGE, heading), "Calls", level=3))
    return {PARAMETER.sub("<>", call) for call in found}


def calls(app: Flask, prefix: str) -> set[str]:
    """Return the calls that the application routes below a prefix."""
    found = {
        f"{method} {PARAMETER.sub('<>', rule.rule.removeprefix(prefix))}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{prefix}/")
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    assert found
    return found
