"""Writes results between the markers of docs/performance.md, with `BENCH_WRITE=1`."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

from harness.knobs import WRITES, note

DOCS: Final = Path(__file__).parents[2] / "docs"
_PAGE: Final = DOCS / "performance.md"


def write(part: str, text: str) -> None:
    """Replace one part of the page, with `BENCH_WRITE=1`.

    Raises:
        ValueError: the page has no such part.
    """
    if not WRITES:
        note("docs/performance.md not changed; a complete run with BENCH_WRITE=1 writes to it")
        return
    begin, end = f"<!-- {part}: made by bench -->", f"<!-- {part}: end -->"
    before, mark, rest = _PAGE.read_text("utf-8").partition(begin)
    _, closing, after = rest.partition(end)
    if not mark or not closing:
        raise ValueError(f"{_PAGE} has no part {part!r}")
    _PAGE.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", "utf-8")
    note(f"docs/performance.md: {part} written")


def write_drawing(name: str, drawing: str) -> None:
    """Write an SVG file next to the page, with `BENCH_WRITE=1`."""
    if WRITES:
        (DOCS / name).write_text(drawing, "utf-8")


def circumstances(command: str) -> str:
    """Return the date, the command and the environment of a measurement."""
    given = " ".join(
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith("BENCH_") and name != "BENCH_WRITE"
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("granian", "flask", "sqlalchemy"))
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return (
        f"{today}, `{f'{given} {command}'.strip()}`, {os.cpu_count()} cores "
        f"({platform.machine()}), "
        f"Python {platform.python_version()}, {versions}."
    )
