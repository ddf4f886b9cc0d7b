"""What the README shows is what happens: its tour typed into a shell, and its tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from live import Live
from wire.touring import ROOT, read_page, section, steps, take

from identity.dialects import DIALECTS
from identity.settings import described

README = read_page("README.md")
# Nobody waits for the loop of the tour: its third sleep ends the session instead.
SHELL = """
naps=0
sleep() {
    naps=$((naps + 1))
    [ "$naps" -lt 3 ] || curl -sf -o /dev/null -u "$ADMIN" -X POST "$BASE/api/admin/users/2/revoke"
}
"""


def test_the_tour_answers_as_the_readme_shows(live: Live, tmp_path: Path) -> None:
    tour = steps(section(README, "A tour with curl"))
    assert len(tour) > 20
    take(tour, live, tmp_path, shell=SHELL)


def test_the_table_of_settings_is_complete() -> None:
    rows = re.findall(
        r"^\| `(IDENTITY_\w+)` \| [^|]+ \| (?:`([^`]+)`|\u2013) \| (.+) \|$",
        section(README, "Settings"),
        re.MULTILINE,
    )
    assert rows == [(one.name, one.default, one.meaning) for one in described()]


def test_the_table_of_tongues_is_complete() -> None:
    prefixes = re.findall(r"^\| `(/\w+)` \|", section(README, "Five tongues"), re.MULTILINE)
    assert sorted(prefixes) == sorted(dialect.prefix for dialect in DIALECTS.values())


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
