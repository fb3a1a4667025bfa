"""Which images of a source may come in: open the catalog, match the class names, ask, and say what was found."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from yolobg.changes.records import Basis, Manifest
from yolobg.changes.rejections import read_rejections
from yolobg.dataset.all_splits import read_all_images
from yolobg.errors import PoolError
from yolobg.flow.criteria import Criteria, basis_of, criteria_of, further_categories
from yolobg.flow.duplicates import Known
from yolobg.flow.options import Request
from yolobg.flow.same_pictures import same_pictures
from yolobg.flow.selection import rank_images
from yolobg.matching.contamination import expected_contamination
from yolobg.matching.matcher import check_resolved, match_classes
from yolobg.model import (
    ClassMatch,
    Contamination,
    DataYaml,
    Eligibility,
    ImageRecord,
    Inventory,
    License,
    Progress,
)
from yolobg.results import LeftOut, SourceInfo
from yolobg.sources.catalog.catalog import Catalog, parse_license
from yolobg.sources.catalog.open import open_catalog
from yolobg.sources.resolve import Source, resolve_source, source_doubts

__all__ = ["Choice", "ask_catalog", "choose", "count_non_commercial", "source_info", "source_of"]


@dataclass(frozen=True)
class Choice:
    """Which images of the source may come in, in the order in which they are tried.

    Attributes:
        source: The source.
        info: What was left of it and why.
        matches: What each class name excludes.
        ranked: Eligible images that are not in the dataset yet, best first.
        licenses: The source's licences by id.
        known: What is in the dataset already.
        basis: What the choice rests on.
        warnings: What to know of the source, and what could not be looked at for images that are there already.
    """

    source: Source
    info: SourceInfo
    matches: tuple[ClassMatch, ...]
    ranked: tuple[int, ...]
    licenses: dict[int, License]
    known: Known
    basis: Basis
    warnings: tuple[str, ...]


def choose(
    request: Request,
    data: DataYaml,
    manifest: Manifest,
    needed: int,
    scanned: Inventory | None,
    progress: Progress,
) -> Choice:
    """Open the source that the request names, and rank its images that may come in."""
    source = source_of(request)
    # What the names mean is asked before anything is fetched: a wrong name should cost a second, not a download.
    if source.annotations.official:
        check_resolved(match_classes(data.names, user_map=request.map), unmapped=request.unmapped)
    rejected = read_rejections(data.root.resolve()).ours
    with open_catalog(source.annotations, progress=progress) as catalog:
        matches: tuple[ClassMatch, ...] = ()
        if not source.plain:
            matches = match_classes(data.names, user_map=request.map, categories=catalog.categories)
        matches = check_resolved(matches, unmapped=request.unmapped)
        eligibility, matches, overall = ask_catalog(
            catalog, matches, request, plain=source.plain, unclear=source.unclear
        )
        found = read_all_images(data, scanned)
        known = Known(found.images, manifest, rejected)
        left = known.not_held(eligibility.ids, catalog.file_names)
        recorded = known.recorded(left)
        same = same_pictures(catalog.records(list(recorded)), recorded, source.origin, catalog=catalog.key)
        ranked = rank_images((image_id for image_id in left if image_id not in same), seed=request.seed)
        # What an interrupted run is about comes in or becomes free again; the plan is made anew after that.
        if len(ranked) < needed and manifest.pending is None:
            raise _too_few(eligibility, len(ranked), needed, request)
        licenses = {license_.id: license_ for license_ in catalog.licenses}
        chosen = catalog.records(ranked[:needed])
        info = source_info(source.name, eligibility, in_dataset=len(eligibility.ids) - len(ranked), overall=overall)
        info = replace(info, non_commercial=count_non_commercial(chosen, licenses))
        warnings = source_doubts(source, matches, catalog.categories, told=request.map) + found.warnings
        criteria = asked_criteria(catalog, matches, request, plain=source.plain, unclear=source.unclear)
        basis = basis_of(criteria, data.names.values(), catalog, plain=source.plain)
    return Choice(source, info, matches, tuple(ranked), licenses, known, basis, warnings)


def source_info(
    name: str, eligibility: Eligibility, *, in_dataset: int = 0, overall: Contamination | None = None
) -> SourceInfo:
    """What is left of a source, as the reports tell it; nothing is chosen yet."""
    return SourceInfo(
        name=name,
        images=eligibility.images,
        eligible=len(eligibility.ids) - in_dataset,
        left_out=LeftOut(
            class_=eligibility.by_class,
            caption=eligibility.by_caption,
            license=eligibility.by_license,
            in_dataset=in_dataset,
            unusable=eligibility.unusable,
        ),
        expected_contamination=overall,
    )


def count_non_commercial(records: Iterator[ImageRecord], licenses: dict[int, License]) -> int:
    """How many records lie under a licence that forbids commercial use."""
    return sum(
        1 for r in records if r.license is not None and r.license in licenses and not licenses[r.license].commercial
    )


def source_of(request: Request) -> Source:
    """The source that the request names."""
    r = request
    return resolve_source(
        source=r.source, annotations=r.annotations, images=r.images, link=r.link, unlabelled=r.unlabelled
    )


def asked_criteria(
    catalog: Catalog,
    matches: tuple[ClassMatch, ...],
    request: Request,
    *,
    plain: bool = False,
    unclear: Collection[str] = (),
) -> Criteria:
    """What the matches and the options rule out in a source; `unclear` classes of the source besides."""
    return criteria_of(
        matches,
        catalog.categories,
        further=() if plain else further_categories(request.exclude, catalog.categories) | frozenset(unclear),
        lean=request.lean,
        captions=request.captions and catalog.has_captions,
        plain=plain,
    )


def ask_catalog(
    catalog: Catalog,
    matches: tuple[ClassMatch, ...],
    request: Request,
    *,
    plain: bool = False,
    unclear: Collection[str] = (),
) -> tuple[Eligibility, tuple[ClassMatch, ...], Contamination | None]:
    """What the matches leave of the source; the matches with what was found; the expected contamination in all.

    Where its classes have no names (`plain`), any object rules an image out; so does one of an `unclear` class.
    """
    criteria = asked_criteria(catalog, matches, request, plain=plain, unclear=unclear)
    license_ids = parse_license(request.license, catalog.licenses)
    eligibility = catalog.eligible(criteria.excluded, vetoes=criteria.vetoes, license_ids=license_ids)
    judged, overall = expected_contamination(
        matches, few_classes_share=eligibility.few_classes_share, captions=bool(criteria.vetoes), lean=request.lean
    )
    told = tuple(replace(match, captions=eligibility.captions.get(match.name)) for match in judged)
    return eligibility, told, overall


def _too_few(eligibility: Eligibility, left: int, needed: int, request: Request) -> PoolError:
    reasons = [
        f"{eligibility.by_class:,} hold an excluded class",
        f"{eligibility.by_caption:,} have a caption that names one",
        f"{eligibility.by_license:,} are outside --license {request.license}",
        f"{len(eligibility.ids) - left:,} are in the dataset already or were rejected in a review",
        f"{eligibility.unusable:,} cannot be used",
    ]
    return PoolError(
        f"{needed:,} backgrounds are needed, and only {left:,} of the source's {eligibility.images:,} images are "
        f"eligible: {', '.join(reasons)}. Ask for a smaller --ratio or --count, allow more licences, or give a larger "
        "source. `yolobg classes` shows what each name costs."
    )
