"""What to say where a source has fewer images that may come in than are needed."""

from __future__ import annotations

from yolobg.errors import PoolError
from yolobg.flow.options import Request
from yolobg.flow.selection import largest
from yolobg.model import Counts, Eligibility
from yolobg.sources.catalog.catalog import Catalog
from yolobg.wording import agreeing, counted

__all__ = ["too_few"]


def too_few(
    eligibility: Eligibility, left: int, needed: int, request: Request, catalog: Catalog, before: Counts
) -> PoolError:
    """The error of a source with too few images, with how many it has and why it has no more.

    Args:
        eligibility: The images that are left, and how many are not for which reason.
        left: How many of them are not in the dataset yet.
        needed: How many have to come in.
        request: What is asked for.
        catalog: That of the source, for the reasons.
        before: What is in the split.
    """
    why = catalog.why_unusable(frozenset(eligibility.unusable_ids)) if eligibility.unusable else {}
    unusable = "; ".join(f"{len(names):,} because {reason}: {names[0]!a}" for reason, names in why.items())
    because = f" ({unusable})" if unusable else ""
    numbers = {
        "with an excluded class": eligibility.by_class,
        "with a caption that names one": eligibility.by_caption,
        f"outside --license {request.license}": eligibility.by_license,
        "in the dataset already or rejected in a review": len(eligibility.ids) - left,
        f"that cannot be used{because}": eligibility.unusable,
    }
    reasons = [*(f"{number:,} {why}" for why, number in numbers.items() if number), *_by_evidence(eligibility, request)]
    left_out = f" (left out: {', '.join(reasons)})" if reasons else ""
    licences = "allow more licences, " if eligibility.by_license else ""
    licences += "leave out --verified, " if request.verified else ""
    return PoolError(
        f"{counted(needed, 'background', 'are')} needed, and only {left:,} of the source's "
        f"{counted(eligibility.images, 'image')} {agreeing(left, 'are')} eligible{left_out}. "
        f"{largest(before.labelled, before.backgrounds, left)}, {licences}or "
        "give a larger source. `yolobg classes` shows what each name costs."
    )


def _by_evidence(eligibility: Eligibility, request: Request) -> list[str]:
    """How many images evidence left out, and with `--verified` how many are verified for each class."""
    found = [f"in {eligibility.by_evidence:,} the evidence finds a class"] if eligibility.by_evidence else []
    if request.verified:
        each = ", ".join(f"{name}: {one.verified:,}" for name, one in eligibility.evidence.items())
        found.append(
            f"{eligibility.unverified:,} {agreeing(eligibility.unverified, 'are')} not verified to be free of every "
            f"class (verified for each alone: {each})"
        )
    return found
