"""What docs/tour.md shows is what happens when it is typed into a shell."""

from __future__ import annotations

from pathlib import Path

from support.live import Live
from support.tours import read_page, steps, take

# The loop of the tour does not wait: its third sleep ends the session instead.
SHELL = """
naps=0
sleep() {
    naps=$((naps + 1))
    [ "$naps" -lt 3 ] || curl -sf -o /dev/null -u "$ADMIN" -X POST "$BASE/api/admin/users/2/revoke"
}
"""


def test_the_tour_answers_as_the_page_shows(live: Live, tmp_path: Path) -> None:
    tour = steps(read_page("docs/tour.md"))
    assert len(tour) > 20
    take(tour, live, tmp_path, shell=SHELL)
