"""Masks as COCO writes them, by run lengths: their area, the box around them, their outline, and the same turned.

Pure, and by runs rather than by pixels. A mask is `{"size": [height, width], "counts": ...}`: the lengths of runs of
unset and set pixels in turn, from the top left corner down each column; as numbers, or as text of pycocotools.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from yolobg.formats.contents import Box

__all__ = ["Runs", "area_of", "box_of", "join_rings", "read_mask", "rings_of", "turned_mask"]

_MOST_SIDE = 1 << 16
_MOST_TURNED = 1 << 28
_BITS, _MORE, _NEGATIVE, _FIRST, _MOST_SHIFT = 5, 0x20, 0x10, 48, 60
Point = tuple[int, int]


class Runs(NamedTuple):
    """A mask's size in pixels, and the stretches of set pixels, counted down the columns: start and end, exclusive."""

    height: int
    width: int
    stretches: Sequence[tuple[int, int]]


def read_mask(mask: Any) -> Runs:
    """Decode a mask.

    Raises:
        ValueError: It is none, or its runs do not fill its size.
    """
    size, counts = (mask.get("size"), mask.get("counts")) if isinstance(mask, dict) else (None, None)
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size)):  # noqa: PLR2004 - height, width
        raise ValueError("its mask has no size [height, width]")
    if not all(0 < side <= _MOST_SIDE for side in size):
        raise ValueError(f"its mask is {size[1]} x {size[0]} pixels; expected 1 to {_MOST_SIDE:,}")
    lengths = list(_unpack(counts)) if isinstance(counts, str) else counts
    if not isinstance(lengths, list) or not all(isinstance(length, int) and length >= 0 for length in lengths):
        raise ValueError("its mask has no counts that are run lengths")
    ends = list(itertools.accumulate(lengths))
    if (ends[-1] if ends else 0) != size[0] * size[1]:
        raise ValueError(f"the runs of its mask do not add up to its {size[1]} x {size[0]} pixels")
    return Runs(size[0], size[1], [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=False) if b > a])


def _unpack(text: str) -> Iterator[int]:
    """The run lengths in pycocotools' text, five bits a character; from the fourth on as differences."""
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - _FIRST
        if not (0 <= bits < 2 * _MORE and shift < _MOST_SHIFT):
            raise ValueError("the text of its mask's counts is none of pycocotools'")
        value |= (bits & (_MORE - 1)) << shift
        shift += _BITS
        if bits & _MORE:
            continue
        if bits & _NEGATIVE:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))  # noqa: PLR2004 - as its format has it
        value = shift = 0
    return iter(lengths)


def area_of(runs: Runs) -> int:
    """How many pixels are set."""
    return sum(end - start for start, end in runs.stretches)


def box_of(runs: Runs) -> Box:
    """The box around the set pixels, in shares.

    Raises:
        ValueError: There are none.
    """
    columns = list(_columns(runs))
    if not columns:
        raise ValueError("its mask is empty")
    left, right = columns[0][0], columns[-1][0] + 1
    top, bottom = min(start for _, start, _ in columns), max(end for _, _, end in columns)
    width, height = runs.width, runs.height
    return (left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height


def _columns(runs: Runs) -> Iterator[tuple[int, int, int]]:
    """Column, first row and row after the last of every stretch, split where a column ends."""
    height = runs.height
    for start, end in runs.stretches:
        while start < end:
            column, row = divmod(start, height)
            stop = min(end, (column + 1) * height)
            yield column, row, stop - column * height
            start = stop  # noqa: PLW2901 - the rest of it


# ---------------------------------------------------------------- outlines


def rings_of(runs: Runs) -> tuple[tuple[float, ...], ...]:
    """The outline of the set pixels along their edges, in shares: a ring for each piece.

    Pixels that touch at a corner are one piece. Where a piece has a hole, all is one ring, whose inside is the set
    pixels by the even-odd rule that trainers and pycocotools fill by.
    """
    traced = _trace(runs)
    if any(_turns_left(ring) for ring in traced):
        traced = [_joined(traced)]
    width, height = runs.width, runs.height
    return tuple(tuple(v / (height if i % 2 else width) for i, v in enumerate(_flat(ring))) for ring in traced)


def join_rings(rings: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """One ring of several, joined by lines there and back, which enclose no area.

    As Ultralytics' own converter from COCO does, for formats in which an object has one ring.
    """
    return _flat(_joined([list(zip(ring[::2], ring[1::2], strict=True)) for ring in rings]))


def _trace(runs: Runs) -> list[list[Point]]:
    """The rings along the edges, with the set pixels to the right of the way; corners only, the leftmost one first."""
    ways = _edges(runs)
    rings = []
    for first in sorted(ways):
        if not ways[first]:
            continue
        # The leftmost point that is left, so no two of the ways that are left meet in it.
        ring, at, step = [first], first, (0, 0)
        while at != first or step == (0, 0):
            to = _onward(ways[at], at, step)
            way = (_sign(to[0] - at[0]), _sign(to[1] - at[1]))
            if step not in ((0, 0), way):
                ring.append(at)
            at, step = to, way
        rings.append(ring)
    return rings


def _edges(runs: Runs) -> dict[Point, list[Point]]:
    """From each point along an edge between set and unset pixels to the next, with the set ones to the right."""
    ways: dict[Point, list[Point]] = defaultdict(list)
    left: list[int] = []
    last = -1
    for column, spans in itertools.groupby(_columns(runs), key=lambda span: span[0]):
        rows = [row for _, start, end in spans for row in (start, end)]
        for start, end in zip(rows[::2], rows[1::2], strict=True):
            ways[column, start].append((column + 1, start))
            ways[column + 1, end].append((column, end))
        if column > last + 1:
            _add_sides(ways, last + 1, left, [])
            left = []
        _add_sides(ways, column, left, rows)
        left, last = rows, column
    _add_sides(ways, last + 1, left, [])
    return ways


def _add_sides(ways: dict[Point, list[Point]], x: int, left: Sequence[int], right: Sequence[int]) -> None:
    """The edges between two columns, of which each is given by the rows where it changes."""
    inside = {"left": False, "right": False}
    begun: tuple[int, bool] | None = None
    changes = sorted([(row, "left") for row in left] + [(row, "right") for row in right])
    for row, group in itertools.groupby(changes, key=lambda change: change[0]):
        for _, side in group:
            inside[side] = not inside[side]
        here = (row, inside["left"]) if inside["left"] != inside["right"] else None
        if begun is not None and (here is None or here[1] != begun[1]):
            start, end = ((x, begun[0]), (x, row)) if begun[1] else ((x, row), (x, begun[0]))
            ways[start].append(end)
        if begun is None or here is None or here[1] != begun[1]:
            begun = here


def _onward(ways: list[Point], at: Point, step: Point) -> Point:
    """The way on from a point; of two the left turn, which keeps pixels together that touch at a corner."""
    turns = [i for i, to in enumerate(ways) if (_sign(to[0] - at[0]), _sign(to[1] - at[1])) == (step[1], -step[0])]
    return ways.pop(turns[0] if len(ways) > 1 and turns else 0)


def _turns_left(ring: Sequence[Point]) -> bool:
    """Whether a ring goes around unset pixels."""
    return sum(ring[i - 1][0] * y - x * ring[i - 1][1] for i, (x, y) in enumerate(ring)) < 0


def _joined(rings: Sequence[list[Any]]) -> list[Any]:
    """Each ring to the corner that is nearest to the next one, around that, and back again."""
    way: list[Any] = []
    back: list[list[Any]] = []
    for ring, following in itertools.pairwise(rings):
        x, y = following[0]
        near = min(range(len(ring)), key=lambda i: (ring[i][0] - x) ** 2 + (ring[i][1] - y) ** 2)
        way += ring[: near + 1]
        back.append([following[0], *ring[near:]])
    return [*way, *rings[-1], *itertools.chain.from_iterable(reversed(back))]


def _flat(points: Iterable[tuple[Any, Any]]) -> tuple[Any, ...]:
    return tuple(value for point in points for value in point)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


# ---------------------------------------------------------------- turning


def turned_mask(mask: Any, orientation: int) -> dict[str, Any]:
    """The mask of a picture that is shown as its EXIF orientation says, from the mask of its stored pixels.

    Args:
        mask: As COCO writes it.
        orientation: 2 to 8, as EXIF numbers them.

    Raises:
        ValueError: It is no mask, or one of more than 268 million pixels.
    """
    runs = read_mask(mask)
    height, width = runs.height, runs.width
    if height * width > _MOST_TURNED:
        raise ValueError(f"its mask has more than {_MOST_TURNED:,} pixels, which is too large to be turned")
    pixels = bytearray(height * width)
    for start, end in runs.stretches:
        pixels[start:end] = b"\1" * (end - start)
    columns = [bytes(pixels[x * height : (x + 1) * height]) for x in range(width)]
    if orientation in (5, 6, 7, 8):
        flat = b"".join(columns)
        columns = [flat[row::height] for row in range(height)]
    mirrored, upside_down = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    columns = [column[::-1] for column in columns] if upside_down else columns
    columns = columns[::-1] if mirrored else columns
    content = b"".join(columns)
    lengths = [len(list(group)) for _, group in itertools.groupby(content)]
    counts = [0, *lengths] if content[:1] == b"\1" else lengths
    return {"size": [len(columns[0]), len(columns)], "counts": counts}
