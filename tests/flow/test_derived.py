"""`augment --to DIR`: a dataset that must not be touched gets its backgrounds in a folder of their own."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from machine import LABELLED, LAYOUTS, World, make_world, run_inside, small_disk
from merging import tree
from reviewing import chosen, make_sample, source_of

import yolobg
from yolobg.errors import DatasetError, UsageError
from yolobg.review.session import Session


@pytest.fixture(params=LAYOUTS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return make_world(tmp_path, request.param)


@pytest.fixture
def folder_world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def stamps(root: Path) -> dict[str, tuple[int, int, int]]:
    """What would change if a file or folder below were written, made or removed."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.stat().st_ctime_ns, path.stat().st_ino)
        for path in (root, *root.rglob("*"))
    }


def add(world: World, to: Path, count: int = 3, *more: str) -> Any:
    told = run_inside(*world.augment(count), "--to", str(to), *more)
    assert told.code == 0, told.stderr
    return told.report


def refused(world: World, to: Path, *words: str, code: int = 2) -> None:
    told = run_inside(*world.augment(), "--to", str(to))
    assert (told.code, told.stdout) == (code, ""), told.stderr
    for word in (str(to), *words):
        assert word in told.stderr, told.stderr


def split_of(file: Path, split: str = "train") -> Any:
    return yolobg.status(file, split=split).after


def test_to__adds_in_the_folder_and_leaves_the_dataset_as_it_is(world: World, tmp_path: Path) -> None:
    before, out = stamps(world.root), tmp_path / "new/out"
    report = add(world, out)
    assert report["dataset"]["data_yaml"] == str(out / "data.yaml")
    assert report["dataset"]["original"] == str(world.root / "data.yaml")
    assert report["dataset"]["images_dir"] == str(out / "images/train")
    assert (report["before"]["labelled"], report["after"]["backgrounds"]) == (LABELLED, 3)
    assert len(list((out / "images/train").glob("bg_*.jpg"))) == len(report["added"]) == 3
    assert len(list((out / "labels/train").glob("bg_*.txt"))) == 3
    there = split_of(out / "data.yaml")
    assert (there.labelled, there.backgrounds, there.ours) == (LABELLED, 3, 3)

    again = add(world, out)
    assert (again["target"]["needed"], again["added"]) == (0, [])
    assert again["after"] == report["after"]
    more = add(world, out, 5)
    assert (len(more["added"]), more["after"]["ours"]) == (2, 5)
    assert not (out / "images/train/images").exists()
    by_itself = run_inside("augment", str(out), *world.augment(6)[2:])
    assert len(by_itself.report["added"]) == 1, by_itself.stderr

    assert run_inside("report", str(out)).code == 0
    assert stamps(world.root) == before
    removed = run_inside("remove", str(out), "--json").report
    assert len(removed["removed"]) == 6
    assert removed["data_yaml"] == {"path": str(out / "data.yaml"), "kept": ""}
    assert not (tmp_path / "new").exists()
    assert stamps(world.root) == before


def test_to__a_folder_that_was_there_stays(folder_world: World, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    add(folder_world, tmp_path / "out")
    (tmp_path / "out/labels/train.cache").write_bytes(b"a trainer's")
    assert run_inside("remove", str(tmp_path / "out")).code == 0
    assert tree(tmp_path / "out") == {}


def test_to__the_ratio_is_that_of_all_images_and_existing_backgrounds_count(world: World, tmp_path: Path) -> None:
    blank = sorted((world.root / "labels").rglob("train0.txt"))[0]
    blank.write_bytes(b"")
    arguments = [part for part in world.augment() if part not in ("--count", "3")]
    told = run_inside(*arguments, "--ratio", "0.5", "--to", str(tmp_path / "out"))
    counts = told.report["after"]
    assert (counts["labelled"], counts["backgrounds"], counts["ours"]) == (LABELLED - 1, LABELLED - 1, LABELLED - 2)


def test_to__where_nothing_is_needed_there_is_a_data_yaml_all_the_same(folder_world: World, tmp_path: Path) -> None:
    report = add(folder_world, tmp_path / "out", 0)
    assert report["added"] == []
    assert split_of(tmp_path / "out/data.yaml").images == LABELLED
    assert run_inside("remove", str(tmp_path / "out")).code == 0
    assert not (tmp_path / "out").exists()


def test_dry_run__writes_nothing(folder_world: World, tmp_path: Path) -> None:
    before = tree(tmp_path / "data")
    report = add(folder_world, tmp_path / "new/out", 3, "--dry-run")
    assert (report["target"]["needed"], report["after"]["backgrounds"]) == (3, 3)
    assert report["dataset"]["data_yaml"] == str(tmp_path / "new/out/data.yaml")
    assert not (tmp_path / "new").exists()
    add(folder_world, tmp_path / "out")
    there = tree(tmp_path / "out")
    add(folder_world, tmp_path / "out", 5, "--dry-run")
    told = run_inside("remove", str(tmp_path / "out"), "--dry-run", "--json").report
    assert told["data_yaml"]["kept"] == ""
    assert tree(tmp_path / "out") == there
    assert tree(tmp_path / "data") == before


def test_plan__is_shown_before_the_folder_is_there_and_saved_after(folder_world: World, tmp_path: Path) -> None:
    out, plan = tmp_path / "out", tmp_path / "plan.json"
    arguments = [*folder_world.augment()[1:6], "--to", str(out)]
    shown = run_inside("augment", *arguments, "--count", "3", "--dry-run").stdout
    assert f"Train on  {out / 'data.yaml'}" in shown
    assert "See all" not in shown, "it would name a file that is not there"
    told = run_inside("plan", *arguments, "--count", "3", "--save", str(plan))
    assert told.code == 2
    assert str(out / "data.yaml") in told.stderr
    assert not plan.exists()
    add(folder_world, out, 1)
    assert run_inside("plan", *arguments, "--count", "3", "--save", str(plan)).code == 0
    assert run_inside("augment", "--plan", str(plan)).code == 0
    assert split_of(out).ours == 3
    assert tree(folder_world.root) == folder_world.before


def test_split__another_one_is_added_to_the_same_folder(folder_world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    add(folder_world, out)
    before = stamps(folder_world.root)
    with pytest.raises(DatasetError, match="--split val"):
        yolobg.augment(out, split="val", count=1, annotations=folder_world.instances, images=[folder_world.images])
    add(folder_world, out, 2, "--split", "val")
    assert split_of(out, "train").ours == 3
    assert split_of(out, "val").ours == 2
    assert run_inside("remove", str(out), "--split", "train").code == 0
    assert split_of(out, "train").ours == 0
    add(folder_world, out, 1)
    assert run_inside("remove", str(out)).code == 0
    assert not out.exists()
    assert stamps(folder_world.root) == before


def test_original__that_has_changed_is_followed(folder_world: World, tmp_path: Path) -> None:
    out, file = tmp_path / "out", folder_world.root / "data.yaml"
    add(folder_world, out)
    file.write_text(file.read_text().replace("names: [person]", "names: [person, dog]\nkpt_shape: [2, 3]"))
    add(folder_world, out, 4)
    assert "dog" in (out / "data.yaml").read_text()
    assert "kpt_shape" in (out / "data.yaml").read_text()
    assert split_of(out).ours == 4


def test_data_yaml__that_a_person_changed_is_used_and_stays(folder_world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    add(folder_world, out)
    changed = (out / "data.yaml").read_bytes() + b"# mine\n"
    (out / "data.yaml").write_bytes(changed)
    assert len(add(folder_world, out, 4)["added"]) == 1
    told = run_inside(*folder_world.augment(), "--to", str(out), "--split", "val")
    assert told.code == 3
    assert str(out / "images/val") in told.stderr
    assert (out / "data.yaml").read_bytes() == changed
    removed = run_inside("remove", str(out), "--json").report
    assert len(removed["removed"]) == 4
    assert "changed" in removed["data_yaml"]["kept"]
    assert {name for name, content in tree(out).items() if content is not None} == {"data.yaml"}
    assert split_of(out).images == LABELLED, "what it names is there"
    assert "kept" in run_inside("remove", str(out)).stdout


@pytest.mark.parametrize("how", ["labelled", "foreign image"])
def test_remove__keeps_the_data_yaml_of_what_a_person_made(folder_world: World, tmp_path: Path, how: str) -> None:
    out = tmp_path / "out"
    add(folder_world, out)
    label = sorted((out / "labels/train").iterdir())[0]
    if how == "labelled":
        label.write_text("0 0.5 0.5 0.1 0.1\n")
    else:
        shutil.copy(folder_world.root / "images/train/train0.jpg", out / "images/train/mine.jpg")
    planned = run_inside("remove", str(out), "--dry-run", "--json").report
    removed = run_inside("remove", str(out), "--json").report
    assert removed["data_yaml"]["kept"] == planned["data_yaml"]["kept"] != ""
    assert split_of(out).images == LABELLED + 1


def test_folder__that_cannot_be_meant_is_refused(world: World, tmp_path: Path) -> None:
    image_folder = sorted({path.parent for path in world.root.glob("images/*/train*.jpg")})[0]
    before = tree(tmp_path)
    refused(world, world.root, "own folder")
    refused(world, world.root / "new", "lies in")
    refused(world, image_folder / "new", "lies in")
    refused(world, world.root / "labels/val/new", "lies in")
    refused(world, world.root / "data.yaml", "is a file")
    refused(world, tmp_path, "not empty")
    other = tmp_path / "other"
    other.mkdir()
    (other / "data.yaml").write_text("train: x\nval: x\nnames: [a]\n")
    refused(world, other, "did not write")
    (other / "data.yaml").unlink()
    (other / "mine.txt").write_text("mine")
    refused(world, other, "not empty")
    shutil.rmtree(other)
    assert tree(tmp_path) == before


def test_folder__of_another_dataset_is_refused(tmp_path: Path) -> None:
    one, other = make_world(tmp_path / "one"), make_world(tmp_path / "other")
    add(one, tmp_path / "out")
    there = tree(tmp_path / "out")
    refused(other, tmp_path / "out", str(one.root / "data.yaml"), "yolobg remove")
    told = run_inside("augment", str(tmp_path / "out"), *one.augment()[2:], "--to", str(tmp_path / "out"))
    assert told.code == 2
    assert "leave --to out" in told.stderr
    assert tree(tmp_path / "out") == there


def test_folder__beside_a_data_yaml_whose_images_lie_elsewhere(folder_world: World, tmp_path: Path) -> None:
    """On Kaggle a data.yaml of one's own often lies in /kaggle/working and names /kaggle/input."""
    work = tmp_path / "working"
    work.mkdir()
    images = folder_world.root / "images"
    (work / "mine.yaml").write_text(f"train: {images}/train\nval: {images}/val\nnames: [person]\n")
    told = run_inside("augment", str(work / "mine.yaml"), *folder_world.augment()[2:], "--to", str(work / "bg"))
    assert told.code == 0, told.stderr
    assert split_of(work / "bg").ours == 3
    refused(folder_world, work, "not empty")
    assert tree(folder_world.root) == folder_world.before


def test_into__goes_with_no_folder_of_the_dataset(folder_world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="--into"):
        yolobg.plan(folder_world.root, to=out, into="images/train")
    add(folder_world, out)
    told = run_inside(
        "augment", str(out), *folder_world.augment(5)[2:], "--into", str(folder_world.root / "images/train")
    )
    assert told.code == 3
    assert tree(folder_world.root) == folder_world.before


def test_python__augments_plans_and_removes(folder_world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options: Any = {"annotations": folder_world.instances, "images": [folder_world.images], "count": 2}
    planned = yolobg.plan(folder_world.root, to=out, **options)
    assert not out.exists()
    report = yolobg.carry_out(planned)
    assert [report.after.ours, len(report.added)] == [2, 2]
    assert yolobg.carry_out(planned).added == (), "a plan that is out of date adds nothing twice"
    assert yolobg.augment(folder_world.root, to=out, **(options | {"count": 3})).after.ours == 3
    gone = yolobg.remove(out)
    assert gone.data_yaml is not None
    assert not gone.data_yaml.kept
    assert not out.exists()


# Names of 255 bytes and paths of 4,096; Windows has other limits and answers.
@pytest.mark.skipif(sys.platform == "win32", reason="the limits of POSIX")
@pytest.mark.parametrize("place", ["x" * 300, "z/" * 3000])
def test_place__that_the_system_cannot_look_at_is_refused(folder_world: World, tmp_path: Path, place: str) -> None:
    told = run_inside(*folder_world.augment(), "--to", str(tmp_path / place))
    assert told.code == 2
    assert "--to" in told.stderr
    assert "choose another" in told.stderr


def test_failure__leaves_nothing_behind_but_what_was_fetched(folder_world: World, tmp_path: Path) -> None:
    told = run_inside(*folder_world.augment(400), "--to", str(tmp_path / "new/out"))
    assert told.code == 4
    assert not (tmp_path / "new").exists()
    # That an image is cut off shows only once it is fetched.
    good = {image: image.read_bytes() for image in folder_world.images.iterdir()}
    for image, content in good.items():
        image.write_bytes(content[:-20])
    told = run_inside(*folder_world.augment(), "--to", str(tmp_path / "new/out"))
    assert told.code == 5
    assert not (tmp_path / "new").exists()
    first, *_ = sorted(good)
    first.write_bytes(good[first])
    (folder_world.images / "im02.jpg").write_bytes(good[folder_world.images / "im02.jpg"])
    told = run_inside(*folder_world.augment(), "--to", str(tmp_path / "new/out"))
    assert told.code == 5
    assert split_of(tmp_path / "new/out").images == LABELLED, "what was fetched waits there"
    assert run_inside("remove", str(tmp_path / "new/out")).code == 0
    assert not (tmp_path / "new").exists()


# `chmod` on Windows only sets a file's read-only flag, and no folder's.
@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_read_only_dataset__by_its_permissions(folder_world: World, tmp_path: Path) -> None:
    for path in (folder_world.root, *folder_world.root.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o555)
    before = stamps(folder_world.root)
    try:
        add(folder_world, tmp_path / "out")
        assert run_inside("remove", str(tmp_path / "out")).code == 0
        assert stamps(folder_world.root) == before
    finally:
        for path in (folder_world.root, *folder_world.root.rglob("*")):
            path.chmod(0o755)


def test_read_only_dataset__on_a_read_only_mount(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        world = make_world(tmp_path, "list", root=disk.place / "data")
        disk.read_only()
        before = stamps(world.root)
        add(world, tmp_path / "out")
        assert len(add(world, tmp_path / "out", 5)["added"]) == 2
        assert split_of(tmp_path / "out").ours == 5
        assert run_inside("report", str(tmp_path / "out")).code == 0
        assert run_inside("remove", str(tmp_path / "out")).code == 0
        assert not (tmp_path / "out").exists()
        assert stamps(world.root) == before


def test_review__replaces_in_the_folder_and_marks_nothing_in_the_dataset(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    shutil.copy(next(data.glob("images/val/*.jpg")), data / "images/train/mine.jpg")
    before, out = stamps(data), tmp_path / "out"
    options = {**source_of(data), "count": 6}
    yolobg.augment(data, to=out, **options)
    first = chosen(out)
    session = Session(out)
    rejected = [item for item in session.items.values() if Path(item.card.image).name in ("mine.jpg", first[0][13:])]
    assert len(rejected) == 2
    session.act("reject", [item.number for item in rejected], "any")
    session.begin_apply()
    session.apply(replace=True)
    assert len(chosen(out)) == len(first) == 5
    assert first[0] not in chosen(out)
    assert split_of(out).backgrounds == 6
    yolobg.augment(data, to=out, **(options | {"count": 8}))
    assert first[0] not in chosen(out), "what was rejected never comes back"
    assert stamps(data) == before
    yolobg.remove(out)
    assert not out.exists()


def test_recheck__stays_in_the_folder(folder_world: World, tmp_path: Path) -> None:
    out, before = tmp_path / "out", stamps(folder_world.root)
    add(folder_world, out)
    stored = json.loads((out / ".yolobg/manifest.json").read_text())
    assert "to" not in stored["runs"][0]["options"]
    told = run_inside("augment", str(out), *folder_world.augment()[2:6], "--recheck", "--exclude", "dog", "--json")
    assert told.code == 0, told.stderr
    assert split_of(out).ours == 3
    assert stamps(folder_world.root) == before
