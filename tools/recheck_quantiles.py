"""Fill in the 95 % limits of recheck.tsv: quantiles of the beta distributions of each category's re-check.

Usage: python tools/recheck_quantiles.py [--check]      (--check compares and exits 1 where they differ)

The distribution is the one that yolobg/matching/contamination.py describes; only these two numbers of it need more than
arithmetic, so they are columns of the table and no numerics run when a user asks.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import yolobg  # noqa: E402 - lies in the checkout
from yolobg.matching.contamination import shape  # noqa: E402

TABLE = Path(yolobg.__file__).parent / "matching" / "lexicon" / "recheck.tsv"
LOW, HIGH = 0.025, 0.975
DIGITS = 8
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


def limits(tier: str, checked: int, present: int) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of the share of wrong absences, rounded as the table holds them."""
    a, b = shape(tier, checked, present)
    return round(beta_quantile(LOW, a, b), DIGITS), round(beta_quantile(HIGH, a, b), DIGITS)


def with_limits(table: str) -> str:
    """The table with its last two columns computed from the others."""
    rows = []
    for line in table.splitlines():
        if line and not line.startswith("#"):
            cells = line.split("\t")[:8]
            low, high = limits(cells[1], int(cells[3]), int(cells[4]))
            line = "\t".join([*cells, f"{low:.{DIGITS}f}", f"{high:.{DIGITS}f}"])  # noqa: PLW2901
        rows.append(line)
    return "\n".join(rows) + "\n"


def main() -> int:
    """Write the columns, or compare them."""
    kept = TABLE.read_text("utf-8")
    made = with_limits(kept)
    if "--check" in sys.argv[1:]:
        print("as they should be" if made == kept else f"{TABLE}: run tools/recheck_quantiles.py")
        return int(made != kept)
    TABLE.write_bytes(made.encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
