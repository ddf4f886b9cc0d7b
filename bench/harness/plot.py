"""Draws two kinds of chart as SVG, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

_WIDTH: Final = 760
_COLOURS: Final = ("#3b82c4", "#e08a3c", "#8a8f98")
_STYLE: Final = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.faint { fill: #6a737d } .line { stroke: #d0d7de }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .faint { fill: #9198a1 } .line { stroke: #3d444d } }
</style>"""


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Draw one bar for each figure. `groups` maps a name to its figures by series."""
    series = list(dict.fromkeys(name for each in groups.values() for name in each))
    most = max((value for each in groups.values() for value in each.values()), default=1.0)
    left, height, y, parts = 210, 16, 64, _legend(series)
    for name, figures in groups.items():
        parts.append(_text(left - 10, y + height * len(figures) / 2 + 4, name, anchor="end"))
        for each, value in figures.items():
            length = (_WIDTH - left - 70) * value / most
            colour = _COLOURS[series.index(each)]
            parts.append(
                f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{height - 3}" rx="2" fill="{colour}"/>'
            )
            parts.append(_text(left + length + 6, y + 11, f"{value:,.0f}", kind="faint"))
            y += height
        y += 10
    return _drawing(title, y + 6, parts)


def lines(title: str, series: Mapping[str, Mapping[int, float]]) -> str:
    """Draw one line for each series, over a logarithmic x axis."""
    left, top, right, bottom = 60, 64, _WIDTH - 40, 300
    points = [point for each in series.values() for point in each.items()] or [(1, 1.0)]
    low, high = (math.log10(pick(x for x, _ in points)) for pick in (min, max))
    most, parts = max(y for _, y in points) * 1.15, _legend(list(series))

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * (math.log10(x) - low) / ((high - low) or 1), bottom - (
            bottom - top
        ) * y / most

    for step in range(5):
        y = most * step / 4
        parts.append(
            f'<line class="line" x1="{left}" x2="{right}" y1="{place(1, y)[1]:.1f}" y2="{place(1, y)[1]:.1f}"/>'
        )
        parts.append(_text(left - 8, place(1, y)[1] + 4, f"{y:,.0f}", anchor="end", kind="faint"))
    for x in sorted({x for x, _ in points}):
        parts.append(_text(place(x, 0)[0], bottom + 20, f"{x:,}", anchor="middle", kind="faint"))
    for colour, each in zip(_COLOURS, series.values(), strict=False):
        spots = [place(x, y) for x, y in sorted(each.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in spots]
    return _drawing(title, bottom + 40, parts)


def _legend(names: Iterable[str]) -> list[str]:
    spots = [
        (10 + 150 * number, name, colour)
        for number, (name, colour) in enumerate(zip(names, _COLOURS, strict=False))
    ]
    boxes = [
        f'<rect x="{x}" y="36" width="12" height="12" rx="2" fill="{colour}"/>'
        for x, _, colour in spots
    ]
    return boxes + [_text(x + 18, 47, name) for x, name, _ in spots]


def _text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def _drawing(title: str, height: float, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" role="img">'
    return "\n".join(
        [head, f"<title>{title}</title>", _STYLE, _text(10, 22, title), *parts, "</svg>", ""]
    )
