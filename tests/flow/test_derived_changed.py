"""What `augment --to DIR` made, copied, edited or beside an original that has changed: the original stays as it is."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machine import World, make_world, run_inside
from merging import tree

import yolobg
from yolobg.changes.rejections import Rejection, remember
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.errors import DatasetError, UsageError
from yolobg.model import Derivation
from yolobg.yaml_text import load_yaml


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def options(world: World, count: int = 3, **more: Any) -> dict[str, Any]:
    return {"annotations": world.instances, "images": [world.images], "count": count, "report": False, **more}


def derive(world: World, out: Path, count: int = 3, **more: Any) -> Path:
    yolobg.augment(world.root, to=out, **options(world, count, **more))
    return out / "data.yaml"


def edit(file: Path, old: str, new: str) -> Path:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


# ---------------------------------------------------------------- copied and edited


def beside_original(world: World, file: Path) -> Path:
    return Path(shutil.copy(file, world.root / "bg.yaml"))


def in_place_of_original(world: World, file: Path) -> Path:
    (world.root / "data.yaml").rename(world.root / "mine.yaml")
    return Path(shutil.copy(file, world.root / "data.yaml"))


def beside_its_images(world: World, file: Path) -> Path:
    (file.parent.parent / "mine.yaml").write_text(
        f"train: {world.root}/images/train\nval: {world.root}/images/val\nnames: [person]\n"
    )
    edit(file, str(world.root / "data.yaml"), str(file.parent.parent / "mine.yaml"))
    return beside_original(world, file)


def elsewhere(world: World, file: Path) -> Path:
    (file.parent.parent / "other").mkdir()
    return Path(shutil.copy(file, file.parent.parent / "other/data.yaml"))


def above(world: World, file: Path) -> Path:
    return Path(shutil.copy(file, file.parent.parent / "data.yaml"))


def with_path(world: World, file: Path) -> Path:
    return edit(file, "train:", f"path: {world.root}\ntrain:")


def without_own(world: World, file: Path) -> Path:
    return edit(file, f"- {file.parent}/images/train\n", "")


def without_key(world: World, file: Path) -> Path:
    text = file.read_text()
    file.write_text(text[: text.index("yolobg:")])
    return file


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        (beside_original, True),
        (in_place_of_original, True),
        (beside_its_images, True),
        (elsewhere, True),
        (above, True),
        (with_path, False),
        (without_own, True),
        (without_key, True),
    ],
)
def test_data_yaml__copied_or_edited_adds_nothing_to_the_original(
    world: World, tmp_path: Path, change: Callable[[World, Path], Path], is_refused: bool
) -> None:
    out = tmp_path / "out"
    file = change(world, derive(world, out))
    before = tree(world.root)
    if is_refused:
        with pytest.raises(DatasetError, match=r"(?s)bg\.yaml|data\.yaml"):
            yolobg.augment(file, **options(world, 5))
    else:
        assert yolobg.augment(file, **options(world, 5)).dataset.images_dir == str(out / "images/train")
    assert tree(world.root) == before
    assert len(list((out / "images/train").iterdir())) == (3 if is_refused else 5)


def symlinked(file: Path) -> Path:
    link = file.parent.parent / "link.yaml"
    link.symlink_to(file)
    return link


def symlinked_folder_of_files(file: Path) -> Path:
    folder = file.parent.parent / "links"
    folder.mkdir()
    (folder / "data.yaml").symlink_to(file)
    return folder / "data.yaml"


def copied(file: Path) -> Path:
    return Path(shutil.copy(file, file.parent.parent / "copy.yaml"))


def copied_in_its_folder(file: Path) -> Path:
    return Path(shutil.copy(file, file.parent / "copy.yaml"))


def copied_as_a_whole(file: Path) -> Path:
    return Path(shutil.copytree(file.parent, file.parent.parent / "copy")) / "data.yaml"


@pytest.mark.parametrize(
    "make", [symlinked, symlinked_folder_of_files, copied, copied_in_its_folder, copied_as_a_whole]
)
@pytest.mark.parametrize("count", [0, 2])
def test_remove__leaves_a_copy_of_the_data_yaml_and_a_link_to_it(
    world: World, tmp_path: Path, make: Callable[[Path], Path], count: int
) -> None:
    file = derive(world, tmp_path / "out", count)
    content, copy = file.read_bytes(), make(file)
    told = yolobg.remove(copy)
    assert told.data_yaml is not None
    assert told.data_yaml.kept
    assert copy.read_bytes() == file.read_bytes() == content
    copy.unlink()
    gone = yolobg.remove(file).data_yaml
    assert gone is not None
    assert not gone.kept
    assert not file.exists()


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("names", ["[person, dog]", "[dog]", "{0: dog, 1: person}"])
def test_class__that_the_original_has_now_is_not_passed_over(
    world: World, tmp_path: Path, names: str, edited: bool
) -> None:
    file = derive(world, tmp_path / "out")
    if edited:
        edit(file, "names:", "# mine\nnames:")
    edit(world.root / "data.yaml", "[person]", names)
    before = tree(tmp_path)
    with pytest.raises(DatasetError, match="'dog'"):
        yolobg.augment(file, **options(world, 5))
    assert tree(tmp_path) == before
    if edited:
        with pytest.raises(DatasetError, match="'dog'"):
            derive(world, tmp_path / "out", 5)
        assert tree(tmp_path) == before
    else:
        derive(world, tmp_path / "out", 4)
        assert len(yolobg.augment(file, **options(world, 5)).added) == 1


def test_class__of_its_own_or_with_its_letters_back_is_no_difference(world: World, tmp_path: Path) -> None:
    original = world.root / "data.yaml"
    text = original.read_text().replace("[person]", "[person, 'böat']")
    original.write_bytes(text.encode("cp1252"))
    out = tmp_path / "out"
    file = derive(world, out, map={"bat": ["dog"]})
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if line == "- bat\n")
    lines[place] = "- dog\n- cow\n"
    file.write_text("".join(lines), encoding="utf-8")
    assert read_data_yaml(file).names == {0: "person", 1: "dog", 2: "cow"}
    assert len(yolobg.augment(file, **options(world, 4, unmapped="none")).added) == 1
    assert len(yolobg.augment(world.root, to=out, **options(world, 5, unmapped="none")).added) == 1


# ---------------------------------------------------------------- rejections


def test_rejected__in_the_original_does_not_come_in(world: World, tmp_path: Path) -> None:
    first = yolobg.plan(world.root, to=tmp_path / "one", **options(world)).report.planned[0]
    content = Path(first.url).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    (world.root / ".yolobg").mkdir()
    remember(
        world.root,
        [
            Rejection(
                "instances_pool", first.source_id, "images/train/x.jpg", "train", digest, "shows one", "2026-01-01"
            )
        ],
    )
    for count in (2, 6):
        derive(world, tmp_path / "one", count)
    yolobg.augment(tmp_path / "one", **options(world, 8))
    yolobg.augment(tmp_path / "one", to=tmp_path / "two", **options(world, 9))
    yolobg.augment(tmp_path / "two", **options(world, 10))
    for folder in ("one", "two"):
        assert content not in {image.read_bytes() for image in (tmp_path / folder / "images/train").iterdir()}


# ---------------------------------------------------------------- a folder made from a folder


def test_chain__a_class_that_is_missing_two_levels_up_is_found(world: World, tmp_path: Path) -> None:
    one, two = derive(world, tmp_path / "one"), tmp_path / "two"
    yolobg.augment(one, to=two, **options(world, 4))
    original = edit(world.root / "data.yaml", "[person]", "[person, dog]")
    before = tree(tmp_path)
    for place, more in ((two, {}), (one, {"to": two})):
        with pytest.raises(DatasetError, match=f"lacks the class 'dog' of {re.escape(str(original))}") as caught:
            yolobg.augment(place, **options(world, 5, **more))
        assert f"augment {original} --to {one.parent}" in str(caught.value), "the one furthest up first"
    assert tree(tmp_path) == before
    derive(world, one.parent)
    yolobg.augment(one, to=two, **options(world, 5))
    assert read_data_yaml(two).names == {0: "person", 1: "dog"}


def test_chain__that_leads_back_to_itself_ends(world: World, tmp_path: Path) -> None:
    one, two = derive(world, tmp_path / "one"), tmp_path / "two"
    yolobg.augment(one, to=two, **options(world, 4))
    edit(one, str(world.root / "data.yaml"), str(two / "data.yaml"))
    assert len(yolobg.augment(two, **options(world, 5)).added) == 1


# ---------------------------------------------------------------- the key `yolobg`


@pytest.mark.parametrize(
    "said", ["{}", "", "{note: mine}", "{original: false, x: 1}", "{original: images}", "text", "[1]"]
)
def test_key__of_a_person_is_no_derivation(world: World, tmp_path: Path, said: str) -> None:
    file = world.root / "data.yaml"
    file.write_text(f"{file.read_text()}yolobg: {said}\n")
    raw: Any = load_yaml(file.read_text(), source="")
    assert read_data_yaml(file).derived is None
    if said in ("text", "[1]") or "original" in said:
        with pytest.raises(DatasetError, match="another name"):
            derive(world, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    else:
        made: Any = load_yaml(derive(world, tmp_path / "out").read_text(), source="")
        assert (raw["yolobg"] or {}).items() <= made["yolobg"].items()
        assert made["yolobg"]["original"] == str(file)
        assert len(yolobg.augment(tmp_path / "out", **options(world, 4)).added) == 1
    assert yolobg.augment(world.root, **options(world, 1)).dataset.images_dir == str(world.root / "images/train")
    assert yolobg.remove(world.root).data_yaml is None


@pytest.mark.parametrize("original", ["/data/data.yaml", r"C:\data\data.yaml", r"\\server\data\data.yaml"])
def test_key__of_another_system_is_a_derivation(world: World, original: str) -> None:
    file = world.root / "data.yaml"
    file.write_text(f"{file.read_text()}yolobg: {{original: '{original}', made: []}}\n")
    assert read_data_yaml(file).derived is not None


# ---------------------------------------------------------------- where DIR lies


# Windows lets only administrators and developers make symbolic links.
@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
@pytest.mark.parametrize("link", ["images/train/more", "labels", "labels/train", "images/train"])
@pytest.mark.parametrize("depth", [0, 2])
def test_folder__behind_a_link_of_the_dataset_is_refused(world: World, tmp_path: Path, link: str, depth: int) -> None:
    real, place = tmp_path / "real", world.root / link
    if place.exists():
        place.rename(real)
    else:
        real.mkdir()
        (real / "back").symlink_to(world.root / "images/train")
    place.symlink_to(real)
    before = tree(tmp_path)
    for to in (real.joinpath(*["a"] * depth, "new"), place.joinpath(*["a"] * depth, "new")):
        with pytest.raises(UsageError, match="lies in"):
            derive(world, to)
    assert tree(tmp_path) == before
    derive(world, tmp_path / "out")


@pytest.mark.parametrize("given", ["data.yaml", "."])
def test_plan__is_carried_out_from_another_folder(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(world.root)
    plan = yolobg.plan(given, to="../out", **options(world))
    other = make_world(tmp_path / "other")
    monkeypatch.chdir(other.root)
    yolobg.carry_out(plan)
    assert read_data_yaml(tmp_path / "out/data.yaml").derived == Derivation(
        world.root / "data.yaml", (tmp_path / "out",)
    )
    assert tree(other.root) == other.before


def test_carried_out__after_another_took_the_folder(world: World, tmp_path: Path) -> None:
    other = make_world(tmp_path / "other")
    plan = yolobg.plan(world.root, to=tmp_path / "out", **options(world))
    derive(other, tmp_path / "out", 0)
    there = tree(tmp_path / "out")
    with pytest.raises(UsageError, match="choose another folder"):
        yolobg.carry_out(plan)
    assert tree(tmp_path / "out") == there


def test_empty__is_refused(world: World) -> None:
    told = run_inside(*world.augment(), "--to", "")
    assert (told.code, told.stdout) == (2, "")
    assert "--to: is empty" in told.stderr
    assert tree(world.root) == world.before
