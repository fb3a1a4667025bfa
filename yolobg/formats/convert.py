"""The flow of `convert`: read, say what would be lost, write beside the target, read back, compare, rename.

Nothing is seen at the target before every count is right, and nothing that exists is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from yolobg.calls import public
from yolobg.convert_results import ConvertReport, FormatCounts, Renamed
from yolobg.errors import DatasetError, UsageError
from yolobg.formats import coco_read, coco_write, voc, yolo_read, yolo_write
from yolobg.formats import yolo_plain as yolo_folders
from yolobg.formats.compare import Differences, Survey, compare, survey
from yolobg.formats.contents import Contents, Item, Suffixed, Wrapped
from yolobg.formats.fits import check_held, told_changes
from yolobg.formats.output_folder import beside, publish
from yolobg.formats.place_images import Images, Placer
from yolobg.formats.registry import Format, all_formats, detect_format, find_dataset_yaml, get_format
from yolobg.formats.transform import (
    Changed,
    Crowds,
    Polygons,
    Wish,
    change_names,
    choose_classes,
    rename_splits,
    zeroes_points,
)
from yolobg.formats.upright import Upright
from yolobg.model import Progress, no_progress
from yolobg.wording import agreeing, counted

__all__ = ["convert", "open_contents"]

_PARTS_SHOWN = 5

Writer = Callable[[Contents, Path, Placer], None]

_WRITERS: dict[str, Writer] = {
    "yolo": yolo_write.write_yolo,
    "yolo_plain": yolo_write.write_plain,
    "yolo_darknet": yolo_write.write_darknet,
    "coco": coco_write.write_coco,
    "voc": voc.write_voc,
}


@public
def convert(
    source: str | Path,
    target: str | Path,
    *,
    to: str,
    from_: str | None = None,
    images: Images = "copy",
    classes: Sequence[str] = (),
    polygons: Polygons = "keep",
    key_points: Literal["keep", "drop"] = "keep",
    crowds: Crowds = "keep",
    class_order: Literal["keep", "lose"] = "keep",
    splits: Mapping[str, str] | None = None,
    drop_unused: bool = False,
    images_in: Sequence[str | Path] = (),
    skip_corrupt: bool = False,
    progress: Progress = no_progress,
) -> ConvertReport:
    """Write a dataset in another format, and prove by reading it back that nothing was lost.

    Promises: images, backgrounds, boxes, polygons, key points, classes with ids and splits are counted in the source
    and in what was written, image by image, and are the same but for what was asked to be changed; image bytes are
    untouched; the target appears whole or not at all.

    Args:
        source: The dataset: a folder, a data.yaml, an annotations file.
        target: A folder that does not exist or is empty.
        to: The format to write.
        from_: The format of the source; None finds out.
        images: Whether images are copied, linked (`hard`, `symlink`) or left where they are (`none`).
        classes: The classes to keep, by name; all when empty.
        polygons: What to do with outlines and masks where the target holds none: `to-boxes`; `parts` makes each ring
            an object; `outline` draws masks as outlines, and joins the rings of one object into one.
        key_points: `drop` leaves them out.
        crowds: `drop` leaves crowd regions out; `as-objects` makes each an object.
        class_order: `lose` lets a format without a list of classes forget ids and unused classes.
        splits: New names of splits, by old.
        drop_unused: Leave out classes without an object.
        images_in: Folders to look for the images in, for annotations that lie apart from them (COCO, VOC).
        skip_corrupt: Leave out images whose labels are corrupt, rather than stop.
        progress: Told about the stages `read`, `write` and `check`, in images; by default a bar in a notebook, and
            nothing elsewhere.

    Returns:
        What was read, changed because it was asked for, and written; `deviation` is a share (0-1) of the image's size.

    Raises:
        UsageError: The target cannot hold something and the option that allows for it is missing; nothing was written.
        DatasetError: The source cannot be read, or what was written is not what was meant; no target is left behind.
        YolobgError: datumaro is needed and not installed, or the target cannot be written.
    """
    for name, value in (("source", source), ("target", target)):
        if not isinstance(value, (str, os.PathLike)):
            raise UsageError(f"{name}: {value!r}: expected a path, not {type(value).__name__}")
    given, place = Path(source).expanduser(), Path(target).expanduser().absolute()
    source_format, target_format = _formats(given, from_, to)
    _check_target(place, given)
    chosen = (classes,) if isinstance(classes, str) else tuple(classes)
    wish = Wish(chosen, polygons, key_points, crowds, class_order, splits or {}, drop_unused)
    folders = _image_folders(images_in, source_format)
    contents = open_contents(
        given, source_format, skip_corrupt=skip_corrupt, images_in=folders, skip_missing=images != "none"
    )
    if source_format.in_pixels or not source_format.own:
        contents = Upright(contents)
    task = _Task(given, source_format, place, target_format, wish, images)
    return _rewrite(contents, task, progress)


@dataclass(frozen=True)
class _Task:
    """What is converted to what, and how."""

    source: Path
    source_format: Format
    target: Path
    target_format: Format
    wish: Wish
    images: Images


def _rewrite(contents: Contents, task: _Task, progress: Progress) -> ConvertReport:
    wish, target_format = task.wish, task.target_format
    before = survey(_Told(contents, progress, "read"))
    meant, renamed = _plan(contents, wish, target_format, before)
    # What is to be written is counted, which costs a reading, where more than the names of splits changes.
    altered = wish != Wish(splits=wish.splits) or (before.unmarked_outside and zeroes_points(target_format))
    expected = survey(meant) if altered else replace(before, names=meant.names)
    check_held(expected, meant, target_format, class_order=wish.class_order, images=task.images)
    comparison = _write_and_check(meant, expected.counts, task, progress)
    changes = told_changes(before, expected, wish, target_format, contents.splits, meant.splits)
    return ConvertReport(
        source=str(task.source),
        source_format=task.source_format.name,
        target=str(task.target),
        target_format=target_format.name,
        before=before.counts,
        after=comparison.counts,
        changes=changes,
        renamed=renamed,
        deviation=comparison.deviation,
        images=task.images,
        warnings=contents.warnings
        + _told_objects(before, contents, wish)
        + _warnings(meant, task.source_format, target_format),
    )


def _image_folders(images_in: Sequence[str | Path], source: Format) -> tuple[Path, ...]:
    folders = [
        Path(folder).expanduser() for folder in ([images_in] if isinstance(images_in, (str, Path)) else images_in)
    ]
    if folders and not source.in_pixels:
        known = ", ".join(name for name, format_ in all_formats().items() if format_.in_pixels)
        raise UsageError(f"--images {folders[0]}: {source.name} says itself where its images lie; only for {known}")
    missing = next((folder for folder in folders if not folder.is_dir()), None)
    if missing is not None:
        raise UsageError(
            f"--images {missing}: no such folder; expected copy, hard, symlink, none, or the folder with the images"
        )
    return tuple(folders)


def open_contents(
    source: Path,
    format_: Format,
    *,
    skip_corrupt: bool = False,
    images_in: Sequence[Path] = (),
    skip_missing: bool = False,
) -> Contents:
    """Open a dataset in a known format; `skip_missing` leaves out splits of COCO and VOC of which no image is there.

    Raises:
        DatasetError: It cannot be read.
        YolobgError: datumaro is needed and not installed.
    """
    folder = source.parent if source.is_file() else source
    match format_.name:
        case "yolo":
            # Other yaml files beside it are none of its business.
            yaml = find_dataset_yaml(source) if source.is_dir() else None
            return yolo_read.read_yolo(yaml or source, skip_corrupt=skip_corrupt)
        case "yolo_plain":
            return yolo_folders.read_plain(folder)
        case "yolo_darknet":
            return yolo_folders.read_darknet(folder)
        case "coco":
            return coco_read.read_coco(source, images_in, skip_missing=skip_missing)
        case "voc":
            return voc.read_voc(source, images_in, skip_missing=skip_missing)
        case name:
            from yolobg.formats import datumaro_bridge as bridge  # noqa: PLC0415 - datumaro only where it is needed

            return bridge.read(folder, name)


def _formats(source: Path, from_: str | None, to: str) -> tuple[Format, Format]:
    target = get_format(to, "--to")
    return get_format(from_, "--from") if from_ else detect_format(source), target


def _plan(contents: Contents, wish: Wish, target: Format, before: Survey) -> tuple[Changed, tuple[Renamed, ...]]:
    unused = contents.names.keys() - before.used if wish.drop_unused else ()
    kept = choose_classes(contents.names, wish.classes, unused)
    split_names = rename_splits(contents.splits, target, wish.splits)
    renamed = change_names(contents, split_names, target)
    new_names = {(change.split, change.name): change.to for change in renamed}
    return Changed(contents, wish, target, kept, split_names, new_names), renamed


def _check_target(target: Path, source: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"{target}: exists already and is not an empty folder; yolobg replaces nothing, choose another"
        )
    if source.resolve() in target.resolve().parents and source.is_dir():
        raise UsageError(f"{target}: lies inside the source; choose a folder outside {source}")


def _write_and_check(meant: Changed, expected: FormatCounts, task: _Task, progress: Progress) -> Differences:
    with beside(task.target) as staging:
        told = _Told(meant, progress, "write", expected.images)
        with Placer(staging, task.images) as placer:
            _writer(task.target_format)(told, staging, placer)
            placer.finish()
        comparison = _check(meant, expected, staging, task, progress)
        publish(staging, task.target)
    return comparison


def _writer(format_: Format) -> Writer:
    if format_.name in _WRITERS:
        return _WRITERS[format_.name]
    from yolobg.formats import datumaro_bridge as bridge  # noqa: PLC0415 - datumaro only where it is needed

    return bridge.writer(format_.name)


def _check(meant: Changed, expected: FormatCounts, staging: Path, task: _Task, progress: Progress) -> Differences:
    """Read back what was written and compare; the files are closed again when this returns."""
    format_ = task.target_format
    comparison = compare(
        _Told(meant, progress, "check", expected.images),
        _written(staging, format_, task.images, meant),
        pixel_digits=format_.pixel_digits,
        ordered_classes=format_.classes,
    )
    # Names of splits and classes were compared; a format may number its classes anew.
    found = replace(comparison.counts, splits=expected.splits, classes=expected.classes)
    if comparison.different or found != expected:
        shown = "; ".join(comparison.differences) or f"{comparison.counts} where {expected} was expected"
        raise DatasetError(
            f"writing {format_.name} would have changed the dataset: "
            f"{counted(comparison.different, 'image', 'differ')} ({shown}). "
            "Nothing was left behind. This is a limit of the format or its writer: choose another format with --to"
        )
    return comparison


def _written(staging: Path, format_: Format, images: Images, meant: Changed) -> Contents:
    if images == "none" and format_.name.startswith("yolo"):
        # These formats list images, and there are none: the labels are sought where they belong.
        return yolo_folders.read_labels_only(staging, format_.name, meant)
    if images == "none" and not format_.own:
        # Their records know an image by its stem alone.
        return Suffixed(open_contents(staging, format_), meant)
    return open_contents(staging, format_)


class _Told(Wrapped):
    """A dataset whose reading is reported."""

    _STRIDE = 500

    def __init__(self, contents: Contents, progress: Progress, stage: str, total: int | None = None) -> None:
        super().__init__(contents)
        self._progress, self._stage, self._total = progress, stage, total

    def items(self) -> Iterator[Item]:
        done = 0
        for item in self._contents.items():
            if done % self._STRIDE == 0:
                self._progress(self._stage, done, self._total)
            done += 1
            yield item
        self._progress(self._stage, done, self._total or done)


def _told_objects(before: Survey, contents: Contents, wish: Wish) -> tuple[str, ...]:
    """What is odd about the source's objects and classes, and is written as it is."""
    above = [f"{i} '{contents.names[i]}'" for i in contents.meta.above if i not in before.used]
    said = []
    if above and not wish.drop_unused and not wish.classes:
        said.append(
            f"class {', '.join(above)} has no object and only stands above the others, as Roboflow exports it; it "
            "keeps its place in the list of classes, --drop-unused leaves it out"
        )
    if before.flat:
        said.append(
            f"{counted(before.flat, 'object', 'have')} no width or no height, e.g. in {before.first_flat}; kept as "
            "they are"
        )
    if before.short_rings:
        said.append(
            f"{counted(before.short_rings, 'ring')} of outlines {agreeing(before.short_rings, 'have')} fewer than "
            f"three points and {agreeing(before.short_rings, 'were')} left out, e.g. in {before.first_short}"
        )
    if before.parts:
        named = ", ".join(sorted(part or "without a name" for part in before.parts)[:_PARTS_SHOWN])
        said.append(
            f"parts of objects ({named}) are no objects of their own and were left out, e.g. in {before.first_part}"
        )
    return tuple(said)


def _warnings(meant: Contents, source: Format, target: Format) -> tuple[str, ...]:
    warnings: tuple[str, ...] = ()
    if target.name == "yolo" and "val" not in meant.splits:
        warnings = ("there is no val split, which Ultralytics needs to train; name one with --split OLD=val",)
    if source.own and target.own:
        return warnings
    from yolobg.formats import datumaro_bridge as bridge  # noqa: PLC0415 - datumaro only where it is needed

    return warnings + bridge.clash_warnings()
