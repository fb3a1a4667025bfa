"""The held-out backgrounds: a folder or a list of the user's own images, never one that the dataset has or had.

Of a folder or list with more images than asked for, some are chosen by a keyed hash of their names: the same ones each
time, and asking for more keeps those chosen before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import msgspec

from yolobg.changes.rejections import read_rejections
from yolobg.dataset.all_splits import read_all_images
from yolobg.dataset.dataset import Dataset
from yolobg.dataset.inventory import list_images
from yolobg.dataset.layout import coco_id, label_path
from yolobg.errors import AnnotationsError, UsageError
from yolobg.evaluation.by_category import Contents
from yolobg.evaluation_results import BackgroundSet
from yolobg.files import hash_file, read_ordinary
from yolobg.flow.duplicates import Known
from yolobg.flow.planning import recorded
from yolobg.model import Contamination, ImageRecord, Progress, Staged, no_progress

__all__ = ["FEW", "Backgrounds", "hold_out"]

FEW = 200
"""Fewer backgrounds than this show only large differences."""

_LARGEST_LIST_BYTES = 2 << 30
_STRIDE = 50


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
    contents: Contents | None = None
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


def hold_out(
    dataset: Dataset, place: str | Path, *, count: int, seed: int, progress: Progress = no_progress
) -> Backgrounds:
    """Choose the backgrounds for an evaluation.

    Promises that no image of any split, of the manifest or of the list of rejected images is among them: by content
    where the image is on this machine, else by COCO's number in its name.

    Args:
        dataset: The dataset.
        place: A folder of images without objects, or a JSON file: a list of paths, or a COCO-format file, of which the
            images without an annotation count. Relative paths are relative to that file.
        count: How many to choose at most.
        seed: Which ones.
        progress: Told about the stage `backgrounds`.

    Raises:
        UsageError: There is no such folder or file.
        AnnotationsError: The file cannot be read or names no image that may be used.
    """
    path = Path(place).expanduser()
    found = _in_folder(path) if path.is_dir() else _in_list(path)
    seen = _Seen(dataset)
    images: list[str] = []
    left_out = {**found.left_out, "in_dataset": 0, "repeated": 0}
    for image in _ranked(found, seed):
        if len(images) == count:
            break
        if len(images) % _STRIDE == 0:
            progress("backgrounds", len(images), min(count, len(found.paths)))
        if (why := seen.why(image)) is None:
            images.append(image)
        else:
            left_out[why] += 1
    if not images:
        raise AnnotationsError(f"{place}: no background to evaluate on: {_reasons(found, left_out)}")
    images.sort()
    ids = {found.ids[image]: at for at, image in enumerate(images) if image in found.ids}
    info = BackgroundSet(str(place), len(images), len(found.paths) + sum(found.left_out.values()), left_out)
    return Backgrounds(tuple(images), ids, info, (*seen.warnings, *_few(len(images))))


def _few(images: int) -> tuple[str, ...]:
    if images >= FEW:
        return ()
    return (f"{images} backgrounds are few: with fewer than {FEW}, only large differences can be shown",)


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
    for image in list_images((str(folder.absolute()),)):
        if _has_objects(image):
            found.left_out["labelled"] += 1
        else:
            found.paths.append(image)
            found.names.append(Path(image).relative_to(folder.absolute()).as_posix())
    return found


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
    names = list(dict.fromkeys(listed))
    return _Candidates([str(file.absolute().parent / name) for name in names], names)


def _without_annotations(listed: _CocoFile, folder: Path) -> _Candidates:
    annotated = {annotation.image_id for annotation in listed.annotations}
    found = _Candidates(left_out={"labelled": 0})
    for record in listed.images:
        if record.id in annotated:
            found.left_out["labelled"] += 1
            continue
        path = str(folder / record.file_name)
        found.paths.append(path)
        found.names.append(record.file_name)
        if record.id is not None:
            found.ids[path] = record.id
    return found


class _Seen:
    """What the dataset has or had, in any split: by content, or by COCO's number for images that are not here."""

    def __init__(self, dataset: Dataset) -> None:
        everything = read_all_images(dataset.data)
        rejected = read_rejections(dataset.root).ours
        manifest = recorded(dataset)
        self.warnings = everything.warnings
        self._known = Known(everything.images, manifest, rejected)
        self._added = {entry.sha256 for entry in manifest.known}
        held = (*everything.images, *(e.image for e in manifest.known), *(r.image for r in rejected))
        self._numbers = {coco_id(Path(image).stem) for image in held} - {None}
        self._chosen: set[str] = set()

    def why(self, image: str) -> str | None:
        """Why an image cannot be a held-out one: a key of `left_out`, or None if it can."""
        path = Path(image)
        try:
            size, sha256 = path.stat().st_size, hash_file(path)
        except OSError:
            return "in_dataset" if coco_id(path.stem) in self._numbers else None
        if sha256 in self._added or self._known.holds_content(
            Staged(ImageRecord(0, path.name, 0, 0), image, size, sha256, image)
        ):
            return "in_dataset"
        if sha256 in self._chosen:
            return "repeated"
        self._chosen.add(sha256)
        return None
