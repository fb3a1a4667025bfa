"""Coordinates of charts, from plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Chart", "Series", "Tick", "difference_bar", "recall_chart"]

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 74, 14, 46, 66
BAR = 1000
"""Length of a bar in its own units."""


class _Curve(Protocol):
    @property
    def side(self) -> str: ...
    @property
    def false_alarm_rate(self) -> Sequence[float]: ...
    @property
    def recall(self) -> Sequence[float]: ...
    @property
    def low(self) -> Sequence[float]: ...
    @property
    def high(self) -> Sequence[float]: ...


class _Model(Protocol):
    @property
    def side(self) -> str: ...
    @property
    def runs(self) -> int: ...
    @property
    def recall_at_false_alarm_rate(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where, what is written at it, and whether a narrow screen may leave that out."""

    at: float
    label: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: its name, `before` or `after`, and the points of its line, of its band and of its marks."""

    name: str
    label: str
    line: str
    band: str
    marks: tuple[tuple[float, float], ...]
    legend: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of curves in a drawing of `width` by `height`; the curves are between the edges."""

    ticks: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    series: tuple[Series, ...]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def recall_chart(curves: Sequence[_Curve], models: Sequence[_Model]) -> Chart:
    """Recall (linear, 0 to 1) against image false-alarm rate (logarithmic, up to 1).

    Args:
        curves: A curve a side, with the band around it.
        models: The figures of each side, whose rates are marked on its curve.
    """
    lowest = min((curve.false_alarm_rate[0] for curve in curves), default=0.01)
    span = math.log10(1 / min(lowest, 0.1))

    def x(rate: float) -> float:
        return round(WIDTH - RIGHT + (WIDTH - LEFT - RIGHT) * math.log10(max(rate, lowest)) / span, 1)

    def y(recall: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(recall, 0.0), 1.0)), 1)

    def points(rates: Iterable[float], recalls: Iterable[float]) -> str:
        return " ".join(f"{x(rate)},{y(recall)}" for rate, recall in zip(rates, recalls, strict=True))

    series = []
    for place, (curve, model) in enumerate(zip(curves, models, strict=True)):
        rates = list(curve.false_alarm_rate)
        label = f"{model.side} ({model.runs} run{'' if model.runs == 1 else 's'})"
        marks = tuple((x(float(rate)), y(recall)) for rate, recall in model.recall_at_false_alarm_rate.items())
        band = points([*rates, *reversed(rates)], [*curve.high, *reversed(curve.low)])
        series.append(Series(curve.side, label, points(rates, curve.recall), band, marks, len(curves) - 1 - place))
    levels = tuple(Tick(y(part / 5), f"{part / 5:.0%}") for part in range(6))
    ticks = tuple(Tick(x(rate), _rate(rate), minor) for rate, minor in _decades(lowest))
    return Chart(ticks, levels, tuple(series), _summary(models))


def _decades(lowest: float) -> list[tuple[float, bool]]:
    """1, 2 and 5 of each decade down to `lowest`, with whether it is not the decade itself."""
    found = [(1.0, False)]
    for power in range(1, 8):
        found += [(step * 10.0**-power, step > 1) for step in (5, 2, 1)]
    return [(rate, minor) for rate, minor in found if rate >= lowest * (1 - 1e-9)]


def _rate(rate: float) -> str:
    return f"{rate * 100:.3g}%"


def _summary(models: Sequence[_Model]) -> str:
    """The curves in words: recall of each side at each marked rate."""
    parts = []
    for model in models:
        read = ", ".join(
            f"{value:.1%} at {float(rate):.0%}" for rate, value in model.recall_at_false_alarm_rate.items()
        )
        parts.append(f"{model.side}: recall {read}" if read else f"{model.side}: no rate is marked")
    return "; ".join(parts)


def difference_bar(point: float, low: float, high: float, scale: float) -> dict[str, str]:
    """Where an interval and its point lie on an axis from `-scale` to `scale`."""
    start, mid, end = (BAR / 2 * (1 + value / scale) for value in (low, point, high))
    return {"low": f"{start:.1f}", "width": f"{max(end - start, 1):.1f}", "point": f"{mid - 5:.1f}"}
