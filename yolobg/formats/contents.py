"""What readers give and writers take: images with their objects, in shares of the image's size.

Nothing here touches the disk but what reads the header of one image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from yolobg.dataset.label_rules import why_point_outside
from yolobg.dataset.name_differences import nearly_called
from yolobg.errors import DatasetError

__all__ = [
    "EXIF_SIDEWAYS",
    "Box",
    "Contents",
    "Item",
    "Kind",
    "Shape",
    "Suffixed",
    "Wrapped",
    "box_around",
    "image_size",
    "item_order",
    "missing_split",
    "not_found",
    "noted_turn",
    "size_of",
    "stem_of",
    "stored_size",
    "unmarked_outside",
]

Kind = Literal["box", "polygon"]
Box = tuple[float, float, float, float]

_EXIF_ORIENTATION = 0x0112
EXIF_SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations whose image is shown with its sides swapped."""
_TIFF_SIZE = (256, 257)
_APP1, _START_OF_SCAN = 0xE1, 0xDA
_HEAD_BYTES = 1 << 12
_FOLDERS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """One object. All coordinates are shares (0-1) of the image's width and height.

    Attributes:
        class_id: An id of `Contents.names`.
        box: Centre x and y, width, height.
        polygons: The rings of its outline, each `x, y, x, y, …`; empty for a box.
        key_points: `x, y, visibility` for each; visibility is 0, 1 or 2 as in COCO. Empty where there are none.
        crowd: Whether it is a region with many objects rather than one object.
        mask: A run-length code as COCO writes it, kept as it came: a crowd region's, or of an object without outline.
        area: How many pixels it covers, where the source says so.
        short_rings: How many rings of fewer than three points the source has beside those of `polygons`.
    """

    class_id: int
    box: Box
    polygons: tuple[tuple[float, ...], ...] = ()
    key_points: tuple[float, ...] = ()
    crowd: bool = False
    mask: object = None
    area: float | None = None
    short_rings: int = 0

    @property
    def kind(self) -> Kind:
        """What it counts as."""
        return "polygon" if self.polygons else "box"


@dataclass(frozen=True, slots=True)
class Item:
    """One image with its objects.

    Attributes:
        split: The split's name.
        name: The image's path within the split, with `/` and its suffix; unique in the split.
        image: The image file; None where only the record is at hand.
        shapes: Its objects in the order of the file; none but crowd regions make it a background.
        size: Width and height in pixels; None where it has to be asked of the file.
        source_id: The source's own number of the image, to be kept where the target has numbers too.
        sought: Where the image file was looked for, where there is none.
        measured: Whether the record names no size, so that `size` is the file's, as it is shown.
        parts: The names of what is marked as a part of an object and is none itself (VOC); empty where it has no name.
    """

    split: str
    name: str
    image: str | None
    shapes: tuple[Shape, ...] = ()
    size: tuple[int, int] | None = None
    source_id: int | None = None
    measured: bool = False
    sought: str = ""
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Meta:
    """What a format says of its classes besides their names.

    Attributes:
        category_ids: Class id to the source's own number, where it has one.
        kpt_shape: Number of key points and their dimensions (2 or 3), where objects have them.
        flip_idx: Key points after a mirror image, as YOLO pose datasets say it.
        above: Class ids whose name is what other classes name as the one above them.
    """

    category_ids: Mapping[int, int] = field(default_factory=dict)
    kpt_shape: tuple[int, int] | None = None
    flip_idx: tuple[int, ...] = ()
    above: tuple[int, ...] = ()


class Contents(Protocol):
    """A dataset that can be read as often as need be."""

    @property
    def names(self) -> Mapping[int, str]:
        """Class id to name; ids are 0 to n - 1, in ascending order."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits there are, also empty ones."""

    @property
    def meta(self) -> Meta:
        """More about the classes."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know."""

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image, in that order, without reading any annotation."""

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""


class Wrapped:
    """A dataset made of another one, of which it passes everything on but the images; its subclasses give those."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self.names, self.splits, self.meta = contents.names, contents.splits, contents.meta

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know."""
        return self._contents.warnings

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image, in that order."""
        return self._contents.listing()


class Suffixed(Wrapped):
    """A dataset without image files, whose images get the suffixes back that they are known to have."""

    def __init__(self, contents: Contents, meant: Contents) -> None:
        super().__init__(contents)
        self._names = {(split, stem_of(name)): name for split, name in meant.listing()}

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image."""
        return ((item.split, item.name) for item in self.items())

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""
        for item in self._contents.items():
            yield replace(item, name=self._names.get((item.split, stem_of(item.name)), item.name))


def item_order(item: Item) -> tuple[str, str]:
    """The order in which all readers give their images."""
    return item.split, item.name


def not_found(name: str, folders: Sequence[str], *, is_first: bool = False) -> str:
    """What is said of an image that is in none of the folders that there are for it, by the name in its record.

    Args:
        name: Its name.
        folders: The folders.
        is_first: Whether it is the first one, which an error will name: then files of nearly that name are looked for.
    """
    if is_first and (near := nearly_called(name, folders)):
        return f"'{name}' does not exist, but {near}. Correct the name in one of the two"
    few = ", ".join(folders[:_FOLDERS_SHOWN]) + (" and more" if len(folders) > _FOLDERS_SHOWN else "")
    return f"'{name}' is not in {few}" if folders else f"'{name}' has no folder to be looked for in"


def missing_split(split: str, file: Path, images: int) -> str:
    """What is said of a split that is left out since none of the images that its file names is there."""
    why = f"none of the {images:,} images that {file.name} names is there" if images else f"{file.name} names no image"
    return f"split '{split}': {why}: the split was left out"


def stem_of(name: str) -> str:
    """A name without its suffix, folders kept: what formats that name annotation files after images go by."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + (last.rpartition(".")[0] or last)


def box_around(rings: tuple[tuple[float, ...], ...]) -> Box:
    """The box around an outline."""
    xs = [value for ring in rings for value in ring[::2]]
    ys = [value for ring in rings for value in ring[1::2]]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def unmarked_outside(shape: Shape) -> Iterator[bool]:
    """For each key point whether nobody marked it, and it is at a place for which trainers drop the image."""
    points = shape.key_points
    return (
        not points[place + 2] and bool(why_point_outside(points[place], points[place + 1]))
        for place in range(0, len(points), 3)
    )


def size_of(item: Item) -> tuple[int, int]:
    """Width and height of an item in pixels, from its record or its file.

    Raises:
        DatasetError: The image is not at hand or cannot be read.
    """
    if item.size is not None:
        return item.size
    if item.image is None:
        raise DatasetError(
            f"{item.split}/{item.name}: neither its image nor its size is known; give the images as well"
        )
    return image_size(Path(item.image))


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file in pixels, from its header.

    As shown, so after the turn that a camera noted; Ultralytics and OpenCV go by that.

    Raises:
        DatasetError: It cannot be read.
    """
    (width, height), turn = _read_header(path)
    return (height, width) if turn in EXIF_SIDEWAYS else (width, height)


def stored_size(path: Path) -> tuple[int, int]:
    """The same as stored, so before that turn.

    Raises:
        DatasetError: It cannot be read.
    """
    return _read_header(path)[0]


def noted_turn(path: Path) -> int:
    """The EXIF orientation of an image, 1 to 8; 1 where none is noted or the file cannot be read."""
    try:
        return _read_header(path)[1] if _may_be_turned(path) else 1
    except (DatasetError, OSError):
        return 1


def _read_header(path: Path) -> tuple[tuple[int, int], int]:
    """The size of an image as stored, and its EXIF orientation."""
    from PIL import Image  # noqa: PLC0415 - only conversions that need sizes pay for it
    from PIL.TiffImagePlugin import TiffImageFile  # noqa: PLC0415 - as above

    try:
        with Image.open(path) as image:
            # Pillow decodes a whole PNG to look behind its pixels; what stands before them it has read.
            quick = image.format == "PNG" and not _has_exif(path)
            exif = Image.Image.getexif(image) if quick else image.getexif()
            turn = exif.get(_EXIF_ORIENTATION)
            # Pillow gives a TIFF's size as shown.
            size = tuple(image.tag_v2[tag] for tag in _TIFF_SIZE) if isinstance(image, TiffImageFile) else image.size
            return (size[0], size[1]), turn if isinstance(turn, int) and turn in range(1, 9) else 1
    except (OSError, KeyError, TypeError, ValueError, SyntaxError, Image.DecompressionBombError, Warning) as error:
        raise DatasetError(f"{path}: its size cannot be read: {error}; replace the image or take it out") from error


def _may_be_turned(path: Path) -> bool:
    """Whether an image may have EXIF data. Of an ordinary JPEG, the headers of its segments say so without Pillow."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - for every image of a dataset
        head = file.read(_HEAD_BYTES)
    place = 2
    while head[:2] == b"\xff\xd8" and place + 4 <= len(head) and head[place] == 0xFF and head[place + 1] != _APP1:  # noqa: PLR2004 - a marker
        if head[place + 1] == _START_OF_SCAN:
            return False
        place += 2 + int.from_bytes(head[place + 2 : place + 4], "big")
    return True


def _has_exif(png: Path) -> bool:
    """Whether a PNG file has a chunk with EXIF data anywhere; also where it is not laid out as one should be."""
    with png.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] not in (b"eXIf", b"IEND"):  # noqa: PLR2004 - length and name
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return head[4:] != b"IEND"
