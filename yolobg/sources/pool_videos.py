"""Whether the videos of a source folder are used, and what has to be said or known before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from yolobg.dataset.folder_listing import Walk
from yolobg.errors import UsageError
from yolobg.formats.unread import find_unread
from yolobg.images.frame_names import is_video
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.video_files import reader_of
from yolobg.sources.frames import DEFAULT_EVERY_MS, Frames, list_frames, records_beside, videos_among
from yolobg.sources.unreadable import remarks, stop_at_unread
from yolobg.wording import counted

__all__ = ["Chosen", "choose_videos", "walk_source"]


def walk_source(source: Path) -> Walk:
    """What is in a source folder; for a single video that, and what lies beside it under its name.

    Raises:
        UsageError: The video is a link to a file that is not called like one.
    """
    walk = Walk(others=True)
    if source.is_dir():
        walk.add(str(source.resolve()))
        return walk
    place = source.resolve()
    if not is_video(place.name):
        raise UsageError(
            f"--source {source}: is a link to {place}, which is not called like a video (.mp4, .mkv, …); give a "
            "copy or a hard link that does"
        )
    video = str(place)
    beside = [str(path) for path in place.parent.iterdir() if path.is_file()]
    # Videos that differ from it in the suffix alone were not asked for, and say nothing of it.
    walk.others = [video, *(path for path in records_beside([video], beside)[0] if not is_video(path))]
    return walk


@dataclass(frozen=True)
class Chosen:
    """The videos of a source that are used.

    Attributes:
        source: The source folder, or the video.
        videos: As absolute paths; none where frames are not wanted.
        every_ms: The time from frame to frame.
        warnings: For a person to read.
    """

    source: Path
    videos: tuple[str, ...] = ()
    every_ms: int = DEFAULT_EVERY_MS
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells the list of one source from that with other frames."""
        return f"?every={self.every_ms}" if self.videos else ""

    def list(self, home: Path, kept: Path, *, beside: bool) -> Frames:
        """The frames, see `list_frames`.

        Args:
            home: The folder to which names are relative.
            kept: Where the lengths are kept.
            beside: Whether there are images about which something is known, which says nothing of the frames.
        """
        if not self.videos:
            return Frames(warnings=self.warnings)
        frames = list_frames(str(self.source), self.videos, home, self.every_ms, kept)
        notes: tuple[str, ...] = (
            f"--source {self.source}: {counted(len(frames.frames), 'frame')} of "
            f"{counted(frames.videos, 'video')}, one every {self.every_ms / 1000:g} s. Which of them are "
            "near-duplicates of one another or of images of the dataset is known once they are read: others come in "
            "for those",
        )
        if beside:
            notes += (
                f"--source {self.source}: none of the frames has an annotation, so nothing is known of what they show "
                "and none is left out for it. Review the added images (yolobg review)",
            )
        return replace(frames, warnings=(*self.warnings, *notes, *frames.warnings))


def choose_videos(source: Path, walk: Walk, every_ms: int | None, *, unlabelled: bool) -> Chosen:
    """Find the videos of a source, and stop where records lie beside them that were not understood.

    Args:
        source: The folder, or a video.
        walk: What is there.
        every_ms: The time from frame to frame that the user has given; without one, videos beside images are left.
        unlabelled: The user says that what was not understood does not matter.

    Raises:
        UsageError: There is a time, and no video.
        AnnotationsError: There are such records, and `unlabelled` was not said.
    """
    root = str(source.resolve() if source.is_dir() else source.resolve().parent)
    videos = videos_among(walk.others, root) if source.is_dir() else walk.others[:1]
    if not videos:
        if every_ms is not None:
            raise UsageError(f"--source {source}: contains no video, so --every means nothing; leave it out")
        return Chosen(source)
    if every_ms is None and walk.images:
        return Chosen(source, warnings=_not_used(source, videos))
    named, settled = records_beside(videos, walk.others)
    # Of what lies elsewhere, the images' own reading has judged.
    looked_at = Walk(others=True)
    looked_at.others = named if walk.images else walk.others
    looked_at.closed = [] if walk.images else walk.closed
    unread = find_unread(looked_at, root, images=videos, understood=settled)
    stop_at_unread(source, unread, unlabelled=unlabelled)
    return Chosen(source, tuple(videos), every_ms or DEFAULT_EVERY_MS, remarks(source, unread))


def _not_used(source: Path, videos: list[str]) -> tuple[str, ...]:
    real = list(filter(_is_real, videos))
    if not real:
        return ()
    told = "the video in it is" if len(real) == 1 else f"the {len(real):,} videos in it are"
    return (f"--source {source}: {told} not used, since it has images too; --every 2s uses frames of videos as well",)


def _is_real(video: str) -> bool:
    try:
        return bool(reader_of(Path(video)))
    except BadImageError:
        return False
