"""What the README shows is what happens; its tables, the settings page and every link are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from identity.dialects import DIALECTS
from identity.settings import described
from support.live import Live
from support.tours import ROOT, read_page, section, steps, take

README = read_page("README.md")
LONGEST_README = 200  # lines


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < LONGEST_README


def test_the_readme_answers_as_it_shows(live: Live, tmp_path: Path) -> None:
    typed = steps(section(README, "Five minutes with curl") + section(README, "From a program"))
    assert len(typed) > 6
    take(typed, live, tmp_path)


def test_the_table_of_settings_is_complete() -> None:
    rows = re.findall(
        r"^\| `(IDENTITY_\w+)` \| [^|]+ \| (?:`([^`]+)`|\u2013) \| (.+) \|$",
        read_page("docs/settings.md"),
        re.MULTILINE,
    )
    assert rows == [(one.name, one.default, one.meaning) for one in described()]


def test_the_table_of_dialects_is_complete() -> None:
    prefixes = re.findall(r"^\| `(/\w+)` \|", section(README, "Dialects"), re.MULTILINE)
    assert sorted(prefixes) == sorted(dialect.prefix for dialect in DIALECTS.values())


@pytest.mark.parametrize(
    "page",
    sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")),
    ids=lambda page: page.name,
)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
