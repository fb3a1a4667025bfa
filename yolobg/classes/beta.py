"""Quantiles of the beta distribution, in the standard library's reach. Pure."""

from __future__ import annotations

import math
from functools import lru_cache

TOLERANCE = 1e-12
TERMS = 500


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for a, b > 0 and any x.

    The continued fraction is summed on the side of the mean where it converges fast.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logs) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """Sum the continued fraction of I_x(a, b) by Lentz's method."""
    tiny = 1e-300
    upper, lower = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0), tiny)
    value = lower
    for m in range(1, TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            lower = 1.0 / _not_zero(1.0 + term * lower, tiny)
            upper = _not_zero(1.0 + term / upper, tiny)
            value *= upper * lower
        if abs(upper * lower - 1.0) < TOLERANCE:
            break
    return value


def _not_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


@lru_cache(maxsize=512)
def beta_quantile(share: float, a: float, b: float) -> float:
    """Return the x with I_x(a, b) = share, by bisection, to about 1e-12.

    Args:
        share: 0 to 1.
        a: First shape, above 0.
        b: Second shape, above 0.
    """
    low, high = 0.0, 1.0
    while high - low > TOLERANCE * max(high, TOLERANCE):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2
