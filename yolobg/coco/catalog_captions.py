"""Captions → a full-text index and their text.

The index is contentless FTS5 with one row per caption, so that "but not" works within a caption. The text lies beside
it in deflated blocks (10 MB for train2017), so that a report can quote it. A caption's rowid is
`position << shift | number`: the image's place among the ascending ids, and which of its captions it is.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from yolobg.coco.catalog_file import CAPTION_BLOCK
from yolobg.errors import YolobgError

__all__ = ["caption_blocks", "index_captions"]

# Without columnsize and with one big hash the index is written once, in one piece: a third less time and space.
_TABLE = (
    "CREATE VIRTUAL TABLE caption USING fts5(text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2')"
)
_HASH = "INSERT INTO caption(caption, rank) VALUES ('hashsize', 67108864)"
# One statement for thousands of images: SQLite works through it without asking for the interpreter, which others hold.
_INSERT = "INSERT INTO caption(rowid, text) SELECT ?1 + key, value FROM json_each(?2) WHERE type = 'text'"
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
        count: Told how many captions are done.

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
