"""Small videos whose every frame can be told, made by FFmpeg or OpenCV; and a stand-in for FFmpeg that misbehaves."""

from __future__ import annotations

import importlib.util
import io
import random
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from yolobg.images.jpeg_png import BadImageError

FFMPEG = shutil.which("ffmpeg")
HAS_OPENCV = importlib.util.find_spec("cv2") is not None

# A user has one of the two, or none, which yolobg says; a machine for tests may have none as well.
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="FFmpeg is not installed")
needs_opencv = pytest.mark.skipif(not HAS_OPENCV, reason="OpenCV is not installed")
needs_reader = pytest.mark.skipif(FFMPEG is None and not HAS_OPENCV, reason="neither FFmpeg nor OpenCV is installed")
# Windows starts no file by its `#!` line.
posix_script = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for FFmpeg is a POSIX script")

SIZE = (160, 120)
# What the beginning of an mp4 looks like to one who does not decode it.
MP4_HEAD = b"\x00\x00\x00\x18ftypisom" + bytes(64)


def pattern(number: int) -> Image.Image:
    """A picture of coloured blocks, another one for each number and no near-duplicate of it."""
    chance = random.Random(number)
    small = Image.new("RGB", (8, 6))
    small.putdata([tuple(chance.randrange(256) for _ in range(3)) for _ in range(48)])
    return small.resize(SIZE, Image.Resampling.NEAREST)


def is_pattern(picture: Image.Image | bytes, number: int) -> bool:
    """Whether a picture, or a file's content, shows that pattern after a lossy codec."""
    if isinstance(picture, bytes):
        picture = Image.open(io.BytesIO(picture))
    if picture.size != SIZE:
        return False
    apart = ImageStat.Stat(ImageChops.difference(picture.convert("RGB"), pattern(number))).mean
    return max(apart) < 25


def make_video(path: Path, numbers: Sequence[int], *, rate: int = 1, options: Sequence[str] = ()) -> Path:
    """A video of patterns; the time of the n-th frame is n / rate seconds.

    Args:
        path: Where to write it; the suffix says the container.
        numbers: The patterns.
        rate: Frames a second.
        options: More for FFmpeg, where it makes the video.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if FFMPEG is not None:
        raw = b"".join(pattern(number).tobytes() for number in numbers)
        ffmpeg(
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "160x120", "-r", str(rate), "-i", "pipe:0"),
            *("-c:v", "mpeg4", "-q:v", "2", "-g", "5", *options, f"file:{path}"),
            given=raw,
        )
        return path
    import cv2  # noqa: PLC0415 - only where FFmpeg is missing
    import numpy as np  # noqa: PLC0415 - comes with OpenCV

    # Its writer takes % and others in a name for something else.
    plain = path.with_name(f"plain{path.suffix}")
    writer = cv2.VideoWriter(str(plain), cv2.VideoWriter.fourcc(*"mp4v"), rate, SIZE)
    for number in numbers:
        writer.write(np.asarray(pattern(number))[:, :, ::-1])
    writer.release()
    plain.replace(path)
    return path


def ffmpeg(*arguments: str, given: bytes = b"") -> None:
    """Run FFmpeg."""
    assert FFMPEG is not None
    subprocess.run([FFMPEG, "-loglevel", "error", "-y", *arguments], input=given, check=True)


def stand_in(folder: Path, body: str) -> Path:
    """A program called `ffmpeg` in a folder of its own, which runs the lines of Python given; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "ffmpeg"
    script.write_text(f"#!{sys.executable}\nimport os, sys, time\n{textwrap.dedent(body)}")
    script.chmod(0o755)
    return folder


PLAYS = """
if '-ss' not in sys.argv:
    sys.stderr.write('  Duration: 00:01:40.00, start: 0.0\\n  Stream #0:0: Video: h264, 160x120\\n')
    sys.exit(1)
import random
asked = sys.argv[sys.argv.index('-ss') :]
# Without the folder, which is another one in every run.
chance = random.Random(''.join(part.rpartition('/')[2] for part in asked))
blocks = [[bytes(chance.randrange(256) for _ in range(3)) for _ in range(8)] for _ in range(6)]
sys.stdout.buffer.write(b'P6\\n160 120\\n255\\n' + b''.join(b''.join(b * 20 for b in row) * 20 for row in blocks))
"""
"""What a stand-in runs to give 100 seconds of pictures that differ."""


class Reader:
    """Reads videos in this process, by what they are called: in `still.mp4` nothing happens, in others all the time."""

    name = "a reader"
    seconds = 400

    def length_ms(self, video: Path) -> int:
        return self.seconds * 1000

    def frame(self, video: Path, ms: int) -> bytes:
        if ms >= self.seconds * 1000:
            raise BadImageError("there is none")
        picture = pattern(0 if video.stem == "still" else 1 + ms)
        return b"P6\n%d %d\n255\n" % picture.size + picture.tobytes()

    def close(self) -> None:
        pass


def read_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a `Reader` in the place of FFmpeg."""
    for place in ("images.frames", "sources.frames"):
        monkeypatch.setattr(f"yolobg.{place}.open_reader", Reader)
