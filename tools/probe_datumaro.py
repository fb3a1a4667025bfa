"""Find out which of datumaro's formats lose nothing, by writing datasets and reading them back.

`yolobg/formats/datumaro_formats.json` is what this gives; a test derives it again.

Usage: python tools/probe_datumaro.py      (with yolobg[convert]; writes the file for the datumaro installed)
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from yolobg import formats
from yolobg.errors import YolobgError
from yolobg.files import hash_file, write_bytes
from yolobg.formats import datumaro_bridge as bridge
from yolobg.formats.compare import compare
from yolobg.formats.contents import Contents, Item, Meta, Shape, Suffixed, item_order
from yolobg.formats.place_images import Images, Placer

__all__ = ["RESULT", "derive", "probe_format"]

RESULT = Path(formats.__file__).with_name("datumaro_formats.json")

# Ours under other names; the YOLO importer must not be used, and these of ours are exact.
_OURS = ("coco", "voc", "yolo")
_SIZE = (97, 61)
_NAMES = {0: "big cat", 1: "Äpfel", 2: "mango"}
# Class 1 comes first and class 2 never, so that an order of appearance shows.
_BOXES = (
    Shape(1, (0.31, 0.42, 0.211, 0.303)),
    Shape(0, (0.6123456, 0.5987654, 0.333333, 0.411111)),
)
_RING = (0.11, 0.12, 0.513, 0.127, 0.4711, 0.6613, 0.151, 0.587)
_CENTRE = (0.312, 0.39065, 0.403, 0.5413)
_POLYGON = Shape(0, _CENTRE, polygons=(_RING,))
_POINTS = (0.2, 0.3, 2.0, 0.4, 0.35, 1.0, 0.45, 0.5, 2.0)


@dataclass(frozen=True)
class _Drawn:
    """A dataset made here."""

    listed: Sequence[Item]
    names: Mapping[int, str] = field(default_factory=lambda: dict(_NAMES))
    meta: Meta = field(default_factory=Meta)
    warnings: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted({item.split for item in self.listed}))

    def listing(self) -> Iterator[tuple[str, str]]:
        return ((item.split, item.name) for item in self.items())

    def items(self) -> Iterator[Item]:
        return iter(sorted(self.listed, key=item_order))


def derive() -> dict[str, Any]:
    """Probe every format that datumaro both reads and writes.

    Raises:
        UsageError: datumaro is not installed.
    """
    environment = bridge.environment()
    names = sorted(set(environment.importers) & set(environment.exporters))
    found = {}
    with tempfile.TemporaryDirectory() as place:
        pictures = _draw(Path(place))
        for name in names:
            if not name.startswith(_OURS):
                held = probe_format(name, Path(place), pictures)
                if held is not None:
                    found[name] = held
    return {"datumaro": bridge.version(), "formats": found}


def probe_format(name: str, place: Path, pictures: Mapping[str, str]) -> dict[str, Any] | None:
    """What a format can hold, as the fields of `Format`; None where it loses an image, a box or a byte of an image.

    Args:
        name: datumaro's name of it.
        place: A folder for what is written.
        pictures: Split and suffix to a picture file.
    """
    base = _base(pictures)
    ordered, digits = True, _digits(name, place, base, ordered=True)
    if digits is False:
        ordered, digits = False, _digits(name, place, base, ordered=False)
    if digits is False:
        return None

    def holds(*changes: Item) -> bool:
        dataset = _Drawn([*base.listed, *changes])
        return _passes(name, place, dataset, digits=digits, ordered=ordered)

    here = _drawn_item(pictures)
    return {
        "polygons": holds(here("train", "poly", _POLYGON)),
        "mixed": holds(here("train", "mixed", _POLYGON, _BOXES[0])),
        "key_points": holds(here("train", "points", replace(_BOXES[1], key_points=_POINTS))),
        "crowds": holds(here("train", "crowd", replace(_BOXES[0], crowd=True))),
        "classes": ordered,
        "unique": "split" if holds(here("val", "one", _BOXES[1])) else "dataset",
        "nested": holds(here("train", "sub a/deep", _BOXES[0]), here("val", "sub a/none")),
        "splits": [] if holds(here("extra", "odd", _BOXES[0])) else _known_splits(holds, here),
        "pixel_digits": digits,
        "bare": _passes(name, place, base, digits=digits, ordered=ordered, images="none"),
    }


def _known_splits(holds: Any, here: Any) -> list[str]:
    """Of the usual names, those that come back."""
    return ["train", "val", *(["test"] if holds(here("test", "third", _BOXES[0])) else [])]


def _drawn_item(pictures: Mapping[str, str]) -> Any:
    """A function that makes an item of a split, a name and shapes."""

    def here(split: str, stem: str, *shapes: Shape) -> Item:
        # Different pictures in the splits: else it would not show that one took the other's place.
        return Item(split, f"{stem}.jpg", pictures[f"{split}.jpg"], shapes, _SIZE)

    return here


def _base(pictures: Mapping[str, str]) -> _Drawn:
    """What every format has to hold: boxes, backgrounds, two splits, two kinds of files, names as people give them."""
    here = _drawn_item(pictures)
    return _Drawn(
        [
            here("train", "one", *_BOXES),
            here("train", "zwei Straße ü", _BOXES[1]),
            here("train", "empty.v1"),
            Item("train", "png.png", pictures["train.png"], _BOXES[:1], _SIZE),
            here("val", "other", _BOXES[1]),
            here("val", "none"),
        ]
    )


def _digits(name: str, place: Path, base: _Drawn, *, ordered: bool) -> int | bool | None:
    """How many decimals of a pixel come back (None: all), or False where something is lost."""
    for digits in (None, 2, 1):
        if _passes(name, place, base, digits=digits, ordered=ordered):
            return digits
    return False


def _passes(
    name: str, place: Path, dataset: _Drawn, *, digits: int | None, ordered: bool, images: Images = "copy"
) -> bool:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        try:
            bridge.writer(name)(dataset, Path(folder), Placer(Path(folder), images))
            found: Contents = bridge.read(Path(folder), name)
        except YolobgError:
            return False
        if images == "none":
            found = Suffixed(found, dataset)
        comparison = compare(dataset, found, pixel_digits=digits, ordered_classes=ordered)
        return not comparison.different and (images == "none" or _same_bytes(dataset, found))


def _same_bytes(dataset: _Drawn, found: Contents) -> bool:
    theirs = {(item.split, item.name): item.image for item in found.items()}
    for item in dataset.items():
        image = theirs.get((item.split, item.name))
        if image is None or item.image is None or hash_file(Path(image)) != hash_file(Path(item.image)):
            return False
    return True


def _draw(place: Path) -> dict[str, str]:
    from PIL import Image  # noqa: PLC0415 - for this tool only

    drawn = {}
    for turn, split in enumerate(("train", "val", "test", "extra")):
        picture = Image.linear_gradient("L").rotate(90 * turn).resize(_SIZE).convert("RGB")
        for suffix in (".jpg", ".png"):
            file = place / f"{split}{suffix}"
            picture.save(file)
            drawn[file.name] = str(file)
    return drawn


if __name__ == "__main__":
    write_bytes(RESULT, (json.dumps(derive(), indent=1) + "\n").encode("utf-8"))
