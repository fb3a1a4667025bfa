"""Records of an image as its file stores it, turned as the image is shown.

A camera that was held upright often stores the picture lying, with a note (EXIF orientation) how to turn it. Trainers
turn it; a tool that did not leaves coordinates of the stored picture, which would mark something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from yolobg.errors import DatasetError
from yolobg.formats.contents import EXIF_SIDEWAYS, Contents, Item, Shape, Wrapped, noted_turn, stored_size
from yolobg.formats.run_lengths import turned_mask
from yolobg.wording import counted

__all__ = ["Upright"]

_CLOSE = 0.01


class Upright(Wrapped):
    """A dataset whose records are in pixels, with all images as they are shown; which ones were turned is a warning.

    The size in the record says which picture it means. Where the stored and the shown one have the same size, or the
    record's is a third one, nothing is turned and the image is named.
    """

    def __init__(self, contents: Contents) -> None:
        super().__init__(contents)
        # What each image needs, once all of them were looked at; most need nothing.
        self._found: dict[tuple[str, str], int] = {}
        self._unclear: dict[tuple[str, str], int] = {}
        self._complete = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know."""
        return (*super().warnings, *self._told())

    def _told(self) -> Iterator[str]:
        if self._found:
            yield (
                f"{counted(len(self._found), 'image', 'carry')} an EXIF rotation, and their annotations match the "
                "unrotated "
                f"pixels: the annotations were rotated too, e.g. {_first(self._found)}"
            )
        if self._unclear:
            yield (
                f"{counted(len(self._unclear), 'image', 'are')} stored in another orientation than shown (EXIF), and "
                "their records "
                f"do not say which of the two they mean: taken as shown; check the objects of {_first(self._unclear)}"
            )

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""
        for item in self._contents.items():
            key = (item.split, item.name)
            if not self._complete:
                self._look(item, key)
            turn = self._found.get(key)
            yield item if turn is None else _turned(item, turn)
        self._complete = True

    def _look(self, item: Item, key: tuple[str, str]) -> None:
        if item.image is None or item.size is None or (turn := noted_turn(Path(item.image))) <= 1:
            return
        # A size that was measured says nothing of the picture that the record means.
        which = "unclear" if item.measured else _which(item.size, stored_size(Path(item.image)), turn)
        match which:
            case "stored":
                self._found[key] = turn
            case "unclear" if item.shapes:
                self._unclear[key] = turn


def _which(record: tuple[int, int], stored: tuple[int, int], turn: int) -> str:
    """Which picture a record's size means: `stored`, `shown`, or `unclear`."""
    if turn not in EXIF_SIDEWAYS or _alike(stored, stored[::-1]):
        return "unclear"
    if _alike(record, stored):
        return "stored"
    return "shown" if _alike(record, stored[::-1]) else "unclear"


def _alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two sizes have the same shape; annotations may be of a smaller copy."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= _CLOSE * one[1] * other[0]


def _first(keys: dict[tuple[str, str], int]) -> str:
    return "/".join(next(iter(keys)))


def _turned(item: Item, turn: int) -> Item:
    try:
        shapes = tuple(_turned_shape(shape, turn) for shape in item.shapes)
    except ValueError as error:
        raise DatasetError(f"{item.split}/{item.name}: an object cannot be turned: {error}") from error
    size = item.size if item.size is None or turn not in EXIF_SIDEWAYS else (item.size[1], item.size[0])
    return replace(item, shapes=shapes, size=size)


def _turned_shape(shape: Shape, turn: int) -> Shape:
    x, y, w, h = shape.box
    x, y = _place(x, y, turn)
    w, h = (h, w) if turn in EXIF_SIDEWAYS else (w, h)
    points = tuple(
        value
        for i in range(0, len(shape.key_points), 3)
        for value in (
            # What nobody marked stays at the origin.
            *(
                _place(shape.key_points[i], shape.key_points[i + 1], turn)
                if any(shape.key_points[i : i + 3])
                else (0, 0)
            ),
            shape.key_points[i + 2],
        )
    )
    rings = tuple(
        tuple(value for i in range(0, len(ring), 2) for value in _place(ring[i], ring[i + 1], turn))
        for ring in shape.polygons
    )
    mask = shape.mask if shape.mask is None else turned_mask(shape.mask, turn)
    return replace(shape, box=(x, y, w, h), polygons=rings, key_points=points, mask=mask)


def _place(x: float, y: float, turn: int) -> tuple[float, float]:
    """Where a place of the stored picture is in the shown one, as EXIF numbers the ways to turn it."""
    if turn in EXIF_SIDEWAYS:
        x, y = y, x
    return (1 - x if turn in (2, 3, 6, 7) else x), (1 - y if turn in (3, 4, 7, 8) else y)
