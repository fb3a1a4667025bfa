"""The study's figure as SVG text: recall against false-alarm rate on the left, the contrasts on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.study.analysis import Analysis, ArmFigures, Difference

__all__ = ["draw"]

_COLOURS = ("#595959", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
_WIDTH, _HEIGHT = 860, 340
_LEFT = (56.0, 400.0)
_RIGHT = (580.0, 840.0)
_TOP, _BOTTOM = 40.0, 280.0
_LEAST_RATE = 0.01
_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_POINT = 0.01


def draw(found: Analysis, rates: Sequence[float], banded: Sequence[str]) -> str:
    """The figure.

    Args:
        found: The figures to show.
        rates: The false-alarm rates of the primary figure.
        banded: The arms that get a band; with all of them nothing can be told apart.
    """
    parts = [*_curves(found, rates, banded), *_contrasts(found.differences)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'font-family="sans-serif" font-size="12" fill="#222">',
            "<title>Recall against image false-alarm rate of each arm, and the contrasts with their intervals</title>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _x(rate: float) -> float:
    left, right = _LEFT
    return left + (right - left) * math.log(rate / _LEAST_RATE) / math.log(1 / _LEAST_RATE)


def _y(recall: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * recall


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{" " + more if more else ""}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, more: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {more}/>'


def _points(rates: Sequence[float], values: Sequence[float]) -> str:
    return " ".join(
        f"{_x(rate):.1f},{_y(value):.1f}" for rate, value in zip(rates, values, strict=True) if rate >= _LEAST_RATE
    )


def _curves(found: Analysis, rates: Sequence[float], banded: Sequence[str]) -> list[str]:
    left, right = _LEFT
    middle = 'text-anchor="middle"'
    parts = [_text(left, 24, "Recall against image false-alarm rate", 'font-weight="bold"')]
    for recall in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(_line(left, _y(recall), right, _y(recall), 'stroke="#e5e5e5"'))
        parts.append(_text(left - 6, _y(recall) + 4, f"{recall:.0%}", 'text-anchor="end"'))
    for rate in _RATES:
        used = 'stroke="#999" stroke-dasharray="3 3"' if rate in rates else 'stroke="#e5e5e5"'
        parts.append(_line(_x(rate), _TOP, _x(rate), _BOTTOM, used))
        parts.append(_text(_x(rate), _BOTTOM + 16, f"{rate:.0%}", middle))
    note = "share of backgrounds flagged (dashed: the rates of the primary figure)"
    parts.append(_text((left + right) / 2, _BOTTOM + 34, note, middle))
    coloured = list(zip(found.arms, _COLOURS, strict=False))
    parts += [_band(arm, colour) for arm, colour in coloured if arm.arm in banded]
    for row, (arm, colour) in enumerate(coloured):
        line = _points(arm.curve.rates, arm.curve.recall)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _BOTTOM - 12 - 16 * (len(coloured) - 1 - row)
        parts.append(_line(right - 118, y - 4, right - 98, y - 4, f'stroke="{colour}" stroke-width="3"'))
        parts.append(_text(right - 92, y, arm.arm))
    return parts


def _band(arm: ArmFigures, colour: str) -> str:
    curve = arm.curve
    there = _points(curve.rates, curve.high)
    back = _points(curve.rates[::-1], curve.low[::-1])
    return f'<polygon points="{there} {back}" fill="{colour}" fill-opacity="0.15"/>'


def _contrasts(differences: Sequence[Difference]) -> list[str]:
    left, right = _RIGHT
    ends = [end for one in differences for end in (one.primary.low, one.primary.high)]
    reach = max(_POINT, *(abs(end) for end in ends)) * 1.1
    step = next((size for size in (0.01, 0.02, 0.05, 0.1, 0.2) if reach / size <= 4), 0.5)
    reach = max(reach, step)

    def place(value: float) -> float:
        return (left + right) / 2 + (right - left) / 2 * value / reach

    parts = [_text(left - 150, 24, "Mean recall at equal false-alarm rates, points", 'font-weight="bold"')]
    for number in range(-int(reach / step), int(reach / step) + 1):
        x = place(number * step)
        colour = "#222" if not number else "#e5e5e5"
        parts.append(_line(x, _TOP, x, _BOTTOM, f'stroke="{colour}"'))
        label = f"{number * step / _POINT:+.0f}".replace("-", "−") if number else "0"
        parts.append(_text(x, _BOTTOM + 16, label, 'text-anchor="middle"'))
    parts.append(_text((left + right) / 2, _BOTTOM + 34, "difference, with 95 % interval", 'text-anchor="middle"'))
    for row, one in enumerate(differences):
        y = _TOP + (_BOTTOM - _TOP) * (row + 0.5) / len(differences)
        low, point, high = (place(value) for value in (one.primary.low, one.primary.point, one.primary.high))
        parts.append(_text(left - 150, y - 4, one.contrast.arm))
        parts.append(_text(left - 150, y + 11, f"less {one.contrast.less}"))
        parts.append(_line(low, y, high, y, 'stroke="#0072b2" stroke-width="3"'))
        parts.append(f'<circle cx="{point:.1f}" cy="{y:.1f}" r="5" fill="#0072b2"/>')
    return parts
