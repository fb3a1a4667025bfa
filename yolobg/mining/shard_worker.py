"""One worker: fetches the images of a shard, has the model look at them, writes what it found, and drops them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from yolobg.errors import AnnotationsError, UsageError, YolobgError
from yolobg.files import hash_file
from yolobg.images import fetch_images
from yolobg.images.frame_names import frame_id, parse
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.picture_hash import picture_hash
from yolobg.images.video_files import identify
from yolobg.mining.bringing import looked_of
from yolobg.mining.shards import Row, Work, open_work, read_shard_records, write_rows
from yolobg.model import ImageRecord, Origin, Progress, Staged, no_progress
from yolobg.scoring.models import Scorer, open_scorer
from yolobg.sources.cache_folder import SCORES, cache_folder

__all__ = ["Do", "never", "worker"]

Do = Callable[[int], None]

_BATCH = 64


def never() -> bool:
    """Goes on always."""
    return False


@contextlib.contextmanager
def worker(folder: Path, *, stopped: Callable[[], bool] = never, progress: Progress = no_progress) -> Iterator[Do]:
    """A function that scores a shard by its number; the model is open within the block.

    Scores are kept in this machine's cache too, so that a shard that was cut off is not looked at again from its start.

    Args:
        folder: What `yolobg mine --plan` made.
        stopped: Whether to give up; asked between batches.
        progress: Told of the stage `score`, in images of a shard.

    Raises:
        UsageError: The plan or the model is not what it was, or the model cannot be run.
        DownloadError: The images cannot be had; what is scored so far stays.
    """
    work, plan = open_work(folder)
    model = folder / work.model
    if not model.is_file() or hash_file(model) != work.model_sha256:
        raise UsageError(f"{model}: is not the model that the plan was made with; plan again in a new folder")
    # One core for each worker: several of them use a machine better than the threads of one.
    with open_scorer(model, work.names, also=work.also, cache=cache_folder() / SCORES, threads=1) as scorer:

        def do(number: int) -> None:
            records = read_shard_records(folder, work, number)
            _check_videos(records, work)
            rows = _rows(records, work, scorer, stopped, progress)
            if len(rows) == len(records):
                write_rows(folder, work, plan, number, rows)

        yield do


def _check_videos(records: Sequence[ImageRecord], work: Work) -> None:
    """Stop before a shard whose videos are not here as they were planned: its frames would all count as unusable.

    Raises:
        UsageError: The message names the video.
    """
    firsts = {frame[0]: (record, frame[1]) for record in records if work.frames and (frame := parse(record.file_name))}
    for name, (record, ms) in firsts.items():
        places = [Path(folder) / name for folder in work.folders]
        video = next((place for place in places if place.exists()), places[0])
        try:
            changed = frame_id(identify(video), ms) != record.id
        except BadImageError as error:
            raise UsageError(
                f"{video}: {error}; the videos have to be at the path that they had when `yolobg mine --plan` ran, on "
                "every machine"
            ) from error
        if changed:
            raise UsageError(
                f"{video}: is another video than when `yolobg mine --plan` ran; put that one back, or plan again in a "
                "new folder"
            )


def _rows(
    records: Sequence[ImageRecord], work: Work, scorer: Scorer, stopped: Callable[[], bool], progress: Progress
) -> list[Row]:
    """What came of each image; fewer where it was stopped."""
    rows: list[Row] = []
    origin = Origin(work.source, tuple(map(Path, work.folders)), work.bases, frames=work.frames)
    with tempfile.TemporaryDirectory(prefix="yolobg-mine-") as staging:
        for start in range(0, len(records), _BATCH):
            if stopped():
                break
            rows += _look(records[start : start + _BATCH], origin, Path(staging), scorer)
            progress("score", len(rows), len(records))
    return rows


def _look(records: Sequence[ImageRecord], origin: Origin, staging: Path, scorer: Scorer) -> list[Row]:
    pictures: dict[int, int | None] = {}

    def note(staged: Staged) -> None:
        pictures[staged.record.id] = picture_hash(staged.path)

    try:
        fetched = fetch_images(records, needed=len(records), origin=origin, staging=staging, accept=note)
    except AnnotationsError as error:
        return [Row(record.id, None, str(error)) for record in records]
    rows = {failed.source_id: Row(failed.source_id, None, failed.reason) for failed in fetched.failed}
    images = {staged.sha256: str(staged.path) for staged in fetched.staged}
    try:
        unreadable = scorer.look(images, told=lambda: None, stopped=never)
    except OSError as error:
        raise YolobgError(f"the scores cannot be kept: {error}; free some space or set YOLOBG_CACHE_DIR") from error
    for staged in fetched.staged:
        number = staged.record.id
        if staged.sha256 in unreadable:
            rows[number] = Row(number, None, "the model cannot read it")
        else:
            rows[number] = Row(number, looked_of(scorer, number, staged.sha256, pictures[number]))
        staged.path.unlink(missing_ok=True)
    return [rows[record.id] for record in records]
