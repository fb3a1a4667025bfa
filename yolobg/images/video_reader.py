"""Reads videos through FFmpeg, the program, or else through the user's OpenCV, each in a process of its own.

A video is asked how long it is, and for single frames by their time: the reader seeks, so that a frame near the end of
a long recording costs as much as one at its beginning.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Protocol

from yolobg.errors import UsageError
from yolobg.images.check import MAX_PIXELS
from yolobg.images.child import Children, Output
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.video_files import PREROLL_MS, reader_of

__all__ = ["MISSING", "Reader", "open_reader"]

MISSING = (
    "videos are read with FFmpeg or OpenCV, and neither is here. Install FFmpeg (Debian, Ubuntu: sudo apt install "
    "ffmpeg; macOS: brew install ffmpeg; Windows: winget install ffmpeg), or OpenCV beside yolobg: pip install "
    "opencv-python-headless"
)
# Several times what the slowest frames take: 4K with seconds between its key frames, on a busy machine.
FRAME_S = 60.0
LENGTH_S = 30.0
# Where the length is not recorded, all packets are read (none is decoded).
PACKETS_S = 300.0
_WORKER = Path(__file__).with_name("opencv_worker.py")
_HEADER_BYTES = 64
# What begins the last line of a Python program that ends with an error of ours.
_RAISED = "ValueError: "
_LIMIT_BYTES = 3 * MAX_PIXELS + _HEADER_BYTES
_DAMAGED = "corrupt decoded frame"
_CLOCK = r"([0-9]+):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)"
_DURATION = re.compile(rf"^  Duration: (?:{_CLOCK}|N/A)", re.MULTILINE)
_REACHED = re.compile(rf"\btime={_CLOCK}")
# A cover picture of an audio file is a video stream too.
_PICTURES = re.compile(r"^ +Stream #0:[^\n]*?: Video: (?![^\n]*\(attached pic\))", re.MULTILINE)


class Reader(Protocol):
    """Something that reads videos. Methods may be called from several threads at once."""

    name: str

    def length_ms(self, video: Path) -> int:
        """How long a video is, in milliseconds.

        Raises:
            BadImageError: It cannot be read as a video; the message is the reason.
            UsageError: The reader cannot be started.
        """

    def frame(self, video: Path, ms: int) -> bytes:
        """The first frame that is shown at or after a time, upright, as a PPM image (8 bits RGB).

        Raises:
            BadImageError: There is none, or the video cannot be read.
            UsageError: The reader cannot be started.
        """

    def close(self) -> None:
        """End what is under way."""


def open_reader() -> Reader:
    """FFmpeg where it is on the PATH, else OpenCV where this interpreter has it (without importing it).

    Raises:
        UsageError: Neither is here.
    """
    if program := shutil.which("ffmpeg"):
        return _Ffmpeg(program)
    if importlib.util.find_spec("cv2") is not None:
        return _OpenCv()
    raise UsageError(MISSING)


class _Ffmpeg:
    name = "FFmpeg"

    def __init__(self, program: str) -> None:
        self._program, self._children = program, Children()

    def close(self) -> None:
        self._children.close()

    def length_ms(self, video: Path) -> int:
        # Without an output it tells what it has found, and calls that an error.
        found = self._run(video, (), (), LENGTH_S, 0, talk="info")
        length = _DURATION.search(found.said)
        if length is None:
            raise BadImageError(f"FFmpeg cannot read it: {found.reason}")
        if not _PICTURES.search(found.said):
            raise BadImageError("it has sound only, and no pictures")
        if length[1] is not None:
            return _ms(length.groups())
        packets = self._run(video, (), ("-map", "0:V:0", "-c", "copy", "-f", "null", "-"), PACKETS_S, 0, talk="info")
        reached = _REACHED.findall(packets.said)
        if packets.late or not reached:
            raise BadImageError(f"how long it is, is not recorded in it: {packets.reason}")
        return _ms(reached[-1])

    def frame(self, video: Path, ms: int) -> bytes:
        out = ("-map", "0:V:0", "-frames:v", "1", "-c:v", "ppm", "-pix_fmt", "rgb24", "-f", "image2pipe", "pipe:1")
        before = min(ms, PREROLL_MS.get(reader_of(video), 0))
        # What is given after the input is decoded and left out.
        more = ("-ss", _seconds(before)) if before else ()
        seek = ("-ss", _seconds(ms - before))
        output = self._run(video, seek, (*more, *out), FRAME_S, _LIMIT_BYTES, talk="warning")
        if not before and _DAMAGED in output.said:
            raise BadImageError("its data is damaged there")
        return _frame_of(output, self.name)

    def _run(
        self,
        video: Path,
        before: tuple[str, ...],
        after: tuple[str, ...],
        time_s: float,
        limit: int,
        talk: str = "error",
    ) -> Output:
        """Run FFmpeg on a file of this machine and nothing else, by the one reader that its content asks for."""
        command = (self._program, "-nostdin", "-hide_banner", "-loglevel", talk)
        only = ("-protocol_whitelist", "file", "-f", reader_of(video))
        place = f"file:{os.path.abspath(video)}"  # noqa: PTH100 - links stay as they are; begins with no dash
        output = self._children.run((*command, *only, *before, "-i", place, *after), time_s=time_s, limit_bytes=limit)
        _check(output, self.name, time_s)
        return output


class _OpenCv:
    name = "OpenCV"

    def __init__(self) -> None:
        self._children = Children()

    def close(self) -> None:
        self._children.close()

    def length_ms(self, video: Path) -> int:
        output = self._run(video, "length", LENGTH_S, _HEADER_BYTES)
        try:
            return int(json.loads(output.out))
        except ValueError as error:
            raise BadImageError(f"OpenCV cannot read it: {output.reason.removeprefix(_RAISED)}") from error

    def frame(self, video: Path, ms: int) -> bytes:
        return _frame_of(self._run(video, str(ms), FRAME_S, _LIMIT_BYTES), self.name)

    def _run(self, video: Path, what: str, time_s: float, limit: int) -> Output:
        before = str(PREROLL_MS.get(reader_of(video), 0))
        command = (sys.executable, str(_WORKER), os.path.abspath(video), what, before)  # noqa: PTH100 - as for FFmpeg
        env = {**os.environ, "OPENCV_FFMPEG_CAPTURE_OPTIONS": "protocol_whitelist;file"}
        output = self._children.run(command, time_s=time_s, limit_bytes=limit, env=env)
        _check(output, self.name, time_s)
        return output


def _check(output: Output, name: str, time_s: float) -> None:
    if output.late:
        raise LateError(f"{name} has not answered for {time_s:.0f} s")


class LateError(BadImageError):
    """A reader's time was up."""


def _frame_of(output: Output, name: str) -> bytes:
    if output.long:
        raise BadImageError(f"its frames have more than the {MAX_PIXELS:,} pixels that are safe to decode")
    if output.code or not output.out.startswith(b"P6"):
        said = output.reason.removeprefix(_RAISED) if output.said.strip() or output.code else "there is none"
        raise BadImageError(f"{name} gives no frame at that time: {said}")
    return output.out


def _seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03d}"


def _ms(clock: tuple[str, ...]) -> int:
    hours, minutes, seconds = clock[:3]
    return (int(hours) * 3600 + int(minutes) * 60) * 1000 + round(float(seconds) * 1000)
