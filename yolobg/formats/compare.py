"""Count a dataset, and compare what was written with what was meant, image by image."""

from __future__ import annotations

import math
import operator
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from yolobg.convert_results import FormatCounts
from yolobg.formats.contents import Contents, Item, Kind, Shape, unmarked_outside

__all__ = ["Differences", "Survey", "compare", "survey"]

_SHOWN = 5
_EXACT = 1e-6
"""Share of the image's size that a box may be off where the format writes coordinates in full."""


@dataclass
class Survey:
    """What is in a dataset: what reports tell (`counts`), and what some formats cannot hold.

    Attributes:
        names: The dataset's classes.
        splits: Its splits.
        several: Objects whose outline has several rings.
        mixed: Images with both polygons and boxes.
        crowd_masks: Crowd regions that are run-length masks.
        crowd_outlines: Crowd regions whose outline has several rings.
        unmarked_outside: Key points that nobody marked, at a place for which trainers drop the image.
        flat: Objects without width or height.
        first_flat: The first image with one, as split and name.
        short_rings: Rings of fewer than three points, which the reader left out.
        first_short: The first image with one, as split and name.
        parts: The names of what is marked as a part of an object, which no format here holds.
        first_part: The first image with one, as split and name.
        appearance: Class ids of objects, in the order in which they are first met.
        used: Class ids that objects or crowd regions have.
    """

    names: Mapping[int, str]
    splits: Sequence[str]
    images: int = 0
    backgrounds: int = 0
    boxes: int = 0
    polygons: int = 0
    masks: int = 0
    key_points: int = 0
    crowds: int = 0
    several: int = 0
    mixed: int = 0
    crowd_masks: int = 0
    crowd_outlines: int = 0
    unmarked_outside: int = 0
    flat: int = 0
    first_flat: str = ""
    short_rings: int = 0
    first_short: str = ""
    parts: set[str] = field(default_factory=set)
    first_part: str = ""
    appearance: dict[int, None] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    _of_split: Counter[str] = field(default_factory=Counter)
    _kinds: dict[str, set[Kind]] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """Count an image."""
        objects = [shape for shape in item.shapes if not shape.crowd]
        kinds = {shape.kind for shape in objects}
        self.images += 1
        self.backgrounds += not objects
        self.mixed += len(kinds) > 1
        self._of_split[item.split] += 1
        self._kinds.setdefault(item.split, set()).update(kinds)
        for shape in item.shapes:
            self.used.add(shape.class_id)
            if shape.short_rings:
                self.short_rings += shape.short_rings
                self.first_short = self.first_short or f"{item.split}/{item.name}"
            if shape.crowd:
                self.crowds += 1
                self.crowd_masks += shape.mask is not None
                self.crowd_outlines += len(shape.polygons) > 1
            else:
                self._add_object(shape, item)
        if item.parts:
            self.parts |= item.parts
            self.first_part = self.first_part or f"{item.split}/{item.name}"

    def _add_object(self, shape: Shape, item: Item) -> None:
        self.appearance.setdefault(shape.class_id)
        self.boxes += shape.kind == "box"
        self.polygons += shape.kind == "polygon"
        self.masks += shape.mask is not None
        self.key_points += bool(shape.key_points)
        self.unmarked_outside += sum(unmarked_outside(shape))
        self.several += len(shape.polygons) > 1
        if min(shape.box[2:]) <= 0:
            self.flat += 1
            self.first_flat = self.first_flat or f"{item.split}/{item.name}"

    @property
    def counts(self) -> FormatCounts:
        """What reports tell."""
        return FormatCounts(
            images=self.images,
            backgrounds=self.backgrounds,
            boxes=self.boxes,
            polygons=self.polygons,
            masks=self.masks,
            key_points=self.key_points,
            crowds=self.crowds,
            splits={split: self._of_split[split] for split in sorted(self.splits)},
            classes=dict(self.names),
        )

    @property
    def mixed_splits(self) -> list[str]:
        """Splits with both polygons and boxes, in one image or in several."""
        return sorted(split for split, kinds in self._kinds.items() if len(kinds) > 1)


def survey(contents: Contents) -> Survey:
    """Count everything in one reading."""
    found = Survey(contents.names, contents.splits)
    for item in contents.items():
        found.add(item)
    return found


@dataclass(frozen=True, slots=True)
class Differences:
    """What a comparison found.

    Attributes:
        counts: What was found in the second dataset.
        deviation: The largest difference of a coordinate, as a share (0-1) of the image's size.
        differences: The first images that differ, with what differs; empty where all is as meant.
        different: How many images differ.
    """

    counts: FormatCounts
    deviation: float
    differences: tuple[str, ...]
    different: int


def compare(meant: Contents, found: Contents, *, pixel_digits: int | None, ordered_classes: bool) -> Differences:
    """Compare two datasets image by image.

    Memory is that of the images that come in another order in the two, so as a rule of one.

    Args:
        meant: What was to be written.
        found: What is there.
        pixel_digits: Decimals of a pixel that the format writes; None for all.
        ordered_classes: Whether class ids must be the same, not only the names.
    """
    total, said, worst = Survey(found.names, found.splits), list(_other_classes(meant, found, ordered_classes)), 0.0
    different = len(said)
    for expected, there in _pairs(meant.items(), found.items()):
        if there is not None:
            total.add(there)
        reason, deviation = _differs(expected, there, (meant.names, found.names), pixel_digits)
        if reason:
            different += 1
            if len(said) < _SHOWN:
                item = expected or there
                said.append(f"{item.split}/{item.name}: {reason}" if item else reason)
        worst = max(worst, deviation)
    return Differences(total.counts, worst, tuple(said), different)


def _other_classes(meant: Contents, found: Contents, ordered: bool) -> Iterator[str]:  # noqa: FBT001 - one caller
    if ordered and dict(meant.names) != dict(found.names):
        yield f"classes: {_shown(found.names)} where {_shown(meant.names)} was expected"
    if set(meant.splits) != set(found.splits):
        yield f"splits: {', '.join(found.splits) or 'none'} where {', '.join(meant.splits)} was expected"


def _shown(names: Mapping[int, str]) -> str:
    return ", ".join(f"{i}: {name}" for i, name in list(names.items())[:20])


def _pairs(meant: Iterator[Item], found: Iterator[Item]) -> Iterator[tuple[Item | None, Item | None]]:
    """The images of both by split and name; whatever has no counterpart comes with None."""
    waiting: tuple[dict[tuple[str, str], Item], dict[tuple[str, str], Item]] = ({}, {})
    sides: list[Iterator[Item] | None] = [meant, found]
    while any(sides):
        for side in (0, 1):
            stream = sides[side]
            item = next(stream, None) if stream is not None else None
            if item is None:
                sides[side] = None
                continue
            key = (item.split, item.name)
            other = waiting[1 - side].pop(key, None)
            if other is None:
                if key in waiting[side]:
                    # The same name twice on one side: the second has no counterpart of its own.
                    yield (item, None) if side == 0 else (None, item)
                waiting[side][key] = item
            else:
                yield (item, other) if side == 0 else (other, item)
    yield from ((item, None) for item in waiting[0].values())
    yield from ((None, item) for item in waiting[1].values())


def _differs(
    meant: Item | None,
    found: Item | None,
    names: tuple[Mapping[int, str], Mapping[int, str]],
    pixel_digits: int | None,
) -> tuple[str, float]:
    if found is None:
        return "is missing", 0.0
    if meant is None:
        return "was not expected", 0.0
    left = [(names[0][shape.class_id], shape) for shape in meant.shapes]
    right = [(names[1].get(shape.class_id, "?"), shape) for shape in found.shapes]
    deviation = _straight(left, right)
    other = ""
    if deviation <= _EXACT:
        other = next(filter(None, map(_other_region, left, right)), "")
    else:
        # In another order, coarser, or wrong.
        counts = [
            Counter(
                (name, shape.kind, shape.mask is not None, bool(shape.key_points), shape.crowd) for name, shape in side
            )
            for side in (left, right)
        ]
        if counts[0] != counts[1]:
            return f"{_told(counts[1])} where {_told(counts[0])} was expected", 0.0
        deviation = max(map(_distance, (shape for _, shape in left), _nearest(left, right)), default=0.0)
    if _other_file(meant.image, found.image):
        return "its image is another file", 0.0
    if not other and deviation > _tolerance(found, meant, pixel_digits):
        other = f"a coordinate is off by {deviation:.2g} of the image's size"
    return other, deviation


def _straight(left: Sequence[tuple[str, Shape]], right: Sequence[tuple[str, Shape]]) -> float:
    """The largest difference of a coordinate, object by object; infinite where these are of other kinds."""
    if len(left) != len(right):
        return float("inf")
    worst = 0.0
    for (name, one), (other_name, other) in zip(left, right, strict=True):
        if name != other_name or one.crowd != other.crowd or bool(one.key_points) != bool(other.key_points):
            return float("inf")
        if (one.mask is None) != (other.mask is None):
            return float("inf")
        worst = max(worst, _distance(one, other))
    return worst


def _other_region(one: tuple[str, Shape], other: tuple[str, Shape]) -> str:
    """How the areas or masks of two objects differ, where both sides have them."""
    name, meant, found = one[0], one[1], other[1]
    both = meant.area is not None and found.area is not None
    if both and not math.isclose(meant.area or 0, found.area or 0, rel_tol=_EXACT, abs_tol=_EXACT):
        return f"the area of a {name} is {found.area:.9g} where {meant.area:.9g} was expected"
    return f"the mask of a {name} is another one" if meant.mask != found.mask else ""


def _other_file(meant: str | None, found: str | None) -> bool:
    """Whether two image files differ in size: one that took another's place nearly always does."""
    if not meant or not found:
        return False
    try:
        return os.stat(meant).st_size != os.stat(found).st_size  # noqa: PTH116 - plain strings, by the thousand
    except OSError:
        return True


def _told(counts: Counter[tuple[str, Kind, bool, bool, bool]]) -> str:
    parts = [
        f"{number} {name} ({kind}{' with a mask' if masked else ''}{' with key points' if points else ''}"
        f"{', crowd' if crowd else ''})"
        for (name, kind, masked, points, crowd), number in sorted(counts.items())
    ]
    return ", ".join(parts[:8]) or "no object"


def _nearest(left: Sequence[tuple[str, Shape]], right: Sequence[tuple[str, Shape]]) -> Iterator[Shape]:
    """The shapes of `right` in the order of `left`: for each the nearest of its kind that is left."""
    rest = list(right)
    for name, shape in left:
        fitting = [
            i for i, (other, s) in enumerate(rest) if (other, s.kind, s.crowd) == (name, shape.kind, shape.crowd)
        ]
        best = min(fitting, key=lambda i: _distance(shape, rest[i][1]))
        yield rest.pop(best)[1]


def _distance(a: Shape, b: Shape) -> float:
    """The largest difference of a coordinate; infinite where the outlines have different points."""
    # A polygon's box is not compared: most formats make it from the outline.
    if a.polygons or b.polygons:
        if len(a.polygons) != len(b.polygons):
            return float("inf")
        rings = zip(a.polygons, b.polygons, strict=True)
        worst = max(_apart(one, other) for one, other in rings)
    else:
        worst = _apart(a.box, b.box)
    return max(worst, _apart(a.key_points, b.key_points)) if a.key_points or b.key_points else worst


def _apart(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return float("inf")
    return max(map(abs, map(operator.sub, one, other)), default=0.0)


def _tolerance(found: Item, meant: Item, pixel_digits: int | None) -> float:
    if pixel_digits is None:
        return _EXACT
    size = found.size or meant.size or (1, 1)
    # A width comes of two corners, each rounded.
    return _EXACT + 10.0**-pixel_digits * 1.1 / min(size)
