"""A folder on this machine as a source of backgrounds.

Whatever is in the folder becomes a COCO-format list of images with the classes that each one holds, kept in the cache
folder; from there on it is a source like any other. A folder with named classes leaves out the images that hold an
excluded one. A folder of bare images, or of images with labels whose classes have no names, leaves out every image with
an object. Records that nobody understood stop the run until the user has said what they mean.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from yolobg.dataset.folder_listing import Folders, Walk
from yolobg.dataset.label_reader import LARGEST_LABEL_BYTES
from yolobg.dataset.layout import label_path
from yolobg.errors import AnnotationsError, DatasetError, UsageError
from yolobg.files import is_text, read_ordinary
from yolobg.formats.coco_read import CocoContents
from yolobg.formats.contents import Contents, stem_of
from yolobg.formats.convert import open_contents
from yolobg.formats.registry import all_formats, detect_own
from yolobg.formats.tool_folder import ToolContents
from yolobg.formats.unread import Unread, find_unread
from yolobg.formats.voc import VocContents
from yolobg.formats.yolo_read import YoloContents
from yolobg.matching.list_context import context_of
from yolobg.matching.name_rules import opaque as says_nothing
from yolobg.matching.words import clean_name
from yolobg.sources.cache_folder import keep_list
from yolobg.sources.folder_list import folder_list
from yolobg.sources.lost_images import say_lost
from yolobg.sources.pool_videos import choose_videos, walk_source
from yolobg.sources.tool_source import read_tool_records, say_untold, shown_in
from yolobg.sources.unreadable import WAY_ON, remarks, stop_at_unread, stop_at_unreadable
from yolobg.wording import agreeing, counted

__all__ = ["OwnFolder", "read_pool"]

_ANY = "object"


@dataclass(frozen=True, slots=True)
class OwnFolder:
    """A folder that was read.

    Attributes:
        annotations: The list made of it, in COCO's format.
        images: The folder to which the list's file names are relative.
        plain: Whether the classes have no names, so that any object rules an image out.
        warnings: For a person to read.
        unclear: Classes whose names say nothing, so that an image with one may show anything.
        silent: Whether nothing says what its images show: no records, and not even blank label files.
        frames: Whether frames of its videos are among them.
    """

    annotations: Path
    images: Path
    plain: bool
    warnings: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    silent: bool = False
    frames: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    image: str
    class_ids: frozenset[int]
    labelled: bool = False


@dataclass(frozen=True)
class _Read:
    """What was made of a folder; the fields are those of `OwnFolder`."""

    names: dict[int, str]
    found: list[_Found]
    plain: bool = False
    warnings: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    silent: bool = False


_NOTHING = _Read({0: _ANY}, [], plain=True, silent=True)


def read_pool(folder: Path, cache: Path, *, unlabelled: bool = False, every_ms: int | None = None) -> OwnFolder:
    """Read a folder of background images, an `images/` + `labels/` folder, or an annotated dataset in any known format.

    Reads only, but for the list in the cache, which is replaced when it has changed. Images whose labels are corrupt
    are no part of the pool: what they hold cannot be known. Frames of videos are, where they are asked for or there is
    nothing else; a single video stands for a folder that has only that one.

    Args:
        folder: The folder, or a video; it exists.
        cache: yolobg's cache folder.
        unlabelled: The user says that images about which nothing was understood hold none of the classes, whatever
            records there are. What was understood counts nevertheless.
        every_ms: The time from one frame of a video to the next; None takes the default, and where there are images
            too, those alone.

    Raises:
        UsageError: There is no image in it, or no video where frames are asked for.
        DatasetError: It holds a dataset that cannot be read.
        AnnotationsError: It holds records that were not understood, and `unlabelled` was not said.
        YolobgError: The cache cannot be written.
    """
    walk = walk_source(folder)
    read = _read(folder, walk, unlabelled=unlabelled) if folder.is_dir() else _NOTHING
    chosen = choose_videos(folder, walk, every_ms, unlabelled=unlabelled)
    if not read.found and not chosen.videos:
        raise UsageError(f"--source {folder}: contains no image that trainers read; give the folder of the images")
    read = read if read.found else _NOTHING
    place = folder if folder.is_dir() else folder.resolve().parent
    home = _home(place, [*(entry.image for entry in read.found), *chosen.videos])
    odd = [entry.image for entry in read.found if not is_text(os.path.relpath(entry.image, home))]
    if odd:
        found = [entry for entry in read.found if is_text(os.path.relpath(entry.image, home))]
        read = replace(read, found=found, warnings=(*read.warnings, _odd_names(folder, odd, found)))
    start = cache / "pools" / hashlib.sha256(f"{folder}{chosen.key}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    frames = chosen.list(home, start.with_suffix(".videos"), beside=bool(read.found) and not read.silent)
    file = start.with_suffix(".json")
    shown = [(entry.image, entry.class_ids) for entry in read.found]
    keep_list(file, msgspec.json.encode(folder_list(read.names, shown, home, frames.frames)))
    warnings = read.warnings + frames.warnings
    return OwnFolder(file, home, read.plain, warnings, read.unclear, read.silent, bool(frames.frames))


def _read(folder: Path, walk: Walk, *, unlabelled: bool) -> _Read:
    own, why_not = _own_format(folder)
    if own is not None and (read := _by_format(folder, own, walk, unlabelled=unlabelled)) is not None:
        return read
    found = list(_bare(walk))
    if own is None and (told := _by_tools(folder, walk, found, unlabelled=unlabelled)) is not None:
        return told
    silent, held = [e.image for e in found if not e.class_ids], [e.image for e in found if e.class_ids]
    unread = _unread(folder, walk, silent, _labels_of(walk.images), settled=held)
    if unread.strays and (bridged := _bridged(folder)) is not None:
        return bridged
    stop_at_unread(folder, unread, unlabelled=unlabelled)
    masks = set(unread.masks)
    found = [entry for entry in found if entry.image not in masks]
    warnings = _doubts(folder, found, why_not) + remarks(folder, unread)
    nothing_said = not (unread.strays or unread.captions or any(entry.labelled for entry in found))
    return _Read({0: _ANY}, found, plain=True, warnings=warnings, silent=nothing_said)


def _by_format(folder: Path, own: str, walk: Walk, *, unlabelled: bool) -> _Read | None:
    """The folder as a dataset of one of our formats; None where it cannot be read so, and the user has said enough."""
    try:
        contents = open_contents(folder, all_formats()[own], skip_corrupt=True)
        names, found, lost = _held(folder, contents)
    except DatasetError as error:
        stop_at_unreadable(folder, own, error, unlabelled=unlabelled)
        return None
    if isinstance(contents, VocContents):
        contents = replace(contents, names=names)
    read = _annotated(folder, walk, contents, found, lost, unlabelled=unlabelled)
    if (read.found and read.names) or not walk.images:
        return read
    if unlabelled:
        return None
    why = "its records name no class, so nothing says what its images show"
    if not read.found:
        why = (
            f"its records name no image that is in it, but there {agreeing(len(walk.images), 'are')} "
            f"{len(walk.images):,}"
        )
    raise AnnotationsError(f"--source {folder}: {why}{f': {lost}' if lost else ''}. {WAY_ON}")


def _by_tools(folder: Path, walk: Walk, bare: list[_Found], *, unlabelled: bool) -> _Read | None:
    """The folder as annotation tools leave it; a label of an image's own tells of it too, without a name."""
    contents = read_tool_records(folder, walk, unlabelled=unlabelled)
    if contents is None:
        return None
    labelled = {e.image: contents.partly.get(e.image, frozenset()) for e in bare if e.labelled}
    contents = replace(contents, told={**labelled, **contents.told})
    warnings = () if unlabelled else say_untold(folder, contents, len(bare))
    names, shown = shown_in(contents, ((e.image, bool(e.class_ids)) for e in bare), unlabelled=unlabelled)
    contents, found = replace(contents, names=names), [_Found(image, ids) for image, ids in shown]
    lost = say_lost(folder, contents, contents.lost)
    read = _annotated(folder, walk, contents, found, lost, unlabelled=unlabelled)
    return replace(read, warnings=read.warnings + warnings)


def _own_format(folder: Path) -> tuple[str | None, str]:
    """The format of the folder, of those that need no other library; or None, where classes have no names, and why."""
    try:
        own = detect_own(folder)
    except DatasetError as error:
        return None, str(error)
    if own == "yolo_plain" and not (folder / "classes.txt").is_file():
        own = None
    return own, "there is no data.yaml or classes.txt that names them"


def _annotated(
    folder: Path, walk: Walk, contents: Contents, found: list[_Found], lost: str, *, unlabelled: bool
) -> _Read:
    """A dataset that was read; what lies beside it counts where it says nothing about images."""
    held = [entry.image for entry in found if entry.class_ids]
    stated = _stated(contents) if held else set()
    silent = [entry.image for entry in found if not entry.class_ids and entry.image not in stated]
    known = _labels_of([entry.image for entry in found]) | _read_files(folder, contents)
    nothing = set(silent)
    unread = _unread(folder, walk, silent, known, settled=[e.image for e in found if e.image not in nothing])
    stop_at_unread(folder, unread, unlabelled=unlabelled)
    masks = set(unread.masks)
    found = [entry for entry in found if entry.image not in masks or entry.class_ids]
    warnings = contents.warnings + _lost_warning(folder, lost) + remarks(folder, unread)
    unclear = _unclear(contents.names)
    if found and len(unclear) == len(contents.names) and held:
        found = [_Found(entry.image, frozenset({0} if entry.class_ids else ())) for entry in found]
        why = f"its classes are called {', '.join(unclear[:3])}"
        return _Read({0: _ANY}, found, plain=True, warnings=warnings + _doubts(folder, found, why))
    if unclear and held:
        warnings += (
            f"--source {folder}: its classes {', '.join(unclear[:5])} may be anything, so images with one of them are "
            "left out",
        )
    nothing_said = not (held or unread.strays or unread.captions or _has_blank_labels(contents))
    return _Read(dict(contents.names), found, warnings=warnings, unclear=unclear, silent=nothing_said)


def _has_blank_labels(contents: Contents) -> bool:
    """Whether a file of its own says of an image that it shows nothing, in a dataset without one object."""
    if isinstance(contents, ToolContents):
        return bool(contents.told)
    return not isinstance(contents, CocoContents) and bool(_stated(contents))


def _stated(contents: Contents) -> set[str]:
    """The images about which the records say something, be it that there is nothing in them.

    Of those that tools have written, none may be beside one that was not understood: they are read file by file.
    """
    if isinstance(contents, ToolContents):
        return set()
    if isinstance(contents, YoloContents):
        # Of blank labels it says that they are not there.
        return {e.image for e in contents.listed if e.has_label or os.path.isfile(e.label)}  # noqa: PTH113
    if isinstance(contents, VocContents):
        xml = contents.root / "Annotations"
        return {e.image for e in contents.listed if os.path.isfile(xml / f"{stem_of(e.name)}.xml")}  # noqa: PTH113
    return {item.image for item in contents.items() if item.image is not None}


def _read_files(folder: Path, contents: Contents) -> set[str]:
    """Files with records that were read, besides labels."""
    if isinstance(contents, CocoContents):
        return {str(part.file.resolve()) for part in contents.parts}
    if isinstance(contents, ToolContents):
        return set(contents.files)
    if isinstance(contents, VocContents):
        return {str(file.resolve()) for file in (folder / "Annotations").rglob("*.xml")}
    return set()


def _labels_of(images: Iterable[str]) -> set[str]:
    """The files where `_bare` looks for a label."""
    return {label for image in images for label in (label_path(image), stem_of_path(image) + ".txt")}


def _unclear(names: Mapping[int, str]) -> tuple[str, ...]:
    """Those class names that say nothing: `class_0`, `3`, `object`."""
    context = context_of(tuple(names.values()))
    return tuple(name for name in names.values() if says_nothing(clean_name(name), context) is not None)


def _bridged(folder: Path) -> _Read | None:
    """The folder as datumaro reads it, where that knows it and finds objects in it."""
    from yolobg.formats import datumaro_bridge as bridge  # noqa: PLC0415 - for folders that nothing else fits

    name = bridge.detect(folder, tuple(name for name, format_ in all_formats().items() if not format_.own))
    if name is None:
        return None
    try:
        contents = bridge.read(folder, name)
    except DatasetError:
        return None
    # Of an image with other marks than boxes and outlines, what it shows was not read.
    names, held, lost = _held(folder, contents)
    found = [entry for entry in held if entry.image not in contents.partly or entry.class_ids]
    if not any(entry.class_ids for entry in found):
        return None
    warnings = contents.warnings + _lost_warning(folder, lost)
    return _Read(names, found, warnings=warnings, unclear=_unclear(names))


def _unread(folder: Path, walk: Walk, silent: list[str], known: set[str], settled: Sequence[str] = ()) -> Unread:
    return find_unread(walk, str(folder.resolve()), images=silent, understood=known, settled=settled)


def _odd_names(folder: Path, odd: list[str], found: list[_Found]) -> str:
    if not found:
        raise UsageError(f"--source {folder}: the names of its images are not UTF-8 text; rename them")
    return (
        f"--source {folder}: {counted(len(odd), 'image', 'were')} left out, because their names are not UTF-8 text "
        f"({odd[0]}); rename to use"
    )


def _doubts(folder: Path, found: list[_Found], why_not: str) -> tuple[str, ...]:
    """What to know of a folder whose classes have no names; nothing where no image has a label that says something."""
    held = sum(bool(entry.class_ids) for entry in found)
    if not held:
        return ()
    return (
        f"--source {folder}: its labels do not say what they label ({why_not}), so every image with an object is "
        f"left out, whatever it shows: {held:,} of {len(found):,}. With a classes.txt or data.yaml in it, only "
        "those with an excluded class would be",
    )


def _held(folder: Path, contents: Contents) -> tuple[dict[int, str], list[_Found], str]:
    """The classes, each image once with what it holds in any split, and what to say of records without their image.

    Crowd regions count: what is in a crowd is in the image. So do parts, which are classes of the folder like others.
    """
    names = dict(contents.names)
    numbers = {name: number for number, name in names.items()}
    held: dict[str, frozenset[int]] = {}
    lost = dict[str, None]()
    for item in contents.items():
        if item.image is None:
            lost[item.name] = None
            continue
        parts = {part or _ANY for part in item.parts}
        for part in sorted(parts - numbers.keys()):
            numbers[part] = len(names)
            names[len(names)] = part
        ids = {shape.class_id for shape in item.shapes} | {numbers[part] for part in parts}
        held[item.image] = held.get(item.image, frozenset()) | ids
    return names, [_Found(image, ids) for image, ids in held.items()], say_lost(folder, contents, list(lost))


def _lost_warning(folder: Path, lost: str) -> tuple[str, ...]:
    return (f"--source {folder}: {lost}; they were left out",) if lost else ()


def _bare(walk: Walk) -> Iterator[_Found]:
    """Images, and for each whether a label file of its own says that there is something in it."""
    there = Folders()
    for image in sorted(walk.images):
        if image not in walk.unusable:
            labels = {label_path(image), stem_of_path(image) + ".txt"}
            own = [label for label in labels if there.has_file(label)]
            yield _Found(image, frozenset({0} if any(map(_says_something, own)) else ()), bool(own))


def stem_of_path(image: str) -> str:
    """An image's path without its suffix."""
    return stem_of(image.replace(os.sep, "/")).replace("/", os.sep)


def _says_something(label: str) -> bool:
    try:
        content = read_ordinary(label, LARGEST_LABEL_BYTES)
    except OSError:
        # One that cannot be read, or has no end, may say anything.
        return os.path.isfile(label)  # noqa: PTH113 - a plain string
    return bool(content.removeprefix(b"\xef\xbb\xbf").strip())


def _home(folder: Path, images: list[str]) -> Path:
    """The folder itself, or where its list leads: the folder that all images have in common."""
    resolved = folder.resolve()
    if all(image.startswith(str(resolved) + os.sep) for image in images):
        return resolved
    if all(Path(image).is_relative_to(folder.absolute()) for image in images):
        return folder.absolute()
    try:
        return Path(os.path.commonpath([os.path.dirname(image) for image in images]))  # noqa: PTH120
    except ValueError as error:
        raise DatasetError(f"--source {folder}: its images lie on several drives; move them to one") from error
