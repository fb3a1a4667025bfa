"""Which images of a source may come in: open the catalog, match the class names, ask, and say what was found."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from yolobg.changes.records import Basis, Manifest
from yolobg.dataset.all_splits import read_all_images
from yolobg.errors import UnresolvedClassError
from yolobg.flow.criteria import Criteria, basis_of, confused_notes, criteria_of, further_categories
from yolobg.flow.derived import rejected_in
from yolobg.flow.duplicates import Known
from yolobg.flow.every import parse_every
from yolobg.flow.evidence import Evidence, check_captions, find_evidence, findings_of
from yolobg.flow.options import Request
from yolobg.flow.preference import Liked, find_liked, liked_figures, liked_first, liked_notes, reasons
from yolobg.flow.presence import first_usable, places_of
from yolobg.flow.ranking import ranked_images
from yolobg.flow.saved_plan import Left, check_files, check_source, with_lines
from yolobg.flow.source_basis import basis_notes, is_coco
from yolobg.flow.too_few import too_few
from yolobg.matching.contamination import expected_contamination
from yolobg.matching.matcher import check_resolved, match_classes
from yolobg.model import (
    ClassEvidence,
    ClassMatch,
    Contamination,
    Counts,
    DataYaml,
    Eligibility,
    Failed,
    Finding,
    ImageRecord,
    Inventory,
    License,
    Progress,
    Reading,
)
from yolobg.results import LeftOut, Planned, SourceInfo
from yolobg.sources.catalog.catalog import Catalog, parse_license
from yolobg.sources.catalog.open import open_catalog
from yolobg.sources.open_images import official_categories
from yolobg.sources.resolve import Source, resolve_source, source_warnings

__all__ = [
    "Choice",
    "Judged",
    "check_names",
    "choose",
    "count_non_commercial",
    "judge",
    "naming_bad_bytes",
    "source_of",
]

_log = logging.getLogger(__name__)


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
        planned: The first of `ranked` that can be used, as many as are needed.
        failed: Those before them that cannot, as far as their names and first bytes show.
        liked: What is preferred.
    """

    source: Source
    info: SourceInfo
    matches: tuple[ClassMatch, ...]
    ranked: tuple[int, ...]
    licenses: dict[int, License]
    known: Known
    basis: Basis
    warnings: tuple[str, ...]
    planned: tuple[Planned, ...] = ()
    failed: tuple[Failed, ...] = ()
    liked: Liked | None = None


@dataclass(frozen=True)
class Judged:
    """What class names rule out in a source, and what that leaves of it.

    Attributes:
        source: The source.
        matches: What each class name excludes, with the figures that were found.
        criteria: What rules an image out.
        eligibility: The images that are left, and how many are not for which reason.
        overall: The expected contamination of all classes together; None where no class has a figure.
        warnings: What to know of the source.
        liked: What is preferred in it.
    """

    source: Source
    matches: tuple[ClassMatch, ...]
    criteria: Criteria
    eligibility: Eligibility
    overall: Contamination | None
    warnings: tuple[str, ...]
    liked: Liked | None

    def info(self, *, in_dataset: int = 0) -> SourceInfo:
        """What is left of the source, as the reports show it, less what is in the dataset already."""
        found = self.eligibility
        return SourceInfo(
            name=self.source.name,
            images=found.images,
            eligible=len(found.ids) - in_dataset,
            left_out=LeftOut(
                class_=found.by_class,
                caption=found.by_caption,
                license=found.by_license,
                in_dataset=in_dataset,
                unusable=found.unusable,
                evidence=found.by_evidence,
                unverified=found.unverified,
            ),
            expected_contamination=self.overall,
        )


def _log_judged(source: Source, matches: Sequence[ClassMatch], found: Eligibility) -> None:
    for match in matches:
        for e in (*match.exclude, *match.maybe):
            _log.debug("class %s: %s by rule %s (%s)", match.name, e.coco, e.rule, e.reason)
        if not match.exclude and not match.maybe:
            _log.debug("class %s: nothing (%s)", match.name, match.status)
    _log.debug(
        "%s: %d of %d images are eligible; left out: %d by class, %d by caption, %d by evidence, %d unverified, %d by "
        "licence, %d with records that cannot be used",
        source.name, len(found.ids), found.images, found.by_class, found.by_caption, found.by_evidence,
        found.unverified, found.by_license, found.unusable,
    )  # fmt: skip


def choose(
    request: Request,
    data: DataYaml,
    manifest: Manifest,
    needed: int,
    before: Counts,
    scanned: Inventory | None,
    progress: Progress,
    *,
    saved: Left | None = None,
    avoid: Collection[str] = (),
) -> Choice:
    """Open the request's source and rank the images that may come in.

    Args:
        request: What is asked for.
        data: The dataset.
        manifest: What yolobg has added to it.
        needed: How many images have to come in.
        before: What is in the split.
        scanned: What `scan_split` gave for a split just now, which is not listed again.
        progress: Called with how far each stage is.
        saved: What is left of the saved plan that is carried out: these images come in, in this order.
        avoid: Categories that rule an image out besides, where the source has them.

    Raises:
        YolobgError: Source, class names or saved plan cannot be used, or too few images may come in.
    """
    source = source_of(request)
    # Before anything is fetched: a wrong name or file of evidence should cost a second, not a download.
    check_names(request, data, source)
    evidence = find_evidence(request.evidence, progress=progress)
    with open_catalog(source.annotations, progress=progress) as catalog, naming_bad_bytes(data):
        judged = _judged(catalog, source, data, request, evidence, avoid, saved)
        found = read_all_images(data, scanned)
        known = Known(found.images, manifest, rejected_in(data))
        ranked = liked_first(ranked_images(judged.eligibility.ids, source, known, catalog, request.seed), judged.liked)
        # What an interrupted run is about comes in or becomes free again; the plan is made again after that.
        if len(ranked) < needed and manifest.pending is None:
            raise too_few(judged.eligibility, len(ranked), needed, request, catalog, before)
        info = judged.info(in_dataset=len(judged.eligibility.ids) - len(ranked))
        if saved is not None:
            ranked = with_lines(saved.ids, ranked, needed, catalog, judged.criteria.excluded)
            needed = len(saved.ids)
        chosen, failed = first_usable(catalog.records(ranked), source.origin, needed)
        licenses = {license_.id: license_ for license_ in catalog.licenses}
        info = replace(info, non_commercial=count_non_commercial(chosen, licenses))
        said = judged.eligibility.evidence
        basis = basis_of(judged.criteria, data.names.values(), catalog, plain=source.plain, evidence=said)
        planned = _planned(chosen, judged, catalog, request.seed)
        if saved is not None:
            check_files(saved.file, zip(saved.ids, places_of(catalog.records(saved.ids), source.origin), strict=True))
    warnings = judged.warnings + found.warnings + liked_notes(judged.liked, [record.id for record in chosen])
    return Choice(
        source, info, judged.matches, tuple(ranked), licenses, known, basis, warnings, planned, failed, judged.liked
    )


def _judged(
    catalog: Catalog,
    source: Source,
    data: DataYaml,
    request: Request,
    evidence: Sequence[Evidence],
    avoid: Collection[str],
    saved: Left | None,
) -> Judged:
    if saved is not None:
        check_source(saved.file, source, catalog)
    return judge(
        catalog, source, data.names, request, readings=data.readings, evidence=evidence, avoid=avoid, strict=True
    )


def _planned(chosen: Sequence[ImageRecord], judged: Judged, catalog: Catalog, seed: int) -> tuple[Planned, ...]:
    origin = judged.source.origin
    why = reasons(judged.liked, catalog, [record.id for record in chosen], seed, frames=origin.frames)
    places = places_of(chosen, origin)
    return tuple(Planned(r.id, place, r.license, why[r.id]) for r, place in zip(chosen, places, strict=True))


def check_names(request: Request, data: DataYaml, source: Source) -> None:
    """Ask what the names mean before anything is fetched: a wrong name should cost a second, not a download.

    Raises:
        UnresolvedClassError: One is not understood; only looked at for an official source, whose categories are known.
    """
    if source.annotations.official:
        with naming_bad_bytes(data):
            known = official_categories(source.annotations)
            matches = match_classes(data.names, user_map=request.map, categories=known, readings=data.readings)
            check_resolved(matches, unmapped=request.unmapped)


@contextmanager
def naming_bad_bytes(data: DataYaml) -> Iterator[None]:
    """Say what is wrong with the file where a question about class names comes of lost letters."""
    try:
        yield
    except UnresolvedClassError as error:
        if not data.readings:
            raise
        raise UnresolvedClassError(f"{data.warnings[0]}\n{error}", error.matches) from error


def count_non_commercial(records: Iterable[ImageRecord], licenses: dict[int, License]) -> int | None:
    """How many records lie under a licence that forbids commercial use; None where the source records no licences."""
    if not licenses:
        return None
    return sum(
        1 for r in records if r.license is not None and r.license in licenses and not licenses[r.license].commercial
    )


def source_of(request: Request, *, for_images: bool = True) -> Source:
    """The source that the request names; see `resolve_source`."""
    r = request
    return resolve_source(
        source=r.source,
        annotations=r.annotations_place,
        images=r.images,
        link=r.link,
        unlabelled=r.unlabelled,
        fast=r.fast,
        every_ms=None if r.every is None else parse_every(r.every),
        for_images=for_images,
    )


def judge(
    catalog: Catalog,
    source: Source,
    names: Sequence[str] | Mapping[int, str],
    request: Request,
    *,
    readings: Mapping[int, Sequence[Reading]] | None = None,
    evidence: Sequence[Evidence] | None = None,
    avoid: Collection[str] = (),
    strict: bool = False,
) -> Judged:
    """Match class names against a source, and ask it which images they leave.

    Where the source's classes have no names, any object rules an image out; so does one of its unclear classes.

    Args:
        catalog: That of the source.
        source: The source.
        names: The dataset's class names.
        request: The options that decide.
        readings: See `match_classes`.
        evidence: From `find_evidence`; None finds it.
        avoid: Categories that rule an image out besides, where the source has them.
        strict: Refuse names that are not understood, unless `request.unmapped` lets them pass.

    Raises:
        UnresolvedClassError: With `strict`, a name is not understood.
        UsageError: An option names a category or a licence that the source does not have.
        AnnotationsError: A file of evidence cannot be used.
    """
    check_captions(request, catalog)
    matches: tuple[ClassMatch, ...] = ()
    further = frozenset(source.unclear) | {category.name for category in catalog.categories}.intersection(avoid)
    if not source.plain:
        matches = match_classes(names, user_map=request.map, categories=catalog.categories, readings=readings)
        further |= further_categories(request.exclude, catalog.categories, lean=request.lean)
    if strict:
        matches = check_resolved(matches, unmapped=request.unmapped)
    captions = request.captions and catalog.has_captions
    basis = find_evidence(request.evidence) if evidence is None else evidence
    listed = names.values() if isinstance(names, Mapping) else names
    findings = _findings(basis, catalog, listed, request, labels=source.annotations.open_images)
    criteria = criteria_of(
        matches, catalog.categories, further=further, lean=request.lean, captions=captions, plain=source.plain
    )
    criteria = replace(criteria, findings=findings, verified=request.verified)
    eligibility = catalog.eligible(
        criteria.excluded,
        vetoes=criteria.vetoes,
        license_ids=parse_license(request.license, catalog.licenses),
        findings=findings,
        verified=request.verified,
    )
    _log_judged(source, matches, eligibility)
    matches, overall = _with_figures(matches, criteria, eligibility, source, catalog, lean=request.lean)
    liked = find_liked(request.prefer, matches, criteria.excluded, catalog)
    matches, overall = liked_figures(matches, overall, liked, eligibility.ids)
    return Judged(source, matches, criteria, eligibility, overall, _notes(source, catalog, matches, request), liked)


def _notes(source: Source, catalog: Catalog, matches: tuple[ClassMatch, ...], request: Request) -> tuple[str, ...]:
    notes = basis_notes(source, catalog, verified=request.verified)
    notes += source_warnings(source, matches, catalog.categories, answered=request.map)
    if source.plain and request.exclude:
        return (*notes, f"--exclude has no effect: nothing in {source.name} says what an image shows")
    return notes if request.lean else (*notes, *confused_notes(request.exclude, catalog.categories))


def _findings(
    evidence: Sequence[Evidence], catalog: Catalog, names: Iterable[str], request: Request, *, labels: bool
) -> tuple[Finding, ...]:
    r = request
    return findings_of(evidence, catalog, names, user_map=r.map, exclude=r.exclude, lean=r.lean, labels=labels)


def _share(said: ClassEvidence) -> float:
    """The share of the images that were verified."""
    number = said.verified + said.unknown
    return said.verified / number if number else 0.0


def _with_figures(
    matches: tuple[ClassMatch, ...],
    criteria: Criteria,
    eligibility: Eligibility,
    source: Source,
    catalog: Catalog,
    *,
    lean: bool,
) -> tuple[tuple[ClassMatch, ...], Contamination | None]:
    """The matches with what was counted and is expected of each, and what is expected of all together."""
    said = eligibility.evidence
    overall: Contamination | None = None
    if is_coco(source, catalog, eligibility.ids):
        matches, overall = expected_contamination(
            matches,
            few_classes_share=eligibility.few_classes_share,
            captions=bool(criteria.vetoes),
            lean=lean,
            verified={name: 1.0 if criteria.verified else _share(one) for name, one in said.items()},
        )
    figured = (
        replace(match, captions=eligibility.captions.get(match.name), evidence=said.get(match.name))
        for match in matches
    )
    return tuple(figured), overall
