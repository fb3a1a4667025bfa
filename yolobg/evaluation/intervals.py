"""Textbook intervals and tests for shares: Wilson's interval and McNemar's exact test."""

from __future__ import annotations

import math

__all__ = ["mcnemar", "t_factor", "wilson"]

_Z = 1.959963984540054


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score method (Wilson 1927).

    Args:
        successes: How many; a mean over runs need not be whole.
        trials: Of how many; at least 1.
    """
    share, z2 = successes / trials, _Z * _Z
    middle = share + z2 / (2 * trials)
    reach = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def mcnemar(only_before: int, only_after: int) -> float:
    """The two-sided p-value of McNemar's exact test (binomial with one half) on the pairs that differ.

    Args:
        only_before: Images that only the first model flags.
        only_after: Images that only the second model flags.
    """
    trials = only_before + only_after
    if not trials:
        return 1.0
    # In logarithms, since the binomial coefficients of some thousand pairs are beyond a float.
    fewer = range(min(only_before, only_after) + 1)
    tail = math.fsum(math.exp(_log_choose(trials, k) - trials * math.log(2)) for k in fewer)
    return min(1.0, 2 * tail)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def t_factor(freedom: int) -> float:
    """How much wider a 95 % interval is with Student's t than with the normal distribution.

    Hill's expansion (1970); within 0.5 % of the tables from 4 degrees of freedom on.
    """
    z, v = _Z, freedom
    quantile = (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
    return quantile / z
