"""The index that ships with yolobg → the catalog that `build` makes of the same records, in a third of the time.

`--fast` waits for it. Its file names are twelve digits each, so all records are usable, and sets are made as bits.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from yolobg.files import step
from yolobg.model import Progress, no_progress
from yolobg.sources.catalog.build import FEW_CLASSES, new_catalog, pack_ids, pack_set
from yolobg.sources.catalog.shipped_index import CATEGORIES, Index

__all__ = ["build_index"]

# Thousands in one statement: SQLite needs half the time for it.
_BATCH = 10_000
_INSERT = (
    "INSERT INTO image SELECT value, printf('%012d.jpg', value), 0, 0, NULL, '', '' FROM json_each(CAST(? AS TEXT))"
)


def build_index(path: Path, index: Index, *, progress: Progress = no_progress) -> None:
    """Write the catalog of the index to `path`, which must not exist yet.

    Args:
        path: A temporary file; the caller moves it into place.
        index: From `load_index`.
        progress: Stage `catalog`, in images.

    Raises:
        sqlite3.Error: The disk is full, or the file cannot be written.
    """
    images = len(index.ids)
    progress("catalog", 0, images)
    held = _sets(index)
    masks = {
        "ids": pack_ids(index.ids),
        "usable": pack_set((1 << images) - 1, images),
        "few_classes": pack_set(_few(index), images),
    }
    with new_catalog(path) as connection:
        step("write", path)
        connection.executemany(
            "INSERT INTO contains VALUES (?, ?, ?, ?)",
            (
                (number, name, held[number].bit_count(), pack_set(held[number], images))
                for number, name in CATEGORIES.items()
            ),
        )
        connection.executemany("INSERT INTO mask VALUES (?, ?)", masks.items())
        step("write", path)
        for start in range(0, images, _BATCH):
            connection.execute(_INSERT, (msgspec.json.encode(index.ids[start : start + _BATCH]),))
        facts = {"images": images, "coco_url_base": "", "caption_shift": -1}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
    progress("catalog", images, images)


def _sets(index: Index) -> dict[int, int]:
    """Category to the images that hold it, one bit each."""
    flags = [bytearray((len(index.ids) + 7) // 8) for _ in index.order]
    for position, codes in enumerate(index.codes):
        place, bit = position >> 3, 1 << (position & 7)
        for code in codes:
            flags[code][place] |= bit
    return {category: int.from_bytes(bits, "little") for category, bits in zip(index.order, flags, strict=True)}


def _few(index: Index) -> int:
    """The images that hold few classes."""
    flags = bytes(49 if len(codes) <= FEW_CLASSES else 48 for codes in reversed(index.codes))  # ord("1"), ord("0")
    return int(flags or b"0", 2)
