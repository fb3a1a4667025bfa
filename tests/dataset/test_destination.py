"""Where new files of a split go: whatever the spelling of its lines, and where the same folder is listed twice."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run, source
from inventories import POSIX, choose, make
from merging import tree
from places import SAMPLE

from yolobg.dataset.inventory import Destination, choose_destination, scan_split
from yolobg.errors import DatasetError
from yolobg.model import DataYaml


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the sample data."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample"))


# ---------------------------------------------------------------- what a list names


@POSIX
def test_choose_destination__lines_written_on_windows_name_nothing(tmp_path: Path) -> None:
    images = ["images/train/a.jpg", "images/train/b.jpg"]
    lines = "images\\train\\a.jpg\nimages\\train\\b.jpg\n"
    data = make(tmp_path, "t.txt", images=images, labels={"t.txt": lines})
    with pytest.raises(DatasetError, match=r"none of these 2 can be used.*backslashes.*write / instead"):
        choose(data)


def test_choose_destination__images_that_are_gone_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    lines = "./old/1.jpg\n./old/2.jpg\n./images/a/3.jpg\n"
    data = make(tmp_path, "t.txt", images=["images/a/3.jpg"], labels={"t.txt": lines})
    assert choose(data).images_dir == data.root / "images/a"
    with pytest.raises(DatasetError, match="not a folder of the split"):
        choose(data, "old")


def test_choose_destination__relative_lines_say_where_was_looked(tmp_path: Path) -> None:
    data = make(tmp_path / "set", "t.txt", images=["images/a.jpg"], labels={"t.txt": "images/a.jpg\n"})
    inventory = scan_split(data, "train", cwd=tmp_path)
    with pytest.raises(DatasetError, match=f"relative to the current folder, .*looked in {re.escape(str(tmp_path))}$"):
        choose_destination(data, inventory, cwd=tmp_path)
    (warning,) = inventory.warnings
    assert warning.startswith(f"{data.root / 't.txt'}: 1 image does not exist, for example images")
    assert f"relative to the current folder, for a trainer too: looked in {tmp_path}. Run from" in warning
    assert scan_split(data, "train", cwd=data.root).warnings == ()


def test_augment_here_remove_elsewhere__with_relative_lines(sample: Path, tmp_path: Path) -> None:
    data = sample / "dataset"
    for label in (data / "labels/train").iterdir():
        shutil.copyfile(label, data / "images/train" / label.name)
    lines = [f"images/train/{image.name}" for image in sorted((data / "images/train").glob("*.jpg"))]
    (data / "train.txt").write_text("\n".join(lines) + "\n")
    (data / "data.yaml").write_text((data / "data.yaml").read_text().replace("train: images/train", "train: train.txt"))
    before = tree(data)
    assert run("augment", "data.yaml", *source(sample), cwd=data).returncode == 0
    taken = run("remove", data, "--json", cwd=tmp_path)
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)["kept"] == []
    assert tree(data) == before


# ---------------------------------------------------------------- how lines are spelled

SPELLINGS: dict[str, tuple[Callable[[Path], str], str]] = {
    "beside, climbing": (lambda data: f"./../{data.name}/images/train/", "labels"),
    "beside, plain": (lambda _: "./images/train/", "labels"),
    "beside, doubled": (lambda _: "./images//./train/", "labels"),
    "absolute": (lambda data: f"{data}/images/train/", "labels"),
    "absolute, climbing": (lambda data: f"{data}/images/../images/train/", "labels"),
    "relative, climbing": (lambda data: f"../{data.name}/images/train/", "images"),
}


@POSIX
@pytest.mark.parametrize(
    "spelling",
    [pytest.param(name, marks=[] if name == "beside, climbing" else pytest.mark.slow) for name in SPELLINGS],
)
def test_augment_and_remove__however_lines_are_spelled(sample: Path, spelling: str) -> None:
    """New files are counted, found with their labels, and taken back whole."""
    data = sample / "dataset"
    prefix, home = SPELLINGS[spelling]
    lines = [f"{prefix(data)}{image.name}" for image in sorted((data / "images/train").glob("*.jpg"))]
    (data / "train.txt").write_text("\n".join(lines) + "\n")
    (data / "data.yaml").write_text((data / "data.yaml").read_text().replace("train: images/train", "train: train.txt"))
    before = tree(data)
    done = run("augment", "data.yaml", *source(sample), "--json", cwd=data)
    assert done.returncode == 0, done.stderr
    for added in json.loads(done.stdout)["added"]:
        assert Path(added["image"]).parent.as_posix() == "images/train"
        assert Path(added["label"]).parent.as_posix() == f"{home}/train"
    after = json.loads(run("status", "data.yaml", "--json", cwd=data).stdout)["after"]
    assert (after["labelled"], after["empty"], after["missing"], after["corrupt"], after["ours"]) == (18, 2, 0, 0, 2)
    taken = run("remove", "data.yaml", "--json", cwd=data)
    assert json.loads(taken.stdout)["kept"] == []
    assert tree(data) == before


@POSIX
def test_choose_destination__a_root_behind_a_link_is_the_root(tmp_path: Path) -> None:
    data = make(tmp_path / "real", "t.txt", images=["images/a.jpg"])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (data.root / "t.txt").write_text(f"{tmp_path}/link/images/a.jpg\n")
    assert choose(data) == Destination(data.root / "images", data.root / "labels", data.root / "t.txt")


@POSIX
def test_choose_destination__a_linked_image_folder_keeps_its_labels_in_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/a.jpg").write_bytes(b"")
    data = make(tmp_path / "set", "t.txt", labels={"images/x.md": "", "t.txt": "./images/train/a.jpg\n"})
    (data.root / "images/train").symlink_to(tmp_path / "shared")
    wanted = Destination(data.root / "images/train", data.root / "labels/train", data.root / "t.txt")
    assert choose(data) == choose(data, "images/train") == wanted


# ---------------------------------------------------------------- folders that are listed twice

OVERLAPS = [
    ("[images/train, images/train, images/val]", "images/val"),
    ("[images/train, images]", "images"),
    ("[images, images/train]", "images"),
    ("[images/train, images/link, images/val]", "images/val"),
    ("[images/all, images/train, images/val]", "images/all"),
    ("[images/.old/x, images]", "images/.old/x"),
    ("[t.txt, images/train]", "images/train"),
]


def overlapping(tmp_path: Path, train: str) -> DataYaml:
    names = ["train/a", "val/b", ".old/x/c", "all/d"]
    data = make(tmp_path, train, images=[f"images/{name}.jpg" for name in names])
    (data.root / "t.txt").write_text("./images/train/a.jpg\n")
    (data.root / "images/link").symlink_to(data.root / "images/train")
    (data.root / "images/all/train").symlink_to(data.root / "images/train")
    return data


def gained(data: DataYaml, place: Destination) -> int:
    """How many images more a scan finds once there is one more at the destination."""
    before = len(scan_split(data, "train").files)
    (place.images_dir / "bg_new.jpg").write_bytes(b"")
    return len(scan_split(data, "train").files) - before


@POSIX
@pytest.mark.parametrize(("train", "wanted"), OVERLAPS)
def test_choose_destination__a_new_file_counts_once(tmp_path: Path, train: str, wanted: str) -> None:
    data = overlapping(tmp_path, train)
    place = choose(data)
    assert place.images_dir == data.root / wanted
    assert gained(data, place) == 1


@POSIX
@pytest.mark.parametrize("train", ["[images/train, images/train]", "[images/train, images/link]", "[images, images]"])
def test_choose_destination__no_folder_that_is_listed_once(tmp_path: Path, train: str) -> None:
    data = overlapping(tmp_path, train)
    with pytest.raises(
        DatasetError, match=r"key 'train' lists a folder more than once.*is listed by .* and by .*--into"
    ):
        choose(data)


@POSIX
def test_choose_destination__into_a_folder_that_is_listed_twice(tmp_path: Path) -> None:
    data = overlapping(tmp_path, "[images/train, images]")
    for wish in ("images/train", "images/link"):
        with pytest.raises(DatasetError, match="more than once"):
            choose(data, wish)
    place = choose(data, "images/val")
    assert place.images_dir == data.root / "images/val"
    assert gained(data, place) == 1


def test_choose_destination__a_list_file_that_is_named_twice(tmp_path: Path) -> None:
    lists = {"t.txt": "./images/a.jpg\n", "u.txt": "./images/b.jpg\n"}
    data = make(tmp_path, "[t.txt, t.txt, u.txt]", images=["images/a.jpg", "images/b.jpg"], labels=lists)
    assert choose(data).list_file == data.root / "u.txt"
    data = make(tmp_path, "[t.txt, t.txt]")
    with pytest.raises(DatasetError, match=r"t\.txt more than once.*name it once"):
        choose(data)
