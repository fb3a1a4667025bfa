"""Open Images' lists → a catalog that also has authors, titles, and what people verified to be absent.

The tables are those of `build`, besides `credit` and `absent`. Images are written as they are read, a few at a time:
the list of the training images has 1.7 million.
"""

from __future__ import annotations

import sqlite3
from itertools import islice
from pathlib import Path

from yolobg.files import step
from yolobg.model import Progress, no_progress
from yolobg.sources.annotations.open_images import FIRST, OpenImages
from yolobg.sources.catalog.build import FEW_CLASSES, is_commercial, new_catalog, pack_ids, pack_set

__all__ = ["build_open_images"]

_TABLES = """
CREATE TABLE credit (id INTEGER PRIMARY KEY, author TEXT NOT NULL, title TEXT NOT NULL);
CREATE TABLE absent (category_id INTEGER PRIMARY KEY, bits BLOB NOT NULL);
"""
_BATCH = 10_000


def build_open_images(path: Path, read: OpenImages, *, base: str, progress: Progress = no_progress) -> None:
    """Write the catalog to `path`, which must not exist yet.

    Args:
        path: A temporary file; the caller moves it into place.
        read: From `read_open_images`.
        base: The address of the folder in which the images are.
        progress: Stage `catalog`, in images.

    Raises:
        AnnotationsError: The list of images has changed since it was read.
        sqlite3.Error: The disk is full, or the file cannot be written.
    """
    images = len(read.images.ids)
    with new_catalog(path) as connection:
        for statement in _TABLES.strip().splitlines():
            connection.execute(statement)
        step("write", path)
        _write_sets(connection, read, images)
        facts = {"images": images, "coco_url_base": f"{base}/", "caption_shift": -1}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
        _write_images(connection, path, read, progress)


def _write_sets(connection: sqlite3.Connection, read: OpenImages, images: int) -> None:
    everyone = (1 << images) - 1
    # How many classes an image holds, as far as that matters: those with at least one, two and so on.
    at_least = [0] * (FEW_CLASSES + 1)
    for number, name in sorted(read.categories.items()):
        held = read.present(number)
        row = (number, name, held.bit_count(), pack_set(held, images))
        connection.execute("INSERT INTO contains VALUES (?, ?, ?, ?)", row)
        connection.execute("INSERT INTO absent VALUES (?, ?)", (number, pack_set(read.absent(number), images)))
        for place, before in enumerate([everyone, *at_least[:-1]]):
            at_least[place] |= before & held
    masks = {
        "ids": pack_ids(range(FIRST, FIRST + images)),
        # Their names are sixteen digits each, so none is another's and none leads anywhere.
        "usable": pack_set(everyone, images),
        "few_classes": pack_set(everyone & ~at_least[-1], images),
    }
    connection.executemany("INSERT INTO mask VALUES (?, ?)", masks.items())


def _write_images(connection: sqlite3.Connection, path: Path, read: OpenImages, progress: Progress) -> None:
    listed, done = read.images, 0
    under = {row.id: bytearray((len(listed.ids) + 7) // 8) for row in listed.licenses}
    rows = zip(listed.ids, listed.license_of, listed.credits(), strict=True)
    progress("catalog", done, len(listed.ids))
    while batch := list(islice(rows, _BATCH)):
        records, credited = [], []
        for place, (number, license_, (page, author, title)) in enumerate(batch, done):
            records.append((FIRST + place, f"{number:016x}.jpg", 0, 0, license_ or None, None, page))
            credited.append((FIRST + place, author, title))
            if license_:
                under[license_][place >> 3] |= 1 << (place & 7)
        step("write", path)
        connection.executemany("INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?)", records)
        connection.executemany("INSERT INTO credit VALUES (?, ?, ?)", credited)
        done += len(batch)
        progress("catalog", done, len(listed.ids))
    connection.executemany(
        "INSERT INTO license VALUES (?, ?, ?, ?, ?)",
        (
            (
                row.id,
                row.name,
                row.url,
                is_commercial(row),
                pack_set(int.from_bytes(under[row.id], "little"), len(listed.ids)),
            )
            for row in listed.licenses
        ),
    )
