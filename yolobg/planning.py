"""From a request to a plan: everything up to here only reads.

data.yaml → inventory → how many; class names → excluded categories; catalog → eligible → ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from yolobg.classes.contamination import expected_contamination
from yolobg.classes.matcher import match_classes
from yolobg.classes.resolve import check_resolved
from yolobg.coco.catalog import Catalog, parse_license
from yolobg.coco.catalog_cache import open_catalog
from yolobg.criteria import Criteria, basis_of, criteria_of, further_categories
from yolobg.dataset.basis import Basis
from yolobg.dataset.channels import why_not_rgb
from yolobg.dataset.data_yaml import find_data_yaml, read_data_yaml
from yolobg.dataset.homes import home_folders, read_all_images
from yolobg.dataset.inventory import Destination, choose_destination, count_files, scan_split
from yolobg.dataset.known import Known
from yolobg.dataset.manifest import Entry, Manifest, absolute, check_room, manifest_path, read_manifest
from yolobg.dataset.moved import follow
from yolobg.dataset.rejected import read_rejections
from yolobg.download.same import same_pictures
from yolobg.errors import DatasetError, PoolError
from yolobg.model import (
    ClassMatch,
    Contamination,
    Counts,
    DataYaml,
    Eligibility,
    ImageRecord,
    Inventory,
    License,
)
from yolobg.recheck import plan_recheck
from yolobg.report import DatasetInfo, LeftOut, Report, SourceInfo, Target
from yolobg.request import Request
from yolobg.selection import backgrounds_needed, parse_ratio, rank_images, share
from yolobg.sources import Source, resolve_source, source_doubts
from yolobg.stale import Checked, find_stale, stale_warnings

__all__ = [
    "Choice",
    "Plan",
    "Scan",
    "ask_catalog",
    "count_non_commercial",
    "counts_of",
    "make_plan",
    "read_dataset",
    "recorded",
    "source_info",
    "source_of",
]

# Tells what is in the split that the request names.
Scan = Callable[[DataYaml, Request], Inventory]


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


@dataclass(frozen=True)
class Plan:
    """What `augment` would do: a value that can be looked at, and carried out later.

    `choice` is None when the target is reached already: then no source was opened. `scan` is how the split was read,
    and how it is read again afterwards. `manifest` is what yolobg had added when the plan was made; once that differs,
    the plan is out of date. `checked` says which earlier backgrounds no longer qualify, and `leaving` are those of them
    that are taken out once others are in.
    """

    request: Request
    data: DataYaml
    root: Path
    inventory: Inventory
    destination: Destination
    before: Counts
    target: Target
    choice: Choice | None
    warnings: tuple[str, ...]
    scan: Scan
    manifest: Manifest
    checked: Checked
    leaving: tuple[Entry, ...] = ()

    @property
    def dataset(self) -> DatasetInfo:
        """Where the dataset lies and where new files go."""
        return DatasetInfo(
            data_yaml=str(self.data.file),
            root=str(self.root),
            split=self.request.split,
            images_dir=str(self.destination.images_dir),
            labels_dir=str(self.destination.labels_dir),
        )

    @property
    def report(self) -> Report:
        """The plan as a report of a run that has not happened; its `after` is what the run will reach."""
        manifest = manifest_path(self.root)
        return Report(
            dry_run=True,
            dataset=self.dataset,
            before=self.before,
            target=self.target,
            classes=self.choice.matches if self.choice else (),
            source=self.choice.info if self.choice else None,
            added=(),
            failed=(),
            after=_after(self.before, self.target.needed, len(self.leaving)),
            manifest=str(manifest) if manifest.exists() else None,
            warnings=self.warnings
            + self.checked.notes
            + stale_warnings(self.checked.stale, self.data.file, rechecked=self.request.recheck),
            problems=self.inventory.problems,
            stale=self.checked.stale,
        )


def read_dataset(data_yaml: str | Path) -> tuple[DataYaml, Path]:
    """A dataset's data.yaml and its root with links followed, as split folders are."""
    data = read_data_yaml(find_data_yaml(Path(data_yaml).expanduser()))
    return data, data.root.resolve()


def recorded(data: DataYaml, root: Path) -> Manifest:
    """What yolobg has added, by the paths that the files have now."""
    return follow(read_manifest(root), root, lambda: home_folders(data))


def counts_of(inventory: Inventory, manifest: Manifest, root: Path) -> Counts:
    """The counts of a split, with those that the manifest says are ours."""
    return count_files(inventory, frozenset(str(absolute(entry.image, root)) for entry in manifest.known))


def make_plan(data_yaml: str | Path | DataYaml, request: Request, *, scan: Scan | None = None) -> Plan:
    """Find out what the request means for this dataset; reads only.

    Args:
        data_yaml: Its data.yaml or the folder of that; or the value, where a trainer has resolved it already.
        request: What is asked for.
        scan: Reads the split in place of our own reader, where a trainer does that itself.

    Raises:
        YolobgError: The dataset, the classes or the source do not allow it; the message says why.
    """
    data, root = (data_yaml, data_yaml.root.resolve()) if isinstance(data_yaml, DataYaml) else read_dataset(data_yaml)
    manifest = recorded(data, root)
    scan = scan or _scan
    inventory = scan(data, request)
    destination = choose_destination(data, inventory, into=Path(request.into) if request.into else None)
    before = counts_of(inventory, manifest, root)
    if before.labelled == 0 and request.ratio is not None:
        raise DatasetError(
            f"{data.file}: split '{request.split}' has {before.images} images and none with labels, so a ratio means "
            "nothing. Check that the labels lie where the trainer looks (yolobg status --files), or give --count."
        )
    if request.recheck:
        outcome = plan_recheck(data, root, manifest, inventory, before, request)
        needed = outcome.needed
    else:
        outcome = None
        needed = backgrounds_needed(before.labelled, before.backgrounds, ratio=request.ratio, count=request.count)
    if needed and (reason := why_not_rgb(data)):
        raise DatasetError(reason)
    check_room(root, manifest, needed)
    ratio = float(parse_ratio(request.ratio)) if request.ratio is not None else None
    choice = _choose(request, data, manifest, needed, inventory if scan is _scan else None) if needed else None
    return Plan(
        request=request,
        data=data,
        root=root,
        inventory=inventory,
        destination=destination,
        before=before,
        target=Target(ratio=ratio, count=request.count, needed=needed),
        choice=choice,
        warnings=data.warnings + inventory.warnings + (choice.warnings if choice else ()),
        scan=scan,
        manifest=manifest,
        # After the choice: that has brought the catalog of the source, should it be needed.
        checked=outcome.checked if outcome else find_stale(data, root, manifest, inventory, request),
        leaving=outcome.leaving if outcome else (),
    )


def _scan(data: DataYaml, request: Request) -> Inventory:
    return scan_split(data, request.split, progress=request.progress)


def _choose(request: Request, data: DataYaml, manifest: Manifest, needed: int, scanned: Inventory | None) -> Choice:
    source = source_of(request)
    # What the names mean is asked before anything is fetched: a wrong name should cost a second, not a download.
    if source.annotations.official:
        check_resolved(match_classes(data.names, user_map=request.map), unmapped=request.unmapped)
    rejected = read_rejections(data.root.resolve()).ours
    with open_catalog(source.annotations, progress=request.progress) as catalog:
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


def _after(before: Counts, added: int, gone: int) -> Counts:
    more = added - gone
    backgrounds = before.backgrounds + more
    return replace(
        before,
        images=before.images + more,
        backgrounds=backgrounds,
        empty=before.empty + more,
        ours=before.ours + more,
        ratio=share(backgrounds, before.labelled),
    )
