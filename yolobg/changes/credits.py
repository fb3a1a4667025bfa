"""Credits: where each background comes from and under which licence, as a file for spreadsheets and as words."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from yolobg.changes.records import Entry

__all__ = ["Credit", "credit_lines", "credit_of"]

# https://www.flickr.com/services/api/misc.urls.html, with the older hosts that COCO and Open Images name.
_FLICKR_IMAGES = re.compile(r"(?:live|farm\d+|c\d+)\.static\.?flickr\.com")
_FLICKR_FILE = re.compile(r"(?:/\d+){1,2}/(\d+)_[0-9a-z]+(?:_[0-9a-z]{1,2})?\.(?:jpe?g|png|gif)", re.IGNORECASE)
_PICTURES = frozenset({".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

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


@dataclass(frozen=True, slots=True)
class Credit:
    """Whom or what to name for an image.

    Attributes:
        label: What the name is: `Photographer` or `Photo`.
        name: The photographer, or the photo's site and number; empty where neither is known.
        page: The page (http or https) that shows the photo; empty where none follows for certain. Never a bare image.
    """

    label: str
    name: str
    page: str


def credit_of(author: str, address: str) -> Credit:
    """What to name for an image, from what its source recorded.

    Args:
        author: The photographer; empty where that is not recorded.
        address: What annotations call `flickr_url`: of a page, or, in COCO, of an image at Flickr. The file name there
            begins with the photo's number, under which Flickr finds its page.
    """
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:  # brackets that hold no IPv6 address
        return Credit("Photographer" if author else "Photo", author, "")
    flickr = _FLICKR_IMAGES.fullmatch(host) is not None
    photo = _FLICKR_FILE.fullmatch(parts.path) if flickr else None
    bare = flickr or not host or PurePosixPath(parts.path).suffix.lower() in _PICTURES
    page = f"https://www.flickr.com/photo.gne?id={photo[1]}" if photo else "" if bare else address
    if author:
        return Credit("Photographer", author, page)
    if photo:
        return Credit("Photo", f"Flickr {photo[1]}", page)
    return Credit("Photo", "Flickr" if flickr else host if page else "", page)


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
