"""Defects that were found by trying to break it; each of these went wrong once."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from merging import make_place, stage, tree, visible
from PIL import Image

import yolobg
from yolobg import files
from yolobg.changes.lock import hold
from yolobg.changes.manifest import read_manifest
from yolobg.changes.merge import add
from yolobg.errors import DownloadError, MergeError, UsageError, YolobgError


def write_source(folder: Path, count: int, *, shade: int, twins: Sequence[int] = ()) -> Path:
    """A COCO-format source of plain pictures of one size; those in `twins` are all the same. Returns its instances."""
    folder.mkdir(parents=True)
    records = []
    for number in range(1, count + 1):
        tone = 7 if number in twins else number
        Image.new("RGB", (64, 48), (shade, tone, 255 - tone)).save(folder / f"im{number:04}.jpg")
        records.append({"id": number, "file_name": f"im{number:04}.jpg", "width": 64, "height": 48})
    names = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    annotations = [{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0}]
    instances = folder / f"instances_{folder.name}.json"
    instances.write_text(json.dumps({"images": records, "annotations": annotations, "categories": names}))
    return instances


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Path]:
    """Eighteen labelled images of persons, in a folder split."""
    root = tmp_path / "ds"
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    for number in range(18):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(root / f"images/train/a{number}.jpg")
        (root / f"labels/train/a{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (root / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [person]\n")
    yield root
    assert len(list(root.glob("labels/train/a*.txt"))) == 18


def test_staged_leftovers__of_one_source_are_not_taken_for_another(tmp_path: Path, dataset: Path) -> None:
    one, two = write_source(tmp_path / "one", 20, shade=0), write_source(tmp_path / "two", 20, shade=200)
    for number in range(14, 21):
        image = tmp_path / f"one/im{number:04}.jpg"
        image.write_bytes(image.read_bytes()[:-20])
    with pytest.raises(DownloadError):
        yolobg.augment(dataset, count=15, annotations=one, images=[one.parent])
    assert list((dataset / ".yolobg").rglob("*.staged")), "nothing was left over, so this shows nothing"
    report = yolobg.augment(dataset, count=8, annotations=two, images=[two.parent])
    originals = {image.read_bytes() for image in two.parent.glob("*.jpg")}
    assert all((dataset / added.image).read_bytes() in originals for added in report.added)
    yolobg.remove(dataset)
    assert not (dataset / ".yolobg").exists()


def test_equal_pictures__of_a_source_come_in_once(tmp_path: Path, dataset: Path) -> None:
    source = write_source(tmp_path / "pool", 14, shade=0, twins=range(2, 8))
    report = yolobg.augment(dataset, count=8, annotations=source, images=[source.parent])
    assert len({(dataset / added.image).read_bytes() for added in report.added}) == 8
    assert report.source
    assert report.source.left_out.in_dataset <= 5
    with pytest.raises(YolobgError):
        yolobg.augment(dataset, count=9, annotations=source, images=[source.parent])


def test_remove__leaves_the_users_decoded_images(tmp_path: Path, dataset: Path) -> None:
    source = write_source(tmp_path / "pool", 14, shade=0)
    for number in range(1, 15):
        (dataset / f"images/train/bg_instances_pool_im{number:04}.npy").write_bytes(b"theirs")
    before = tree(dataset)
    assert len(yolobg.augment(dataset, count=5, annotations=source, images=[source.parent]).added) == 5
    yolobg.remove(dataset)
    assert tree(dataset) == before


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_list_files__keep_their_line_ends(tmp_path: Path, dataset: Path, end: str, last: str) -> None:
    source = write_source(tmp_path / "pool", 14, shade=0)
    lines = [f"./images/train/a{number}.jpg" for number in range(18)]
    (dataset / "train.txt").write_bytes((end.join(lines) + (end if last else "")).encode())
    (dataset / "data.yaml").write_text("train: train.txt\nval: images/train\nnames: [person]\n")
    before = tree(dataset)
    assert len(yolobg.augment(dataset, count=3, annotations=source, images=[source.parent]).added) == 3
    assert yolobg.status(dataset).after.backgrounds == 3
    yolobg.remove(dataset)
    assert tree(dataset) == before


def test_remove__finds_lines_that_were_rewritten(tmp_path: Path, dataset: Path) -> None:
    source = write_source(tmp_path / "pool", 14, shade=0)
    lines = "".join(f"./images/train/a{number}.jpg\n" for number in range(18))
    (dataset / "train.txt").write_text(lines)
    (dataset / "data.yaml").write_text("train: train.txt\nval: images/train\nnames: [person]\n")
    yolobg.augment(dataset, count=3, annotations=source, images=[source.parent])
    rewritten = (dataset / "train.txt").read_text().replace("./", f"{dataset}/")
    (dataset / "train.txt").write_text(rewritten)
    yolobg.remove(dataset)
    assert (dataset / "train.txt").read_text() == lines.replace("./", f"{dataset}/")


def test_undo__leaves_an_empty_label_that_appeared_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_place(tmp_path / "data")
    theirs = place.root / "labels/train/bg_demo_12.txt"

    def appear(what: str, path: Path) -> None:
        if what == "link" and not theirs.exists():
            theirs.touch()

    monkeypatch.setattr(files, "on_step", appear)
    before = visible(place.root)
    with pytest.raises(MergeError), hold(place.root):
        add(place.root, read_manifest(place.root), stage(place, range(10, 14)))
    assert visible(place.root) == {**before, "labels/train/bg_demo_12.txt": b""}


@pytest.mark.parametrize("options", [{"seed": 2**200}, {"count": 2.5}, {"count": "3"}, {"jobs": 1.5}])
def test_odd_numbers__are_refused(dataset: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="whole number"):
        yolobg.augment(dataset, **options)  # type: ignore[arg-type]  # that is the point


def test_ratio__as_a_fraction(tmp_path: Path, dataset: Path) -> None:
    source = write_source(tmp_path / "pool", 14, shade=0)
    report = yolobg.augment(dataset, ratio="1/3", annotations=source, images=[source.parent])
    assert report.after.backgrounds == 9
    assert report.target.ratio == pytest.approx(1 / 3)


def test_status__lists_only_what_is_in_the_split(tmp_path: Path, dataset: Path) -> None:
    source = write_source(tmp_path / "pool", 14, shade=0)
    yolobg.augment(dataset, count=3, annotations=source, images=[source.parent])
    shutil.copytree(dataset / "images/train", dataset / "images/other", ignore=shutil.ignore_patterns("bg_*"))
    (dataset / "other.yaml").write_text("train: images/other\nval: images/other\nnames: [person]\n")
    other = yolobg.status(dataset / "other.yaml")
    assert (other.added, other.after.ours) == ((), 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_stdout__is_told(dataset: Path) -> None:
    command = f"{sys.executable} -m yolobg status {dataset} --json >/dev/full 2>{dataset}.err"
    code = os.waitstatus_to_exitcode(os.system(command))
    told = Path(f"{dataset}.err").read_text()
    assert code == 1
    assert "standard output" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("what", ["create", "link"])
def test_add__a_file_that_appears_in_the_very_last_moment_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place = make_place(tmp_path / "data")
    before = visible(place.root)
    theirs: dict[str, bytes] = {}

    def appear(name: str, path: Path) -> None:
        if name == what and not theirs:
            path.write_bytes(b"theirs")
            theirs[path.relative_to(place.root).as_posix()] = b"theirs"

    monkeypatch.setattr(files, "on_step", appear)
    with pytest.raises(MergeError), hold(place.root):
        add(place.root, read_manifest(place.root), stage(place, range(10, 14)))
    assert theirs
    assert visible(place.root) == {**before, **theirs}
