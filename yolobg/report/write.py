"""The report, written at the end of a run and again whenever the dataset has changed since."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path, PurePath
from urllib.parse import quote

from yolobg.changes.lock import hold
from yolobg.changes.manifest import FOLDER, counts_of, read_manifest, report_path
from yolobg.changes.records import Manifest, Run
from yolobg.changes.removal import finish_interrupted
from yolobg.changes.siblings import narrowed
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.inventory import scan_split
from yolobg.errors import DatasetError, MergeError, YolobgError
from yolobg.files import write_bytes
from yolobg.flow.candidates import judge, source_of
from yolobg.flow.past_runs import request_again
from yolobg.flow.planning import recorded
from yolobg.flow.stale import find_stale, stale_warnings
from yolobg.html.thumbnails import SHOWN_BY_BROWSERS, Picture, embed
from yolobg.matching.matcher import match_classes
from yolobg.model import ClassMatch, Counts, DataYaml, Progress, no_progress
from yolobg.report.cards import Card, Catalogs, cards_of
from yolobg.report.contact_sheet import draw_sheet
from yolobg.report.page import Facts, report_html
from yolobg.results import Report, SourceInfo
from yolobg.sources.catalog.open import find_catalog
from yolobg.threads import Pool
from yolobg.wording import counted

__all__ = ["EMBEDDED", "Meaning", "draw_contact_sheet", "page_of_run", "rewrite_page", "write_page", "write_report"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the class names exclude and what that leaves of the source; empty where it cannot be told."""

    classes: tuple[ClassMatch, ...] = ()
    source: SourceInfo | None = None


def page_of_run(dataset: Dataset, report: Report, progress: Progress) -> tuple[str | None, tuple[str, ...]]:
    """Write the page of a run that has just ended; the caller holds the lock.

    Returns:
        The page's path; None where nothing of ours is there; or None and a warning why there is none: a run that went
        well must not fail by its report.
    """
    try:
        manifest = read_manifest(dataset.root)
        mine = narrowed(manifest, dataset)
        if not mine.entries:
            return None, ()
        # A run that only finished what another began has asked no source.
        meaning = Meaning(report.classes, report.source) if report.classes else _meaning(dataset.data, mine.runs)
        look = _look(dataset, manifest, known={report.dataset.split: report.after})
        page = write_report(
            dataset,
            mine,
            splits=look.counts,
            meaning=meaning,
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
    dataset = open_dataset(data_yaml)
    root = dataset.root
    if not (root / FOLDER).is_dir():
        raise DatasetError(f"{root}: yolobg has added nothing here, so there is nothing to report; run augment first")
    with hold(root):
        manifest = finish_interrupted(dataset)
        if not narrowed(manifest, dataset).entries:
            raise DatasetError(f"{root}: none of yolobg's backgrounds are here, so there is nothing to report")
        return write_page(dataset, manifest, progress=progress)


def draw_contact_sheet(data_yaml: str | Path, image: Path, *, progress: Progress = no_progress) -> Path:
    """Draw every background that yolobg added into one picture; reads the dataset only.

    Raises:
        DatasetError: It is not a dataset that can be read, or yolobg has added nothing to it.
        UsageError: The picture cannot be written.
    """
    dataset = open_dataset(data_yaml)
    root, mine = dataset.root, narrowed(recorded(dataset), dataset)
    with Catalogs() as catalogs:
        cards = cards_of(mine.entries, mine, dataset, catalogs)
    if not cards:
        raise DatasetError(f"{root}: none of yolobg's backgrounds are here, so there is nothing to draw")
    title = f"{root.name}: {counted(len(cards), 'background')} added by yolobg"
    draw_sheet(cards, image, title=title, progress=progress)
    return image


def write_page(
    dataset: Dataset, manifest: Manifest, *, new: Collection[str] = (), progress: Progress = no_progress
) -> Path:
    """Write the report from what the manifest records; the caller holds the lock.

    Raises:
        MergeError: It cannot be written.
    """
    mine = narrowed(manifest, dataset)
    meaning = _meaning(dataset.data, mine.runs)
    look = _look(dataset, manifest, known={})
    try:
        return write_report(
            dataset, mine, splits=look.counts, meaning=meaning, new=new, warnings=look.warnings, progress=progress
        )
    except OSError as error:
        raise MergeError(f"{dataset.root / FOLDER}: the report cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class _Look:
    """The counts of each split that can be read, and what to know of the backgrounds in them."""

    counts: dict[str, Counts]
    warnings: tuple[str, ...]


def _look(dataset: Dataset, manifest: Manifest, *, known: Mapping[str, Counts]) -> _Look:
    """Look at each split; those in `known` have been looked at."""
    data = dataset.data
    counts: dict[str, Counts] = {}
    warnings: list[str] = []
    for split in data.splits:
        with contextlib.suppress(DatasetError):
            if split in known:
                counts[split] = known[split]
                continue
            inventory = scan_split(data, split)
            counts[split] = counts_of(inventory, manifest, dataset.root)
            stale = find_stale(dataset, manifest, inventory).stale
            warnings += [f"{split}: {line}" for line in stale_warnings(stale, data.file)]
    return _Look(counts, tuple(warnings))


def _meaning(data: DataYaml, runs: Sequence[Run]) -> Meaning:
    """Ask the source of the last run once more; without the source, or with one that must be fetched, tell nothing."""
    if not runs:
        return Meaning()
    try:
        request = request_again(runs[-1])
        source = source_of(request)
        catalog = find_catalog(source.annotations)
        if catalog is None:
            return Meaning(match_classes(data.names, user_map=request.map, readings=data.readings))
        with catalog:
            judged = judge(catalog, source, data.names, request, readings=data.readings)
    except YolobgError:
        _log.debug("the source cannot be queried again", exc_info=True)
        return Meaning()
    return Meaning(judged.matches, judged.info())


EMBEDDED = 60
"""How many pictures the page holds itself; making them all would take longer than fetching the images did."""

EDGE_PX = 320
QUALITY = 68
WORKERS = 4


def write_report(
    dataset: Dataset,
    manifest: Manifest,
    *,
    splits: Mapping[str, Counts],
    meaning: Meaning,
    new: Collection[str] = (),
    warnings: Sequence[str] = (),
    progress: Progress,
) -> Path:
    """Write the report of a dataset; it appears whole or not at all. The caller holds the dataset's lock.

    Args:
        dataset: The dataset; its `.yolobg` folder is there.
        manifest: What yolobg added.
        splits: What is in each split now.
        meaning: What the class names exclude and what was left of the source.
        new: Images (as the manifest writes them) that the last run added.
        warnings: For a person to read.
        progress: Told about the stage `report`, in pictures.

    Raises:
        OSError: It cannot be written.
    """
    entries = sorted(manifest.entries, key=lambda entry: entry.added, reverse=True)
    data = dataset.data
    with Catalogs() as catalogs, Pool(max_workers=WORKERS) as pool:
        first = cards_of(entries[:EMBEDDED], manifest, dataset, catalogs)
        # Ahead, in threads: Pillow works outside Python's lock.
        small = pool.map(_small, first)
        others = cards_of(entries[EMBEDDED:], manifest, dataset, catalogs)
        facts = Facts(
            name=data.file.resolve().parent.name or str(data.file),
            data_yaml=str(data.file.absolute()),
            written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            splits=splits,
            classes=meaning.classes,
            source=meaning.source,
            cards=(*first, *others),
            new=frozenset(new),
            warnings=tuple(warnings),
        )
        counted = _counted(small, len(first), progress)
        page = report_html(facts, chain(counted, map(_on_disk, others)), embedded=len(first))
    path = report_path(dataset.root)
    write_bytes(path, page.encode("utf-8"))
    return path


def _counted(pictures: Iterator[Picture | None], total: int, progress: Progress) -> Iterator[Picture | None]:
    for done, picture in enumerate(pictures, 1):
        progress("report", done, total)
        yield picture


def _small(card: Card) -> Picture | None:
    return embed(card.path, edge_px=EDGE_PX, quality=QUALITY, large=_address(card))


def _on_disk(card: Card) -> Picture | None:
    """The image itself, which a browser reads when its card comes into view."""
    address = _address(card)
    return Picture(address, large=address) if address else None


def _address(card: Card) -> str | None:
    """Where the page finds the image; None for what browsers do not show."""
    if card.path.suffix.lower() not in SHOWN_BY_BROWSERS:
        return None
    # Relative, so that a dataset may be moved.
    within = not PurePath(card.image).is_absolute()
    return f"../{quote(os.fsencode(card.image))}" if within else card.path.absolute().as_uri()
