"""A video in which nothing happens is given up soon; one in which something happens for a while never is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from merging import visible
from videos import MP4_HEAD, pattern, read_by_name

import yolobg
from yolobg.errors import PoolError
from yolobg.flow.ranking import spread
from yolobg.flow.still_videos import STILL_FRAMES, StillVideos
from yolobg.images.frame_names import frame_name
from yolobg.model import Failed, ImageRecord, Staged


def frames(number: int, *, seed: int = 0, video: str = "a.mp4") -> list[ImageRecord]:
    """The frames of a video in the order in which they are tried; the id is the place in the video."""
    return [ImageRecord(at, frame_name(video, at * 1000), 64, 48) for at in spread(number, seed=seed)]


def staged(record: ImageRecord) -> Staged:
    return Staged(record, Path(), 0, "", "")


def tried(records: list[ImageRecord], differs: Callable[[int], bool], *, begun: int = 1) -> tuple[list[int], list[int]]:
    """The places that were let in, and those that were read, where some are read before the others are judged."""
    videos = StillVideos(lambda one: None if differs(one.record.id) else "near")
    let_in, read, waiting = list[int](), list[int](), list[ImageRecord]()
    candidates = videos.candidates(records)
    while True:
        while len(waiting) < begun and (record := next(candidates, None)) is not None:
            read.append(record.id)
            waiting.append(record)
        if not waiting:
            return let_in, read
        first = waiting.pop(0)
        if videos.judge(staged(first)) is None:
            let_in.append(first.id)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("number", [100, 300, 383, 1024, 1025, 2303, 5400])
@pytest.mark.parametrize("begins", [0.0, 0.4, 0.9])
def test_video__that_moves_for_a_tenth_of_its_time_is_read_to_its_end(number: int, begins: float, seed: int) -> None:
    moving = range(int(number * begins), int(number * (begins + 0.1)))
    let_in, read = tried(frames(number, seed=seed), moving.__contains__)
    assert sorted(let_in) == list(moving)
    assert len(read) == number


@pytest.mark.parametrize("numbers", [(1400, 225), (384, 785, 753, 1145), (2284, 1828, 1520), (1819, 221, 1510, 1572)])
@pytest.mark.parametrize("begins", [0.0, 0.4, 0.85])
def test_video__among_others_that_moves_for_an_eighth_is_read_to_its_end(
    numbers: tuple[int, ...], begins: float
) -> None:
    whose = [(video, at) for video, number in enumerate(numbers) for at in range(number)]
    order = [whose[place] for place in spread(len(whose), seed=0)]
    records = [ImageRecord(video * 10_000 + at, frame_name(f"{video}.mp4", at * 1000), 64, 48) for video, at in order]
    moving = {video * 10_000 + at for video, at in whose if 0 <= at / numbers[video] - begins < 1 / 8}
    let_in, read = tried(records, moving.__contains__)
    assert set(let_in) == moving
    assert len(read) == len(whose)


@pytest.mark.parametrize(("number", "read"), [(10, 10), (64, 64), (65, 65), (300, 65), (20_000, 65)])
def test_video__without_a_difference_is_given_up(number: int, read: int) -> None:
    first = frames(number)[0].id
    assert read in (number, STILL_FRAMES + 1)
    assert tried(frames(number), first.__eq__) == ([first], [one.id for one in frames(number)[:read]])


def test_choice__does_not_depend_on_how_many_frames_were_read_ahead() -> None:
    """What was read before its video was given up does not come in, and is not counted either."""
    records = frames(2000)
    late = {record.id for record in records[STILL_FRAMES + 5 :]}
    for begun in (1, 8, 200):
        assert tried(records, late.__contains__, begun=begun)[0] == []
    videos = StillVideos(lambda _: "near")
    failed = [Failed(one.id, videos.judge(staged(one)) or "", 1, one.file_name) for one in records]
    assert len(videos.looked_at(failed)) == videos.refused == STILL_FRAMES


def test_images__between_are_never_given_up() -> None:
    photos = [ImageRecord(number, f"{number}.jpg", 64, 48) for number in range(3 * STILL_FRAMES)]
    assert tried(photos, lambda _: False)[1] == [photo.id for photo in photos]


# ---------------------------------------------------------------- through augment


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    read_by_name(monkeypatch)
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/still.mp4").write_bytes(MP4_HEAD + b"still")
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind / "train").mkdir(parents=True)
    pattern(10**6).save(tmp_path / "data/images/train/one.jpg")
    (tmp_path / "data/labels/train/one.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data/data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
    return tmp_path / "pool"


def test_augment__says_that_a_video_was_given_up_and_adds_nothing(tmp_path: Path, pool: Path) -> None:
    data = tmp_path / "data"
    before = visible(data)
    with pytest.raises(
        PoolError, match=r"only 1 image differs .* 2 backgrounds are needed; 64 near-duplicates"
    ) as error:
        yolobg.augment(data, source=str(pool / "still.mp4"), count=2)
    assert "still.mp4: given up after 64 near-duplicates in a row" in str(error.value)
    assert "--every" in str(error.value)
    assert visible(data) == before
    assert len(yolobg.augment(data, source=str(pool / "still.mp4"), count=1).added) == 1


def test_augment__takes_the_rest_from_the_other_videos(tmp_path: Path, pool: Path) -> None:
    (pool / "moving.mp4").write_bytes(MP4_HEAD + b"moving")
    report = yolobg.augment(tmp_path / "data", source=str(pool), count=90)
    assert report.after.backgrounds == len(report.added) == 90
    assert sum("still.mp4" in added.url for added in report.added) == 1
    assert sum("still.mp4: given up" in warning for warning in report.warnings) == 1
    assert report.source is not None
    left_out = report.source.left_out
    assert (left_out.in_dataset, left_out.repeated) == (0, STILL_FRAMES), "they are the same to the bit"
