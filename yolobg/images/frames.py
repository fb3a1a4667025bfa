"""Single frames of the videos in a source's folder, as JPEG files; read only when one is wanted."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from pathlib import Path

from yolobg.errors import UsageError
from yolobg.images.check import MAX_PIXELS, MIN_SIDE_PX
from yolobg.images.frame_names import VideoIdentity, frame_id, frame_place, frame_title, parse
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.video_files import identify
from yolobg.images.video_reader import LateError, Reader, open_reader
from yolobg.model import ImageRecord, Staged

__all__ = ["JPEG_QUALITY", "FrameReader"]

JPEG_QUALITY = 95
"""Of the JPEG that a frame becomes: beyond it files grow much and change little, which Pillow's manual says too."""

_MOST_LATE = 2


class FrameReader:
    """Reads frames. Methods may be called from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._closed = False
        self._identities: dict[Path, VideoIdentity] = {}
        self._late: dict[Path, int] = {}

    def close(self) -> None:
        """End what is under way, and begin nothing any more."""
        with self._lock:
            self._closed = True
        if self._reader is not None:
            self._reader.close()

    def read(self, record: ImageRecord, video: Path) -> bytes:
        """The frame of a record as a JPEG: upright, of quality `JPEG_QUALITY`, as large as the video.

        Raises:
            BadImageError: There is no such frame, or the video is another one than when it was listed.
            UsageError: There is no reader, it cannot be started, or the run was ended.
        """
        ms = _time_of(record)
        if frame_id(self._identity(video), ms) != record.id:
            raise BadImageError(f"{video} has changed since it was listed; run again")
        if self._late.get(video, 0) >= _MOST_LATE:
            raise BadImageError(f"{video}: left out, since reading it has taken too long before")
        try:
            return _jpeg(self._open().frame(video, ms))
        except BadImageError as error:
            if isinstance(error, LateError):
                self._late[video] = self._late.get(video, 0) + 1
            raise BadImageError(f"{video} at {ms} ms: {error}") from error

    def credited(self, staged: Staged, video: Path) -> Staged:
        """What is in staging, with where it is from: the video and the time, and by what the video is known again.

        Raises:
            BadImageError: The video cannot be read.
        """
        ms = _time_of(staged.record)
        title = frame_title(str(video), ms, self._identity(video))
        return replace(staged, url=frame_place(str(video), ms), record=replace(staged.record, title=title))

    def _identity(self, video: Path) -> VideoIdentity:
        known = self._identities.get(video)
        if known is None:
            known = self._identities[video] = identify(video)
        return known

    def _open(self) -> Reader:
        with self._lock:
            if self._closed:
                raise UsageError("the run was ended before it read a video")
            if self._reader is None:
                self._reader = open_reader()
            return self._reader


def _time_of(record: ImageRecord) -> int:
    found = parse(record.file_name)
    if found is None:
        raise BadImageError("its name is none of a frame")
    return found[1]


def _jpeg(ppm: bytes) -> bytes:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when first needed

    try:
        with Image.open(io.BytesIO(ppm), formats=("PPM",)) as picture:
            width, height = picture.size
            if min(width, height) < MIN_SIDE_PX or width * height > MAX_PIXELS:
                raise BadImageError(f"its frames are {width}x{height} px; expected {MIN_SIDE_PX} px a side or more")
            made = io.BytesIO()
            picture.save(made, "JPEG", quality=JPEG_QUALITY)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadImageError(f"the reader's answer is no whole picture: {error}") from error
    return made.getvalue()
