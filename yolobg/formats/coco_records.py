"""A COCO file's images in the order of their names, each with its annotations, however large the file is.

A COCO file lists both in any order. They are put into a temporary SQLite database, which is on disk beyond half a
megabyte and has no name: it is gone with the process, whatever ends it.
"""

from __future__ import annotations

import itertools
import mmap
import sqlite3
import weakref
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from yolobg.coco_json import address_name, decode_loosely, has_text_ids, number_ids, unlisted
from yolobg.errors import DatasetError, YolobgError
from yolobg.files import map_file

__all__ = ["Record", "RecordStore", "StoredCategory", "read_store"]

_CACHE_KIB = 512
_BEGIN = (
    "PRAGMA journal_mode = OFF",
    f"PRAGMA cache_size = -{_CACHE_KIB}",
    "BEGIN",
    "CREATE TABLE image (place INTEGER PRIMARY KEY, id INTEGER NOT NULL, name TEXT NOT NULL, width INTEGER, "
    "height INTEGER)",
    "CREATE TABLE object (place INTEGER PRIMARY KEY, image INTEGER NOT NULL, content BLOB NOT NULL)",
)
_FINISH = (
    "CREATE UNIQUE INDEX image_id ON image (id)",
    "CREATE INDEX image_name ON image (name)",
    "CREATE INDEX object_image ON object (image)",
    "COMMIT",
)
_STRAY = "SELECT place - 1, image FROM object WHERE image NOT IN (SELECT id FROM image) ORDER BY place"
_LISTING = "SELECT name FROM image ORDER BY name, place"
_READING = """
SELECT image.place, image.id, image.name, image.width, image.height, object.place, object.content
FROM image LEFT JOIN object ON object.image = image.id
ORDER BY image.name, image.place, object.place
"""


class StoredCategory(msgspec.Struct):
    """One of `categories`."""

    id: int
    name: str
    keypoints: list[str] | None = None
    supercategory: Any = None


class Record(NamedTuple):
    """An image as its file tells it, and its annotations as they stand there.

    Attributes:
        id: The file's number of it.
        name: Its name, as it stands there.
        width: In pixels; 0 where the file does not say.
        height: In pixels; 0 where the file does not say.
        annotations: Which one of the file's annotations, from 0, and its JSON text.
    """

    id: int
    name: str
    width: int
    height: int
    annotations: Sequence[tuple[int, bytes]]


class _Image(msgspec.Struct, gc=False):
    id: int
    file_name: str | None = None
    coco_url: Any = None
    width: int | None = None
    height: int | None = None


class _Owner(msgspec.Struct, gc=False):
    image_id: int


class _Document(msgspec.Struct):
    images: list[_Image]
    categories: list[StoredCategory]
    annotations: list[msgspec.Raw]


_OWNER = msgspec.json.Decoder(_Owner, strict=False).decode


class RecordStore:
    """One annotations file in a database of its own; made by `read_store`.

    Attributes:
        categories: As they are listed.
        folders: Those at the end of the addresses of images that have no file name.
    """

    def __init__(self) -> None:
        # Without a name it is a temporary file that the system removes; whichever thread collects it closes it.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self.categories: list[StoredCategory] = []
        self.folders: set[str] = set()
        for statement in _BEGIN:
            self._database.execute(statement)

    def add(self, file: _Document) -> None:
        """Take what a file lists."""
        rows = ((e.id, self._name(e, place), e.width or 0, e.height or 0) for place, e in enumerate(file.images))
        self._database.executemany("INSERT INTO image (id, name, width, height) VALUES (?, ?, ?, ?)", rows)
        owned = ((_OWNER(raw).image_id, bytes(raw)) for raw in file.annotations)
        self._database.executemany("INSERT INTO object (image, content) VALUES (?, ?)", owned)
        self.categories += file.categories

    def finish(self) -> None:
        """All is there: make it ready to be read.

        Raises:
            sqlite3.IntegrityError: Two images have the same id.
            DatasetError: Annotations belong to images that the file does not list; tells which.
        """
        for statement in _FINISH:
            self._database.execute(statement)
        if strays := self._database.execute(_STRAY).fetchall():
            raise DatasetError(unlisted(strays, "image_id", "images"))

    def _name(self, image: _Image, place: int) -> str:
        """What an image is called; LVIS has an address in place of the name."""
        if image.file_name is not None:
            return image.file_name
        folder, name = address_name(image.coco_url)
        if not name:
            raise ValueError(f"images[{place}] has neither file_name nor coco_url, so nothing says which picture it is")
        self.folders.add(folder)
        return name

    def names(self) -> Iterator[str]:
        """The name of every image, in ascending order."""
        return (name for (name,) in self._database.execute(_LISTING))

    def records(self) -> Iterator[Record]:
        """Every image with its annotations, in the order of `names`; its annotations in the file's order."""
        rows = self._database.execute(_READING)
        for _, group in itertools.groupby(rows, key=lambda row: row[0]):
            owned = list(group)
            _, number, name, width, height, *_ = owned[0]
            annotations = [(row[5] - 1, row[6]) for row in owned if row[5] is not None]
            yield Record(number, name, width, height, annotations)


def read_store(file: Path) -> RecordStore:
    """Read a COCO annotations file.

    Args:
        file: The file.

    Raises:
        DatasetError: It cannot be read, is no COCO file, or its records contradict each other.
        YolobgError: There is no room for what is kept meanwhile.
    """
    try:
        store = RecordStore()
        with map_file(file) as data:
            store.add(_read_document(data))
        store.finish()
    except sqlite3.IntegrityError as error:
        raise DatasetError(f"{file}: two images have the same id") from error
    except sqlite3.Error as error:
        raise YolobgError(
            f"{file}: its records cannot be kept in a temporary file: {error}; free some space in the folder for "
            "temporary files, or set TMPDIR to another one"
        ) from error
    except DatasetError as error:
        raise DatasetError(f"{file}: {error}") from error
    except (OSError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise DatasetError(f"{file}: not a COCO annotations file: {error}") from error
    return store


def _read_document(data: bytes | mmap.mmap) -> _Document:
    """The file with numbers for ids that are texts, and null for NaN where it stops being JSON."""
    start = len(BOM_UTF8) if data[: len(BOM_UTF8)] == BOM_UTF8 else 0
    # Not released: the annotations that are read are parts of it.
    text = memoryview(data)[start:]
    try:
        return msgspec.json.decode(text, type=_Document, strict=False)
    except msgspec.ValidationError as error:
        if not has_text_ids(str(error)):
            raise
        numbered = number_ids(decode_loosely(text, dict))
        return msgspec.json.decode(msgspec.json.encode(numbered), type=_Document, strict=False)
    except msgspec.DecodeError:
        return decode_loosely(text, _Document, strict=False)
