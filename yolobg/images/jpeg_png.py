"""The structure of a JPEG and of a PNG file, read without decoding: marks, size, and what lies between.

Pure: bytes in, facts out. A JPEG is walked marker by marker (ITU-T T.81, annex B), a PNG chunk by chunk with its CRCs
(PNG specification, section 5).
"""

from __future__ import annotations

import mmap
import re
import zlib
from dataclasses import dataclass

__all__ = ["BadImageError", "Data", "Structure", "walk_jpeg", "walk_png"]

Data = bytes | bytearray | mmap.mmap

JPEG_START = b"\xff\xd8"
JPEG_END = b"\xff\xd9"
PNG_START = b"\x89PNG\r\n\x1a\n"

_LEAD, _START_OF_SCAN, _END = 0xFF, 0xDA, 0xD9
_LENGTH_BYTES = 2
# Encoders write about ten; each one more costs a pass over the whole picture, however few bytes it has.
MOST_SCANS = 200
_PNG_HEADER_BYTES = 13
_BITS = 8
# Frame headers that decoders take; lossless, differential and unknown kinds are not among them.
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_ALL_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
# Within coded data 0xFF is followed by 0 (stuffing), a restart marker or a fill byte; all else is a marker.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class BadImageError(Exception):
    """The content is not the image that it should be; the message is the reason, for people."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What a file's structure tells.

    Attributes:
        width: In pixels, as stored.
        height: In pixels, as stored.
        end: Where the image ends in the file, in bytes; what follows is none of it.
    """

    width: int
    height: int
    end: int = 0


def walk_jpeg(data: Data, *, coded: bool = True) -> Structure:
    """Walk a JPEG from its start mark to its end mark, or only through its header when `coded` is false.

    Further JPEGs that follow (a multi-picture file) belong to it.

    Raises:
        BadImageError: A mark is missing, the file is cut or damaged in its structure, or it is of a kind that decoders
            refuse.
    """
    if data[:2] != JPEG_START:
        raise BadImageError("it does not start like a JPEG")
    if not coded and data[-2:] != JPEG_END:
        raise BadImageError("it does not end like a JPEG: cut short, or something follows its end")
    try:
        frame, position = _walk_segments(data, 2, coded=coded)
    except IndexError:
        raise BadImageError("it is cut short") from None
    if frame is None:
        raise BadImageError("it has no frame header")
    return Structure(frame.width, frame.height, _after_more(data, position) if coded else len(data))


def _after_more(data: Data, position: int) -> int:
    """Where the last JPEG ends of those that follow at once."""
    while data[position : position + 2] == JPEG_START:
        try:
            _, position = _walk_segments(data, position + 2, coded=True)
        except (BadImageError, IndexError):
            # Not read by anybody, so it does no harm; but it is no picture.
            return position
    return position


def _walk_segments(data: Data, position: int, *, coded: bool) -> tuple[Structure | None, int]:
    """Go from marker to marker until the end mark or the first coded data; returns the frame and the position."""
    frame: Structure | None = None
    scans = 0
    while True:
        marker, position = _next_marker(data, position)
        if marker == _END:
            return frame, position
        if marker in _BARE:
            continue
        length = _segment_bytes(data, position)
        if marker in _ALL_FRAMES:
            frame = _frame(data, position, marker)
        position += length
        if marker == _START_OF_SCAN:
            scans += 1
            if not coded:
                return frame, position
            position = _after_scan(data, position, scans)


def _after_scan(data: Data, position: int, scans: int) -> int:
    """The position of the marker that ends the coded data of scan number `scans`."""
    if scans > MOST_SCANS:
        raise BadImageError(f"it has more than {MOST_SCANS} scans, which would take minutes to decode")
    found = _MARKER.search(data, position)
    if found is None:
        raise BadImageError("its coded data never ends")
    return found.start()


def _next_marker(data: Data, position: int) -> tuple[int, int]:
    if data[position] != _LEAD:
        raise BadImageError("its structure is damaged: no marker where one must be")
    while data[position] == _LEAD:
        position += 1
    marker = data[position]
    if marker == 0 or marker == JPEG_START[1]:
        raise BadImageError("its structure is damaged: a marker that cannot stand there")
    return marker, position + 1


def _segment_bytes(data: Data, position: int) -> int:
    length = data[position] << 8 | data[position + 1]
    if length < _LENGTH_BYTES or position + length > len(data):
        raise BadImageError("its structure is damaged: a segment has an impossible length")
    return length


def _frame(data: Data, position: int, marker: int) -> Structure:
    if marker not in _FRAMES:
        raise BadImageError("it is a lossless or differential JPEG, which trainers cannot read")
    if data[position + 2] != _BITS:
        raise BadImageError(f"it is a JPEG with {data[position + 2]} bits a channel, which trainers cannot read")
    height = data[position + 3] << 8 | data[position + 4]
    width = data[position + 5] << 8 | data[position + 6]
    if data[position + 7] not in (1, 3, 4):
        raise BadImageError(f"it has {data[position + 7]} colour components, so it cannot become RGB")
    return Structure(width, height)


def walk_png(data: Data) -> Structure:
    """Walk a PNG chunk by chunk, checking each CRC.

    Pillow's `verify` does not do instead. It obeys `ImageFile.LOAD_TRUNCATED_IMAGES`, which training scripts like to
    set for their whole process: then it passes over damage in all chunks but those of the first frame. It does not look
    at the CRC of the last chunk either, and it cannot open a size that must be refused first.

    Raises:
        BadImageError: It is cut or damaged, or has no image data.
    """
    if data[:8] != PNG_START:
        raise BadImageError("it does not start like a PNG")
    frame, position, kind, has_data = _png_header(data), 8, b"", False
    while kind != b"IEND":
        kind, _, position = _png_chunk(data, position)
        has_data |= kind == b"IDAT"
    if not has_data:
        raise BadImageError("it has no image data")
    return Structure(frame.width, frame.height, position)


def _png_header(data: Data) -> Structure:
    kind, body, _ = _png_chunk(data, 8)
    if kind != b"IHDR" or len(body) != _PNG_HEADER_BYTES:
        raise BadImageError("it does not begin with a PNG header")
    return Structure(int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"))


def _png_chunk(data: Data, position: int) -> tuple[bytes, bytes, int]:
    """Kind and body of the chunk at a position, and the position after it."""
    end = position + 12 + int.from_bytes(data[position : position + 4], "big")
    if end > len(data):
        raise BadImageError("it is cut short")
    chunk = bytes(data[position + 4 : end - 4])
    if zlib.crc32(chunk) != int.from_bytes(data[end - 4 : end], "big"):
        raise BadImageError("it is damaged: a CRC does not match")
    if not chunk[:4].isalpha():
        raise BadImageError("it is damaged: the kind of a chunk is no letters")
    return chunk[:4], chunk[4:], end
