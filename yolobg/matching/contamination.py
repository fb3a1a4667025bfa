"""How many of the chosen images may contain a class anyway: figures from human re-checks of COCO.

For a category with k of n re-checked absences wrong, the share is the mean of Beta(k + 100 p, n - k + 100 (1 - p)),
where p is the share in its tier of like categories. Images with at most two annotated categories are cleaner, and
the captions veto takes its part. What no category and no carrier covers gets a warning, not a percentage.

Images that somebody verified to be free of a class are expected to show it in no case, and in at most `VERIFIED_HIGH`.
A veto by evidence lowers no figure: how much of the contamination it takes was never measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from yolobg.matching.lexicon import read_rows
from yolobg.model import ClassMatch, Contamination
from yolobg.wording import counted

__all__ = ["expected_contamination", "with_look_alikes"]

STRENGTH = 100
"""Weight of a tier's share against a category's own pairs, in pairs. A choice; it matters below 60 pairs."""

TIERS = {"A": (0.072, 0.036), "B": (0.020, 0.037), "C": (0.0026, 0.023), "D": (0.0007, 0.013)}
"""Tier to the share of absences that are wrong, and that are arguable.

A person; B chair, dining table, bottle, car; C other things of the house, truck, traffic light, bench; D the rest.
"""

FEW_CLASSES, FEW_CLASSES_AT_BEST = 0.4, 0.15
"""Contamination of images with at most two annotated categories, as a share of the others': cautious; at best."""

CAPTION_STRENGTH, CAPTION_SHARE = 20, 0.17
"""Over all categories, 17 % of the pairs that only a caption names are really present; weight in pairs."""


VERIFIED_HIGH = 0.045
"""Of 81 pairs that LVIS verified to be absent, COCO contradicts none: the upper 95 % limit of that share."""


POOL, WRONG, ARGUABLE = 0.14, 15 / 49, 100 / 141
"""Of the re-checked candidates 14 % held a category of the class's own supercategory; 15 of the 49 that really showed
the class were among them, and 100 of the 141 about which the checkers differed."""


@dataclass(frozen=True, slots=True)
class RecheckCounts:
    """The human re-check of one category: pairs checked, found present, found arguable; the same for captions' pairs.

    `veto` is the share (0-1) of images without the category that the captions veto drops; `low` and `high` are the
    95 % limits of the share (0-1) of wrong absences after it, which `tools/recheck_quantiles.py` computes.
    """

    tier: str
    veto: float
    checked: int
    present: int
    arguable: int
    caption_checked: int
    caption_present: int
    low: float
    high: float


def expected_contamination(
    matches: Sequence[ClassMatch],
    *,
    few_classes_share: float,
    captions: bool,
    lean: bool = False,
    verified: Mapping[str, float] = MappingProxyType({}),
) -> tuple[tuple[ClassMatch, ...], Contamination | None]:
    """Fill in the figure of each class, and return that of all classes together.

    Args:
        matches: What `match_classes` returned.
        few_classes_share: Share (0-1) of the candidate images with at most two annotated categories.
        captions: Whether the captions veto is on.
        lean: Whether the categories in the maybe band stay candidates.
        verified: Class name to the share (0-1) of the candidate images that were verified to be free of it.

    Returns:
        The matches, each with `expected_contamination` or with a warning where nothing covers the name; and the
        figure for the whole set, None where no class has one.
    """
    filled = tuple(_fill(match, few_classes_share, captions, lean, verified.get(match.name, 0.0)) for match in matches)
    covered: dict[str, float] = {}
    for match in matches:
        for name in _categories(match, lean):
            # What is verified for one class of a category need not be for another.
            covered[name] = min(covered.get(name, 1.0), verified.get(match.name, 0.0))
    return filled, _combined(dict(sorted(covered.items())), few_classes_share, captions)


def with_look_alikes(figure: Contamination, *, chosen: float, eligible: float) -> Contamination:
    """The figure of a choice in which more images hold a look-alike than in a random one.

    Args:
        figure: That of a random choice.
        chosen: The share (0-1) of the chosen images that hold one.
        eligible: The same of all images that the choice is made from. Where that is 14 %, and half of the images are
            chosen for it and the others at random, contamination is about 1.6 times that of a random choice.
    """

    def wrong(share: float, part: float) -> float:
        return share * part / POOL + (1.0 - share) * (1.0 - part) / (1.0 - POOL)

    more, arguable = (wrong(chosen, part) / wrong(eligible, part) for part in (WRONG, ARGUABLE))
    return Contamination(
        point=min(1.0, figure.point * more),
        low=min(1.0, figure.low * more),
        high=min(1.0, figure.high * more),
        arguable=min(1.0, figure.arguable * arguable),
    )


def _fill(
    match: ClassMatch,
    few_classes_share: float,
    captions: bool,  # noqa: FBT001
    lean: bool,  # noqa: FBT001
    verified: float,
) -> ClassMatch:
    names = _categories(match, lean)
    figure = _combined(dict.fromkeys(names, verified), few_classes_share, captions)
    if figure is not None or match.status in ("opaque", "unknown") or verified == 1.0:
        return replace(match, expected_contamination=figure)
    return replace(match, warnings=tuple(dict.fromkeys((*match.warnings, _warning(match, names, captions)))))


def _warning(match: ClassMatch, names: Sequence[str], captions: bool) -> str:  # noqa: FBT001
    if names:
        return (
            f"{match.name}: no human re-check covers {', '.join(names)}; backgrounds may contain unlabelled "
            f"{match.name}"
        )
    named = ""
    if captions and match.captions is not None:
        named = f"; captions named it in {counted(match.captions, 'image')}, which are left out"
    return f"{match.name}: no category covers it; backgrounds may contain unlabelled {match.name}{named}"


def _categories(match: ClassMatch, lean: bool) -> tuple[str, ...]:  # noqa: FBT001
    """Return the categories that stand for the class: the certain ones, or the maybe ones if there are no others."""
    certain = tuple(e.coco for e in match.exclude)
    return certain or (() if lean else tuple(e.coco for e in match.maybe))


def _combined(
    names: Mapping[str, float],
    few_classes_share: float,
    captions: bool,  # noqa: FBT001
) -> Contamination | None:
    """Return the figure of an image holding any of the categories; None where one has no re-check, or there is none.

    Args:
        names: Category to the share (0-1) of the images that were verified to be free of what it stands for.
        few_classes_share: See `expected_contamination`.
        captions: See there.
    """
    table = rechecks()
    if not names or any(name not in table for name in names):
        return None
    figures = [
        _partly(figure(table[name], many=1.0 - few_classes_share, captions=captions), verified)
        for name, verified in names.items()
    ]
    return Contamination(
        point=_any(f.point for f in figures),
        low=_any(f.low for f in figures),
        high=_any(f.high for f in figures),
        arguable=_any(f.arguable for f in figures),
    )


def _partly(unverified: Contamination, verified: float) -> Contamination:
    """The figure where a share of the images was verified."""
    rest = 1.0 - verified
    return Contamination(
        point=rest * unverified.point,
        low=rest * unverified.low,
        high=rest * unverified.high + verified * min(unverified.high, VERIFIED_HIGH),
        arguable=unverified.arguable,
    )


def _any(shares: Iterable[float]) -> float:
    return 1.0 - math.prod(1.0 - share for share in shares)


def figure(recheck: RecheckCounts, *, many: float, captions: bool) -> Contamination:
    """Return the figure of one category.

    Args:
        recheck: Its human re-check.
        many: Share (0-1) of the candidate images with at least three annotated categories.
        captions: Whether the captions veto is on.
    """
    arguable = TIERS[recheck.tier][1]
    a, b = shape(recheck.tier, recheck.checked, recheck.present)
    after = (a / (a + b), recheck.low, recheck.high)
    mean, low, high = after if captions else (_before(recheck, share) for share in after)
    return Contamination(
        point=mean * (many + FEW_CLASSES * (1.0 - many)),
        low=low * (many + FEW_CLASSES_AT_BEST * (1.0 - many)),
        high=high,
        arguable=(recheck.arguable + STRENGTH * arguable) / (recheck.checked + STRENGTH),
    )


def shape(tier: str, checked: int, present: int) -> tuple[float, float]:
    """Return a and b of the beta distribution of the share of wrong absences of one category."""
    wrong = TIERS[tier][0]
    return present + STRENGTH * wrong, checked - present + STRENGTH * (1.0 - wrong)


def _before(recheck: RecheckCounts, after: float) -> float:
    """Return the share without the captions veto: what it would drop is wrong far more often than what it passes."""
    named = (recheck.caption_present + CAPTION_STRENGTH * CAPTION_SHARE) / (recheck.caption_checked + CAPTION_STRENGTH)
    return recheck.veto * named + (1.0 - recheck.veto) * after


@lru_cache(maxsize=1)
def rechecks() -> dict[str, RecheckCounts]:
    """Return category name to its human re-check, from recheck.tsv."""
    table = {}
    for name, tier, veto, *counts, low, high in read_rows("recheck.tsv"):
        checked, present, arguable, caption_checked, caption_present = map(int, counts)
        table[name] = RecheckCounts(
            tier,
            float(veto) / 100,
            checked,
            present,
            arguable,
            caption_checked,
            caption_present,
            float(low),
            float(high),
        )
    return table
