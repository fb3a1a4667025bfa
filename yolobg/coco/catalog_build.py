"""Decoded annotations → one SQLite file. Writes to the path it is given and publishes nothing.

Which images hold a category is kept as one bit per image (bit = the image's place among the ascending ids), packed and
deflated, one row per category: a union over categories is then a few integer operations however many images there are,
and the rows take 0.4 MB for train2017 where (category, image) pairs took 5 MB and most of the build.

The captions' index is contentless FTS5 (one row per caption, so that "but not" works within a caption); their text lies
beside it in deflated blocks, 8 MB for train2017, so that a report can quote them. A caption's rowid is
`position << shift | number`, which saves a table of its own.
"""

from __future__ import annotations

import array
import re
import sqlite3
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from yolobg.coco.annotations import Captions, ImageRow, Instances, LicenseRow
from yolobg.coco.catalog_file import APPLICATION_ID, CAPTION_BLOCK, VERSION
from yolobg.errors import YolobgError
from yolobg.model import Progress, no_progress

__all__ = ["build_catalog", "is_commercial"]

MIN_SIDE_PX = 10

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE image (id INTEGER PRIMARY KEY, file_name TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
                    license INTEGER, coco_url TEXT, flickr_url TEXT NOT NULL);
CREATE TABLE contains (category_id INTEGER PRIMARY KEY, name TEXT NOT NULL, images INTEGER NOT NULL,
                       bits BLOB NOT NULL);
CREATE TABLE license (id INTEGER PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, commercial INTEGER NOT NULL,
                      bits BLOB NOT NULL);
CREATE TABLE mask (name TEXT PRIMARY KEY, bits BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE caption_text (block INTEGER PRIMARY KEY, texts BLOB NOT NULL);
"""
# Without columnsize and with one big hash the index is written once, in one piece: a third less time and space.
_CAPTION_TABLE = (
    "CREATE VIRTUAL TABLE caption USING fts5(text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2')"
)
_CAPTION_HASH = "INSERT INTO caption(caption, rank) VALUES ('hashsize', 67108864)"
_NC = re.compile(r"non[\s_-]*commercial|(?<![a-z])nc(?![a-z])|all rights reserved", re.IGNORECASE)
# Below the folder it is appended to, whatever the system: no drive, no root, no "..", no control characters.
_IMAGE_NAME = re.compile(
    r"(?!/|[a-z]:|\s*$)(?!(?:.*/)?\.\.(?:/|$))[^\x00-\x1f\x7f]*\.(?:bmp|jpe?g|png|tiff?|webp)\Z", re.DOTALL
)


def build_catalog(
    path: Path, instances: Instances, captions: Captions | None, *, key: str, progress: Progress = no_progress
) -> None:
    """Write the catalog of `instances` to `path`, which must not exist yet.

    Args:
        path: A temporary file; the caller moves it into place.
        instances: From `read_instances`.
        captions: From `read_captions`; None when the source has none.
        key: Stored, so that a file can be told from another source's.
        progress: Stage `catalog`, in images and captions.

    Raises:
        YolobgError: This Python's SQLite lacks FTS5.
        sqlite3.Error: The disk is full, or the file cannot be written.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # A kill leaves a temporary file that nobody reads, so nothing here needs a journal or a sync.
        connection.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-65536;"
            f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};"
        )
        connection.execute("BEGIN")
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        total = len(instances.images) + sum(map(len, captions.texts.values())) if captions else len(instances.images)
        progress("catalog", 0, total)
        base = _write_images(connection, instances.images)
        _write_bits(connection, instances)
        progress("catalog", len(instances.images), total)
        shift = _write_captions(connection, captions, len(instances.images), total, progress) if captions else -1
        facts = {"key": key, "images": len(instances.images), "coco_url_base": base, "caption_shift": shift}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
        connection.execute("COMMIT")
        progress("catalog", total, total)
    finally:
        connection.close()


def is_commercial(license_row: LicenseRow) -> bool:
    """Whether a licence allows commercial use as far as its name and address tell.

    False for anything with an NC part (Creative Commons' "by-nc…", "NonCommercial"), for "all rights reserved", and for
    a licence that says nothing at all.
    """
    said = f"{license_row.name} {license_row.url}"
    return bool(said.strip()) and not _NC.search(said)


def _write_images(connection: sqlite3.Connection, images: Sequence[ImageRow]) -> str:
    """Write the records; returns the address prefix that is stored once instead of with each record."""
    first = images[0] if images else None
    base = first.coco_url[: -len(first.file_name)] if first and first.coco_url.endswith(first.file_name) else ""
    connection.executemany(
        "INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (number, name, width, height, license_id, None if url == base + name else url, flickr_url)
            for number, name, width, height, license_id, url, flickr_url in images
        ),
    )
    ids = array.array("q", (r.id for r in images))
    if sys.byteorder == "big":
        ids.byteswap()
    connection.execute("INSERT INTO mask VALUES ('ids', ?)", (zlib.compress(ids.tobytes(), 1),))
    return base


def _pack(positions: Iterable[int], images: int) -> bytes:
    """Positions → one bit each, little-endian, deflated (which also detects damage)."""
    flags = bytearray(b"0") * images
    for position in positions:
        flags[position] = 49  # ord("1")
    flags.reverse()
    return zlib.compress(int(flags or b"0", 2).to_bytes((images + 7) // 8, "little"), 1)


def _write_bits(connection: sqlite3.Connection, instances: Instances) -> None:
    images = len(instances.images)
    connection.executemany(
        "INSERT INTO contains VALUES (?, ?, ?, ?)",
        (
            (category_id, name, len(instances.holders[category_id]), _pack(instances.holders[category_id], images))
            for category_id, name in instances.categories.items()
        ),
    )
    under: dict[int | None, list[int]] = {}
    for position, record in enumerate(instances.images):
        under.setdefault(record.license, []).append(position)
    connection.executemany(
        "INSERT INTO license VALUES (?, ?, ?, ?, ?)",
        ((r.id, r.name, r.url, is_commercial(r), _pack(under.get(r.id, ()), images)) for r in instances.licenses),
    )
    connection.execute("INSERT INTO mask VALUES ('usable', ?)", (_pack(_usable(instances.images), images),))
    held = Counter[int]()
    for holders in instances.holders.values():
        held.update(holders)
    few = (position for position in range(images) if held[position] <= 2)  # noqa: PLR2004  # "few" is Eligibility's
    connection.execute("INSERT INTO mask VALUES ('few_classes', ?)", (_pack(few, images),))


def _usable(images: Sequence[ImageRow]) -> Iterator[int]:
    """Positions of records that can be fetched and trusted.

    A file that two records share is not: what the one says is absent the other may say is there.
    """
    names = [record.file_name.replace("\\", "/").casefold() for record in images]
    uses = Counter(names)
    for position, (name, record) in enumerate(zip(names, images, strict=True)):
        wide, high = record.width or MIN_SIDE_PX, record.height or MIN_SIDE_PX
        if wide >= MIN_SIDE_PX and high >= MIN_SIDE_PX and uses[name] == 1 and _IMAGE_NAME.match(name):
            yield position


def _write_captions(
    connection: sqlite3.Connection, captions: Captions, images: int, total: int, progress: Progress
) -> int:
    try:
        connection.execute(_CAPTION_TABLE)
    except sqlite3.OperationalError as error:
        raise YolobgError(
            f"the SQLite of this Python ({sqlite3.sqlite_version}) cannot index captions: {error}; "
            "use a Python whose sqlite3 has FTS5"
        ) from error
    connection.execute(_CAPTION_HASH)
    texts = captions.texts
    shift = max(3, (max(map(len, texts.values()), default=1) - 1).bit_length())
    rows = (
        ((position << shift) | number, text)
        for position in range(images)
        for number, text in enumerate(texts.get(position, ()))
    )
    done = images
    while batch := list(islice(rows, 50_000)):
        connection.executemany("INSERT INTO caption(rowid, text) VALUES (?, ?)", batch)
        done += len(batch)
        progress("catalog", done, total)
    for block in range(0, images, CAPTION_BLOCK):
        packed = zlib.compress(_join([texts.get(p, ()) for p in range(block, block + CAPTION_BLOCK)]), 1)
        connection.execute("INSERT INTO caption_text VALUES (?, ?)", (block // CAPTION_BLOCK, packed))
    return shift


def _join(block: Sequence[Sequence[str]]) -> bytes:
    """Captions with a tab between those of one image and a line end between images; both are but white space inside."""
    block = [[caption.strip() for caption in captions] for captions in block]
    if not all(caption.isprintable() for captions in block for caption in captions):
        block = [[" ".join(caption.split()) for caption in captions] for captions in block]
    return "\n".join(map("\t".join, block)).encode("utf-8", "replace")
