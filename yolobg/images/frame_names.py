"""How a frame of a video is called: in a source's list, in the dataset, and in what is recorded of it.

A frame stands below its video as a file stands in a folder: `day/drive.mp4/drive_000012500ms.jpg`. Nothing here touches
the disk.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

__all__ = [
    "VIDEO_SUFFIXES",
    "VideoIdentity",
    "frame_id",
    "frame_name",
    "frame_place",
    "frame_title",
    "is_frame_place",
    "is_video",
    "parse",
]

VIDEO_SUFFIXES = frozenset(
    (
        ".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf",
        ".ogv", ".ts", ".webm", ".wmv",
    )
)  # fmt: skip
"""What a file may be called to be taken for a video, in any case; its content decides."""

# With the longest source name, the time still fits into the name that the frame gets in a dataset.
_STEM_CHARACTERS = 40
_FRAME = re.compile(r"(?P<video>.+)/[^/]*_(?P<ms>[0-9]{9,12})ms\.jpg", re.DOTALL)
_ID_BITS = 48


@dataclass(frozen=True, slots=True)
class VideoIdentity:
    """By what a video is known again, wherever it lies: its size, and a SHA-256 of samples (see `video_files`)."""

    size_bytes: int
    sha256: str


def is_video(path: str) -> bool:
    """Whether a file is called like a video."""
    _, dot, ending = path.rpartition(".")
    return bool(dot) and f".{ending.lower()}" in VIDEO_SUFFIXES


def frame_name(video: str, ms: int) -> str:
    """The `file_name` of a frame: below its video, with the time in milliseconds.

    Args:
        video: The video's path below the source's folder, with `/`.
        ms: The time.
    """
    stem = video.rpartition("/")[2].rpartition(".")[0][:_STEM_CHARACTERS]
    return f"{video}/{stem}_{ms:09d}ms.jpg"


def parse(file_name: str) -> tuple[str, int] | None:
    """The video and the time in milliseconds of a name that `frame_name` gave; None for another."""
    found = _FRAME.fullmatch(file_name)
    return (found["video"], int(found["ms"])) if found and is_video(found["video"]) else None


def frame_id(video: VideoIdentity, ms: int) -> int:
    """A number that a frame keeps, also when its video is renamed or moved."""
    text = f"{video.size_bytes}:{video.sha256}:{ms}"
    return int.from_bytes(hashlib.blake2b(text.encode()).digest()[:8], "big") >> (64 - _ID_BITS)


def frame_place(video: str, ms: int) -> str:
    """Where a frame is from: the path of its video with the time in seconds, as media fragments have it (W3C)."""
    return f"{video}#t={ms // 1000}.{ms % 1000:03d}"


def is_frame_place(place: str) -> bool:
    """Whether `frame_place` has written a text."""
    return re.search(r"#t=[0-9]+\.[0-9]{3}\Z", place) is not None


def frame_title(video: str, ms: int, identity: VideoIdentity) -> str:
    """What is recorded of a frame for people."""
    name = video.rpartition("/")[2]
    return f"{name} at {ms} ms; video of {identity.size_bytes} bytes, SHA-256 of its samples {identity.sha256}"
