"""What a number of images can show: the power of a paired comparison, known before anything is measured.

Two models that look at the same images agree more than chance has it. As far as that goes is not known beforehand; the
figures here take the cautious end of what pairs of trained detectors show (a Gaussian copula with a correlation of
0.5). The test is McNemar's exact one at 5 %, as everywhere in this folder.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from yolobg.evaluation_results import Change, Power

__all__ = ["power_of", "power_to_show"]

Floats = NDArray[np.float64]

ALIKE = 0.5
"""Correlation of the scores that two models give to the same image."""

WANTED = 0.8
"""Share of the cases in which a difference is to be seen."""

_RATES = (0.2, 0.1, 0.05, 0.02)
_RECALLS = (0.5, 0.8)
_LEVEL = 0.05
_NORMAL = NormalDist()
_STEPS = 401
_REACH = 8.0
_TAIL = 7.0
_HALVINGS = 20
_MOST_TERMS = 100
_FLOOR = 1e-300
_MANY = 400
"""From so many pairs on, the binomial distribution is as good as normal."""


def power_to_show(backgrounds: int, objects: int) -> Power:
    """The smallest changes that would be seen in 80 of 100 cases, at one confidence setting.

    Args:
        backgrounds: How many backgrounds are looked at.
        objects: How many objects the labelled images have; those of one image count as independent.
    """
    return Power(
        backgrounds=backgrounds,
        objects=objects,
        share=WANTED,
        falls=tuple(found for rate in _RATES if (found := _change(rate, backgrounds))),
        rises=tuple(
            Change(1 - found.before, 1 - found.after) for recall in _RECALLS if (found := _change(1 - recall, objects))
        ),
    )


def _change(rate: float, things: int) -> Change | None:
    """The smallest fall from a rate that is seen; None where not even one to zero is."""
    if power_of(rate, 0.0, things) < WANTED:
        return None
    seen, unseen = 0.0, rate
    for _ in range(_HALVINGS):
        middle = (seen + unseen) / 2
        if power_of(rate, middle, things) >= WANTED:
            seen = middle
        else:
            unseen = middle
    return Change(rate, seen)


def power_of(before: float, after: float, things: int, *, alike: float = ALIKE) -> float:
    """How often McNemar's exact test at 5 % sees a fall.

    Args:
        before: Share that the first model flags.
        after: Share that the second one flags.
        things: How many are looked at.
        alike: Correlation of the scores of the two models.
    """
    both = _both(before, after, alike)
    only_before, only_after = before - both, after - both
    differ = only_before + only_after
    if differ <= 0:
        return 0.0
    middle, spread = things * differ, math.sqrt(things * differ * (1 - differ))
    first, last = max(1, int(middle - _TAIL * spread) - 1), min(things, int(middle + _TAIL * spread) + 2)
    pairs = np.arange(first, last + 1, 1 + (last - first) // _MOST_TERMS)
    weights = np.exp(_log_binomial(things, pairs, differ))
    seen = [_seen(int(number), only_before / differ) for number in pairs]
    # Where some are left out, those beside them count for them.
    return float(weights @ np.array(seen)) / max(float(weights.sum()), _FLOOR) * (1 - (1 - differ) ** things)


def _both(before: float, after: float, alike: float) -> float:
    """The share that both flag: that of a pair of normal scores above two thresholds."""
    if after <= 0:
        return 0.0
    first, second = (-_NORMAL.inv_cdf(share) for share in (before, after))
    scores = np.linspace(first, max(first, 0.0) + _REACH, _STEPS)
    rest = math.sqrt(1 - alike * alike)
    above = np.array([_NORMAL.cdf((alike * score - second) / rest) for score in scores.tolist()])
    heights = np.exp(-scores * scores / 2) / math.sqrt(2 * math.pi) * above
    return float((heights[1:] + heights[:-1]).sum() / 2 * (scores[1] - scores[0]))


def _seen(pairs: int, share: float) -> float:
    """How often so many pairs that differ are lopsided enough, each being the first model's with this share."""
    most = _fewest(pairs)
    if most < 0:
        return 0.0
    if pairs > _MANY and share < 1:
        spread = math.sqrt(pairs * share * (1 - share))
        return _NORMAL.cdf((most + 0.5 - pairs * (1 - share)) / spread)
    counts = np.arange(most + 1)
    return float(np.exp(_log_binomial(pairs, counts, 1 - share)).sum()) if share < 1 else 1.0


@lru_cache(maxsize=8192)
def _fewest(pairs: int) -> int:
    """The most pairs of the second model's kind at which the test still sees a fall; -1 where it never does."""
    if pairs > _MANY:
        return int((pairs - 1 + _NORMAL.inv_cdf(_LEVEL / 2) * math.sqrt(pairs)) / 2)
    counts = np.arange(pairs // 2 + 1)
    tail = 2 * np.cumsum(np.exp(_log_binomial(pairs, counts, 0.5)))
    return int((tail <= _LEVEL).sum()) - 1


def _log_binomial(trials: int, successes: NDArray[np.int64], share: float) -> Floats:
    factorials = _log_factorials(trials)
    choose = factorials[trials] - factorials[successes] - factorials[trials - successes]
    logs: Floats = choose + successes * math.log(share) + (trials - successes) * math.log1p(-share)
    return logs


@lru_cache(maxsize=64)
def _log_factorials(most: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
