"""What is done to a dataset on purpose before it is written: classes left out, outlines to boxes, splits and names.

Nothing here happens unless it was asked for, with one exception that the report lists: an image gets another name where
the target format has one place for two.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from yolobg.convert_results import Renamed
from yolobg.errors import DatasetError, UsageError
from yolobg.formats.contents import Contents, Item, Meta, Shape, box_around, stem_of, unmarked_outside
from yolobg.formats.registry import Format
from yolobg.formats.run_lengths import join_rings, read_mask, rings_of
from yolobg.safe_names import folded, is_safe, safe_name, safe_part

__all__ = ["Changed", "Crowds", "Polygons", "Wish", "change_names", "choose_classes", "rename_splits", "zeroes_points"]

# How splits are called in the wild, for formats that know only some names.
_SPLITS = {
    "valid": "val",
    "validation": "val",
    "training": "train",
    "testing": "test",
    "default": "train",
    **{f"{split}{year}": split for split in ("train", "val", "test") for year in (2007, 2012, 2014, 2015, 2017)},
}


Polygons = Literal["keep", "to-boxes", "parts", "outline"]
Crowds = Literal["keep", "drop", "as-objects"]


@dataclass(frozen=True)
class Wish:
    """What the user allows to be changed.

    Attributes:
        classes: The classes to keep, by name; all when empty.
        polygons: `to-boxes` keeps the box of each outline and mask; `parts` makes each ring an object of its own;
            `outline` draws each mask as an outline, of one ring where the format has no more.
        key_points: `drop` leaves key points out.
        crowds: `drop` leaves crowd regions out; `as-objects` makes each an object.
        class_order: `lose` lets a format without a list of classes forget ids and unused classes.
        splits: New names of splits, by old.
        drop_unused: Whether classes without an object are left out.
    """

    classes: Sequence[str] = ()
    polygons: Polygons = "keep"
    key_points: Literal["keep", "drop"] = "keep"
    crowds: Crowds = "keep"
    class_order: Literal["keep", "lose"] = "keep"
    splits: Mapping[str, str] = field(default_factory=dict)
    drop_unused: bool = False


@dataclass(frozen=True)
class Changed:
    """A dataset as it is to be written.

    Attributes:
        source: The dataset as it is.
        wish: What is changed.
        target: The format that it is written in.
        kept: Old class id to new.
        split_names: Old split name to new.
        new_names: New names of images, by new split and old name.
    """

    source: Contents
    wish: Wish
    target: Format
    kept: Mapping[int, int]
    split_names: Mapping[str, str]
    new_names: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def names(self) -> Mapping[int, str]:
        """The kept classes, numbered from 0."""
        return {new: self.source.names[old] for old, new in self.kept.items()}

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits under their new names."""
        return tuple(self.split_names[split] for split in self.source.splits)

    @property
    def meta(self) -> Meta:
        """More about the kept classes."""
        meta = self.source.meta
        ids = {self.kept[old]: number for old, number in meta.category_ids.items() if old in self.kept}
        if self.wish.key_points == "drop":
            return Meta(ids)
        return replace(meta, category_ids=ids)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know about the source."""
        return self.source.warnings

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image under their new names, in the order of the source."""
        for old, name in self.source.listing():
            split = self.split_names[old]
            yield split, self.new_names.get((split, name), name)

    def items(self) -> Iterator[Item]:
        """Every image, in the order of the source."""
        points = bool(self.source.meta.kpt_shape) and zeroes_points(self.target)
        as_they_are = Wish(splits=self.wish.splits) == self.wish and not points
        for item, (split, name) in zip(self.source.items(), self.listing(), strict=True):
            if as_they_are and (split, name) == (item.split, item.name):
                yield item
                continue
            shapes = item.shapes if as_they_are else (shape for old in item.shapes for shape in self._shapes(old, item))
            yield replace(item, split=split, name=name, shapes=tuple(shapes))

    def _shapes(self, shape: Shape, item: Item) -> Iterator[Shape]:
        if shape.class_id not in self.kept or (shape.crowd and self.wish.crowds == "drop"):
            return
        shape = replace(shape, class_id=self.kept[shape.class_id])
        if shape.key_points:
            shape = self._pointed(shape)
        if self.wish.crowds == "as-objects" and shape.crowd:
            shape = replace(shape, crowd=False)
        if self.wish.polygons == "to-boxes" and (shape.polygons or shape.mask is not None):
            # A crowd region is a region: it keeps its form where the format can hold that.
            keeps = shape.crowd and self.target.masks
            shape = shape if keeps else replace(shape, polygons=(), mask=None, area=None)
        if self.wish.polygons == "outline" and not (shape.crowd and self.target.masks):
            shape = self._outlined(shape, item)
        if self.wish.polygons == "parts" and len(shape.polygons) > 1:
            for ring in shape.polygons:
                yield replace(shape, box=box_around((ring,)), polygons=(ring,), area=None)
            return
        yield shape

    def _pointed(self, shape: Shape) -> Shape:
        """An object with key points that its format can hold."""
        if self.wish.key_points == "drop":
            return replace(shape, key_points=())
        if not zeroes_points(self.target) or self.source.meta.kpt_shape is None:
            return shape
        outside = list(unmarked_outside(shape))
        # As COCO writes a point that nobody marked; anywhere else outside it makes trainers drop the image.
        points = [0.0 if outside[place // 3] else value for place, value in enumerate(shape.key_points)]
        # All rows have as many points as the class with the most.
        points += [0.0] * (3 * self.source.meta.kpt_shape[0] - len(points))
        return replace(shape, key_points=tuple(points) if any(points) else ())

    def _outlined(self, shape: Shape, item: Item) -> Shape:
        """An object with an outline in place of its mask; one without a pixel stays a box where the format mixes."""
        if shape.mask is not None:
            try:
                rings = rings_of(read_mask(shape.mask))
                if not rings and not self.target.mixed:
                    raise ValueError(  # noqa: TRY301 - named like every mask without an outline
                        "its mask has no pixel, so it has no outline; take it out, or pass --polygons to-boxes"
                    )
                shape = replace(shape, polygons=rings, mask=None)
            except ValueError as error:
                name = self.source.names.get(shape.class_id, shape.class_id)
                raise DatasetError(f"{item.split}/{item.name}: a {name} cannot be used: {error}") from error
        if len(shape.polygons) > 1 and not self.target.parts:
            shape = replace(shape, polygons=(join_rings(shape.polygons),))
        return shape


def zeroes_points(target: Format) -> bool:
    """Whether key points that nobody marked become 0 0 0 where trainers would drop the image for them."""
    return target.trained and target.key_points


def choose_classes(names: Mapping[int, str], wanted: Sequence[str], dropped: Container[int] = ()) -> dict[int, int]:
    """Old class id to new for the classes to keep, in the dataset's own order.

    Args:
        names: The classes there are.
        wanted: Those to keep, by name; all when empty.
        dropped: Those to leave out in any case, by id.

    Raises:
        UsageError: A name is no class of the dataset.
    """
    unknown = [name for name in wanted if name not in names.values()]
    if unknown:
        raise UsageError(f"--classes {unknown[0]}: the dataset has no such class; it has {', '.join(names.values())}")
    kept = [i for i, name in names.items() if (not wanted or name in wanted) and i not in dropped]
    return {old: new for new, old in enumerate(kept)}


def rename_splits(splits: Sequence[str], target: Format, wish: Mapping[str, str]) -> dict[str, str]:
    """Old split name to new: as wished, else under the name that the format knows; always one that can be a folder.

    Raises:
        UsageError: The format does not know a name, a wished one can be no folder, or two splits would become one.
    """
    unknown = [split for split in wish if split not in splits]
    if unknown:
        raise UsageError(f"--split {unknown[0]}=…: the dataset has the splits {', '.join(splits)}")
    odd = next((f"{old}={name}" for old, name in wish.items() if not is_safe(name) or "/" in name), None)
    if odd is not None:
        raise UsageError(f"--split {odd}: not a valid folder name on every system; choose a plain word")
    new = {split: wish.get(split, split) for split in splits}
    if target.splits:
        new = {old: name if name in target.splits else _SPLITS.get(name, name) for old, name in new.items()}
        strange = [old for old, name in new.items() if name not in target.splits]
        if strange:
            raise UsageError(
                f"split '{strange[0]}': {target.name} knows only {', '.join(target.splits)}; say which it is, for "
                f"example --split {strange[0]}=train"
            )
    double = [name for name in new.values() if list(new.values()).count(name) > 1]
    if double:
        olds = ", ".join(old for old, name in new.items() if name == double[0])
        raise UsageError(f"splits {olds}: all of them would become '{double[0]}'; name them with --split OLD=NEW")
    return _apart(new)


def _apart(splits: Mapping[str, str]) -> dict[str, str]:
    """Under safe names; two that are one on some disk are kept apart by a number."""
    taken, apart = set[str](), dict[str, str]()
    # What is safe as it is keeps its name, whatever comes before it.
    for old, name in sorted(splits.items(), key=lambda pair: safe_part(pair[1]) != pair[1]):
        safe = safe_part(name)
        names = itertools.chain([safe], (safe_part(f"{safe}-{number}") for number in itertools.count(2)))
        apart[old] = next(new for new in names if folded(new) not in taken)
        taken.add(folded(apart[old]))
    return {old: apart[old] for old in splits}


def change_names(contents: Contents, split_names: Mapping[str, str], target: Format) -> tuple[Renamed, ...]:
    """The images that need another name: theirs is not safe, or the target has one place for them and another image.

    This is where every name that a source gives becomes a safe one, whatever the formats. The first image of several
    in one place keeps its name, and so does every image that nothing is in the way of. Names that differ only in case
    or in how letters are composed count as one, since they are one on many disks.

    Raises:
        DatasetError: Two images have the very same name.
    """
    places = array("q", (hash(place) for _, _, place in _places(contents, split_names, target)))
    several = {one for one, other in itertools.pairwise(sorted(places)) if one == other}
    # Hashes instead of places: a hundred thousand of these are some megabytes. Two that differ and have one hash cost
    # an image its name for nothing.
    known = frozenset(places) if several else frozenset[int]()
    first, given, named = set[int](), set[int](), set[tuple[str, str]]()
    renamed = []
    for (split, old_name), name, place in _places(contents, split_names, target):
        new = name
        if hash(place) in several:
            if (split, old_name) in named:
                raise DatasetError(
                    f"{split}/{old_name}: two images of the source have this name; rename one of them, or merge the "
                    "two records"
                )
            named.add((split, old_name))
            if hash(place) in first:
                new = _free(split, name, target, lambda place: hash(place) in known or hash(place) in given)
                given.add(hash(_place(new, split, target)))
            first.add(hash(place))
        if new != old_name:
            renamed.append(Renamed(split, old_name, new))
    return tuple(renamed)


def _places(
    contents: Contents, split_names: Mapping[str, str], target: Format
) -> Iterator[tuple[tuple[str, str], str, tuple[str, str]]]:
    """New split and old name of each image, the name that it would have, and the place which that takes."""
    for old_split, old_name in contents.listing():
        split = split_names[old_split]
        name = safe_name(old_name)
        name = name if target.nested else safe_name(name.replace("/", "_"))
        yield (split, old_name), name, _place(name, split, target)


def _free(split: str, name: str, target: Format, taken: Callable[[tuple[str, str]], bool]) -> str:
    """A name like the one given whose place is free."""
    stem, suffix = stem_of(name), name[len(stem_of(name)) :]
    plain = (split,) if target.unique == "dataset" else ()
    marks = itertools.chain(plain, (f"{split}-{number}" for number in itertools.count(2 + len(plain))))
    names = (safe_name(f"{stem}-{mark}{suffix}") for mark in marks)
    return next(new for new in names if not taken(_place(new, split, target)))


def _place(name: str, split: str, target: Format) -> tuple[str, str]:
    key = name if target.suffixes else stem_of(name)
    # datumaro's own formats write a/b and a_b to one file.
    key = key if target.own else key.replace("/", "_")
    return ("" if target.unique == "dataset" else split), folded(key)
