"""What rules an image of a source out, as a value: to choose by, to record, and to hold earlier choices against."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from yolobg.changes.records import Basis
from yolobg.errors import UsageError
from yolobg.matching.caption_terms import caption_terms
from yolobg.matching.matcher import excluded_categories, match_classes
from yolobg.model import CaptionTerms, Category, ClassEvidence, ClassMatch, Finding
from yolobg.sources.catalog.catalog import Catalog

__all__ = [
    "Criteria",
    "basis_of",
    "confused_notes",
    "criteria_of",
    "further_categories",
    "is_stricter",
    "strays",
    "terms_of",
]


@dataclass(frozen=True, slots=True)
class Criteria:
    """An image is left out that holds an excluded category, or has a caption that a veto names.

    So is one in which a finding of the evidence sees a class; with `verified`, one that is not verified to be free of
    every class.
    """

    excluded: frozenset[str]
    vetoes: tuple[CaptionTerms, ...]
    findings: tuple[Finding, ...] = ()
    verified: bool = False


def criteria_of(
    matches: Sequence[ClassMatch],
    categories: Sequence[Category],
    *,
    further: Collection[str] = (),
    lean: bool = False,
    captions: bool = True,
    plain: bool = False,
) -> Criteria:
    """What the classes of a dataset rule out.

    Args:
        matches: What each class name excludes.
        categories: Those of the source.
        further: Categories to leave out besides.
        lean: Keep the images of categories that a name only may stand for.
        captions: Whether captions veto: they are there, and wanted.
        plain: The source's classes have no names, so any object rules an image out.
    """
    every = frozenset(category.name for category in categories)
    excluded = every if plain else excluded_categories(matches, lean=lean) | frozenset(further)
    return Criteria(excluded, caption_terms(matches, lean=lean) if captions else ())


def further_categories(
    exclude: Collection[str], categories: Sequence[Category], *, lean: bool = False
) -> frozenset[str]:
    """The categories that `--exclude` names, resolved like class names; with `lean` only those that surely match.

    Raises:
        UsageError: One of them is no category of the source.
    """
    return excluded_categories(_further(exclude, categories), lean=lean)


def confused_notes(exclude: Collection[str], categories: Sequence[Category]) -> tuple[str, ...]:
    """What `--exclude` leaves out beside the categories that it names, a sentence for each of its words.

    Raises:
        UsageError: One of them is no category of the source.
    """
    return tuple(
        f"--exclude {match.name} also leaves out {', '.join(other.coco for other in match.maybe)}, which are easily "
        "confused with it; --lean keeps them"
        for match in _further(exclude, categories)
        if match.maybe
    )


def _further(exclude: Collection[str], categories: Sequence[Category]) -> tuple[ClassMatch, ...]:
    matches = match_classes(list(exclude), categories=categories) if exclude else ()
    unclear = [match for match in matches if match.status != "mapped"]
    if unclear:
        hint = f"; did you mean {', '.join(unclear[0].suggestions)}?" if unclear[0].suggestions else ""
        raise UsageError(f"--exclude {unclear[0].name}: the source has no category of this name{hint}")
    return matches


def basis_of(
    criteria: Criteria,
    names: Iterable[str],
    catalog: Catalog,
    *,
    plain: bool,
    evidence: Mapping[str, ClassEvidence] = MappingProxyType({}),
) -> Basis:
    """The record of a choice from a catalog; `evidence` is what that says of each class."""
    return Basis(
        names=tuple(names),
        categories=tuple(category.name for category in catalog.categories),
        excluded=tuple(sorted(criteria.excluded)),
        terms=terms_of(criteria.vetoes) if catalog.has_captions else None,
        commercial=tuple(row.id for row in catalog.licenses if row.commercial),
        catalog=catalog.key,
        plain=plain,
        evidence={name: (said.verified, said.unknown, said.vetoed) for name, said in evidence.items()},
    )


def is_stricter(criteria: Criteria, basis: Basis) -> bool:
    """Whether an image that was let in then may be left out now."""
    if not criteria.excluded <= set(basis.excluded):
        return True
    then: Mapping[str, tuple[str, ...]] = basis.terms or {}
    now = terms_of(criteria.vetoes)
    # A caption that holds such a phrase was harmless then, and is not now.
    return any(term not in then or not set(then[term]) <= set(but_not) for term, but_not in now.items())


def terms_of(vetoes: Iterable[CaptionTerms]) -> dict[str, tuple[str, ...]]:
    """Each term with the phrases that excuse it for every class that has it, as `Basis` records them."""
    found: dict[str, tuple[str, ...]] = {}
    for veto in vetoes:
        for term in veto.terms:
            before = found.get(term, veto.but_not)
            found[term] = tuple(sorted(set(before) & set(veto.but_not)))
    return dict(sorted(found.items()))


def strays(catalog: Catalog, criteria: Criteria, ids: Collection[int]) -> dict[int, str]:
    """Those of the images that the criteria leave out, each with the reason."""
    left = set(
        catalog.eligible(
            criteria.excluded, vetoes=criteria.vetoes, findings=criteria.findings, verified=criteria.verified
        ).ids
    )
    doubtful = [image_id for image_id in ids if image_id not in left]
    reasons: dict[int, str] = {}
    for image_id, (held, _captions) in catalog.describe(doubtful).items():
        if found := [name for name in held if name in criteria.excluded]:
            reasons[image_id] = f"contains {', '.join(found)}"
    rest = [image_id for image_id in doubtful if image_id not in reasons]
    if rest and criteria.vetoes:
        usable = set(catalog.eligible(()).ids)
        for veto in criteria.vetoes:
            unnamed = set(catalog.eligible((), vetoes=(veto,)).ids)
            named = [image_id for image_id in rest if image_id in usable and image_id not in unnamed]
            reasons |= {image_id: f"a caption names {veto.name}" for image_id in named if image_id not in reasons}
    return reasons | _by_evidence(catalog, criteria, [image_id for image_id in rest if image_id not in reasons])


def _by_evidence(catalog: Catalog, criteria: Criteria, ids: Collection[int]) -> dict[int, str]:
    reasons: dict[int, str] = {}
    for found in criteria.findings:
        what = f"shows {found.name}" if found.name else "shows an excluded category"
        reasons |= dict.fromkeys(catalog.among(ids, found.present), f"the evidence says that it {what}")
    for found in criteria.findings if criteria.verified else ():
        said = catalog.among(ids, found.absent) | reasons.keys()
        unsaid = [image_id for image_id in ids if found.name and image_id not in said]
        reasons |= dict.fromkeys(unsaid, f"nobody verified that it is free of {found.name}")
    return reasons
