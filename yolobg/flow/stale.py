"""Which backgrounds no longer qualify: a class was added, a category or a licence was ruled out after they came in.

Asked whenever a dataset is looked at: cheap where nothing has changed, fetches nothing unless that is allowed. What
cannot be known is said; it is no error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from yolobg.changes.manifest import absolute, run_of
from yolobg.changes.records import Basis, Entry, Manifest, Run
from yolobg.dataset.dataset import Dataset
from yolobg.errors import AnnotationsError, YolobgError
from yolobg.flow.candidates import source_of
from yolobg.flow.criteria import Criteria, criteria_of, further_categories, is_stricter, strays, terms_of
from yolobg.flow.duplicates import Recorded
from yolobg.flow.evidence import Evidence, find_evidence, findings_of
from yolobg.flow.options import Request, request_of, stored_options
from yolobg.flow.past_runs import names_source_of, request_again
from yolobg.flow.question import RunQuestion, question_of, still_stands
from yolobg.flow.same_pictures import same_pictures
from yolobg.matching.matcher import match_classes
from yolobg.matching.user_map import resolve_target
from yolobg.matching.words import key
from yolobg.model import Category, ClassMatch, Finding, Inventory, Origin, Progress, no_progress
from yolobg.results import Stale, StaleBackground, Unchecked
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.open import find_by_key, find_catalog, open_catalog
from yolobg.sources.location import OPEN_IMAGES_NAMES
from yolobg.sources.resolve import Source
from yolobg.wording import counted, first_of

__all__ = ["Checked", "SplitImages", "find_stale", "stale_warnings"]

_SHOWN = 3
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; and each run whose backgrounds could all be checked, as it was and with what it rests on now."""

    stale: Stale
    settled: tuple[tuple[Run, Run], ...] = ()
    notes: tuple[str, ...] = ()


def find_stale(
    dataset: Dataset,
    manifest: Manifest,
    inventory: Inventory,
    request: Request | None = None,
    *,
    fetch: bool = False,
    labelled_too: bool = False,
    progress: Progress = no_progress,
) -> Checked:
    """Hold the backgrounds of a split against today's classes and options.

    Args:
        dataset: The dataset as it is today.
        manifest: What yolobg added, and what each choice rested on.
        inventory: The split.
        request: The options of today; None for those of each run.
        fetch: Whether a catalog that is not at hand may be fetched.
        labelled_too: Whether to look at images that a person has labelled since: they are no backgrounds any more.
        progress: Called with how far it is.
    """
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in manifest.entries:
        groups.setdefault((entry.added, entry.split, entry.source), []).append(entry)
    names = tuple(dataset.data.names.values())
    listed: SplitImages | None = None
    found = _Found()
    for group in groups.values():
        run = run_of(group[0], manifest)
        same_source = run is None or request is None or names_source_of(request, run)
        question = question_of(run, names, request, same_source=same_source) if run else None
        if run is None or question is None or run.basis is None:
            asked: _Asked | None = None
        elif still_stands(run, question):
            continue
        else:
            asked = _Asked(run, run.basis, request_again(run), question, request, strict=same_source)
        listed = listed or SplitImages(inventory, labelled_too=labelled_too)
        if there := [entry for entry in group if absolute(entry.image, dataset.root) in listed]:
            found.add(asked, there, fetch=fetch, progress=progress)
    return found.checked


class SplitImages:
    """The images of a split that are looked at, whichever way the trainer's listing writes their paths.

    Args:
        inventory: The split.
        labelled_too: Whether to look at images that a person has labelled since.
    """

    def __init__(self, inventory: Inventory, *, labelled_too: bool) -> None:
        states = ("missing", "empty", "found") if labelled_too else ("missing", "empty")
        self._by_name: dict[str, list[str]] = {}
        for file in inventory.files:
            name = os.path.basename(file.image)  # noqa: PTH119 - by the ten thousand
            if file.state in states and name.startswith("bg_"):
                self._by_name.setdefault(name, []).append(file.image)

    def __contains__(self, image: Path) -> bool:
        found = self._by_name.get(image.name, ())
        return str(image) in found or any(os.path.realpath(image) == os.path.realpath(other) for other in found)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A run, what it was asked for, and what is asked of its backgrounds now.

    `strict` where the options are about its very source.
    """

    run: Run
    basis: Basis
    then: Request
    question: RunQuestion
    request: Request | None
    strict: bool


class _Found:
    """Collects what is found of one run after the other."""

    def __init__(self) -> None:
        self._stale: list[StaleBackground] = []
        self._unchecked: dict[Unchecked, int] = {}
        self._settled: list[tuple[Run, Run]] = []

    @property
    def checked(self) -> Checked:
        unchecked = tuple(replace(kind, count=count) for kind, count in self._unchecked.items())
        return Checked(Stale(tuple(self._stale), unchecked), tuple(self._settled))

    def add(self, asked: _Asked | None, entries: list[Entry], *, fetch: bool, progress: Progress) -> None:
        """Check the backgrounds of one run."""
        if asked is None:
            self._leave(Unchecked(0, entries[0].source, (), (), "how they were chosen is not recorded"), len(entries))
            return
        reasons = _by_license(asked, entries)
        left = [entry for entry in entries if entry.image not in reasons]
        criteria: Criteria | None = None
        doubts: list[tuple[str, int]] = []
        try:
            if left and not still_stands(asked.run, replace(asked.question, license=asked.then.license)):
                criteria = _look(asked, left, reasons, doubts, fetch=fetch, progress=progress)
        except (YolobgError, OSError) as error:
            doubts.append((str(error), len(left)))
        self._stale += [
            StaleBackground(entry.image, entry.source, entry.source_id, reasons[entry.image])
            for entry in entries
            if entry.image in reasons
        ]
        then = asked.basis.names
        added = tuple(name for name in asked.question.names if name not in then)
        for reason, count in doubts:
            self._leave(Unchecked(0, asked.run.source, then, added, reason), count)
        if not doubts:
            self._settled.append((asked.run, _settled(asked, criteria)))

    def _leave(self, kind: Unchecked, count: int) -> None:
        self._unchecked[kind] = self._unchecked.get(kind, 0) + count


def _by_license(asked: _Asked, entries: Iterable[Entry]) -> dict[str, str]:
    """By image, why its licence does not do; what a run was asked for need not be looked at again."""
    text = asked.question.license.strip().lower()
    if text == "any" or asked.question.license == asked.then.license:
        return {}
    ids = {int(part) for part in text.split(",") if part.strip().isdecimal()}
    allowed = set(asked.basis.commercial) if text == "commercial" else ids
    return {
        entry.image: (
            f"its licence ({entry.license_name or entry.license}) is outside --license {text}"
            if entry.license is not None
            else f"has no licence, so it is outside --license {text}"
        )
        for entry in entries
        if entry.license not in allowed
    }


def _look(
    asked: _Asked,
    entries: list[Entry],
    reasons: dict[str, str],
    doubts: list[tuple[str, int]],
    *,
    fetch: bool,
    progress: Progress,
) -> Criteria:
    """Find the backgrounds that hold an excluded category or that a caption names; returns what that rests on."""
    categories = [Category(number, name, 0) for number, name in enumerate(asked.basis.categories)]
    captions = asked.question.captions and asked.basis.terms is not None
    criteria, unresolved = _criteria(asked, categories, captions=captions)
    if unresolved:
        doubts.append(
            (
                f"{first_of(unresolved, _NAMES_SHOWN)} cannot be resolved; say what it stands for with --map",
                len(entries),
            )
        )
    evidence = find_evidence(asked.question.evidence, progress=progress)
    own = asked.then.source in OPEN_IMAGES_NAMES and asked.then.annotations is None
    if not (evidence or own) and not is_stricter(criteria, asked.basis):
        return criteria
    catalog, moved = _open(asked, fetch=fetch, progress=progress)
    with catalog:
        there = entries if moved is None else _still_there(catalog, entries, moved)
        captions = asked.question.captions and catalog.has_captions
        criteria, _ = _criteria(asked, catalog.categories, captions=captions)
        findings = _findings(asked, evidence, catalog, labels=own)
        criteria = replace(criteria, findings=findings, verified=asked.question.verified)
        found = strays(catalog, criteria, [entry.source_id for entry in there])
    reasons |= {entry.image: found[entry.source_id] for entry in there if entry.source_id in found}
    if len(there) < len(entries):
        doubts.append(
            (f"{asked.run.source} has changed since, and they are no longer in it", len(entries) - len(there))
        )
    return criteria


def _findings(asked: _Asked, evidence: Sequence[Evidence], catalog: Catalog, *, labels: bool) -> tuple[Finding, ...]:
    question = asked.question
    return findings_of(
        evidence,
        catalog,
        question.names,
        user_map=question.map,
        exclude=question.exclude,
        lean=question.lean,
        labels=labels,
    )


def _criteria(asked: _Asked, categories: Sequence[Category], *, captions: bool) -> tuple[Criteria, list[str]]:
    """What today's classes rule out in the source; and the classes that nothing is known of, and nothing was then."""
    question = asked.question
    ours = {key(name) for name in question.names}
    answers = {
        name: targets
        for name, targets in question.map.items()
        if key(name) in ours and all(resolve_target(target, categories) for target in targets)
    }
    matches = match_classes(question.names, user_map=answers, categories=categories)
    further: set[str] = set()
    for name in question.exclude:
        try:
            further |= further_categories([name], categories, lean=question.lean)
        except YolobgError:
            if asked.strict:
                raise
    criteria = criteria_of(matches, categories, further=further, lean=question.lean, captions=captions)
    return criteria, [m.name for m in matches if _is_unresolved(m, question) and m.name not in asked.basis.names]


def _is_unresolved(match: ClassMatch, question: RunQuestion) -> bool:
    return match.status == "opaque" or (match.status == "unknown" and question.unmapped == "stop")


def _open(asked: _Asked, *, fetch: bool, progress: Progress) -> tuple[Catalog, Origin | None]:
    """The catalog that a run chose from; or what its source is now, and where the images of that are.

    Raises:
        YolobgError: It is not at hand.
    """
    if found := find_by_key(asked.basis.catalog):
        return found, None
    try:
        catalog, source = _open_source(asked.then, fetch=fetch, progress=progress)
    except YolobgError:
        # It may have been moved, and today's options say where it is.
        if asked.request is None or not fetch:
            raise
        catalog, source = _open_source(asked.request, fetch=fetch, progress=progress)
        if catalog.key != asked.basis.catalog:
            catalog.close()
            raise
    # The ids of COCO's own files mean the same for ever.
    same = source.annotations.official or source.annotations.shipped or catalog.key == asked.basis.catalog
    return catalog, None if same else source.origin


def _open_source(request: Request, *, fetch: bool, progress: Progress) -> tuple[Catalog, Source]:
    source = source_of(request)
    catalog: Catalog | None
    if source.annotations.remote and not fetch:
        catalog = find_catalog(source.annotations) if source.annotations.official else None
    else:
        catalog = open_catalog(source.annotations, progress=progress)
    if catalog is None:
        raise AnnotationsError(f"the catalog of {source.name} is not in the cache")
    return catalog, source


def _still_there(catalog: Catalog, entries: Iterable[Entry], origin: Origin) -> list[Entry]:
    """Those backgrounds that are certainly images of the source as it is now."""
    recorded = {entry.source_id: [Recorded(entry.sha256, entry.bytes, entry.url)] for entry in entries}
    known = list(catalog.describe(recorded))
    same = same_pictures(catalog.records(known), recorded, origin, catalog=catalog.key)
    return [entry for entry in entries if entry.source_id in same]


def _settled(asked: _Asked, criteria: Criteria | None) -> Run:
    """The run as if it had been asked today."""
    question, basis = asked.question, asked.basis
    ours = {key(name) for name in question.names}
    if criteria is not None:
        terms = None if basis.terms is None else terms_of(criteria.vetoes)
        basis = msgspec.structs.replace(basis, excluded=tuple(sorted(criteria.excluded)), terms=terms)
    if set(question.evidence) != set(asked.run.options.get("evidence", ())):
        # The counts are those of the choice, which rested on other evidence.
        basis = msgspec.structs.replace(basis, evidence={})
    request = request_of(
        asked.run.options,
        map={name: targets for name, targets in question.map.items() if key(name) in ours},
        exclude=question.exclude,
        license=question.license,
        unmapped=question.unmapped,
        lean=question.lean,
        captions=question.captions,
        evidence=question.evidence,
        verified=question.verified,
    )
    run: Run = msgspec.structs.replace(
        asked.run, options=stored_options(request), basis=msgspec.structs.replace(basis, names=question.names)
    )
    return run


# ---------------------------------------------------------------- for a person


def stale_warnings(stale: Stale, data_yaml: Path | str, *, rechecked: bool = False) -> tuple[str, ...]:
    """What was found, in sentences; with what to do about it, unless that is being done."""
    lines = []
    remedy = f"yolobg augment {data_yaml} --recheck"
    if stale.images:
        number = len(stale.images)
        told = [f"{os.path.basename(one.image)} ({one.reason})" for one in stale.images]  # noqa: PTH119 - with `/` on every system
        shown = first_of(told, _SHOWN)
        lines.append(f"{_backgrounds(number)} no longer qualif{'ies' if number == 1 else 'y'}: {shown}")
    for one in stale.unchecked:
        changed = f" since then added: {first_of(one.added, _NAMES_SHOWN)};" if one.added else ""
        then = (
            f" were chosen when the classes were {first_of(one.classes, _NAMES_SHOWN)};{changed}" if one.classes else ""
        )
        lines.append(f"{_backgrounds(one.count)} from {one.source}{then} cannot be checked: {one.reason}")
    lines += [f"kept {os.path.basename(one.image)}: {one.reason}" for one in stale.kept]  # noqa: PTH119
    if (stale.images or stale.unchecked) and not rechecked:
        lines.append(f"to check and replace them, add the options that hold now (source, --exclude, --map): {remedy}")
    return tuple(lines)


def _backgrounds(number: int) -> str:
    return f"{counted(number, 'background')} added by yolobg"
