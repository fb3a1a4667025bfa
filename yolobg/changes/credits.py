"""The credits file: where each background comes from and under which licence, for people and spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolobg.changes.records import Entry

__all__ = ["credit_lines"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_ROWS = 10_000
_HEAD = (
    "image",
    "source",
    "source_id",
    "license_id",
    "license",
    "license_url",
    "flickr_url",
    "author",
    "title",
    "downloaded_from",
    "sha256",
)


def credit_lines(entries: Sequence[Entry]) -> Iterator[bytes]:
    """The CSV file in pieces of whole lines."""
    yield _csv([_HEAD])
    for start in range(0, len(entries), _ROWS):
        yield _csv([_row(entry) for entry in entries[start : start + _ROWS]])


def _row(e: Entry) -> tuple[str | int | None, ...]:
    credit = (e.license, e.license_name, e.license_url, e.flickr_url, e.author, e.title)
    row = (e.image, e.source, e.source_id, *credit, e.url, e.sha256)
    return tuple(_plain(value) if isinstance(value, str) else value for value in row)


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8")


def _plain(text: str) -> str:
    """A text of the annotations file that drives neither a terminal nor, by a leading = + - @, a spreadsheet."""
    safe = _CONTROL.sub("�", text)
    return f"'{safe}" if safe[:1] in ("=", "+", "-", "@") else safe
