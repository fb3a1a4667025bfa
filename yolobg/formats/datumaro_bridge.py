"""Formats that datumaro reads and writes, fed from our own readers; the only module that imports it.

datumaro rounds every coordinate to hundredths of a pixel when an annotation is made. That is lifted for as long as we
use it and put back afterwards.
"""

from __future__ import annotations

import contextlib
import filecmp
import importlib
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from yolobg.dataset.layout import is_image
from yolobg.errors import DatasetError, MergeError, UsageError
from yolobg.formats.contents import Contents, Item, Meta, Shape, box_around, image_size, item_order, size_of, stem_of
from yolobg.formats.place_images import Placer
from yolobg.safe_names import is_safe

__all__ = ["BridgedContents", "clash_warnings", "detect", "environment", "read", "version", "writer"]

_INSTALL = "pip install 'yolobg[convert]'"
_ISOLATED = "uvx --from 'PLACE[convert]' yolobg convert …, where PLACE is a checkout or wheel of yolobg"
# Both own the folder `cv2`: the one installed last wins, and removing either breaks both.
_OPENCVS = ("opencv-python", "opencv-python-headless")
_DIGITS = 8
_TRIPLE = 3
_log = logging.getLogger(__name__)
# datumaro's switch belongs to the whole process.
_SWITCH = threading.RLock()


def version() -> str:
    """The version of the installed datumaro.

    Raises:
        UsageError: It is not installed.
    """
    return str(_module("datumaro").__version__)


def environment() -> Any:
    """Datumaro's table of formats.

    Raises:
        UsageError: It is not installed.
    """
    return _module("datumaro.components.environment").Environment()


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"this format is read and written through datumaro, which is not installed ({error}): {_how_to_install()}"
        ) from error
    # Of libraries built for one another, a wrong pair fails in many ways.
    except Exception as error:
        raise UsageError(f"datumaro is installed and cannot be imported ({error!r}); install it again") from error


def _how_to_install() -> str:
    if not any(map(_is_installed, ("ultralytics", *_OPENCVS))):
        return _INSTALL
    return (
        f"run it in an environment of its own: {_ISOLATED}. "
        f"`{_INSTALL}` here would bring a second OpenCV and an older Pillow beside those that are installed"
    )


def clash_warnings() -> tuple[str, ...]:
    """A warning where datumaro and Ultralytics have each brought an OpenCV into this environment."""
    if not all(map(_is_installed, _OPENCVS)):
        return ()
    return (
        f"{' and '.join(_OPENCVS)} are both installed, and each overwrites files of the other: keep datumaro out of "
        f"the environment of Ultralytics, and convert with {_ISOLATED}",
    )


def _is_installed(distribution: str) -> bool:
    return any(True for _ in metadata.distributions(name=distribution))


@contextlib.contextmanager
def _exact() -> Iterator[None]:
    """Datumaro without its rounding and without what it logs, for the time of a block."""
    annotation = _module("datumaro.components.annotation")
    root = logging.getLogger()
    # A handler has to be there, or its calls would set up logging for the whole process.
    silent, silence = logging.NullHandler(), _SilenceRoot()
    with _SWITCH:
        before = annotation.COORDINATE_ROUNDING_DIGITS
        annotation.COORDINATE_ROUNDING_DIGITS = _DIGITS
        root.addHandler(silent)
        root.addFilter(silence)
        try:
            yield
        finally:
            annotation.COORDINATE_ROUNDING_DIGITS = before
            root.removeFilter(silence)
            root.removeHandler(silent)


class _SilenceRoot(logging.Filter):
    """Drops what is logged to the root logger itself, as datumaro does; loggers with a name are not asked."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return False


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class BridgedContents:
    """A dataset that datumaro has read.

    `partly` are images with marks of other kinds than boxes, outlines and key points, which were not read.
    """

    names: Mapping[int, str]
    splits: tuple[str, ...]
    listed: Sequence[Item]
    meta: Meta = field(default_factory=Meta)
    warnings: tuple[str, ...] = ()
    partly: frozenset[str] = frozenset()

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image, in that order."""
        return ((item.split, item.name) for item in self.listed)

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""
        return iter(self.listed)


def detect(folder: Path, known: Sequence[str]) -> str | None:
    """The one of the known formats that datumaro takes the folder for; None where it is none or not one alone.

    Where datumaro is not installed nothing is detected. A detector that fails has not detected its format: many parse
    what they find, or need libraries that datumaro does not bring.
    """
    try:
        there = environment()
    except UsageError:
        return None
    try:
        for entries in there.importers.extension_groups.values():
            entries[:] = [(name, _Careful(name, importer)) for name, importer in entries]
        with _exact():
            found = [name for name in there.detect_dataset(str(folder)) if name in known]
    except Exception:  # noqa: BLE001 - what is none of its formats may break it in any way
        _log.debug("datumaro cannot tell what %s is", folder, exc_info=True)
        return None
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class _Careful:
    """An importer of datumaro that rejects what its detector fails on; imported when it is asked."""

    name: str
    importer: Any = field(compare=False)

    def get_plugin_cls(self) -> _Careful:
        return self

    def detect(self, context: Any) -> Any:
        unmet = _module("datumaro.components.format_detection").FormatRequirementsUnmet
        try:
            return self.importer.get_plugin_cls().detect(context)
        except unmet:
            raise
        # Its parsers raise much, and so does an import of what is not installed.
        except Exception as error:
            raise unmet((f"{self.name}: {error!r}",)) from error


def read(folder: Path, name: str) -> BridgedContents:
    """Read a dataset through datumaro.

    Raises:
        UsageError: datumaro is not installed.
        DatasetError: It cannot read this as that format, or read a part only.
    """
    dataset_class = _module("datumaro.components.dataset").Dataset
    try:
        with _exact():
            dataset = dataset_class.import_from(str(folder), name)
            labels = [label.name for label in dataset.categories()[_kind("label")].items]
            listed = sorted((_item(item, len(labels)) for item in dataset), key=item_order)
            partly = frozenset(str(item.media.path) for item in dataset if _has_other_marks(item))
    except DatasetError:
        raise
    # What it raises is of many kinds, those of its parsers among them.
    except Exception as error:
        raise DatasetError(f"{folder}: datumaro cannot read this as {name}: {error}") from error
    splits = tuple(sorted({item.split for item in listed}))
    most = max((len(shape.key_points) // _TRIPLE for item in listed for shape in item.shapes), default=0)
    meta = Meta(kpt_shape=(most, _TRIPLE) if most else None)
    return BridgedContents(dict(enumerate(labels)), splits, listed, meta, partly=partly)


def _has_other_marks(item: Any) -> bool:
    known = (_kind("bbox"), _kind("polygon"), _kind("points"))
    return bool(getattr(item.media, "path", None)) and any(a.type not in known for a in item.annotations)


def _kind(name: str) -> Any:
    return getattr(_module("datumaro.components.annotation").AnnotationType, name)


def _item(item: Any, classes: int) -> Item:
    path = getattr(item.media, "path", None)
    image = str(path) if path and os.path.isfile(path) else None  # noqa: PTH113 - as it gives it
    suffix = os.path.splitext(path)[1] if path else ".jpg"  # noqa: PTH122
    name = f"{item.id.replace(os.sep, '/')}{suffix}"
    size = _size(item, image)
    annotations = [a for a in item.annotations if a.type in (_kind("bbox"), _kind("polygon"), _kind("points"))]
    if annotations and size is None:
        raise DatasetError(f"{item.subset}/{name}: the size of the image is not known; give the images as well")
    shapes = _shapes(annotations, size or (1, 1), classes)
    return Item(item.subset, name, image, tuple(shapes), size)


def _size(item: Any, image: str | None) -> tuple[int, int] | None:
    """The size that the record is in: of the stored image, the shown one or a copy; else that of the file."""
    if item.media and getattr(item.media, "has_size", False):
        height, width = item.media.size
        return int(width), int(height)
    return image_size(Path(image)) if image is not None and item.annotations else None


def _shapes(annotations: Sequence[Any], size: tuple[int, int], classes: int) -> Iterator[Shape]:
    """Objects; key points belong to the object of their group."""
    points = {a.group: a for a in annotations if a.type == _kind("points")}
    for annotation in annotations:
        if annotation.type == _kind("points"):
            continue
        if annotation.label is None or not 0 <= annotation.label < classes:
            raise DatasetError(f"an object has no class that the dataset lists ({annotation.label})")
        crowd = bool(annotation.attributes.get("is_crowd", False))
        marks = points.get(annotation.group) if annotation.group else None
        yield _shape(annotation, size, crowd=crowd, marks=marks)


def _shape(annotation: Any, size: tuple[int, int], *, crowd: bool, marks: Any) -> Shape:
    shares = tuple(value / size[i % 2] for i, value in enumerate(annotation.points))
    key_points: tuple[float, ...] = ()
    if marks is not None:
        pairs = [value / size[i % 2] for i, value in enumerate(marks.points)]
        seen = [float(getattr(v, "value", v)) for v in marks.visibility]
        key_points = tuple(v for i, s in enumerate(seen) for v in (pairs[2 * i], pairs[2 * i + 1], s))
    if annotation.type == _kind("polygon"):
        return Shape(annotation.label, box_around((shares,)), (shares,), key_points, crowd)
    left, top, right, bottom = shares
    box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return Shape(annotation.label, box, (), key_points, crowd)


# ---------------------------------------------------------------- writing


def writer(name: str) -> Callable[[Contents, Path, Placer], None]:
    """The function that writes a format through datumaro.

    Raises:
        UsageError: datumaro is not installed.
    """
    _module("datumaro")

    def write(contents: Contents, target: Path, place: Placer) -> None:
        dataset_class = _module("datumaro.components.dataset").Dataset
        media = _module("datumaro.components.media").Image
        try:
            with _exact():
                dataset = dataset_class.from_iterable(
                    _Handed(contents, place.mode == "none"), categories=list(contents.names.values()), media_type=media
                )
                dataset.export(str(target), name, save_media=place.mode != "none")
        except (DatasetError, MergeError, UsageError, OSError):
            raise
        # What its writers raise is of many kinds.
        except Exception as error:
            raise DatasetError(f"datumaro cannot write this dataset as {name}: {error}") from error
        if place.mode in ("hard", "symlink"):
            _link(contents, target, place)

    return write


@dataclass(frozen=True)
class _Handed:
    """Our images as datumaro's; it goes through them more than once."""

    contents: Contents
    bare: bool

    def __iter__(self) -> Iterator[Any]:
        return _items(self.contents, bare=self.bare)


def _items(contents: Contents, *, bare: bool) -> Iterator[Any]:
    item_class = _module("datumaro.components.dataset_base").DatasetItem
    media = _module("datumaro.components.media").Image
    for item in contents.items():
        if not (is_safe(item.name) and is_safe(item.split)):
            # datumaro makes its files by itself, wherever a name leads.
            raise MergeError(f"{item.split}/{item.name}: yolobg writes no file of this name; nothing was left behind")
        width, height = size_of(item)
        # Without files it still wants names for its records; it refuses to read back one that leads elsewhere.
        path = item.image if item.image and not bare else item.name
        image = media.from_file(path=path, size=(height, width))
        objects = [_annotations(shape, width, height, group) for group, shape in enumerate(item.shapes, 1)]
        annotations = list(itertools.chain.from_iterable(objects))
        yield item_class(id=stem_of(item.name), subset=item.split, media=image, annotations=annotations)


def _annotations(shape: Shape, width: int, height: int, group: int) -> Iterator[Any]:
    annotation = _module("datumaro.components.annotation")
    attributes = {"is_crowd": True} if shape.crowd else {}
    common = {"label": shape.class_id, "id": group, "group": group, "attributes": attributes}
    if shape.polygons:
        yield annotation.Polygon([v * (height if i % 2 else width) for i, v in enumerate(shape.polygons[0])], **common)
    else:
        x, y, w, h = shape.box
        yield annotation.Bbox((x - w / 2) * width, (y - h / 2) * height, w * width, h * height, **common)
    if shape.key_points:
        triples = [shape.key_points[i : i + _TRIPLE] for i in range(0, len(shape.key_points), _TRIPLE)]
        points = [value for x, y, _ in triples for value in (x * width, y * height)]
        yield annotation.Points(points, visibility=[int(v) for _, _, v in triples], **common)


def _link(contents: Contents, target: Path, place: Placer) -> None:
    """Datumaro only copies; a copy that equals its source byte for byte is replaced by a link to it."""
    copies: dict[int, list[Path]] = {}
    for path in target.rglob("*"):
        if is_image(path.name) and path.is_file():
            copies.setdefault(path.stat().st_size, []).append(path)
    for item in contents.items():
        alike = copies.get(Path(item.image).stat().st_size, []) if item.image else []
        copy = next((path for path in alike if filecmp.cmp(str(item.image), path, shallow=False)), None)
        if copy is not None:
            alike.remove(copy)
            copy.unlink()
            place.put(item, str(copy))
