"""What a video file is by its own bytes: its container, and by what it is known again. Decodes nothing.

Only a file that begins like a known container is ever given to a decoder, and that is told which one it is: a playlist
that is called .mp4 could make it open addresses and other files.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from yolobg.files import open_ordinary
from yolobg.images.frame_names import VideoIdentity
from yolobg.images.jpeg_png import BadImageError

__all__ = ["PREROLL_MS", "identify", "reader_of"]

PREROLL_MS = dict.fromkeys(("asf", "flv", "mpeg", "mpegts", "mpegvideo", "ogg"), 10_000)
"""So much earlier a reader has to begin in containers without an index of their key frames: from a place in between, a
decoder gives grey or broken pictures."""

_HEAD_BYTES = 4096
_SAMPLES = 16
_SAMPLE_BYTES = 64 << 10
_PACKET_BYTES = (188, 192)
_LONGEST_JUNK = 192
# Beginnings, and what FFmpeg calls the one reader of that container.
_MAGIC = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"\x06\x0e\x2b\x34", "mxf"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x00\x00\x01\xb3", "mpegvideo"),
)
# The first box of an ISO file (mp4, mov, 3gp), as recorders write them.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid")


def reader_of(path: Path) -> str:
    """The container of a video, by FFmpeg's name of its reader.

    Raises:
        BadImageError: It is empty, no video that is known here, or cannot be read; the message is the reason.
    """
    try:
        with open_ordinary(str(path), 1 << 62) as handle:
            head = handle.read(_HEAD_BYTES)
    except OSError as error:
        raise BadImageError(f"it cannot be read: {error.strerror or error}") from error
    if not head:
        raise BadImageError("it is empty")
    name = _container(head)
    if name is None:
        kind = "text" if _is_text(head) else "no video container that yolobg knows"
        raise BadImageError(f"its content is {kind}, not a video")
    return name


def _container(head: bytes) -> str | None:
    if head[4:8] in _BOXES:
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"):
        return "avi"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return "mpegts" if _is_transport_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets follow each other, each with the mark 0x47; a recording may begin within one."""
    for size in _PACKET_BYTES:
        for start in range(min(size, _LONGEST_JUNK)):
            marks = head[start::size]
            if len(marks) > 4 and set(marks) == {0x47}:  # noqa: PLR2004 - as many as text never has by chance
                return True
    return False


def _is_text(head: bytes) -> bool:
    return re.search(rb"[\x00-\x08\x0e-\x1a]", head) is None


def identify(path: Path) -> VideoIdentity:
    """By what a video is known again: its size, and a SHA-256 over that and 16 samples spread evenly over all of it.

    A recording of many gigabytes is not read for this; cameras that write files of one size differ in the samples.

    Raises:
        BadImageError: It cannot be read.
    """
    try:
        with open_ordinary(str(path), 1 << 62) as handle:
            size = os.fstat(handle.fileno()).st_size
            digest = hashlib.sha256(str(size).encode())
            last = max(0, size - _SAMPLE_BYTES)
            for number in range(_SAMPLES):
                handle.seek(last * number // (_SAMPLES - 1))
                digest.update(handle.read(_SAMPLE_BYTES))
    except OSError as error:
        raise BadImageError(f"it cannot be read: {error.strerror or error}") from error
    return VideoIdentity(size, digest.hexdigest())
