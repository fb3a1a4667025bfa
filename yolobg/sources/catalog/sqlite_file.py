"""One catalog file, open for reading: the SQL behind `catalog.Catalog`.

Sets of images are plain integers, one bit per image in ascending id order. Everything is read when first asked for.
Damage shows as `sqlite3.DatabaseError`, `zlib.error` or `ValueError`; `DAMAGE` names them for the caller.
"""

from __future__ import annotations

import array
import sqlite3
import sys
import zlib
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import chain, compress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from yolobg.model import CaptionTerms, Category, ImageRecord, License

__all__ = ["APPLICATION_ID", "CAPTION_BLOCK", "DAMAGE", "VERSION", "CatalogFile", "uri_of"]

# "ybg1": marks the file as ours; VERSION changes whenever the tables or their meaning do.
APPLICATION_ID = 0x79626731
VERSION = 3
CAPTION_BLOCK = 256
DAMAGE = (sqlite3.DatabaseError, zlib.error, ValueError)

# Far below SQLite's limits on host parameters and on the size of a full-text expression.
_BATCH = 200
_PLACES = msgspec.json.Decoder(list[int])
_ZERO_ONE = bytes.maketrans(b"01", b"\0\1")


class CatalogFile:
    """An open catalog file.

    Args:
        path: The file.

    Raises:
        sqlite3.DatabaseError: It is not a catalog, is of another version, or was cut short.
    """

    def __init__(self, path: Path) -> None:
        # `immutable`: the file never changes in place, so no lock is needed, not even on a read-only network disk.
        self._connection = sqlite3.connect(f"{uri_of(path)}?mode=ro&immutable=1", uri=True)
        try:
            self._check(path)
        except BaseException:
            self._connection.close()
            raise
        # Per object, not on the method: a cache shared by the class would keep closed files alive.
        self._captions_in = lru_cache(maxsize=8)(self._read_captions)

    def _check(self, path: Path) -> None:
        one = self._connection.execute
        if (one("PRAGMA application_id").fetchone()[0], one("PRAGMA user_version").fetchone()[0]) != (
            APPLICATION_ID,
            VERSION,
        ):
            raise sqlite3.DatabaseError("not a catalog of this version")
        promised = one("PRAGMA page_count").fetchone()[0] * one("PRAGMA page_size").fetchone()[0]
        if promised != path.stat().st_size:
            raise sqlite3.DatabaseError(f"{path.stat().st_size} bytes where {promised} were written")
        meta = dict(one("SELECT key, value FROM meta"))
        try:
            self.images = int(meta["images"])
            self._base, self.shift = str(meta["coco_url_base"]), int(meta["caption_shift"])
        except (KeyError, TypeError) as error:
            raise sqlite3.DatabaseError(f"meta lacks {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    # ------------------------------------------------------------ tables

    @cached_property
    def _has_credits(self) -> bool:
        """Whether the source says who made an image and what it is called."""
        sql = "SELECT count(*) FROM sqlite_master WHERE name = 'credit'"
        return bool(self._connection.execute(sql).fetchone()[0])

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        """Categories in ascending id order."""
        rows = self._connection.execute("SELECT category_id, name, images FROM contains ORDER BY category_id")
        return tuple(Category(*row) for row in rows)

    @cached_property
    def licenses(self) -> tuple[License, ...]:
        """Licences in ascending id order."""
        rows = self._connection.execute("SELECT id, name, url, commercial FROM license ORDER BY id")
        return tuple(License(number, name, url, bool(commercial)) for number, name, url, commercial in rows)

    @cached_property
    def ids(self) -> array.array[int]:
        """Image ids, ascending."""
        ids = array.array("q", zlib.decompress(self._blob("SELECT bits FROM mask WHERE name = 'ids'")))
        if sys.byteorder == "big":
            ids.byteswap()
        if len(ids) != self.images:
            raise sqlite3.DatabaseError(f"{len(ids)} ids for {self.images} images")
        return ids

    def position(self, image_id: int) -> int:
        """The image's place among the ascending ids.

        Raises:
            KeyError: No image has that id.
        """
        place = bisect_left(self.ids, image_id)
        if place == self.images or self.ids[place] != image_id:
            raise KeyError(image_id)
        return place

    def records(self, ids: Sequence[int]) -> dict[int, ImageRecord]:
        """The records of `ids`.

        Raises:
            KeyError: No image has one of these ids.
        """
        found: dict[int, ImageRecord] = {}
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            for row in self._connection.execute(f"SELECT * FROM image WHERE id IN ({marks})", batch):  # noqa: S608
                image_id, file_name, width, height, license_id, coco_url, flickr_url = row
                url = self._base + file_name if coco_url is None else coco_url
                found[image_id] = ImageRecord(image_id, file_name, width, height, license_id, url, flickr_url)
            if self._has_credits:
                sql = f"SELECT id, author, title FROM credit WHERE id IN ({marks})"  # noqa: S608
                for image_id, author, title in self._connection.execute(sql, batch):
                    found[image_id] = replace(found[image_id], author=author, title=title)
        self._check_all(ids, found)
        return found

    def _check_all(self, ids: Sequence[int], found: Container[int]) -> None:
        for image_id in ids:
            if image_id not in found:
                self.position(image_id)
                raise sqlite3.DatabaseError(f"the record of image {image_id} is gone")

    def file_names(self, ids: Sequence[int]) -> list[str]:
        """The file name of each of `ids`, in their order.

        Raises:
            KeyError: No image has one of these ids.
        """
        names: dict[int, str] = {}
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            names.update(self._connection.execute(f"SELECT id, file_name FROM image WHERE id IN ({marks})", batch))  # noqa: S608
        self._check_all(ids, names)
        return [names[image_id] for image_id in ids]

    # ------------------------------------------------------------ sets of images

    @property
    def everyone(self) -> int:
        """All images."""
        return (1 << self.images) - 1

    def holders(self, category_id: int) -> int:
        """Images with at least one annotation of the category, crowd regions included."""
        return self._bits("SELECT bits FROM contains WHERE category_id = ?", category_id)

    def absent(self, category_id: int) -> int:
        """Images that somebody verified to be free of the category; only a catalog of Open Images knows any."""
        return self._bits("SELECT bits FROM absent WHERE category_id = ?", category_id)

    def under_license(self, license_id: int) -> int:
        """Images under the licence."""
        return self._bits("SELECT bits FROM license WHERE id = ?", license_id)

    def mask(self, name: str) -> int:
        """A set worked out when the catalog was built: `usable`, `few_classes`."""
        return self._bits("SELECT bits FROM mask WHERE name = ?", name)

    def ids_of(self, images: int) -> tuple[int, ...]:
        """The ids of a set, ascending."""
        digits = format(images, f"0{self.images}b").encode()[::-1] if self.images else b""
        return tuple(compress(self.ids, digits.translate(_ZERO_ONE)))

    def set_of(self, places: Iterable[int]) -> int:
        """The set of the images at these places among the ascending ids."""
        flags = bytearray((self.images + 7) // 8)
        for place in places:
            flags[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(flags, "little")

    def _bits(self, sql: str, *values: object) -> int:
        packed = zlib.decompress(self._blob(sql, *values))
        if len(packed) != (self.images + 7) // 8:
            raise sqlite3.DatabaseError(f"a set of {len(packed)} bytes for {self.images} images")
        return int.from_bytes(packed, "little")

    def _blob(self, sql: str, *values: object) -> bytes:
        row = self._connection.execute(sql, values).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise sqlite3.DatabaseError(f"no row for {values} in: {sql}")
        return row[0]

    # ------------------------------------------------------------ captions

    def named(self, terms: CaptionTerms) -> int:
        """Images with a caption that names one of the terms."""
        flags = bytearray(b"0") * self.images
        for position in self._positions(terms):
            flags[position] = 49  # ord("1")
        flags.reverse()
        return int(flags or b"0", 2)

    def _positions(self, terms: CaptionTerms) -> Iterable[int]:
        """Places of the images with a caption that `naming` gives."""
        if self.shift < 0 or terms.but_not:
            return {rowid >> self.shift for rowid in self.naming(terms)}
        # All in one row, which is several times faster where a class is in every tenth image.
        rows = self._matching(terms.terms, "json_group_array(rowid >> ?)", self.shift)
        return chain.from_iterable(map(_PLACES.decode, rows))

    def naming(self, terms: CaptionTerms) -> Iterator[int]:
        """Rowids of the captions that name one of `terms.terms` and none of `terms.but_not`; some may come twice."""
        if self.shift < 0:
            return
        harmless = set(self._matching(terms.but_not))
        for rowid in self._matching(terms.terms):
            if rowid not in harmless:
                yield rowid

    def _matching(self, phrases: Sequence[str], what: str = "rowid", *values: int) -> Iterator[Any]:
        quoted = [_phrase(phrase) for phrase in dict.fromkeys(phrases)]
        for start in range(0, len(quoted), _BATCH):
            query = " OR ".join(quoted[start : start + _BATCH])
            sql = f"SELECT {what} FROM caption WHERE caption MATCH ?"  # noqa: S608 - one of the two above
            for (found,) in self._connection.execute(sql, (*values, query)):
                yield found

    def captions_at(self, position: int) -> tuple[str, ...]:
        """The captions of the image at that place, sorted, since their order in the file means nothing."""
        if self.shift < 0:
            return ()
        line = self._line(position)
        return tuple(sorted(caption.strip() for caption in line.split("\t"))) if line else ()

    def _line(self, position: int) -> str:
        return self._captions_in(position // CAPTION_BLOCK)[position % CAPTION_BLOCK]

    def _read_captions(self, block: int) -> list[str]:
        packed = self._blob("SELECT texts FROM caption_text WHERE block = ?", block)
        lines = zlib.decompress(packed).decode("utf-8").split("\n")
        if len(lines) != CAPTION_BLOCK:
            raise sqlite3.DatabaseError(f"caption block {block} has {len(lines)} lines")
        return lines


def _phrase(text: str) -> str:
    """Quote any text as one full-text phrase; FTS5's own syntax inside it means nothing."""
    clean = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return '"' + clean.replace('"', '""') + '"'


def uri_of(path: Path) -> str:
    """A path as SQLite's address of it."""
    posix = path.absolute().as_posix()
    if posix.startswith("//"):  # a Windows share: SQLite wants an empty authority before it
        return f"file://{quote(posix)}"
    return f"file:{quote(posix)}" if posix.startswith("/") else f"file:///{quote(posix)}"
