"""Videos as the source, from the option to the dataset and back; without a decoder where none is needed."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run
from merging import tree
from mining_data import FakeModel, score_of, use_model
from PIL import Image
from videos import MP4_HEAD, PLAYS, is_pattern, make_video, needs_ffmpeg, needs_reader, pattern, posix_script, stand_in
from warned import further

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.errors import AnnotationsError, DownloadError, PoolError, UsageError
from yolobg.images.frames import JPEG_QUALITY
from yolobg.review.session import Session
from yolobg.sources.frames import Frames

# What tells a length and nothing else, as FFmpeg does of a video that is `SECONDS` long.
SECONDS = 100
TELLS = f"""
sys.stderr.write('  Duration: 00:01:{SECONDS - 60}.00, start: 0.0\\n  Stream #0:0: Video: h264, 160x120\\n')
sys.exit(1)
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two labelled zebras and no background."""
    for number, name in enumerate(("one", "two")):
        for kind in ("images", "labels"):
            (tmp_path / "data" / kind / "train").mkdir(parents=True, exist_ok=True)
        pattern(1000 + number).save(tmp_path / "data" / "images" / "train" / f"{name}.jpg")
        (tmp_path / "data" / "labels" / "train" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data" / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
    return tmp_path / "data"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a stand-in for FFmpeg first on the PATH, and makes what looks like a video to one who does not decode it."""
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', TELLS)}{os.pathsep}{os.environ['PATH']}")

    def make(name: str) -> Path:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(MP4_HEAD + name.encode())
        return tmp_path / name

    return make


def times(report: yolobg.Report, dataset: Path) -> list[float]:
    """The times of the frames that came in, in seconds."""
    return [float(added.url.rpartition("#t=")[2]) for added in report.added]


# ---------------------------------------------------------------- without a decoder


@posix_script
def test_plan__counts_by_the_length_alone(dataset: Path, told: Callable[[str], Path]) -> None:
    """The stand-in gives no frame, so none was read."""
    video = told("pool/drive.mp4")
    report = yolobg.plan(dataset, source=str(video), count=5).report
    assert report.source is not None
    assert (report.source.images, report.source.eligible, len(report.planned)) == (50, 50, 5)
    assert report.warnings[0].startswith("drive: none of its 50 images has an annotation")
    assert "near-duplicates" in report.warnings[1]
    assert all(re.fullmatch(re.escape(str(video)) + r"#t=[0-9]+\.000", one.url) for one in report.planned)
    assert {one.why for one in report.planned} == {"spread in time, seed 0"}
    for every, number in (("500ms", 200), ("1m", 2), (1000, 1), (0.5, 200)):
        report = yolobg.plan(dataset, source=str(video), count=1, every=every).report
        assert report.source is not None
        assert report.source.images == number


@posix_script
def test_plan__takes_frames_far_apart_and_more_of_them_in_between(dataset: Path, told: Callable[[str], Path]) -> None:
    for name in ("a/drive.mp4", "b/drive.MP4"):
        told(f"pool/{name}")
    source = str(told("pool/c.mov").parent)
    few, many = (
        [one.url for one in yolobg.plan(dataset, source=source, count=count, seed=4).report.planned]
        for count in (10, 40)
    )
    assert many[:10] == few
    assert len(set(many)) == 40
    for taken in (few, many):
        for video in ("a/drive.mp4", "b/drive.MP4", "c.mov"):
            seconds = sorted(float(url.rpartition("#t=")[2]) for url in taken if f"/{video}#" in url)
            gaps = [after - before for before, after in zip([0.0, *seconds], [*seconds, float(SECONDS)], strict=True)]
            assert max(gaps) <= 2 * 3 * SECONDS / len(taken) + 2, (video, seconds)


@posix_script
def test_plan__asks_for_a_length_once(dataset: Path, told: Callable[[str], Path], tmp_path: Path) -> None:
    source = str(told("pool/a.mp4").parent)
    stand_in(tmp_path / "bin", f"open({str(tmp_path / 'asked')!r}, 'a').write('x'){TELLS}")
    for _ in range(3):
        yolobg.plan(dataset, source=source, count=1, every="1s")
    assert (tmp_path / "asked").read_text() == "x"
    told("pool/b.mp4")
    yolobg.plan(dataset, source=source, count=1, every="1s")
    assert (tmp_path / "asked").read_text() == "xx"


@posix_script
def test_folder__with_images_needs_a_word_for_its_videos(dataset: Path, told: Callable[[str], Path]) -> None:
    source = told("pool/a.mp4").parent
    pattern(1).save(source / "photo.jpg")
    report = yolobg.plan(dataset, source=str(source), count=1).report
    assert report.source is not None
    assert report.source.images == 1
    assert further(report.warnings) == (
        f"--source {source}: the video in it is not used, since it has images too; --every 2s uses frames of videos as "
        "well",
    )
    report = yolobg.plan(dataset, source=str(source), count=51, every="2s").report
    assert report.source is not None
    assert report.source.images == 51
    assert sum(one.url == str(source / "photo.jpg") for one in report.planned) == 1


@posix_script
def test_folder__with_records_says_that_frames_have_none(dataset: Path, told: Callable[[str], Path]) -> None:
    source = told("pool/a.mp4").parent
    (source / "images").mkdir()
    (source / "labels").mkdir()
    for number, label in enumerate(("0 .5 .5 .2 .2\n", "1 .5 .5 .2 .2\n")):
        pattern(number).save(source / "images" / f"{number}.jpg")
        (source / "labels" / f"{number}.txt").write_text(label)
    (source / "data.yaml").write_text("train: images\nval: images\nnames: [zebra, horse]\n")
    report = yolobg.plan(dataset, source=str(source), count=1, every="2s").report
    assert report.source is not None
    assert (report.source.images, report.source.left_out.class_, report.source.eligible) == (52, 1, 51)
    assert any("none of the frames has an annotation" in warning for warning in report.warnings)


@posix_script
@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("drive.json", '{"shapes": [{"label": "zebra", "points": [[1, 2], [3, 4]]}]}'),
        ("drive.xml", "<annotations><track label='zebra'><box frame='0' xtl='1'/></track></annotations>"),
        ("drive.txt", "0 0.5 0.5 0.1 0.1\n"),
    ],
)
def test_records__beside_a_video_stop_the_run(
    dataset: Path, told: Callable[[str], Path], name: str, content: str, *, single: bool
) -> None:
    video = told("pool/drive.mp4")
    (video.parent / name).write_text(content)
    source = str(video if single else video.parent)
    with pytest.raises(AnnotationsError, match=f"{name}.*--unlabelled"):
        yolobg.plan(dataset, source=source, count=1)
    assert yolobg.plan(dataset, source=source, count=1, unlabelled=True).report.planned


@posix_script
def test_records__what_cameras_write_beside_is_none(dataset: Path, told: Callable[[str], Path]) -> None:
    video = told("pool/drive.mp4")
    video.with_suffix(".SRT").write_text("1\n00:00:00,000 --> 00:00:01,000\nISO: 100 [latitude: 1.5]\n")
    video.with_suffix(".gpx").write_text("<gpx/>")
    (video.parent / "other.json").write_text('{"shapes": [{"label": "zebra", "points": [[1, 2], [3, 4]]}]}')
    assert yolobg.plan(dataset, source=str(video), count=1).report.planned, "what is called otherwise is none of it"


@posix_script
def test_video__is_the_only_one_whatever_has_its_name(dataset: Path, told: Callable[[str], Path]) -> None:
    """A camera's drive.mp4 and its drive.avi with boxes drawn into it are two things."""
    video = told("pool/drive.mp4")
    for other in ("drive.avi", "drive.MKV"):
        told(f"pool/{other}")
    report = yolobg.plan(dataset, source=str(video), count=50).report
    assert {one.url.rpartition("#")[0] for one in report.planned} == {str(video)}
    assert any("50 frames of 1 video," in warning for warning in report.warnings)
    (video.parent / "drive.json").write_text('{"shapes": [{"label": "zebra", "points": [[1, 2], [3, 4]]}]}')
    with pytest.raises(AnnotationsError, match=r"drive\.json"):
        yolobg.plan(dataset, source=str(video), count=1)


@posix_script
def test_video__may_be_hidden_or_a_link_to_another(dataset: Path, told: Callable[[str], Path], tmp_path: Path) -> None:
    video, link, blob = told("pool/.hidden.mp4"), tmp_path / "link.mp4", tmp_path / "blob.mp4"
    link.symlink_to(video)
    for source in (video, link):
        report = yolobg.plan(dataset, source=str(source), count=50).report
        assert {one.url.rpartition("#")[0] for one in report.planned} == {str(video)}
    # As DVC links what it keeps.
    blob.symlink_to(told("kept/d41d8cd9"))
    with pytest.raises(UsageError, match=r"blob\.mp4: is a link to .*d41d8cd9, which is not called like a video"):
        yolobg.plan(dataset, source=str(blob), count=1)


def test_video__given_twice_is_refused(dataset: Path) -> None:
    before = tree(dataset)
    told = run("augment", dataset, "--source", "a.mp4", "--source", "b.mp4", "--yes")
    assert told.returncode == UsageError("").exit_code
    assert "--source: given 2 times (a.mp4, b.mp4); expected one." in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr
    assert tree(dataset) == before


@posix_script
def test_folder__leaves_out_what_cannot_be_used(dataset: Path, told: Callable[[str], Path], tmp_path: Path) -> None:
    good = told("pool/good.mp4")
    (good.parent / "empty.mp4").touch()
    (good.parent / "page.mp4").write_text("<html>" * 100)
    told("pool/.hidden/x.mp4")
    told("pool/.x.mp4")
    shutil.copyfile(good, good.parent / "same.mp4")
    report = yolobg.plan(dataset, source=str(good.parent), count=1).report
    assert report.source is not None
    assert report.source.images == 50
    (said,) = (warning for warning in report.warnings if "left out" in warning and "video" in warning)
    for part in ("3 videos were left out", "empty.mp4: it is empty", "page.mp4: its content is text", "the same video"):
        assert part in said
    assert any("50 frames of 1 video," in warning for warning in report.warnings)


@posix_script
# macOS takes only names that are UTF-8.
@pytest.mark.skipif(sys.platform == "darwin", reason="this file system refuses such names")
def test_folder__a_name_that_is_no_text(dataset: Path, told: Callable[[str], Path]) -> None:
    good = told("pool/good.mp4")
    shutil.copyfile(good, os.fsencode(good.parent) + b"/\xff.mp4")
    report = yolobg.plan(dataset, source=str(good.parent), count=1).report
    assert report.source is not None
    assert report.source.images == 50
    assert any("not UTF-8" in warning for warning in report.warnings)


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "every beside a named source": ({"every": "2s"}, "--every: only applies to videos"),
    "every beside annotations": (
        {"every": "2s", "annotations": "a.json", "images": ["https://x.org/"]},
        "--every: only applies to videos",
    ),
    "every beside images alone": ({"every": "2s", "source": "photos"}, "contains no video"),
    "a file that is no video": ({"source": "photos/a.jpg"}, "it is a file"),
    "a video that is none": ({"source": "page.mp4"}, "its content is text"),
    "links": ({"source": "a.mp4", "link": "hard"}, "--link hard"),
}


@posix_script
@pytest.mark.parametrize("kind", REFUSED)
def test_options__that_mean_nothing_are_told(
    dataset: Path, told: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    told("a.mp4")
    (tmp_path / "page.mp4").write_text("<html>")
    (tmp_path / "photos").mkdir()
    pattern(1).save(tmp_path / "photos" / "a.jpg")
    monkeypatch.chdir(tmp_path)
    options, why = REFUSED[kind]
    with pytest.raises(UsageError, match=re.escape(why)):
        yolobg.plan(dataset, count=1, **options)  # type: ignore[arg-type]  # as a person types them


def test_nothing_that_reads_videos__is_told(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(MP4_HEAD)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    before = tree(dataset)
    with pytest.raises(UsageError, match="FFmpeg"):
        yolobg.augment(dataset, source=str(tmp_path / "a.mp4"), count=1)
    assert tree(dataset) == before


@posix_script
def test_hard__takes_the_frames_on_which_the_model_fires(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', PLAYS)}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "drive.mp4").write_bytes(MP4_HEAD)
    model = use_model(monkeypatch, tmp_path, FakeModel(names={0: "zebra"}))
    report = yolobg.augment(
        dataset, source=str(tmp_path / "drive.mp4"), every="4s", count=6, hard=model, min_score=0.75
    )
    assert report.mined is not None
    scores = [score_of((dataset / added.image).read_bytes()) for added in report.added]
    assert (len(scores), sum(score >= 0.75 for score in scores)) == (6, 3)
    assert 6 < report.mined.scored <= SECONDS // 4
    assert all("drive.mp4#t=" in added.url for added in report.added)


@posix_script
def test_review__replaces_a_rejected_frame_by_another(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', PLAYS)}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "drive.mp4").write_bytes(MP4_HEAD)
    yolobg.augment(dataset, source=str(tmp_path / "drive.mp4"), every="20s", count=3)
    before = {entry.source_id for entry in read_manifest(dataset).entries}
    session = Session(dataset)
    rejected = next(item for item in session.items.values())
    session.act("reject", [rejected.number], "any")
    session.begin_apply()
    session.apply(replace=True)
    assert not (dataset / rejected.card.image).exists()
    entries = read_manifest(dataset).entries
    assert len(entries) == 3
    assert len(before - {entry.source_id for entry in entries}) == 1
    assert all("drive.mp4#t=" in entry.url for entry in entries)
    assert len(yolobg.augment(dataset, source=str(tmp_path / "drive.mp4"), every="20s", count=4).added) == 1, "of five"
    with pytest.raises(PoolError):
        yolobg.augment(dataset, source=str(tmp_path / "drive.mp4"), every="20s", count=5)


# ---------------------------------------------------------------- with one


@needs_reader
def test_augment__from_videos_and_back(dataset: Path, tmp_path: Path) -> None:
    before = tree(dataset)
    first = make_video(tmp_path / "pool" / "a" / "drive 1.mp4", range(8))
    make_video(tmp_path / "pool" / "b" / "drive 1.mp4", range(100, 108))
    pattern(500).save(tmp_path / "pool" / "photo.jpg")
    source = str(tmp_path / "pool")
    report = yolobg.augment(dataset, source=source, count=6, every="1s")
    assert (len(report.added), report.after.backgrounds, report.failed) == (6, 6, ())
    assert len({added.image for added in report.added}) == 6
    planned = yolobg.plan(dataset, source=source, count=17, every="1s").report.source
    assert planned is not None
    assert (planned.left_out.in_dataset, planned.eligible) == (6, 11), "known before any frame is read"
    more = yolobg.augment(dataset, source=source, count=17, every="1s")
    assert len(more.added) == 11, "all that there is, and no frame twice"
    shown = []
    for added in (*report.added, *more.added):
        content = (dataset / added.image).read_bytes()
        place, _, seconds = added.url.rpartition("#t=")
        if not place:
            continue
        number = int(float(seconds)) + (100 if "/b/" in place else 0)
        assert is_pattern(content, number)
        shown.append(number)
        assert f"_{int(float(seconds)):06d}000ms" in added.image
        assert (dataset / added.label).read_bytes() == b""
    assert sorted(shown) == [*range(8), *range(100, 108)]
    _check_credits(dataset, first)
    assert yolobg.augment(dataset, source=source, count=17, every="1s").added == ()
    yolobg.remove(dataset)
    assert tree(dataset) == before


def _check_credits(dataset: Path, video: Path) -> None:
    entries = [entry for entry in read_manifest(dataset).entries if entry.url == f"{video}#t=3.000"]
    size = f"{video.stat().st_size} bytes"
    assert len(entries) == 1
    assert entries[0].title.startswith(f"drive 1.mp4 at 3000 ms; video of {size}, SHA-256 of its samples ")
    rows = list(csv.DictReader(io.StringIO((dataset / ".yolobg" / "ATTRIBUTION.csv").read_text())))
    (row,) = (row for row in rows if row["downloaded_from"] == entries[0].url)
    assert row["title"] == entries[0].title


@pytest.mark.slow
@needs_reader
def test_augment__is_the_same_from_run_to_run(dataset: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "drive.mp4", range(20))

    def run() -> tuple[str, ...]:
        added = yolobg.augment(dataset, source=str(video), count=5, every="1s", seed=3).added
        yolobg.remove(dataset)
        return tuple(f"{one.image} {one.sha256}" for one in added)

    assert run() == run()


@pytest.mark.slow
@needs_reader
def test_augment__knows_a_video_that_was_moved(dataset: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "drive.mp4", range(6))
    yolobg.augment(dataset, source=str(video), count=3, every="1s")
    moved = video.rename(tmp_path / "renamed.MP4")
    report = yolobg.augment(dataset, source=str(moved), count=6, every="1s")
    assert report.source is not None
    assert report.source.left_out.in_dataset == 3
    assert sorted(times(report, dataset)) == sorted({0.0, 1, 2, 3, 4, 5} - set(_held(dataset, video)))


def _held(dataset: Path, video: Path) -> list[float]:
    urls = [entry.url for entry in read_manifest(dataset).entries]
    return [float(url.rpartition("#t=")[2]) for url in urls if url.startswith(str(video))]


@needs_reader
def test_augment__drops_near_duplicates(dataset: Path, tmp_path: Path) -> None:
    """Of one another, of an image of another split, and of a photo in the folder that came in."""
    pattern(7).resize((320, 240)).save(dataset / "held.png")
    (dataset / "images" / "val").mkdir()
    (dataset / "held.png").rename(dataset / "images" / "val" / "held.png")
    (dataset / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [zebra]\n")
    video = make_video(tmp_path / "drive.mp4", [0, 0, 0, 0, 7, 7, 1, 1, 2, 2])
    report = yolobg.augment(dataset, source=str(video), count=3, every="1s")
    shown = [n for a in report.added for n in range(8) if is_pattern((dataset / a.image).read_bytes(), n)]
    assert sorted(shown) == [0, 1, 2]
    before = tree(dataset)
    with pytest.raises(
        PoolError, match=r"only 0 images .* 1 background is needed; 5 near-duplicates .* a shorter --every"
    ):
        yolobg.augment(dataset, source=str(video), count=4, every="1s")
    assert tree(dataset) == before
    still = make_video(tmp_path / "still.mp4", [5, 5, 5])
    with pytest.raises(PoolError, match=r"only 1 image .* 2 near-duplicates were left out"):
        yolobg.augment(dataset, source=str(still), count=5, every="1s")
    assert len(yolobg.augment(dataset, source=str(still), count=4, every="1s").added) == 1
    yolobg.remove(dataset)
    assert not list(dataset.rglob("*.staged"))


@pytest.mark.slow
@needs_reader
def test_augment__a_video_that_changes_after_it_was_listed(dataset: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "drive.mp4", range(6))
    plan = yolobg.plan(dataset, source=str(video), count=2, every="1s")
    make_video(video, range(50, 56))
    before = tree(dataset)
    with pytest.raises(DownloadError, match="has changed since it was listed"):
        yolobg.carry_out(plan)
    assert tree(dataset) == before


@pytest.mark.slow
@needs_ffmpeg
def test_augment__a_length_that_promises_more_than_there_is(dataset: Path, tmp_path: Path) -> None:
    """The frames that are missing are replaced by others, and the count is exact."""
    video = make_video(tmp_path / "drive.mkv", range(30))
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    report = yolobg.augment(dataset, source=str(video), count=8, every="1s")
    assert len(report.added) == 8
    assert max(times(report, dataset)) < 20
    assert all(
        is_pattern((dataset / a.image).read_bytes(), round(t))
        for a, t in zip(report.added, times(report, dataset), strict=True)
    )


@pytest.mark.slow
@needs_reader
def test_plan__saved_and_carried_out(dataset: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "drive.mp4", range(10))
    yolobg.plan(dataset, source=str(video), count=4, every="1s").save(tmp_path / "plan.json")
    lines = json.loads((tmp_path / "plan.json").read_text())
    report = yolobg.carry_out(yolobg.Plan.load(tmp_path / "plan.json"))
    assert len(report.added) == 4
    assert all(added.url in json.dumps(lines) for added in report.added)


@needs_reader
def test_jpeg__has_the_quality_that_is_said(dataset: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "drive.mp4", range(2))
    added = yolobg.augment(dataset, source=str(video), count=1, every="1s").added
    probe = io.BytesIO()
    pattern(0).save(probe, "JPEG", quality=JPEG_QUALITY)
    with Image.open(dataset / added[0].image) as made, Image.open(probe) as expected:
        assert made.quantization == expected.quantization  # type: ignore[attr-defined]  # of JPEG files


def test_frames__of_nothing() -> None:
    assert Frames().frames == ()
