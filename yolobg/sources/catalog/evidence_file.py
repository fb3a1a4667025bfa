"""What a file of evidence says, kept as a small SQLite file in the cache: for each category three sets of images.

The images are known by their file names, so that one such file serves every source that has them. A set is the gaps
between the images' places, packed and deflated, which also detects damage.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable
from operator import sub
from pathlib import Path

from yolobg.errors import AnnotationsError
from yolobg.files import step
from yolobg.model import Category, Progress, no_progress
from yolobg.sources.annotations.evidence import EvidenceRows
from yolobg.sources.catalog.gaps import decode_gaps, encode_gaps
from yolobg.sources.catalog.sqlite_file import DAMAGE, uri_of

__all__ = ["EVIDENCE_VERSION", "EvidenceFile", "build_evidence"]

# "ybe1": marks the file as ours; the version changes whenever the tables or their meaning do.
_APPLICATION_ID = 0x79626531
EVIDENCE_VERSION = 1

_TABLES = """
CREATE TABLE names (images INTEGER NOT NULL, texts BLOB NOT NULL);
CREATE TABLE evidence (category_id INTEGER PRIMARY KEY, name TEXT NOT NULL, synset TEXT NOT NULL,
                       present BLOB NOT NULL, absent BLOB NOT NULL, partial BLOB NOT NULL);
"""


def build_evidence(path: Path, rows: EvidenceRows, *, progress: Progress = no_progress) -> None:
    """Write what was read to `path`, which must not exist yet.

    Args:
        path: A temporary file; the caller moves it into place.
        rows: From `read_evidence`.
        progress: Stage `catalog`, in images.

    Raises:
        sqlite3.Error: The disk is full, or the file cannot be written.
    """
    step("create", path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Small pages, since most sets are small and a large one leaves a part of its last page empty.
        # A kill leaves a temporary file that nobody reads, so nothing here needs a journal or a sync.
        connection.executescript(
            f"PRAGMA page_size=1024; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            f"PRAGMA application_id={_APPLICATION_ID};"
            f"PRAGMA user_version={EVIDENCE_VERSION}; {_TABLES} BEGIN;"
        )
        texts = zlib.compress("\n".join(rows.names).encode("utf-8", "replace"))
        connection.execute("INSERT INTO names VALUES (?, ?)", (len(rows.names), texts))
        connection.executemany(
            "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?)",
            (
                (number, name, synset, *(_pack(kind[number]) for kind in (rows.present, rows.absent, rows.partial)))
                for number, (name, synset) in rows.categories.items()
            ),
        )
        step("commit", path)
        connection.execute("COMMIT")
    progress("catalog", len(rows.names), len(rows.names))


def _pack(places: Iterable[int]) -> bytes:
    ordered = sorted(places)
    return zlib.compress(encode_gaps(map(sub, ordered, [0, *ordered])), 9)


class EvidenceFile:
    """What a file of evidence says, read when it is opened.

    Attributes:
        key: What the cache knows the file's content by.
        names: The file name of each image, with `/`; an image is its place here.
        categories: Its categories by id; `images` counts those that show one.
        synsets: Category id to WordNet synset, of those that have one.

    Raises:
        AnnotationsError: The file is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = path.stem.rsplit("-", 2)[-2] if path.stem.count("-") > 1 else ""
        try:
            with contextlib.closing(sqlite3.connect(f"{uri_of(path)}?mode=ro&immutable=1", uri=True)) as connection:
                self._read(connection)
        except DAMAGE as error:
            raise self._damaged(error) from error

    def _read(self, connection: sqlite3.Connection) -> None:
        one = connection.execute
        if (one("PRAGMA application_id").fetchone()[0], one("PRAGMA user_version").fetchone()[0]) != (
            _APPLICATION_ID,
            EVIDENCE_VERSION,
        ):
            raise sqlite3.DatabaseError("not evidence of this version")
        images, texts = one("SELECT images, texts FROM names").fetchone() or (0, b"")
        self.names = zlib.decompress(texts).decode("utf-8").split("\n") if images else []
        if len(self.names) != images:
            raise sqlite3.DatabaseError(f"{len(self.names)} names for {images} images")
        rows = one("SELECT * FROM evidence ORDER BY category_id").fetchall()
        self._sets: dict[int, tuple[bytes, bytes, bytes]] = {row[0]: row[3:] for row in rows}
        self.synsets: dict[int, str] = {row[0]: row[2] for row in rows if row[2]}
        self.categories = tuple(Category(row[0], row[1], len(self._unpack(row[3]))) for row in rows)

    def found(self, category_id: int) -> frozenset[int]:
        """The images that show a category, whether or not all of its instances are marked.

        Raises:
            AnnotationsError: The file is damaged.
        """
        present, _, partial = self._sets[category_id]
        return frozenset(self._places(present) + self._places(partial))

    def absent(self, category_id: int) -> frozenset[int]:
        """The images that somebody verified to be free of a category.

        Raises:
            AnnotationsError: The file is damaged.
        """
        return frozenset(self._places(self._sets[category_id][1]))

    def _places(self, packed: bytes) -> list[int]:
        try:
            return self._unpack(packed)
        except DAMAGE as error:
            raise self._damaged(error) from error

    def _unpack(self, packed: bytes) -> list[int]:
        places: list[int] = []
        place = 0
        for gap in decode_gaps(zlib.decompress(packed)):
            place += gap
            places.append(place)
        if places and places[-1] >= len(self.names):
            raise sqlite3.DatabaseError(f"image {places[-1]} of {len(self.names)}")
        return places

    def _damaged(self, error: Exception) -> AnnotationsError:
        return AnnotationsError(
            f"{self.path}: the evidence in the cache is damaged or of another version ({error}); "
            "run `yolobg cache clear`, then the command again"
        )
