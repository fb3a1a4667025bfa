"""The videos of a source: which frames of them are candidates, and how each is called.

Only the beginning of a video and its length are read here; a frame is read when one is wanted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from yolobg.errors import UsageError
from yolobg.files import is_text, read_ordinary
from yolobg.images.frame_names import VideoIdentity, frame_id, frame_name, is_video
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.video_files import identify
from yolobg.images.video_reader import Reader, open_reader
from yolobg.sources.cache_folder import keep_list
from yolobg.threads import Pool
from yolobg.wording import counted

__all__ = ["DEFAULT_EVERY_MS", "Frame", "Frames", "list_frames", "records_beside", "videos_among"]

DEFAULT_EVERY_MS = 2_000
# Several days of video at two frames a second; a list of more costs minutes and gigabytes.
MOST_FRAMES = 1_000_000
_LARGEST_LENGTHS_BYTES = 64 << 20
_WORKERS = 4
_SHOWN = 3
# What cameras write beside a recording: previews, positions, subtitles with the camera's settings.
_BESIDE = (".gpx", ".lrf", ".lrv", ".srt", ".thm", ".wav")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that may be a background: its number and its `file_name` in the source's list."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a source's videos.

    Attributes:
        frames: One for each step of time in each video.
        videos: How many videos they are of.
        warnings: For a person to read.
    """

    frames: tuple[Frame, ...] = ()
    videos: int = 0
    warnings: tuple[str, ...] = ()


class _Length(msgspec.Struct, frozen=True):
    """What was found of a video, while it is as it was."""

    size_bytes: int
    mtime_ns: int
    length_ms: int
    sha256: str


def videos_among(files: Sequence[str], root: str) -> list[str]:
    """Those files below a folder that are called like a video, in the order of their names; no hidden ones."""
    return sorted(path for path in files if is_video(path) and f"{os.sep}." not in path[len(root) :])


def records_beside(videos: Sequence[str], others: Sequence[str]) -> tuple[list[str], set[str]]:
    """The files that are called like a video, and those of them (and the videos) that say nothing of what is shown."""
    stems = {path.rpartition(".")[0] for path in videos}
    named = [path for path in others if path.rpartition(".")[0] in stems]
    told = {path for path in others if path.casefold().endswith(_BESIDE) and path.rpartition(".")[0] in stems}
    return named, told | set(videos)


def list_frames(source: str, videos: Sequence[str], home: Path, every_ms: int, kept: Path) -> Frames:
    """One frame of each video every so often, from its beginning on.

    Args:
        source: What `--source` says, for messages.
        videos: The videos as absolute paths below `home`.
        home: The folder to which names are relative.
        every_ms: The time from frame to frame.
        kept: Where the lengths are kept, since asking for them takes a moment for each video.

    Raises:
        UsageError: Not one video can be read, nothing here reads videos, or there are too many frames.
        YolobgError: The lengths cannot be kept.
    """
    found, bad = _lengths([path for path in videos if is_text(path)], kept)
    bad |= {path: "its name is not UTF-8 text; rename it" for path in videos if not is_text(path)}
    twins = dict[tuple[int, str], str]()
    frames = list[Frame]()
    for path, length in found.items():
        first = twins.setdefault((length.size_bytes, length.sha256), path)
        if first != path:
            bad[path] = f"it is the same video as {first}"
            continue
        if len(frames) + length.length_ms // every_ms > MOST_FRAMES:
            raise UsageError(
                f"--source {source}: its videos have more than {MOST_FRAMES:,} frames, one every {every_ms} ms; give a "
                "longer --every"
            )
        frames += _of_one(Path(path).relative_to(home).as_posix(), length, every_ms)
    if bad and not frames:
        raise UsageError(f"--source {source}: not one of its videos can be used: {_first(bad)}")
    return Frames(tuple(frames), len(found.keys() - bad), tuple(_left_out(source, bad)))


def _of_one(name: str, length: _Length, every_ms: int) -> Iterator[Frame]:
    identity = VideoIdentity(length.size_bytes, length.sha256)
    for ms in range(0, max(1, length.length_ms), every_ms):
        yield Frame(frame_id(identity, ms), frame_name(name, ms))


def _left_out(source: str, bad: dict[str, str]) -> Iterator[str]:
    if bad:
        yield f"--source {source}: {counted(len(bad), 'video', 'were')} left out: {_first(bad)}"


def _first(bad: dict[str, str]) -> str:
    more = f"; and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    return "; ".join(f"{path}: {why}" for path, why in list(bad.items())[:_SHOWN]) + more


# ---------------------------------------------------------------- lengths


def _lengths(videos: Sequence[str], kept: Path) -> tuple[dict[str, _Length], dict[str, str]]:
    """How long each video is, and why some cannot be used."""
    known = _known(kept)
    found, bad, new = dict[str, _Length](), dict[str, str](), list[str]()
    for path in videos:
        length = known.get(path)
        found |= {path: length} if length and _stamp(path) == (length.size_bytes, length.mtime_ns) else {}
        new += [] if path in found else [path]
    if new:
        reader = open_reader()
        try:
            with Pool(max_workers=_WORKERS, thread_name_prefix="yolobg-video") as pool:
                try:
                    for path, told in zip(new, pool.map(lambda path: _ask(reader, path), new), strict=True):
                        (found if isinstance(told, _Length) else bad)[path] = told  # type: ignore[assignment]  # by its kind
                except BaseException:
                    reader.close()
                    pool.shutdown(cancel_futures=True)
                    raise
        finally:
            reader.close()
        keep_list(kept, msgspec.json.encode(found))
    return {path: found[path] for path in videos if path in found}, bad


def _known(kept: Path) -> dict[str, _Length]:
    try:
        return msgspec.json.decode(read_ordinary(kept, _LARGEST_LENGTHS_BYTES), type=dict[str, _Length])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        # Whatever is there, the videos tell it again.
        return {}


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - plain strings
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _ask(reader: Reader, path: str) -> _Length | str:
    """What is to know of a video, or why it cannot be used."""
    stamp = _stamp(path)
    try:
        identity = identify(Path(path))
        length_ms = reader.length_ms(Path(path))
    except BadImageError as error:
        return str(error)
    if stamp is None or stamp[0] != identity.size_bytes:
        return "it is being written; run again when that is done"
    return _Length(*stamp, length_ms, identity.sha256)
