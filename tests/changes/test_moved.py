"""Datasets that were moved or copied: undone where they are, and nothing is taken from an original."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from folds import Folds, make_folds
from merging import tree

import yolobg
from yolobg.changes.manifest import read_manifest

# ---------------------------------------------------------------- a split outside the root


def project(folder: Path, split: str) -> Folds:
    """A project whose root lies beside its images: `ds/data.yaml` and `pictures/images`."""
    folds = make_folds(folder / "project")
    (folds.root / "ds").mkdir()
    (folds.root / "ds/list.txt").write_text("".join(f"{folds.root}/images/im{number}.jpg\n" for number in range(8)))
    (folds.root / "ds/data.yaml").write_text(f"train: {split}\nval: ../images\nnames: [person]\n")
    for old in folds.root.glob("fold*"):
        old.unlink()
    return folds


SPLITS = ["../images", "list.txt"]


@pytest.mark.parametrize("split", SPLITS)
def test_project__that_was_moved_is_undone_where_it_is(tmp_path: Path, split: str) -> None:
    folds = project(tmp_path, split)
    data = folds.root / "ds/data.yaml"
    before = tree(folds.root)
    folds.augment(data, 2)
    moved = folds.root.rename(tmp_path / "elsewhere")
    follow_list(moved, folds.root)
    assert yolobg.status(moved / "ds/data.yaml").after.ours == 2
    Folds(moved, folds.source).augment(moved / "ds/data.yaml", 3)
    report = yolobg.remove(moved / "ds/data.yaml")
    assert (len(report.removed), report.kept) == (3, ())
    follow_list(folds.root, moved, at=moved)
    assert tree(moved) == before


def follow_list(now: Path, former: Path, *, at: Path | None = None) -> None:
    """What a user does with absolute lines after a move."""
    listed = (at or now) / "ds/list.txt"
    listed.write_text(listed.read_text().replace(f"{former}/", f"{now}/"))


@pytest.mark.parametrize("split", SPLITS)
def test_project__that_was_copied_leaves_the_original_alone(tmp_path: Path, split: str) -> None:
    folds = project(tmp_path, split)
    before = tree(folds.root)
    folds.augment(folds.root / "ds/data.yaml", 2)
    copy = tmp_path / "copy"
    shutil.copytree(folds.root, copy)
    follow_list(copy, folds.root)
    there = tree(folds.root)
    Folds(copy, folds.source).augment(copy / "ds/data.yaml", 4)
    assert tree(folds.root) == there
    report = yolobg.remove(copy / "ds/data.yaml")
    assert (len(report.removed), report.kept) == (4, ())
    assert tree(folds.root) == there
    follow_list(folds.root, copy, at=copy)
    assert tree(copy) == before
    assert len(yolobg.remove(folds.root / "ds/data.yaml").removed) == 2
    assert tree(folds.root) == before


def shared(folder: Path) -> tuple[Folds, Path]:
    """A root whose data.yaml names, by its whole path, images that lie elsewhere."""
    folds = project(folder, "../images")
    data = folds.root / "ds/data.yaml"
    data.write_text(f"train: {folds.root}/images\nval: {folds.root}/images\nnames: [person]\n")
    return folds, data


@pytest.mark.parametrize("between", ["nothing", "augment"])
def test_root__that_was_copied_takes_nothing_from_a_shared_split(tmp_path: Path, between: str) -> None:
    folds, data = shared(tmp_path)
    before = tree(folds.root)
    folds.augment(data, 2)
    copy = tmp_path / "copy"
    shutil.copytree(data.parent, copy)
    there = tree(folds.root)
    if between == "augment":
        folds.augment(copy / "data.yaml", 3)
    report = yolobg.remove(copy / "data.yaml")
    assert len(report.removed) == (between == "augment")
    assert report.kept == ()
    assert report.others == {str(data.parent / ".yolobg/manifest.json"): 2}
    assert tree(folds.root) == there
    assert len(folds.backgrounds()) == 2
    # What the original takes back is gone for the copy as well.
    assert len(yolobg.remove(data).removed) == 2
    assert tree(folds.root) == before
    yolobg.remove(copy / "data.yaml")
    assert sorted(path.name for path in copy.iterdir()) == ["data.yaml", "list.txt"]


@pytest.mark.parametrize("between", ["nothing", "augment"])
def test_root__whose_original_is_gone_owns_what_it_names(tmp_path: Path, between: str) -> None:
    """Moved, or copied and the original deleted later."""
    folds, data = shared(tmp_path)
    folds.augment(data, 2)
    copy = tmp_path / "copy"
    shutil.copytree(data.parent, copy)
    if between == "augment":
        folds.augment(copy / "data.yaml", 3)
    shutil.rmtree(data.parent)
    assert len(yolobg.remove(copy / "data.yaml").removed) == (3 if between == "augment" else 2)
    assert folds.backgrounds() == []
    assert not (copy / ".yolobg").exists()


def test_root__by_another_way_is_no_copy(tmp_path: Path) -> None:
    folds, data = shared(tmp_path)
    folds.augment(data, 2)
    if sys.platform == "win32":
        pytest.skip("needs the right to make symbolic links")
    (tmp_path / "way").symlink_to(data.parent)
    assert len(yolobg.remove(tmp_path / "way/data.yaml").removed) == 2


# ---------------------------------------------------------------- a folder that was renamed


@pytest.mark.parametrize("split", ["images/train", "train.txt"])
def test_folder__that_was_renamed_is_followed(tmp_path: Path, split: str) -> None:
    folds = make_folds(tmp_path)
    data = folds.root / "data.yaml"
    for kind in ("images", "labels"):
        (folds.root / kind).rename(folds.root / "train")
        (folds.root / kind).mkdir()
        (folds.root / "train").rename(folds.root / kind / "train")
    (folds.root / "train.txt").write_text("".join(f"./images/train/im{number}.jpg\n" for number in range(8)))
    data.write_text(f"train: {split}\nval: images/train\nnames: [person]\n")
    folds.augment(data, 2)
    before = {name: content for name, content in renamed_names(tree(folds.root)).items() if "bg_" not in name}
    for kind in ("images", "labels"):
        (folds.root / kind / "train").rename(folds.root / kind / "new")
    for file in (data, folds.root / "train.txt"):
        file.write_text(file.read_text().replace("images/train", "images/new"))
    assert yolobg.status(data).after.ours == 2
    folds.augment(data, 3)
    assert {Path(e.image).parent.as_posix() for e in read_manifest(folds.root).entries} == {"images/new"}
    report = yolobg.remove(data)
    assert (len(report.removed), report.kept) == (3, ())
    now = tree(folds.root)
    assert now.keys() == {name for name in before if not name.startswith(".yolobg")}
    assert "bg_" not in (folds.root / "train.txt").read_text()


def renamed_names(there: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {name.replace("/train", "/new"): content for name, content in there.items()}
