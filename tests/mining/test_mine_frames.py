"""`yolobg mine` with videos: shards of frames, which every machine reads from the same videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from merging import visible
from mining_data import FakeModel, use_model
from videos import MP4_HEAD, Reader, pattern, read_by_name

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.errors import AnnotationsError, UsageError, YolobgError

pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra `scale`)")

from yolobg.mining.shards import open_work, read_shard_rows
from yolobg.mining.work import mine, plan_mining

COUNT = 6


class Place:
    """A dataset, a video that is read in this process, and a folder of its shards."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.root, self.video, self.work = folder / "data", folder / "pool/drive.mp4", folder / "scored"
        for kind in ("images", "labels"):
            (self.root / kind / "train").mkdir(parents=True)
        pattern(10**6).save(self.root / "images/train/one.jpg")
        (self.root / "labels/train/one.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        (self.root / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
        self.video.parent.mkdir()
        self.video.write_bytes(MP4_HEAD)
        self.options: dict[str, Any] = {"source": str(self.video), "every": "10s", "count": COUNT}
        self.before = visible(self.root)
        plan_mining(self.root, self.work, shard_size=15, hard=model, **self.options)

    def augment(self) -> yolobg.Report:
        return yolobg.augment(self.root, scores=self.work, min_score=0.75, **self.options)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    read_by_name(monkeypatch)
    return Place(tmp_path, use_model(monkeypatch, tmp_path, FakeModel(names={0: "zebra"})))


def test_shards__of_frames_are_scored_and_chosen_from(place: Place) -> None:
    report = mine(place.work, shard="1/1")
    assert (report.images, report.scored) == (Reader.seconds // 10, 3)
    work, plan = open_work(place.work)
    rows = [row for number in range(3) for row in read_shard_rows(place.work, work, plan, number)]
    scores = {row.source_id: row.looked.score for row in rows if row.looked}
    assert len(scores) == Reader.seconds // 10
    done = place.augment()
    assert len(done.added) == COUNT
    assert all(added.url.startswith(f"{place.video}#t=") for added in done.added)
    assert done.mined is not None
    best = sorted(scores.values(), reverse=True)[: COUNT // 2]
    assert sorted((image.score for image in done.mined.images if image.rank), reverse=True) == pytest.approx(best)
    (made,) = read_manifest(place.root).runs
    assert made.mining is not None
    assert (made.mining.reviewed, made.reviewed) == (False, False)
    yolobg.remove(place.root)
    assert visible(place.root) == place.before


def test_augment__takes_a_frame_that_this_machine_encodes_otherwise(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another FFmpeg or libjpeg gives other bytes; another picture is none that the model has looked at."""
    mine(place.work, shard="1/1")
    monkeypatch.setattr("yolobg.images.frames.JPEG_QUALITY", 80)
    assert len(place.augment().added) == COUNT
    yolobg.remove(place.root)
    monkeypatch.setattr(Reader, "frame", lambda *_: b"P6\n160 120\n255\n" + pattern(7).tobytes())
    with pytest.raises(YolobgError, match="has changed since the model looked at it"):
        place.augment()
    assert visible(place.root) == place.before


def gone(video: Path) -> None:
    video.unlink()


def other(video: Path) -> None:
    video.write_bytes(MP4_HEAD + b"more")


@pytest.mark.parametrize(
    ("harm", "said"), [(gone, "the videos have to be at the path"), (other, "is another video than when")]
)
def test_video__that_is_missing_or_another_stops_the_worker_and_the_choice(
    place: Place, harm: Callable[[Path], None], said: str
) -> None:
    content = place.video.read_bytes()
    harm(place.video)
    with pytest.raises(UsageError, match=said) as error:
        mine(place.work, shard="1/1")
    assert str(place.video) in str(error.value)
    assert not list((place.work / "out").iterdir()), "no shard counts as scored"
    place.video.write_bytes(content)
    assert mine(place.work, shard="1/1").scored == 3
    harm(place.video)
    with pytest.raises((AnnotationsError, UsageError)):
        place.augment()
    assert visible(place.root) == place.before
