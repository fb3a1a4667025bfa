"""The formats there are, what each can hold, and which one a folder is in.

Formats of our own are written down here. Those of datumaro come from `datumaro_formats.json`, which
`tools/probe_datumaro.py` derives by writing a dataset, reading it back and counting: a format that loses an image is
not in it.
"""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from yolobg.dataset.data_yaml import find_data_yaml, is_dataset_yaml
from yolobg.errors import DatasetError, UsageError, YolobgError
from yolobg.export_kinds import HEAD_BYTES, MATLAB, TABLE, ExportKind, kind_of_export
from yolobg.files import open_ordinary
from yolobg.formats.coco_read import COCO_NAMES, coco_below, find_coco

__all__ = ["OWN", "Format", "all_formats", "detect_format", "detect_own", "find_dataset_yaml", "get_format"]

_RECORDS = (".json", ".xml", ".csv", ".mat")
_LOOKED_AT = 1000
_YOLO_SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Format:
    """What a format can hold.

    Attributes:
        name: What `--to` and `--from` call it.
        own: Whether it is read and written here rather than by datumaro.
        polygons: Whether it holds outlines.
        masks: Whether it holds an object's mask as a run-length code.
        parts: Whether an outline may have several rings.
        mixed: Whether an image may have outlines and boxes.
        key_points: Whether it holds key points.
        crowds: Whether it holds crowd regions.
        classes: Whether it has a list of classes, so that ids and unused classes are kept.
        named: Whether an object's class is known by its name, so that no two classes may share one.
        unique: Where an image's name must be the only one of its kind.
        suffixes: Whether `a.jpg` and `a.png` are two names there.
        splits: The split names it knows; empty for any.
        pixel_digits: Decimals of a pixel that it writes; None for all.
        nested: Whether names may have folders.
        bare: Whether it can be read without its images.
        trained: Whether trainers read it as it is, who want at least one class.
        in_pixels: Whether its records are in pixels and read here, so that they may be of the stored image, and lie
            apart from the images.
    """

    name: str
    own: bool = True
    polygons: bool = True
    masks: bool = False
    parts: bool = False
    mixed: bool = True
    key_points: bool = False
    crowds: bool = False
    classes: bool = True
    named: bool = False
    unique: Literal["split", "dataset"] = "split"
    suffixes: bool = False
    splits: tuple[str, ...] = ()
    pixel_digits: int | None = None
    nested: bool = True
    bare: bool = True
    trained: bool = False
    in_pixels: bool = False


OWN = {
    format_.name: format_
    for format_ in (
        Format("yolo", mixed=False, key_points=True, splits=(*_YOLO_SPLITS, "minival"), trained=True),
        Format("yolo_plain", mixed=False, splits=_YOLO_SPLITS, trained=True),
        Format("yolo_darknet", polygons=False, splits=_YOLO_SPLITS),
        Format("coco", masks=True, parts=True, key_points=True, crowds=True, suffixes=True, in_pixels=True),
        Format("voc", polygons=False, named=True, unique="dataset", in_pixels=True),
    )
}


@functools.cache
def all_formats() -> dict[str, Format]:
    """Every format by name, our own first."""
    table = json.loads(files("yolobg.formats").joinpath("datumaro_formats.json").read_text(encoding="utf-8"))
    probed = {name: Format(name, own=False, named=True, **held) for name, held in sorted(table["formats"].items())}
    return OWN | probed


def get_format(name: str, option: str) -> Format:
    """A format by name.

    Raises:
        UsageError: There is none; the message lists those there are.
    """
    known = all_formats()
    if name not in known:
        raise UsageError(f"{option} {name}: no such format; there are {', '.join(known)}")
    return known[name]


def detect_format(source: Path) -> Format:
    """Tell which format a folder or file is in, by what only that format has.

    Raises:
        DatasetError: It does not exist, or it cannot be told.
    """
    if source.is_file():
        name = {".yaml": "yolo", ".yml": "yolo", ".json": "coco", ".data": "yolo_darknet"}.get(source.suffix.lower())
    elif source.is_dir():
        name = _detect_folder(source)
    else:
        raise DatasetError(
            f"{source}: no such file or folder; give the dataset's folder, data.yaml or annotations file"
        )
    if name is None:
        if source.is_dir() and (below := coco_below(source)):
            raise DatasetError(f"{source}: {below}")
        if told := _told_by_a_tool(source):
            raise DatasetError(f"{source}: {told}")
        raise DatasetError(
            f"{source}: cannot tell which format this is; name it with --from, one of {', '.join(all_formats())}"
        )
    return all_formats()[name]


def _told_by_a_tool(source: Path) -> str:
    """What to say of a file, or a folder with a file, of an annotation tool; empty where there is none."""
    if source.is_file():
        files = [source]
    else:
        files = list(filter(Path.is_file, itertools.islice(sorted(source.glob("*.*")), _LOOKED_AT)))
    for file in files:
        kind = _kind_of(file) if file.suffix.lower() in _RECORDS else None
        # Any folder may have a table.
        if kind is not None and (kind not in (TABLE, MATLAB) or files == [source]):
            return f"{file.name} is {kind.name}, which convert does not read: {kind.to_convert}"
    return ""


def _kind_of(file: Path) -> ExportKind | None:
    try:
        with open_ordinary(str(file), 1 << 62) as handle:
            return kind_of_export(handle.read(HEAD_BYTES))
    except OSError:
        return None


def _detect_folder(folder: Path) -> str | None:
    own = detect_own(folder)
    if own is not None:
        return own
    from yolobg.formats import datumaro_bridge as bridge  # noqa: PLC0415 - datumaro only where nothing else fits

    return bridge.detect(folder, tuple(name for name, format_ in all_formats().items() if not format_.own))


def detect_own(folder: Path) -> str | None:
    """Tell which of our own formats a folder is in; None where it is none of them.

    Raises:
        DatasetError: There are several data.yaml files, of which none is meant.
    """
    if (folder / "obj.data").is_file():
        return "yolo_darknet"
    if find_dataset_yaml(folder) is not None:
        return "yolo"
    if (folder / "Annotations").is_dir() and (folder / "ImageSets").is_dir():
        return "voc"
    if _is_coco(folder):
        return "coco"
    if (folder / "images").is_dir() and (folder / "labels").is_dir():
        return "yolo_plain"
    return None


def find_dataset_yaml(folder: Path) -> Path | None:
    """The data.yaml at the top of a folder; None where no yaml there has the keys of one.

    Raises:
        DatasetError: There are several, of which none is meant.
    """
    files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in (".yaml", ".yml") and file.is_file()]
    meant = [file for file in files if is_dataset_yaml(file)]
    if not meant:
        return None
    return meant[0] if len(meant) == 1 else find_data_yaml(folder)


def _is_coco(folder: Path) -> bool:
    try:
        found = find_coco(folder)
    except YolobgError:
        return False
    first = next(iter(found.values()))
    if not first.name.startswith(COCO_NAMES):
        return True  # it was looked through
    # datumaro's own format lies in annotations/*.json too.
    with first.open("rb") as file:
        return b'"images"' in file.read(1 << 16) or b'"annotations"' in file.read(1 << 16)
