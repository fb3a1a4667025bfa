"""Pure choice: how many backgrounds, and which of the eligible images, in which order.

Owns the arithmetic of the ratio and the ranking. Touches neither disk nor network.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from hashlib import blake2b

from yolobg.errors import UsageError

__all__ = ["backgrounds_needed", "largest", "parse_ratio", "rank_images", "share"]


def parse_ratio(ratio: float | str) -> Fraction:
    """A ratio as the exact decimal that a person wrote: 0.1 is one tenth, not the nearest binary fraction.

    Raises:
        UsageError: Not a number, or outside 0 <= ratio < 1. Percentages are refused rather than guessed at.
    """
    try:
        exact = Fraction(str(ratio).strip())
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"ratio: {ratio!r} is not a number; give a share such as 0.10") from error
    if exact < 0 or exact >= 1:
        raise UsageError(f"ratio: {ratio} is not a share; give 0 <= ratio < 1, for example 0.10 for ten per cent")
    return exact


def backgrounds_needed(
    labelled: int, backgrounds: int, *, ratio: float | str | None = None, count: int | None = None
) -> int:
    """How many backgrounds to add so that the split reaches its target.

    A ratio is backgrounds / (labelled + backgrounds) after the merge, so `ceil(r * L / (1 - r)) - B`, in exact
    arithmetic; a count is the number of backgrounds after the merge. Backgrounds already there always count, so the
    same request twice adds nothing.

    Raises:
        UsageError: Neither or both targets given, or one is out of range.
    """
    if (ratio is None) == (count is None):
        raise UsageError("give either a ratio or a count")
    if count is not None:
        if count < 0:
            raise UsageError(f"count: {count} is negative; give the number of backgrounds to have afterwards")
        return max(0, count - backgrounds)
    exact = parse_ratio(ratio if ratio is not None else 0)
    return max(0, math.ceil(exact * labelled / (1 - exact)) - backgrounds)


def share(backgrounds: int, labelled: int) -> float:
    """Backgrounds as a share (0-1) of all images that a trainer uses; 0.0 for an empty split."""
    total = backgrounds + labelled
    return backgrounds / total if total else 0.0


def rank_images(ids: Iterable[int], *, seed: int) -> list[int]:
    """Order image ids by a keyed hash: as even as a shuffle, and stable.

    The place of an image depends on its id and the seed alone. So the order of the input does not matter, taking more
    keeps those taken before, and leaving some images out does not move the others.
    """
    digest = blake2b(digest_size=8, key=seed.to_bytes(16, "little", signed=True))

    def rank(image_id: int) -> bytes:
        place = digest.copy()
        place.update(image_id.to_bytes(16, "little", signed=True))
        return place.digest()

    # Sorted by id first and the sort being stable, equal ranks need no tuples to compare.
    return sorted(sorted(ids), key=rank)


def largest(labelled: int, backgrounds: int, left: int) -> str:
    """What to ask for instead, where `left` images are all that can be added to a split with so many images."""
    most = backgrounds + left
    # Cut off, not rounded: a ratio that is a little too large could not be met either.
    ratio = math.floor(share(most, labelled) * 1000) / 1000
    ways = f"--count {most}" + (f" or --ratio {ratio:g}" if labelled and ratio else "")
    return (
        f"The most that is possible is {ways}: ask for that or less" if most else "Not one can be added: ask for none"
    )
