"""Plots of what was found, as SVG that reads on a light and on a dark page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 860, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 250, 40, 45
_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#8a6d3b",
    "#7f7f7f",
    "#b22222",
    "#6a5acd",
)
_LABEL = 15.0

Point = tuple[float, float]


def plot(title: str, unit: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """Draw lines over the number of the turn, with a logarithmic scale."""
    points = [point for line in lines.values() for point in line if point[1] > 0]
    right = max(x for x, _ in points)
    low = math.floor(math.log10(min(y for _, y in points)))
    high = math.ceil(math.log10(max(y for _, y in points)))

    def across(x: float) -> float:
        return _LEFT + x / right * (_WIDTH - _LEFT - _RIGHT)

    def down(y: float) -> float:
        part = (math.log10(max(y, 10.0**low)) - low) / max(high - low, 1)
        return _HEIGHT - _BOTTOM - part * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="#888"><title>{escape(title)}</title>',
        _text(_LEFT, 20, title, size=15),
        _text(_LEFT - 8, _TOP - 6, unit, anchor="end"),
        _text(across(right), _HEIGHT - 8, "turn", anchor="end"),
    ]
    for power in range(low, high + 1):
        y = down(10.0**power)
        parts += [_line([(_LEFT, y), (across(right), y)], "#8884"), _text(_LEFT - 8, y + 4, f"{10.0**power:g}", "end")]
    for step in range(5):
        x = right * step / 4
        parts.append(_text(across(x), _HEIGHT - _BOTTOM + 18, f"{x:.0f}", "middle"))
    ends = _apart({name: down(line[-1][1]) for name, line in lines.items()})
    for (name, line), colour in zip(lines.items(), _COLOURS * 2, strict=False):
        parts.append(_line([(across(x), down(y)) for x, y in line], colour, width=2))
        parts.append(f'<g fill="{colour}">{_text(across(right) + 8, ends[name] + 4, name)}</g>')
    return "\n".join([*parts, "</svg>", ""])


def smoothed(values: Sequence[float], window: int = 20) -> list[Point]:
    """Give the medians of some values at a time, so that a line can be seen."""
    starts = range(0, max(1, len(values) - window + 1), max(1, window // 2))
    return [(start + window / 2, statistics.median(values[start : start + window])) for start in starts]


def thinned(values: Sequence[float], number: int = 100) -> list[Point]:
    """Give some of the values, evenly, and the last."""
    step = max(1, len(values) // number)
    chosen = sorted({*range(step - 1, len(values), step), len(values) - 1})
    return [(n + 1, values[n]) for n in chosen]


def _apart(places: Mapping[str, float]) -> dict[str, float]:
    """Move labels that would cover each other, downwards, and all of them up where they would leave the picture."""
    placed: dict[str, float] = {}
    last = -math.inf
    for name, y in sorted(places.items(), key=lambda item: item[1]):
        last = placed[name] = max(y, last + _LABEL)
    over = max(0.0, last - (_HEIGHT - _BOTTOM))
    return {name: y - over for name, y in placed.items()}


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _line(points: Sequence[Point], colour: str, width: int = 1) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
