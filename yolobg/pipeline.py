"""The main flow, one short function per command; a newcomer starts here.

`planning` reads and decides, `execution` fetches and merges; the rooms below know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from yolobg.classes.map_file import map_text, parse_map
from yolobg.classes.matcher import match_classes
from yolobg.classes.resolve import excluded_categories
from yolobg.coco.catalog_cache import find_catalog
from yolobg.dataset.channels import why_not_rgb
from yolobg.dataset.destination import Destination, choose_destination
from yolobg.dataset.homes import home_folders
from yolobg.dataset.inventory import scan_split
from yolobg.dataset.lock import hold
from yolobg.dataset.manifest import FOLDER, absolute, manifest_path
from yolobg.dataset.removal import plan_removal
from yolobg.dataset.removal import remove as take_back
from yolobg.dataset.siblings import data_name
from yolobg.dataset.yaml_text import LARGEST_BYTES, load_yaml
from yolobg.errors import DatasetError, UsageError
from yolobg.files import read_ordinary, write_bytes
from yolobg.model import ClassMatch, Progress, no_progress
from yolobg.planning import (
    Plan,
    ask_catalog,
    counts_of,
    make_plan,
    read_dataset,
    recorded,
    source_info,
    source_of,
)
from yolobg.report import ClassesReport, DatasetInfo, KeptBackground, RemoveReport, Report, Target
from yolobg.request import Request
from yolobg.review import report_path
from yolobg.runs import added_of
from yolobg.sources import source_doubts
from yolobg.stale import find_stale, stale_warnings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from yolobg.demo import Demo
    from yolobg.request import Options

__all__ = ["augment", "classes", "plan", "read_map", "remove", "run_demo", "save_map", "status"]


def plan(data_yaml: str | Path, **options: Unpack[Options]) -> Plan:
    """Work out what `augment` would do, and touch nothing.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        **options: See `Options`.

    Returns:
        The plan; `plan.report` is what `--dry-run --json` prints, `carry_out(plan)` does it.

    Raises:
        YolobgError: The dataset, the classes or the source do not allow it.
    """
    return make_plan(data_yaml, Request(**options))


def augment(data_yaml: str | Path, **options: Unpack[Options]) -> Report:
    """Add background images to a split until it has the ratio or count asked for.

    Promises: no existing file is changed (a list-file split gets lines appended); exactly the number needed is added or
    none; no added image holds an excluded category; the same request twice adds nothing.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        **options: See `Options`.

    Raises:
        YolobgError: Something does not allow it; the dataset is valid, and a re-run continues.
    """
    from yolobg.execution import carry_out  # noqa: PLC0415 - the network is for this alone

    return carry_out(make_plan(data_yaml, Request(**options)))


def status(
    data_yaml: str | Path, *, split: str = "train", files: bool = False, progress: Progress = no_progress
) -> Report:
    """Tell what is in a split: labelled images, backgrounds, corrupt labels, and which backgrounds are ours.

    Reads only; an interrupted run is told, not finished.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        split: The split to look at.
        files: Whether to list every image with its label file and the label's state.
        progress: Told how far the scan is.

    Raises:
        DatasetError: It is not a dataset that can be read.
    """
    data, root = read_dataset(data_yaml)
    manifest = recorded(data, root)
    inventory = scan_split(data, split, progress=progress)
    warnings: tuple[str, ...] = ()
    try:
        destination = choose_destination(data, inventory)
    except DatasetError as error:
        # There is no place for new files, which is no reason not to tell what is there.
        destination, warnings = Destination(Path(inventory.entries[0]), Path(inventory.entries[0])), (str(error),)
    if reason := why_not_rgb(data):
        warnings += (reason,)
    counts = counts_of(inventory, manifest, root)
    listed = {file.image for file in inventory.files}
    stale = find_stale(data, root, manifest, inventory, progress=progress).stale
    return Report(
        dry_run=False,
        dataset=DatasetInfo(
            data_yaml=str(data.file),
            root=str(root),
            split=split,
            images_dir=str(destination.images_dir),
            labels_dir=str(destination.labels_dir),
        ),
        before=counts,
        target=Target(ratio=None, count=None, needed=0),
        classes=(),
        source=None,
        added=tuple(added_of(e) for e in manifest.known if str(absolute(e.image, root)) in listed),
        failed=(),
        after=counts,
        manifest=str(manifest_path(root)) if manifest_path(root).exists() else None,
        warnings=data.warnings + inventory.warnings + warnings + stale_warnings(stale, data.file),
        problems=inventory.problems,
        interrupted=manifest.pending is not None,
        page=str(report_path(root)) if report_path(root).is_file() else None,
        files=inventory.files if files else None,
        stale=stale,
    )


def remove(data_yaml: str | Path, *, split: str | None = None, dry_run: bool = False) -> RemoveReport:
    """Take back exactly what yolobg added for this data.yaml; the folder tree is byte-identical to before.

    What it added for another data.yaml of the same root stays. Kept, and told, are backgrounds of ours that a person
    has since labelled, changed or replaced.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        split: Only this split; None for all.
        dry_run: Only tell what would be done.

    Raises:
        MergeError: Something could not be removed; running again goes on from there.
    """
    data, root = read_dataset(data_yaml)
    homes, name = home_folders(data), data_name(data)
    if dry_run or not (root / FOLDER).is_dir():
        removal = plan_removal(root, homes, recorded(data, root), data=name, split=split)
    else:
        with hold(root):
            removal = take_back(root, homes, data=name, split=split)
    return RemoveReport(
        dry_run=dry_run,
        root=str(root),
        removed=tuple(entry.image for entry in removal.removed),
        gone=tuple(entry.image for entry in removal.gone),
        kept=tuple(KeptBackground(kept.image, kept.reason) for kept in removal.kept),
        restored=removal.restored,
        others=dict(removal.others),
    )


def classes(
    data_yaml: str | Path | None = None,
    *,
    names: Sequence[str] | Mapping[int, str] | None = None,
    **options: Unpack[Options],
) -> ClassesReport:
    """Tell what each class name excludes, why, and what that costs; unresolved names are told, not refused.

    Args:
        data_yaml: The dataset whose names are meant; or
        names: the names themselves.
        **options: See `Options`; those about the source, the classes and the captions count.

    Raises:
        YolobgError: The dataset or the source cannot be read.
    """
    request = Request(**options)
    meant = names if names is not None else read_dataset(data_yaml if data_yaml is not None else Path())[0].names
    source = source_of(request)
    # Looking up a few names must not start a download; COCO's published counts give the cost of each name without it.
    catalog = find_catalog(source.annotations, progress=request.progress)
    if catalog is None:
        matches = match_classes(meant, user_map=request.map)
        return ClassesReport(matches, tuple(sorted(excluded_categories(matches, lean=request.lean))), None)
    with catalog:
        matches = ()
        if not source.plain:
            matches = match_classes(meant, user_map=request.map, categories=catalog.categories)
        eligibility, matches, overall = ask_catalog(
            catalog, matches, request, plain=source.plain, unclear=source.unclear
        )
        doubts = source_doubts(source, matches, catalog.categories, told=request.map)
    excluded = tuple(sorted(excluded_categories(matches, lean=request.lean)))
    return ClassesReport(matches, excluded, source_info(source.name, eligibility, overall=overall), doubts)


def read_map(file: Path) -> dict[str, tuple[str, ...]]:
    """A map file: what the user says that class names stand for, as `save_map` or `classes --json` wrote it.

    Raises:
        YolobgError: It cannot be read, or is no map.
    """
    try:
        raw = read_ordinary(file, LARGEST_BYTES)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--map-file {file}: cannot be read: {why}") from error
    told = load_yaml(raw, source=str(file))
    return parse_map(_map_in_report(told, file) if _is_report(told) else told, source=str(file))


def _is_report(told: object) -> TypeGuard[dict[str, list[dict[str, Any]]]]:
    """Whether this is what `classes --json` prints, rather than a map; a class may well be called `classes`."""
    if not isinstance(told, dict) or "schema" not in told or not isinstance(told.get("classes"), list):
        return False
    return all(
        isinstance(match, dict) and {"name", "status", "exclude", "maybe"} <= match.keys() for match in told["classes"]
    )


def _map_in_report(told: dict[str, list[dict[str, Any]]], file: Path) -> dict[str, list[str]]:
    resolved = [match for match in told["classes"] if match["status"] in ("mapped", "none")]
    try:
        return {match["name"]: [e["coco"] for e in (*match["exclude"], *match["maybe"])] for match in resolved}
    except (TypeError, KeyError) as error:
        raise UsageError(f"--map-file {file}: not what `classes --json` printed: {error!r}; print it anew") from error


def save_map(matches: Sequence[ClassMatch], file: Path) -> None:
    """Write the matches as a map file that a person can edit and `read_map` reads back to the same result.

    Raises:
        UsageError: It cannot be written, or something is there already.
    """
    if file.exists():
        raise UsageError(f"--save {file}: is there already; yolobg replaces no file, so choose another name")
    try:
        write_bytes(file, map_text(matches).encode("utf-8"))
    except OSError as error:
        raise UsageError(f"--save {file}: cannot be written: {error.strerror}") from error


def run_demo(folder: Path, *, progress: Progress = no_progress) -> tuple[Demo, Report]:
    """Copy the sample dataset and source into a new or empty folder, and run the main job on them, offline.

    Raises:
        UsageError: The folder is not empty or cannot be written.
    """
    from yolobg.demo import write_demo  # noqa: PLC0415 - for this command alone

    material = write_demo(folder)
    return material, augment(
        material.data_yaml, annotations=material.annotations, images=(material.images_dir,), progress=progress
    )
