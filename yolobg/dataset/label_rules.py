"""Decide what a label file holds, as Ultralytics 8.4.190 decides when it scans a split for boxes or polygons.

Pure: bytes in, state out. The rules are those of its box, segment and obb tasks, which are one: five columns, or
polygons (so also the nine columns of an oriented box). In a pose dataset (`kpt_shape`) rows may carry their key points,
which are cut off as those tasks do; the pose task itself looks at the key points too, but it cannot be known from
data.yaml which task will be trained, and to call plain boxes corrupt would be the worse mistake.

Ultralytics computes in 32-bit floats. Every doubtful comparison here is made on values rounded the same way.
"""

from __future__ import annotations

import array
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from yolobg.model import LabelState

__all__ = ["LabelVerdict", "label_checker", "why_outside", "why_point_outside"]


class LabelVerdict(NamedTuple):
    """What a label file holds: `found`, `empty`, or `corrupt` with the 1-based line (None: the file) and the reason."""

    state: LabelState
    line: int | None = None
    reason: str = ""


FOUND = LabelVerdict("found")
EMPTY = LabelVerdict("empty")

_BOX_COLUMNS = 5  # class, centre x and y, width, height
_ONE_POINT_COLUMNS = 3
_MATCHED_BYTES = 1 << 20

# A number from 0 to 1 without sign or exponent: what nearly all labels are made of.
_UNIT = rb"(?:0(?:\.[0-9]*)?|1(?:\.0*)?|\.[0-9]+)"


def _round32(values: Sequence[float]) -> array.array[float]:
    """Rounded to 32 bits; what is too large becomes infinite."""
    return array.array("f", values)


_MOST = _round32([1.01])[0]
_LEAST = _round32([-0.01])[0]


def label_checker(class_count: int, kpt_shape: tuple[int, int] | None = None) -> Callable[[bytes], LabelVerdict]:
    """The function that judges label files of a dataset.

    Args:
        class_count: Classes are 0 to this, exclusive.
        kpt_shape: Number of key points and their dimensions, in a pose dataset.
    """
    pose_columns = 5 + kpt_shape[0] * kpt_shape[1] if kpt_shape and kpt_shape[0] else None
    ordinary = _ordinary_rows(class_count)

    def check(content: bytes) -> LabelVerdict:
        if not content:
            return EMPTY
        # Matching takes a hundred times the room of the text.
        if len(content) <= _MATCHED_BYTES and ordinary.fullmatch(content):
            return FOUND
        return _check_text(content, class_count, pose_columns)

    return check


def why_outside(values: Sequence[float], *, polygon: bool) -> str:
    """Why trainers drop an image with such an object, or nothing.

    Of a polygon they look at the box around it: a corner may lie outside if that box's centre and size are within
    their bounds.

    Args:
        values: In shares: centre x and y, width and height; or a polygon's x and y in turn.
        polygon: Which of the two.
    """
    rounded = _round32(values)
    return _wrong_box(_bounds(rounded) if polygon else rounded)


def why_point_outside(x: float, y: float) -> str:
    """Why trainers drop an image with a key point at such a place, marked or not, or nothing; in shares."""
    worst = next((value for value in _round32([x, y]) if not _LEAST <= value <= _MOST), None)
    return "" if worst is None else f"a coordinate is {worst:.6g} of the image's size"


def _ordinary_rows(class_count: int) -> re.Pattern[bytes]:
    """Matches only files that the slow rules certainly accept: five columns, known classes, numbers from 0 to 1."""
    last = str(class_count - 1)
    # The whole numbers up to `last`: the shorter ones, then those of its length by the first digit that is smaller.
    shorter = rf"[1-9][0-9]{{0,{len(last) - 2}}}|0" if len(last) > 1 else ""
    smaller = [
        f"{last[:place]}[{int(place == 0 and len(last) > 1)}-{int(digit) - 1}][0-9]{{{len(last) - place - 1}}}"
        for place, digit in enumerate(last)
        if int(digit) > int(place == 0 and len(last) > 1)
    ]
    known = "|".join(filter(None, [last, *smaller, shorter])).encode()
    return re.compile(rb"(?:(?:" + known + rb") " + rb" ".join([_UNIT] * 4) + rb" ?(?:\r?\n|\Z))+")


def _check_text(content: bytes, class_count: int, pose_columns: int | None) -> LabelVerdict:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return LabelVerdict("corrupt", line, "not UTF-8 text")
    # A text file is read with universal line ends, and then split at every character that Unicode calls a line end.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").splitlines()
    # Twice, for the columns of all rows at once take thirty times the room of the text.
    polygons = any(len(row) > _BOX_COLUMNS + 1 for _, row in _rows(lines, pose_columns))
    verdict = EMPTY
    for number, row in _rows(lines, pose_columns):
        verdict = FOUND
        reason = _wrong_columns(row, polygons=polygons) or _wrong_values(row, class_count, polygons=polygons)
        if reason:
            return LabelVerdict("corrupt", number, reason)
    return verdict


def _rows(lines: Sequence[str], pose_columns: int | None) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with the numbers of their lines; key points are cut off."""
    for number, line in enumerate(lines, 1):
        if columns := line.split():
            yield number, columns[:_BOX_COLUMNS] if len(columns) == pose_columns else columns


def _wrong_columns(row: Sequence[str], *, polygons: bool) -> str:
    """Why the number of columns does not do, or nothing."""
    if not polygons:
        return "" if len(row) == _BOX_COLUMNS else f"expected {_BOX_COLUMNS} columns, found {len(row)}"
    if len(row) == _BOX_COLUMNS:
        return "a box among polygons; Ultralytics refuses to mix them"
    if len(row) < _ONE_POINT_COLUMNS or len(row) % 2 == 0:
        return f"expected a class and pairs of coordinates, found {len(row)} columns"
    return ""


def _wrong_values(row: Sequence[str], class_count: int, *, polygons: bool) -> str:
    """Why the values do not do, or nothing."""
    try:
        values = _round32([float(column) for column in row])
    except ValueError:
        return f"not a number: {next(column for column in row if not _is_number(column))[:40]!r}"
    if not all(abs(value) < float("inf") for value in values):
        return "a value is not finite"
    box = _bounds(values[1:]) if polygons else values[1:]
    return _wrong_class(values[0], row[0], class_count) or _wrong_box(box)


def _wrong_class(value: float, text: str, class_count: int) -> str:
    if value < 0 or value % 1:
        return f"the class must be a whole number from 0, found {text[:40]}"
    return "" if value < class_count else f"class {int(value)} is not in data.yaml, which has {class_count}"


def _wrong_box(box: Sequence[float]) -> str:
    if max(box) > _MOST:
        return f"a coordinate is above 1 ({max(box):.6g}); coordinates are shares of the image's size"
    if min(box) < _LEAST or min(box[2:]) < 0:
        return f"a value is negative ({min(box):.6g})"
    return ""


def _bounds(points: Sequence[float]) -> array.array[float]:
    """The box around a polygon as centre and size; halving loses nothing, so to round once is to round at each step."""
    left, right = min(points[::2]), max(points[::2])
    top, bottom = min(points[1::2]), max(points[1::2])
    return _round32([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
