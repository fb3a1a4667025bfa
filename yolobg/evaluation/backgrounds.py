"""The held-out backgrounds: of COCO val2017, or a folder or list of the user's own; none that the dataset has or had.

Of a folder or list with more images than asked for, some are chosen by a keyed hash of their names: the same ones each
time, and asking for more keeps those chosen before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import msgspec

from yolobg.dataset.folder_listing import Walk
from yolobg.dataset.inventory import list_images
from yolobg.dataset.layout import label_path, public_id_in
from yolobg.errors import AnnotationsError, UsageError
from yolobg.evaluation.by_category import BackgroundContents
from yolobg.evaluation_results import BackgroundSet
from yolobg.files import read_ordinary
from yolobg.flow.held_out import HeldOut, contents_of, train2017
from yolobg.flow.held_out_images import bring_held_out, held_out_places
from yolobg.flow.options import Request
from yolobg.flow.seen import Seen
from yolobg.formats.unread import find_unread
from yolobg.model import Contamination, Progress, no_progress
from yolobg.sources.location import COCO2017_VAL
from yolobg.sources.open_images import OPEN_IMAGES
from yolobg.wording import agreeing, counted

__all__ = ["FEW", "NAMED", "VAL2017", "Backgrounds", "background_set", "bring", "foreseen", "hold_out"]

VAL2017 = "coco-val2017"
"""What `--backgrounds` names the images of COCO that are held out."""

OPEN_IMAGES_VAL = "openimages-val"
NAMED = {VAL2017: COCO2017_VAL.name, OPEN_IMAGES_VAL: OPEN_IMAGES.name}
"""What `--backgrounds` names to the source that is meant."""

FEW = 200
"""Fewer backgrounds than this show only large differences."""

_LARGEST_LIST_BYTES = 2 << 30
_STRIDE = 50
_SHOWN = 4


@dataclass(frozen=True)
class Backgrounds:
    """The chosen backgrounds.

    Attributes:
        images: Their paths.
        ids: The number that the list gives an image to its place in `images`; empty for a folder.
        info: Where they come from and what was left out.
        warnings: For a person to read.
        contents: What the source says is in them; None where it says nothing.
        floor: Expected share of them that show one of the dataset's classes after all; None where there is no figure.
    """

    images: tuple[str, ...]
    ids: dict[int, int]
    info: BackgroundSet
    warnings: tuple[str, ...]
    contents: BackgroundContents | None = None
    floor: Contamination | None = None


@dataclass(frozen=True)
class _Candidates:
    """What a folder or list holds: paths, what to rank each by, the list's own numbers, and what was left out."""

    paths: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


class _Record(msgspec.Struct):
    file_name: str
    id: int | None = None


class _Annotation(msgspec.Struct):
    image_id: int


class _CocoFile(msgspec.Struct):
    images: list[_Record]
    annotations: list[_Annotation] = []


def hold_out(seen: Seen, place: str | Path, *, count: int, seed: int, progress: Progress = no_progress) -> Backgrounds:
    """Choose the backgrounds for an evaluation from a folder or list of the user's own.

    Promises that no image of any split, of the manifest or of the list of rejected images is among them: by COCO's
    number in its name, and by content where the image is on this machine. None has a number of COCO train2017, and none
    a label file with objects.

    Args:
        seen: What the dataset has or had.
        place: A folder of images without objects, or a JSON file: a list of paths, or a COCO-format file, of which the
            images without an annotation count. Relative paths are relative to that file.
        count: How many to choose at most.
        seed: Which ones.
        progress: Told about the stage `backgrounds`.

    Raises:
        UsageError: There is no such folder or file.
        AnnotationsError: The file cannot be read, no image may be used, or the folder holds records of its images that
            are no YOLO labels.
    """
    path = Path(place).expanduser()
    found = _in_folder(path) if path.is_dir() else _in_list(path)
    numbers = {image: public_id_in(image) for image in found.paths}
    train = train2017() if any(number is not None for number in numbers.values()) else frozenset()
    fresh = seen.fresh()
    images: list[str] = []
    left_out = {**found.left_out, "in_dataset": 0, "repeated": 0}
    for image in _ranked(found, seed):
        if len(images) == count:
            break
        if len(images) % _STRIDE == 0:
            progress("backgrounds", len(images), min(count, len(found.paths)))
        why = fresh.why(image) or ("in_train2017" if numbers[image] in train else None)
        if why is None:
            images.append(image)
        else:
            left_out[why] = left_out.get(why, 0) + 1
    if not images:
        raise AnnotationsError(f"{place}: no background to evaluate on: {_reasons(found, left_out)}")
    images.sort()
    ids = {found.ids[image]: at for at, image in enumerate(images) if image in found.ids}
    info = BackgroundSet(str(place), len(images), len(found.paths) + sum(found.left_out.values()), left_out)
    return Backgrounds(tuple(images), ids, info, (*seen.warnings, *_few(len(images)), *_not_here(images)))


def bring(held: HeldOut, seen: Seen, request: Request, *, count: int, progress: Progress = no_progress) -> Backgrounds:
    """Bring the backgrounds of a source to this machine.

    Promises what `hold_out` promises, and that each image is whole.

    Args:
        held: Which images may be used, in order.
        seen: What the dataset has or had.
        request: How to fetch.
        count: How many to use at most.
        progress: Called with how far each stage is.

    Raises:
        DownloadError: Too few can be fetched.
        YolobgError: Too few are left, or the cache cannot be written.
    """
    brought = bring_held_out(
        held, count, least=min(FEW, count), why_not=seen.fresh().why, jobs=request.jobs, progress=progress
    )
    left_out = dict(held.left_out)
    for why, number in (*brought.left_out.items(), ("not_fetched", len(brought.failed))):
        left_out[why] = left_out.get(why, 0) + number
    categories, groups = contents_of(held, brought.ids)
    return Backgrounds(
        images=tuple(brought.paths),
        ids={image_id: place for place, image_id in enumerate(brought.ids)},
        info=background_set(held, len(brought.ids), left_out),
        warnings=(*held.warnings, *seen.warnings, *_few(len(brought.ids)), *_fewer(len(brought.ids), count)),
        contents=BackgroundContents(categories, groups),
        floor=held.judged.overall,
    )


def foreseen(held: HeldOut, seen: Seen, *, count: int) -> Backgrounds:
    """The backgrounds of a source as they will be if all of the first images can be had; brings none."""
    images = held_out_places(held, count)
    return Backgrounds(
        images=tuple(images),
        ids={},
        info=background_set(held, len(images), held.left_out),
        warnings=(*held.warnings, *seen.warnings, *_few(len(images)), *_fewer(len(images), count)),
        floor=held.judged.overall,
    )


def background_set(held: HeldOut, images: int, left_out: Mapping[str, int]) -> BackgroundSet:
    """Where the backgrounds of a source come from, as the results show it."""
    return BackgroundSet(held.source.name, images, held.images, dict(left_out), held.judged.matches)


def _fewer(images: int, count: int) -> tuple[str, ...]:
    return (
        (f"{counted(count, 'background', 'were')} asked for, and {images:,} could be used",) if images < count else ()
    )


def _few(images: int) -> tuple[str, ...]:
    if images >= FEW:
        return ()
    return (f"{counted(images, 'background', 'are')} few: with fewer than {FEW}, only large differences can be shown",)


def _not_here(images: Sequence[str]) -> tuple[str, ...]:
    absent = sum(not Path(image).exists() for image in images)
    if not absent:
        return ()
    told = f"{absent:,} of {len(images):,} backgrounds {agreeing(absent, 'are')} not on this machine"
    return (f"{told}, so {'its' if absent == 1 else 'their'} content was not compared",)


def _reasons(found: _Candidates, left_out: dict[str, int]) -> str:
    if not found.paths and not sum(left_out.values()):
        return "it has no images"
    return ", ".join(f"{number:,} {reason.replace('_', ' ')}" for reason, number in left_out.items() if number)


def _ranked(found: _Candidates, seed: int) -> Iterator[str]:
    key = seed.to_bytes(16, "little", signed=True)
    order = sorted(
        range(len(found.paths)),
        key=lambda at: (
            blake2b(found.names[at].encode("utf-8", "surrogateescape"), digest_size=8, key=key).digest(),
            at,
        ),
    )
    return (found.paths[at] for at in order)


def _in_folder(folder: Path) -> _Candidates:
    """The images of a folder and those below it, without those that have a label file with objects."""
    found = _Candidates(left_out={"labelled": 0})
    labelled: list[str] = []
    for image in list_images((str(folder.absolute()),)):
        if _has_objects(image):
            found.left_out["labelled"] += 1
            labelled.append(image)
        else:
            found.paths.append(image)
            found.names.append(Path(image).relative_to(folder.absolute()).as_posix())
    _check_records(folder, found.paths, labelled)
    return found


def _check_records(folder: Path, images: Sequence[str], labelled: Sequence[str]) -> None:
    """Refuse a folder with records of its images that are not read here: any image may show an object."""
    walk, root = Walk(others=True), str(folder.absolute())
    walk.add(root)
    labels = {label_path(image) for image in (*images, *labelled)}
    strays = find_unread(walk, root, images=images, understood=labels, settled=labelled).strays
    if strays:
        shown = "; ".join(f"{stray.file} ({stray.why})" for stray in strays[:_SHOWN])
        raise AnnotationsError(
            f"--backgrounds {folder}: it contains what look like records of its images ({len(strays):,}: {shown}), so "
            "any image may show an object. Expected images without objects, or with YOLO labels (.txt). If it is a "
            "COCO file, give the file: --backgrounds FILE.json; move away what is not a record"
        )


def _has_objects(image: str) -> bool:
    try:
        return bool(Path(label_path(image)).read_bytes().strip())
    except OSError:
        return False


def _in_list(file: Path) -> _Candidates:
    if file.suffix.lower() != ".json" or not file.is_file():
        raise UsageError(f"--backgrounds {file}: give a folder of images, or a .json file that lists them")
    try:
        listed = msgspec.json.decode(read_ordinary(file, _LARGEST_LIST_BYTES), type=list[str] | _CocoFile)
    except OSError as error:
        raise AnnotationsError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise AnnotationsError(
            f"{file}: not a list of images ({error}); expected a JSON list of paths, or a COCO-format file with images"
        ) from error
    if isinstance(listed, _CocoFile):
        return _without_annotations(listed, file.absolute().parent)
    found = _Candidates(left_out={"labelled": 0})
    for name in dict.fromkeys(listed):
        path = str(file.absolute().parent / name)
        if _has_objects(path):
            found.left_out["labelled"] += 1
        else:
            found.paths.append(path)
            found.names.append(name)
    return found


def _without_annotations(listed: _CocoFile, folder: Path) -> _Candidates:
    annotated = {annotation.image_id for annotation in listed.annotations}
    found = _Candidates(left_out={"labelled": 0})
    for record in listed.images:
        path = str(folder / record.file_name)
        if record.id in annotated or _has_objects(path):
            found.left_out["labelled"] += 1
            continue
        found.paths.append(path)
        found.names.append(record.file_name)
        if record.id is not None:
            found.ids[path] = record.id
    return found
