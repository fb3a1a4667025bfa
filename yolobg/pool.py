"""A folder on this machine as a source of backgrounds.

Whatever is in the folder becomes a COCO-format list of images with the classes that each one holds, kept in the cache
folder; from there on it is a source like any other. A folder with named classes leaves out the images that hold an
excluded one. A folder of bare images, or of images with labels whose classes have no names, leaves out every image with
an object.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from yolobg.dataset.label_files import LARGEST_LABEL_BYTES
from yolobg.dataset.layout import coco_id, label_path
from yolobg.dataset.listing import Walk
from yolobg.errors import DatasetError, UsageError, YolobgError
from yolobg.files import make_real_folder, read_ordinary, replace_when_done, step
from yolobg.formats.convert import open_contents
from yolobg.formats.items import Contents, stem_of
from yolobg.formats.registry import all_formats, detect_format

__all__ = ["Pool", "read_pool"]

_ANY = "object"
_RECORDS = (".xml", ".json", ".csv", ".yaml", ".yml", ".parquet", ".tfrecord")
_ID_BITS = 48


@dataclass(frozen=True, slots=True)
class Pool:
    """A folder that was read.

    Attributes:
        annotations: The list made of it, in COCO's format.
        images: The folder to which the list's file names are relative.
        plain: Whether the classes have no names, so that any object rules an image out.
        warnings: For a person to read.
    """

    annotations: Path
    images: Path
    plain: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    image: str
    class_ids: frozenset[int]


def read_pool(folder: Path, cache: Path) -> Pool:
    """Read a folder of background images, an `images/` + `labels/` folder, or an annotated dataset in any known format.

    Reads only, but for the list in the cache, which is replaced when it has changed. Images whose labels are corrupt
    are no part of the pool: what they hold cannot be known.

    Args:
        folder: The folder; it exists.
        cache: yolobg's cache folder.

    Raises:
        UsageError: There is no image in it.
        DatasetError: It holds a dataset that cannot be read.
        YolobgError: The cache cannot be written.
    """
    contents, why_not = _open(folder)
    if contents is None:
        names, found = {0: _ANY}, list(_bare(folder))
        warnings = _doubts(folder, found, why_not)
    else:
        names, found, warnings = dict(contents.names), list(_held(contents)), contents.warnings
    if not found:
        raise UsageError(f"--source {folder}: holds no image that trainers read; give the folder of the images")
    home = _home(folder, [entry.image for entry in found])
    file = cache / "pools" / f"{hashlib.sha256(str(folder).encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.json"
    _write(file, names, found, home)
    return Pool(file, home, contents is None, warnings)


def _open(folder: Path) -> tuple[Contents | None, str]:
    """The dataset in the folder; or None, where its classes have no names, and what is missing."""
    try:
        format_ = detect_format(folder)
    except DatasetError as error:
        return None, str(error)
    if format_.name == "yolo_plain" and not (folder / "classes.txt").is_file():
        return None, "there is no data.yaml or classes.txt that names them"
    return open_contents(folder, all_formats()[format_.name], skip_corrupt=True), ""


def _doubts(folder: Path, found: list[_Found], why_not: str) -> tuple[str, ...]:
    """What to know of a folder whose classes have no names; nothing where it is images and blank labels."""
    held = sum(bool(entry.class_ids) for entry in found)
    if held:
        return (
            f"--source {folder}: its labels do not say what they label ({why_not}), so every image with an object is "
            f"left out, whatever it shows: {held:,} of {len(found):,}. With a classes.txt or data.yaml in it, only "
            "those with an excluded class would be",
        )
    strange = next(_records(folder), None)
    if strange is None:
        return ()
    return (
        f"--source {folder}: its records ({strange}) were NOT read ({why_not}), so all {len(found):,} images are taken "
        "for backgrounds. If they hold labels, convert the folder first: yolobg convert, with --from",
    )


def _records(folder: Path) -> Iterator[str]:
    """Files that may be annotations in a format that was not recognised."""
    for home, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_RECORDS) and not name.startswith("."):
                yield os.path.relpath(os.path.join(home, name), folder)  # noqa: PTH118


def _held(contents: Contents) -> Iterator[_Found]:
    """Each image once, with what it holds in any split; crowd regions count: what is in a crowd is in the image."""
    held: dict[str, frozenset[int]] = {}
    for item in contents.items():
        if item.image is not None:
            ids = frozenset(shape.class_id for shape in item.shapes)
            held[item.image] = held.get(item.image, frozenset()) | ids
    return (_Found(image, ids) for image, ids in held.items())


def _bare(folder: Path) -> Iterator[_Found]:
    """Images, and for each whether a label file of its own says that there is something in it."""
    walk = Walk()
    walk.add(str(folder.resolve()))
    for image in sorted(walk.images):
        if image not in walk.unusable:
            held = any(_says_something(label) for label in {label_path(image), stem_of_path(image) + ".txt"})
            yield _Found(image, frozenset({0} if held else ()))


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
        raise DatasetError(f"--source {folder}: its images lie on several drives; bring them to one") from error


def _write(file: Path, names: dict[int, str], found: list[_Found], home: Path) -> None:
    content = msgspec.json.encode(_content(names, found, home))
    with suppress(OSError):
        # The catalog made of an unchanged list is found by the file's stamp, without reading it.
        if file.read_bytes() == content:
            return
    try:
        make_real_folder(file.parent)
        with replace_when_done(file) as part:
            step("write", part)
            part.write_bytes(content)
    except OSError as error:
        raise YolobgError(f"{file}: cannot be written: {error.strerror or error}; set YOLOBG_CACHE_DIR") from error


def _content(names: dict[int, str], found: list[_Found], home: Path) -> dict[str, Any]:
    images, annotations, taken = [], [], set[int]()
    for entry in found:
        name = Path(entry.image).relative_to(home).as_posix()
        number = _number(name)
        while number in taken:
            number += 1
        taken.add(number)
        # No sizes: to ask every file for its header would cost more than all the rest; chosen images are verified.
        images.append({"id": number, "file_name": name})
        annotations += [{"image_id": number, "category_id": class_id + 1} for class_id in sorted(entry.class_ids)]
    categories = [{"id": class_id + 1, "name": name} for class_id, name in names.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _number(name: str) -> int:
    """A number that an image keeps from run to run: COCO's own, where the name tells it, else one made of the name."""
    known = coco_id(stem_of(name).rpartition("/")[2])
    if known is not None:
        return known
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> (64 - _ID_BITS)
