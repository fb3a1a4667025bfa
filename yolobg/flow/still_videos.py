"""Gives up on a video in which nothing happens, instead of reading every frame of it in vain.

What comes in depends on the order of the candidates alone, not on how fast frames are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from yolobg.images.frame_names import parse
from yolobg.model import Failed, ImageRecord, Staged

__all__ = ["STILL_FRAMES", "StillVideos"]

STILL_FRAMES = 64
"""So many near-duplicates in a row end a video.

Frames are tried in the order of van der Corput (`ranking.spread`). Of 64 places in a row one block of 32 begins at a
multiple of 32, and has one place in each 32nd of the video; so nothing that lasts a sixteenth of it or longer has
been missed. Several videos share the order, which makes that an eighth. To see what lasts half as long takes twice as
many frames, of which each costs a start of the reader.
"""

_GIVEN_UP = "nothing happens in its video"


class StillVideos:
    """Tells which videos are given up, by what became of their frames.

    Args:
        judge: Told each verified image in the order of the candidates; the reason why it must not come in, or None.
    """

    def __init__(self, judge: Callable[[Staged], str | None]) -> None:
        self._judge = judge
        self._in_a_row: dict[str, int] = {}
        self._given_up: dict[str, None] = {}
        self.refused = 0
        """How many images were not let in, of those that were looked at."""

    def candidates(self, records: Iterable[ImageRecord]) -> Iterator[ImageRecord]:
        """The records less those of videos that are given up by then."""
        return (record for record in records if _video(record) not in self._given_up)

    def judge(self, staged: Staged) -> str | None:
        """Why an image must not come in; None if it may."""
        video = _video(staged.record)
        # It was read before the video was given up.
        if video in self._given_up:
            return _GIVEN_UP
        why = self._judge(staged)
        self.refused += why is not None
        if video is not None:
            in_a_row = self._in_a_row[video] = 0 if why is None else self._in_a_row.get(video, 0) + 1
            if in_a_row >= STILL_FRAMES:
                self._given_up[video] = None
        return why

    def looked_at(self, failed: Sequence[Failed]) -> tuple[Failed, ...]:
        """What failed, less the frames that nobody would have read had the reader been slower."""
        return tuple(one for one in failed if one.reason != _GIVEN_UP)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which videos were given up, in sentences."""
        return tuple(
            f"{video}: given up after {STILL_FRAMES} near-duplicates in a row, which were spread over all of it; its "
            "other frames were not read. If something happens in it for a short time, cut that out as another video"
            for video in self._given_up
        )


def _video(record: ImageRecord) -> str | None:
    found = parse(record.file_name)
    return None if found is None else found[0]
