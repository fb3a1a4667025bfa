"""`yolobg download`: the folder people know, through the flow of `augment`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run
from image_server import ImageServer
from merging import tree
from real_datasets import CocoReal

import yolobg
from yolobg import files
from yolobg.api import download
from yolobg.errors import PoolError, UnresolvedClassError, UsageError
from yolobg.flow.options import SourceOptions
from yolobg.formats.convert import convert
from yolobg.results import Report, to_builtins


@pytest.fixture
def real(coco_real: Path) -> CocoReal:
    return CocoReal(coco_real)


@pytest.fixture
def server(real: CocoReal) -> Iterator[ImageServer]:
    with ImageServer(real.folder / "images") as running:
        yield running


def source(real: CocoReal) -> SourceOptions:
    return {"annotations": real.annotations, "images": (real.images,)}


def test_command__gives_the_folder_people_know(tmp_path: Path, real: CocoReal, server: ImageServer) -> None:
    server.share, server.first_only, server.kinds = 0.2, True, ("unavailable", "truncate", "reset")
    options = ("--annotations", real.annotations, "--images", f"{server.url}/train2017", "--count", 30)
    done = run("download", "--exclude", "person,car", *options, "--output", tmp_path / "bg", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["added"]) == report["after"]["backgrounds"] == report["after"]["images"] == 30
    images = sorted((tmp_path / "bg" / "images").iterdir())
    assert [p.stem for p in images] == sorted(p.stem for p in (tmp_path / "bg" / "labels").iterdir())
    assert all(p.stat().st_size == 0 for p in (tmp_path / "bg" / "labels").iterdir())
    for added in report["added"]:
        assert not {"person", "car"} & real.holds[added["source_id"]]
        original = real.images / f"{added['source_id']:012d}.jpg"
        assert (tmp_path / "bg" / added["image"]).read_bytes() == original.read_bytes()
        assert added["license"] is not None

    before, asked = tree(tmp_path / "bg"), len(server.log)
    again = run("download", "--exclude", "person", "--exclude", "car", *options, "--output", tmp_path / "bg", "--json")
    assert (again.returncode, json.loads(again.stdout)["added"]) == (0, [])
    assert (tree(tmp_path / "bg"), len(server.log)) == (before, asked)


def test_download__the_old_way_is_one_step(tmp_path: Path, real: CocoReal) -> None:
    download(tmp_path / "bg", exclude="person", count=5, **source(real))
    report = convert(tmp_path / "bg", tmp_path / "yolo", from_="yolo_plain", to="yolo")
    assert (report.after.images, report.after.backgrounds, report.after.classes) == (5, 5, {0: "person"})
    assert yolobg.status(tmp_path / "yolo").after.backgrounds == 5
    detected = convert(tmp_path / "bg", tmp_path / "coco", to="coco")
    assert (detected.source_format, detected.after.images) == ("yolo", 5)


def test_download__grows_and_shares_out(tmp_path: Path, real: CocoReal) -> None:
    options = source(real)
    first = download(tmp_path / "bg", exclude=("dog",), count=10, val="0.2", **options)
    assert {p: len(list((tmp_path / "bg" / "images" / p).iterdir())) for p in ("train", "val")} == {
        "train": 8,
        "val": 2,
    }
    assert (len(first.added), first.after.backgrounds, first.dataset.split) == (10, 10, "train+val")
    assert len({added.source_id for added in first.added}) == 10, "an image is in both splits"
    more = download(tmp_path / "bg", exclude=("dog",), count=20, val="0.2", **options)
    assert (len(more.added), more.before.images, more.after.images) == (10, 10, 20)
    with pytest.raises(UsageError, match="give --val as before"):
        download(tmp_path / "bg", exclude=("dog",), count=20, **options)
    with pytest.raises(UsageError, match="leave out dog"):
        download(tmp_path / "bg", exclude=("cat",), count=20, val="0.2", **options)


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        ({"count": 0}, UsageError, "at least 1"),
        ({"exclude": ()}, UsageError, "at least one class"),
        ({"val": "2"}, UsageError, "not a share"),
        ({"val": "0.5", "count": 1}, UsageError, "cannot be split"),
        ({"exclude": ("xyzzyq",)}, UnresolvedClassError, "xyzzyq"),
        ({"count": 5000}, PoolError, "5,000 backgrounds are needed"),
    ],
)
def test_download__refuses_what_makes_no_sense(
    tmp_path: Path, real: CocoReal, wish: dict[str, object], error: type[Exception], words: str
) -> None:
    asked = {"exclude": ("person",), "count": 3, **wish}
    with pytest.raises(error, match=words):
        download(tmp_path / "bg", **asked, **source(real))  # type: ignore[arg-type]


def test_download__a_folder_with_other_things_is_not_touched(tmp_path: Path, real: CocoReal) -> None:
    (tmp_path / "bg").mkdir()
    (tmp_path / "bg" / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="not an earlier download"):
        download(tmp_path / "bg", exclude="person", count=3, **source(real))
    assert list((tmp_path / "bg").iterdir()) == [tmp_path / "bg" / "mine.txt"]


def test_download__a_dry_run_makes_nothing(tmp_path: Path, real: CocoReal) -> None:
    options = source(real)
    report = download(tmp_path / "bg", exclude="person", count=3, dry_run=True, **options)
    assert (report.dry_run, report.target.needed, report.after.backgrounds) == (True, 3, 3)
    assert report.dataset.images_dir == str(tmp_path / "bg" / "images")
    assert not (tmp_path / "bg").exists()


def test_download__a_dry_run_shows_what_each_split_gets(tmp_path: Path, real: CocoReal) -> None:
    def dry(count: int) -> Report:
        return download(tmp_path / "bg", exclude="person", count=count, val=0.3, dry_run=True, **source(real))

    def told(report: Report) -> list[tuple[str, int, int, int]]:
        return [(part.split, part.before, part.needed, part.after) for part in report.parts]

    new = dry(10)
    assert (new.dataset.split, new.target.needed, new.after.backgrounds) == ("train+val", 10, 10)
    assert told(new) == [("train", 0, 7, 7), ("val", 0, 3, 3)]
    assert [part.images_dir for part in new.parts] == [str(tmp_path / "bg" / "images" / s) for s in ("train", "val")]
    assert not (tmp_path / "bg").exists()
    done = download(tmp_path / "bg", exclude="person", count=10, val=0.3, **source(real))
    assert told(done) == told(new)
    before = tree(tmp_path / "bg")
    assert told(dry(20)) == [("train", 7, 7, 14), ("val", 3, 3, 6)]
    assert tree(tmp_path / "bg") == before

    assert done.source is not None
    most = done.source.eligible + done.source.left_out.in_dataset
    assert sum(part.needed for part in dry(most).parts) == most - 10
    with pytest.raises(PoolError, match="backgrounds are needed"):
        dry(most + 1)
    text = run("download", "--exclude", "person", "--count", 20, "--val", 0.3, "--dry-run", "--output", tmp_path / "bg",
               "--annotations", real.annotations, "--images", real.images)  # fmt: skip
    assert text.returncode == 0, text.stderr
    assert re.search(r"train +7 +7 +14", text.stdout)
    assert re.search(r"val +3 +3 +6", text.stdout)
    flat = download(tmp_path / "flat", exclude="person", count=3, dry_run=True, **source(real))
    assert (flat.parts, "parts" in to_builtins(flat)) == ((), False)
    assert [part["split"] for part in to_builtins(done)["parts"]] == ["train", "val"]


def test_download__a_run_that_was_cut_off_is_continued(
    tmp_path: Path, real: CocoReal, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def cut(what: str, _path: Path) -> None:
        steps.append(what)
        # The third image is about to get its name; from then on nothing works, as after a kill.
        if steps.count("link") >= 3:
            raise KeyboardInterrupt

    options = source(real)
    with monkeypatch.context() as patch:
        patch.setattr(files, "on_step", cut)
        with pytest.raises(KeyboardInterrupt):
            download(tmp_path / "bg", exclude="person", count=6, **options)
    assert download(tmp_path / "bg", exclude="person", count=6, **options).after.backgrounds == 6
    whole = download(tmp_path / "other", exclude="person", count=6, **options)
    assert [p.name for p in sorted((tmp_path / "bg/images").iterdir())] == sorted(
        Path(added.image).name for added in whole.added
    )
    shutil.rmtree(tmp_path / "bg")


@pytest.mark.datumaro
def test_download__datumaros_own_command_reads_it(tmp_path: Path, real: CocoReal) -> None:
    """The library behind `datum convert -if yolo -f yolo_ultralytics`, which wants both splits."""
    from datumaro.components.dataset import Dataset  # noqa: PLC0415 - only where it is installed

    download(tmp_path / "bg", exclude="person,car", count=10, val=0.2, **source(real))
    dataset = Dataset.import_from(str(tmp_path / "bg"), "yolo")
    dataset.export(str(tmp_path / "out"), "yolo_ultralytics", save_media=True)
    counts = yolobg.status(tmp_path / "out" / "data.yaml").after
    assert (counts.images, counts.backgrounds) == (8, 8)
