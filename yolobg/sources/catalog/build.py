"""Decoded annotations → one SQLite file. Writes to the path it is given and publishes nothing.

Which images hold a category is kept as one bit per image (bit = the image's place among the ascending ids), packed and
deflated, one row per category: a union over categories is then a few integer operations however many images there are.
Pairs (category, image) were tried: they build as fast, but of their bytes one in 25, if damaged, gives another
answer unnoticed, and an image of an excluded category would come in. A set that is damaged does not inflate.
"""

from __future__ import annotations

import array
import contextlib
import posixpath
import re
import sqlite3
import sys
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from yolobg.errors import YolobgError
from yolobg.files import step
from yolobg.model import IMAGE_SUFFIXES, ImageRecord, Progress, no_progress
from yolobg.sources.annotations.read import Captions, ImageRow, Instances, LicenseRow, ReadInstances
from yolobg.sources.catalog.sqlite_file import APPLICATION_ID, CAPTION_BLOCK, VERSION
from yolobg.threads import Pool

__all__ = [
    "FEW_CLASSES",
    "build_catalog",
    "caption_blocks",
    "index_captions",
    "is_commercial",
    "new_catalog",
    "pack_ids",
    "pack_set",
    "why_unusable",
]

MIN_SIDE_PX = 10
# As `Eligibility.few_classes_share` has it.
FEW_CLASSES = 2

# As `images.local` tries them below a folder, each with a separator at its end.
_LAYOUTS = ("train2017/", "val2017/", "images/train2017/", "images/val2017/", "images/")

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
_NC = re.compile(r"non[\s_-]*commercial|(?<![a-z])nc(?![a-z])|all rights reserved", re.IGNORECASE)
# Below the folder it is appended to, whatever the system: no drive, no root, no "..", no control characters.
_SUFFIXES = "|".join(map(re.escape, sorted(IMAGE_SUFFIXES)))
_IMAGE_NAME = re.compile(rf"(?!/|[a-z]:|\s*$)(?!(?:.*/)?\.\.(?:/|$))[^\x00-\x1f\x7f]*(?:{_SUFFIXES})\Z", re.DOTALL)


def build_catalog(
    path: Path,
    read: ReadInstances,
    captions: Captions | None,
    *,
    progress: Progress = no_progress,
) -> None:
    """Write the catalog of an instances file to `path`, which must not exist yet.

    Args:
        path: A temporary file; the caller moves it into place.
        read: From `begin_instances`.
        captions: From `read_captions`; None when the source has none.
        progress: Stage `catalog`, in images and captions.

    Raises:
        YolobgError: This Python's SQLite lacks FTS5.
        AnnotationsError: The rest of the file is not usable.
        sqlite3.Error: The disk is full, or the file cannot be written.
    """
    with new_catalog(path) as connection:
        _fill(connection, path, read, captions, progress)


@contextlib.contextmanager
def new_catalog(path: Path) -> Iterator[sqlite3.Connection]:
    """Make a catalog with empty tables; what is written to it is whole once the block ends.

    Raises:
        sqlite3.Error: The disk is full, or the file cannot be written.
    """
    step("create", path)
    # One thread at a time: the one that indexes first, then this one.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # A kill leaves a temporary file that nobody reads, so nothing here needs a journal or a sync.
        connection.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-65536;"
            f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}; {_TABLES}"
        )
        connection.execute("BEGIN")
        yield connection
        step("commit", path)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _fill(
    connection: sqlite3.Connection, path: Path, read: ReadInstances, captions: Captions | None, progress: Progress
) -> None:
    images = len(read.images)
    texts = captions.texts if captions else {}
    total = images + sum(map(len, texts.values()))
    progress("catalog", 0, total)

    def count(captions_done: int) -> None:
        step("write", path)
        progress("catalog", captions_done, total)

    # Indexing happens inside SQLite, which lets go of the interpreter: a second core works out the rest meanwhile.
    with Pool(1) as pool:
        indexing = pool.submit(index_captions, connection, texts, images, count) if captions else None
        instances = read.rest()
        blocks = list(caption_blocks(texts, images)) if captions else []
        contains, licenses, masks = _holder_rows(instances), _license_rows(instances), _mask_rows(instances)
        shift = indexing.result() if indexing else -1
    tables: list[tuple[str, int, Iterable[Sequence[object]]]] = [
        ("caption_text", 2, enumerate(blocks)),
        ("contains", 4, contains),
        ("license", 5, licenses),
        ("mask", 2, masks),
    ]
    for table, columns, rows in tables:
        step("write", path)
        connection.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * columns)})", rows)  # noqa: S608
    step("write", path)
    base = _write_images(connection, instances.images)
    facts = {"images": images, "coco_url_base": base, "caption_shift": shift}
    step("write", path)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
    progress("catalog", total, total)


def is_commercial(license_row: LicenseRow) -> bool:
    """Whether a licence allows commercial use as far as its name and address say.

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
    return base


def _pack(positions: Iterable[int], images: int) -> bytes:
    flags = bytearray(b"0") * images
    for position in positions:
        flags[position] = 49  # ord("1")
    flags.reverse()
    return pack_set(int(flags or b"0", 2), images)


def pack_set(members: int, images: int) -> bytes:
    """A set with one bit for each image as it is kept: little-endian, deflated (which also detects damage)."""
    return zlib.compress(members.to_bytes((images + 7) // 8, "little"), 1)


def pack_ids(ids: Iterable[int]) -> bytes:
    """The ids of all images, ascending, as they are kept."""
    packed = array.array("q", ids)
    if sys.byteorder == "big":
        packed.byteswap()
    return zlib.compress(packed.tobytes(), 1)


def _holder_rows(instances: Instances) -> list[tuple[int, str, int, bytes]]:
    images = len(instances.images)
    return [
        (category_id, name, len(instances.holders[category_id]), _pack(instances.holders[category_id], images))
        for category_id, name in instances.categories.items()
    ]


def _license_rows(instances: Instances) -> list[tuple[int, str, str, bool, bytes]]:
    under: dict[int | None, list[int]] = {}
    for position, record in enumerate(instances.images):
        under.setdefault(record.license, []).append(position)
    images = len(instances.images)
    return [(r.id, r.name, r.url, is_commercial(r), _pack(under.get(r.id, ()), images)) for r in instances.licenses]


def _mask_rows(instances: Instances) -> list[tuple[str, bytes]]:
    images = len(instances.images)
    held = Counter[int]()
    for holders in instances.holders.values():
        held.update(holders)
    few = (position for position in range(images) if held[position] <= FEW_CLASSES)
    return [
        ("ids", pack_ids(record.id for record in instances.images)),
        ("usable", _pack(_usable(instances.images), images)),
        ("few_classes", _pack(few, images)),
    ]


def _usable(images: Sequence[ImageRow]) -> Iterator[int]:
    """Positions of records that can be fetched and trusted."""
    return (position for position, reason in enumerate(why_unusable(images)) if not reason)


def why_unusable(images: Sequence[ImageRow | ImageRecord]) -> Iterator[str]:
    """For each record of a source why it cannot be fetched or trusted; nothing where it can.

    A file that two records share is not to be trusted: what the one says is absent the other may say is there.
    """
    written = [record.file_name.replace("\\", "/").casefold() for record in images]
    names = list(map(_one_spelling, written))
    uses = Counter(names)
    shared = {name for name, count in uses.items() if count > 1}
    for name in uses:
        # A folder of images is searched in COCO's own layouts, so this may be the file of the shorter name as well.
        shorter = {name[len(layout) :] for layout in _LAYOUTS if name.startswith(layout)} if "/" in name else ()
        shared.update(pair for other in shorter if other in uses for pair in (name, other))
    for text, name, record in zip(written, names, images, strict=True):
        wide, high = record.width or MIN_SIDE_PX, record.height or MIN_SIDE_PX
        if wide < MIN_SIDE_PX or high < MIN_SIDE_PX:
            yield f"smaller than {MIN_SIDE_PX} px a side"
        elif name in shared:
            yield "several records have this file_name"
        else:
            yield "" if _IMAGE_NAME.match(text) else _wrong_name(text)


def _wrong_name(text: str) -> str:
    if not text.strip():
        return "the file_name is empty"
    if re.match(r"/|[a-z]:", text):
        return "the file_name is an absolute path; expected a path below the folder of the images"
    if ".." in text.split("/"):
        return "the file_name leads out of the folder of the images (..)"
    if not text.endswith(tuple(IMAGE_SUFFIXES)):
        return "the file_name has no image suffix that trainers read"
    return "the file_name has control characters"


def _one_spelling(name: str) -> str:
    """The same text for all names of one file: without `.`, `..` and doubled separators, composed as NFC."""
    if "/" in name:
        name = posixpath.normpath(name)
    return name if name.isascii() else unicodedata.normalize("NFC", name)


# Without columnsize and with one big hash the index is written once, in one piece: a third less time and space.
_TABLE = (
    "CREATE VIRTUAL TABLE caption USING fts5(text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2')"
)
_HASH = "INSERT INTO caption(caption, rank) VALUES ('hashsize', 67108864)"
# One statement for thousands of images: SQLite works through it without asking for the interpreter, which others hold.
_INSERT = "INSERT INTO caption(rowid, text) SELECT ? + key, value FROM json_each(?) WHERE type = 'text'"
_STEP = 5000


def index_captions(
    connection: sqlite3.Connection,
    texts: Mapping[int, Sequence[str]],
    images: int,
    count: Callable[[int], None],
) -> int:
    """Create and fill the index; returns `shift`.

    Args:
        connection: For this alone, until it returns.
        texts: Captions by the image's place.
        images: How many there are.
        count: Called with how many captions are done.

    Raises:
        YolobgError: This Python's SQLite lacks FTS5 or JSON.
        sqlite3.Error: The disk is full, or the file cannot be written.
    """
    shift = max(3, (max(map(len, texts.values()), default=1) - 1).bit_length())
    slots = 1 << shift
    try:
        connection.execute(_TABLE)
        connection.execute(_HASH)
        connection.execute(_INSERT, (0, "[]"))
    except sqlite3.OperationalError as error:
        raise YolobgError(
            f"the SQLite of this Python ({sqlite3.sqlite_version}) cannot index captions: {error}; "
            "use a Python whose sqlite3 has FTS5 and JSON"
        ) from error
    done = 0
    for start in range(0, images, _STEP):
        batch: list[str | None] = []
        for position in range(start, min(images, start + _STEP)):
            captions = texts.get(position, ())
            done += len(captions)
            batch += captions
            batch += [None] * (slots - len(captions))
        connection.execute(_INSERT, (start << shift, _json(batch)))
        count(done)
    return shift


def _json(batch: list[str | None]) -> str:
    text = msgspec.json.encode(batch).decode()
    if "\\u0000" in text:  # SQLite would end the caption there
        text = msgspec.json.encode([caption and caption.replace("\0", " ") for caption in batch]).decode()
    return text


def caption_blocks(texts: Mapping[int, Sequence[str]], images: int) -> Iterator[bytes]:
    """Yield the deflated text of each `CAPTION_BLOCK` images."""
    for start in range(0, images, CAPTION_BLOCK):
        yield zlib.compress(_join([texts.get(place, ()) for place in range(start, start + CAPTION_BLOCK)]), 1)


def _join(block: Sequence[Sequence[str]]) -> bytes:
    """Captions with a tab between those of one image and a line end between images."""
    text = "\n".join(map("\t".join, block))
    tabs = sum(map(len, block)) - sum(map(bool, block))
    if text.count("\t") != tabs or text.count("\n") != len(block) - 1:
        # A caption has some of its own, where they are but white space.
        text = "\n".join("\t".join(" ".join(caption.split()) for caption in captions) for captions in block)
    return text.encode("utf-8", "replace")
