"""The report, written at the end of a run and again whenever the dataset has changed since."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.classes.matcher import match_classes
from yolobg.coco.catalog_cache import find_catalog
from yolobg.dataset.homes import home_folders
from yolobg.dataset.inventory import scan_split
from yolobg.dataset.lock import hold
from yolobg.dataset.manifest import FOLDER, Manifest, Run, read_manifest
from yolobg.dataset.removal import finish_interrupted
from yolobg.dataset.siblings import data_name, narrowed
from yolobg.errors import DatasetError, MergeError, YolobgError
from yolobg.model import ClassMatch, Counts, DataYaml, Progress, no_progress
from yolobg.planning import ask_catalog, counts_of, read_dataset, recorded, source_info, source_of
from yolobg.report import Report, SourceInfo
from yolobg.review.cards import Catalogs, cards_of
from yolobg.review.report_file import write_report
from yolobg.review.sheet import draw_sheet
from yolobg.runs import request_again
from yolobg.stale import find_stale, stale_warnings

__all__ = ["draw_contact_sheet", "page_of_run", "rewrite_page", "write_page"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What the class names exclude and what that leaves of the source; empty where it cannot be told."""

    classes: tuple[ClassMatch, ...] = ()
    source: SourceInfo | None = None


def page_of_run(data: DataYaml, root: Path, report: Report, progress: Progress) -> tuple[str | None, tuple[str, ...]]:
    """Write the page of a run that has just ended; the caller holds the lock.

    Returns:
        The page's path; None where nothing of ours is there; or None and a warning why there is none: a run that went
        well must not fail by its report.
    """
    try:
        manifest = read_manifest(root)
        mine = narrowed(manifest, root, home_folders(data), data_name(data))
        if not mine.entries:
            return None, ()
        # A run that only finished what another began has asked no source.
        meaning = _Meaning(report.classes, report.source) if report.classes else _meaning(data, mine.runs)
        look = _look(data, manifest, root, known={report.dataset.split: report.after})
        page = write_report(
            root,
            data,
            mine,
            home_folders(data),
            splits=look.counts,
            classes=meaning.classes,
            source=meaning.source,
            new={added.image for added in report.added},
            warnings=report.warnings + look.warnings,
            progress=progress,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the images are in
        _log.debug("the report could not be written", exc_info=True)
        return None, (f"the images were added, but their report could not be written: {error}",)
    return str(page), ()


def rewrite_page(data_yaml: str | Path, *, progress: Progress = no_progress) -> Path:
    """Write the report of a dataset as it is now.

    Raises:
        DatasetError: It is not a dataset that can be read, or yolobg has added nothing to it.
        MergeError: The report cannot be written.
    """
    data, root = read_dataset(data_yaml)
    if not (root / FOLDER).is_dir():
        raise DatasetError(f"{root}: yolobg has added nothing here, so there is nothing to report; run augment first")
    with hold(root):
        manifest = finish_interrupted(root, home_folders(data), data_name(data))
        if not narrowed(manifest, root, home_folders(data), data_name(data)).entries:
            raise DatasetError(f"{root}: none of yolobg's backgrounds are here, so there is nothing to report")
        return write_page(data, root, manifest, progress=progress)


def draw_contact_sheet(data_yaml: str | Path, image: Path, *, progress: Progress = no_progress) -> Path:
    """Draw every background that yolobg added into one picture; reads the dataset only.

    Raises:
        DatasetError: It is not a dataset that can be read, or yolobg has added nothing to it.
        UsageError: The picture cannot be written.
    """
    data, root = read_dataset(data_yaml)
    folders = home_folders(data)
    mine = narrowed(recorded(data, root), root, folders, data_name(data))
    with Catalogs() as catalogs:
        cards = cards_of(mine.entries, mine, root, folders, catalogs)
    if not cards:
        raise DatasetError(f"{root}: none of yolobg's backgrounds are here, so there is nothing to draw")
    title = f"{root.name}: {len(cards):,} background{'' if len(cards) == 1 else 's'} added by yolobg"
    draw_sheet(cards, image, title=title, progress=progress)
    return image


def write_page(
    data: DataYaml, root: Path, manifest: Manifest, *, new: Collection[str] = (), progress: Progress = no_progress
) -> Path:
    """Write the report from what the manifest records; the caller holds the lock.

    Raises:
        MergeError: It cannot be written.
    """
    folders = home_folders(data)
    mine = narrowed(manifest, root, folders, data_name(data))
    meaning = _meaning(data, mine.runs)
    look = _look(data, manifest, root, known={})
    try:
        return write_report(
            root, data, mine, folders,
            splits=look.counts, classes=meaning.classes, source=meaning.source,
            new=new, warnings=look.warnings, progress=progress,
        )  # fmt: skip
    except OSError as error:
        raise MergeError(f"{root / FOLDER}: the report cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class _Look:
    """The counts of each split that can be read, and what to know of the backgrounds in them."""

    counts: dict[str, Counts]
    warnings: tuple[str, ...]


def _look(data: DataYaml, manifest: Manifest, root: Path, *, known: Mapping[str, Counts]) -> _Look:
    """Look at each split; those in `known` have been looked at."""
    counts: dict[str, Counts] = {}
    warnings: list[str] = []
    for split in data.splits:
        with contextlib.suppress(DatasetError):
            if split in known:
                counts[split] = known[split]
                continue
            inventory = scan_split(data, split)
            counts[split] = counts_of(inventory, manifest, root)
            stale = find_stale(data, root, manifest, inventory).stale
            warnings += [f"{split}: {line}" for line in stale_warnings(stale, data.file)]
    return _Look(counts, tuple(warnings))


def _meaning(data: DataYaml, runs: Sequence[Run]) -> _Meaning:
    """Ask the source of the last run once more; without the source, or with one that must be fetched, tell nothing."""
    if not runs:
        return _Meaning()
    try:
        request = request_again(runs[-1], count=0, report=False, progress=no_progress)
        source = source_of(request)
        catalog = find_catalog(source.annotations)
        if catalog is None:
            return _Meaning(match_classes(data.names, user_map=request.map))
        with catalog:
            matches: tuple[ClassMatch, ...] = ()
            if not source.plain:
                matches = match_classes(data.names, user_map=request.map, categories=catalog.categories)
            eligibility, matches, overall = ask_catalog(
                catalog, matches, request, plain=source.plain, unclear=source.unclear
            )
    except YolobgError:
        _log.debug("the source cannot be asked again", exc_info=True)
        return _Meaning()
    return _Meaning(matches, source_info(source.name, eligibility, overall=overall))
