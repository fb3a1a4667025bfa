"""Links that somebody planted where yolobg writes: nothing is written or deleted through them.

In `.yolobg` and in the cache they may lie there beforehand (a dataset from a stranger, a shared cache); in the place of
a new file or of a whole folder they may appear between the plan and the merge, or at any step of it.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tally
from hostile import LABELLED, SPLIT, World, make_world, photograph, write_source

import yolobg
from yolobg import files
from yolobg.api import carry_out
from yolobg.changes.review_state import State, write_state
from yolobg.errors import DatasetError, MergeError, YolobgError
from yolobg.sources.catalog.store import Store
from yolobg.sources.location import AnnotationSource

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make symbolic links"),
]


@pytest.fixture(params=["folder", "list"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A dataset without backgrounds, and the world around it, which must be the same afterwards."""
    made = make_world(tmp_path / "world", split=request.param)
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(made.top / "cache"))
    before = made.outside()
    yield made
    assert made.outside() == before
    assert len([n for n in made.users() if n.startswith("labels/train/a")]) == LABELLED


def options(world: World) -> dict[str, Any]:
    return {"annotations": world.source / "instances_pool.json", "images": [world.source], "report": False}


def augment(world: World, count: int) -> yolobg.Report:
    return yolobg.augment(world.dataset, count=count, **options(world))


def act(world: World) -> None:
    """Whatever a person would do next; each may refuse, none may harm."""
    for command in (
        lambda: yolobg.status(world.dataset),
        lambda: augment(world, 2),
        lambda: yolobg.augment(world.dataset, count=3, **options(world) | {"report": True}),
        lambda: yolobg.remove(world.dataset),
    ):
        with suppress(YolobgError):
            command()
        tally.tried("hostile inputs")


# ---------------------------------------------------------------- in .yolobg

NAMES = (
    "manifest.json", "holder.json", "lock", "review.lock", "report.html", "ATTRIBUTION.csv", "review.json",
    "rejected.json", f".yolobg-{'0' * 32}.part", "staging", "rejected", "staging/0123456789abcdef",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_own_folder__nothing_is_written_through_a_link_in_it(world: World, name: str) -> None:
    place = world.dataset / ".yolobg" / name
    for target in (world.victim, *(world.victim / kind for kind in ("keys", "photos", "none", "empty"))):
        place.parent.mkdir(parents=True)
        place.symlink_to(target)
        act(world)
        shutil.rmtree(world.dataset / ".yolobg", ignore_errors=True)


@pytest.mark.parametrize("name", [name for name in NAMES if "staging" not in name and name != "rejected"])
def test_own_folder__nothing_is_written_through_a_second_name_of_a_file(world: World, name: str) -> None:
    """A hard link is as good as a symbolic one to empty somebody's file."""
    (world.dataset / ".yolobg").mkdir()
    os.link(world.victim / "keys", world.dataset / ".yolobg" / name)
    try:
        act(world)
    finally:
        assert (world.victim / "keys").read_text() == "secret\n"


@pytest.mark.sample
def test_own_folder__is_no_link_itself(world: World) -> None:
    for target in (world.victim, world.victim / "empty", world.victim / "other/.yolobg", world.victim / "none"):
        (world.dataset / ".yolobg").symlink_to(target)
        act(world)
        with pytest.raises(MergeError, match="link or a file"):
            augment(world, 2)
        with pytest.raises((DatasetError, FileExistsError)):
            write_state(world.dataset, State(looked=("x",)))
        (world.dataset / ".yolobg").unlink()


@pytest.mark.sample
def test_lock__that_is_a_pipe_or_a_link_is_refused_and_told(world: World) -> None:
    lock = world.dataset / ".yolobg/lock"
    lock.parent.mkdir()
    lock.symlink_to(world.victim / "keys")
    with pytest.raises(MergeError, match="lock: is a link or not a regular file"):
        augment(world, 2)
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(MergeError, match="lock: is a link or not a regular file"):
        augment(world, 2)
    lock.unlink()
    assert len(augment(world, 2).added) == 2


def test_tidying__after_a_killed_run_goes_through_no_link(world: World) -> None:
    """There is nothing to do but to remove the empty folders of a run that was killed; they may be somebody else's."""
    augment(world, 2)
    for place, target in (("staging", world.victim), ("staging", world.victim / "empty")):
        (world.dataset / ".yolobg/holder.json").write_text("{}")
        (world.dataset / ".yolobg" / place).symlink_to(target)
        assert augment(world, 2).added == ()
        (world.dataset / ".yolobg" / place).unlink()
        tally.tried("hostile inputs")


# ---------------------------------------------------------------- in the dataset, once the plan is made


def swap(place: Path, target: Path) -> None:
    """Put a link in the place of a file or folder, which is kept under another name."""
    place.rename(place.with_name(f"{place.name}-before"))
    place.symlink_to(target)


def unswap(place: Path) -> None:
    place.unlink()
    place.with_name(f"{place.name}-before").rename(place)


SWAPPED: tuple[tuple[str, str], ...] = (
    (SPLIT, "photos"),
    ("images", "other"),
    ("labels/train", "empty"),
    ("labels", "other"),
    ("train.txt", "other/labels.txt"),
)


@pytest.mark.parametrize(("name", "target"), SWAPPED)
def test_plan__is_not_carried_out_where_a_folder_leads_elsewhere_meanwhile(
    world: World, name: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "train.txt" and not (world.dataset / name).exists():
        pytest.skip("the split is no list file")
    for kind in ("train", "images/train", "labels/train"):
        (world.victim / "other" / kind).mkdir(parents=True, exist_ok=True)
    before = photograph(world.victim)
    place = world.dataset / name
    refused = r"now points to|another folder"
    plan = yolobg.plan(world.dataset, count=3, **options(world))
    swap(place, world.victim / target)
    with pytest.raises(MergeError, match=refused):
        carry_out(plan)
    unswap(place)
    shutil.rmtree(world.dataset / ".yolobg", ignore_errors=True)
    # The same while the images are being fetched.
    planted: list[str] = []

    for step, start in (("rename", ""), ("rename", "manifest"), ("unlink", "")):

        def plant(what: str, path: Path, when: tuple[str, str] = (step, start)) -> None:
            if what == when[0] and path.name.startswith(when[1]) and not planted:
                planted.append(what)
                swap(place, world.victim / target)

        shutil.rmtree(world.dataset / ".yolobg", ignore_errors=True)
        planted.clear()
        monkeypatch.setattr(files, "on_step", plant)
        with pytest.raises(MergeError, match=refused):
            augment(world, 3)
        monkeypatch.setattr(files, "on_step", lambda _what, _path: None)
        assert planted
        unswap(place)
        tally.tried("hostile inputs")
        # What had its place before the folder was taken away is undone by nobody.
        for left in world.dataset.rglob("bg_*"):
            left.unlink()
    assert photograph(world.victim) == before
    for kind in ("train", "images", "labels"):
        shutil.rmtree(world.victim / "other" / kind)


def count_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    seen: list[tuple[str, Path]] = []
    monkeypatch.setattr(files, "on_step", lambda what, path: seen.append((what, path)))
    added = augment(world, 2).added
    monkeypatch.setattr(files, "on_step", lambda _what, _path: None)
    assert len(added) == 2
    return seen


def every_other(world: World, steps: int) -> range:
    """The even steps with one kind of split, the odd ones with the other: they are nearly the same steps."""
    return range(int((world.dataset / "train.txt").exists()), steps, 2)


def new_files(world: World) -> list[Path]:
    return sorted(path for path in world.dataset.rglob("*") if path.name.startswith("bg_"))


def plant_targets(world: World, targets: list[Path]) -> None:
    """Links under the names of all files that are about to come, to files of somebody else and to nothing."""
    for number, place in enumerate(targets):
        with suppress(FileExistsError):
            place.symlink_to(world.victim / ("keys", "none", "photos")[number % 3])


def test_merge__a_link_at_the_name_of_a_new_file_at_any_step(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is neither followed nor replaced, and the run ends with an error or with other names."""
    shutil.copytree(world.dataset, tmp_path / "clean", symlinks=True)
    count_steps(world, monkeypatch)
    yolobg.remove(world.dataset)
    steps = len(count_steps(world, monkeypatch))
    targets = new_files(world)
    assert len(targets) == 4
    for planted_at in every_other(world, steps):
        shutil.rmtree(world.dataset)
        shutil.copytree(tmp_path / "clean", world.dataset, symlinks=True)
        seen = 0

        def plant(_what: str, _path: Path, last: int = planted_at) -> None:
            nonlocal seen
            if seen == last:
                plant_targets(world, targets)
            seen += 1

        monkeypatch.setattr(files, "on_step", plant)
        with suppress(YolobgError):
            augment(world, 2)
        monkeypatch.setattr(files, "on_step", lambda _what, _path: None)
        tally.tried("hostile inputs")
        links = {path: path.readlink() for path in targets if path.is_symlink()}
        with suppress(YolobgError):
            yolobg.remove(world.dataset)
        assert links == {path: path.readlink() for path in targets if path.is_symlink()}, planted_at
        assert not [path for path in new_files(world) if not path.is_symlink()], planted_at


Plant = Callable[[World], None]


def replace_holder(world: World) -> None:
    for name in ("holder.json", "manifest.json", "ATTRIBUTION.csv"):
        place = world.dataset / ".yolobg" / name
        if place.parent.is_dir():
            place.unlink(missing_ok=True)
            place.symlink_to(world.victim / "keys")


def replace_staged(world: World) -> None:
    for place in (world.dataset / ".yolobg/staging").rglob("*.staged"):
        place.unlink()
        place.symlink_to(world.victim / "keys")


@pytest.mark.parametrize("plant", [replace_holder, replace_staged])
def test_merge__a_link_among_our_own_files_at_any_step(
    world: World, plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(world.dataset, tmp_path / "clean", symlinks=True)
    # The second time the catalog is there: fewer steps, and all of them matter.
    count_steps(world, monkeypatch)
    yolobg.remove(world.dataset)
    for planted_at in every_other(world, len(count_steps(world, monkeypatch))):
        shutil.rmtree(world.dataset)
        shutil.copytree(tmp_path / "clean", world.dataset, symlinks=True)
        seen: list[str] = []

        def act_at(what: str, _path: Path, seen: list[str] = seen, last: int = planted_at) -> None:
            if len(seen) == last:
                plant(world)
            seen.append(what)

        monkeypatch.setattr(files, "on_step", act_at)
        with suppress(YolobgError):
            augment(world, 2)
        monkeypatch.setattr(files, "on_step", lambda _what, _path: None)
        tally.tried("hostile inputs")
        secret = (world.victim / "keys").read_bytes()
        assert secret == b"secret\n", seen[planted_at:]
        # In the last moment before the image is moved, whoever has our rights can still exchange it.
        if seen[planted_at : planted_at + 1] not in (["create"], ["link"]):
            assert not [path for path in new_files(world) if path.is_symlink()], seen[planted_at:]


# ---------------------------------------------------------------- in the cache


@pytest.mark.parametrize("part", ["catalogs", "work", "locks"])
def test_cache__its_folders_are_no_links(world: World, part: str) -> None:
    cache = world.top / "cache"
    cache.mkdir()
    for target in ("photos", "empty", "none", "keys"):
        (cache / part).symlink_to(world.victim / target)
        with pytest.raises(YolobgError, match=f"{part}: .*(is a link|{os.strerror(errno.EEXIST)})"):
            augment(world, 2)
        tally.tried("hostile inputs")
        (cache / part).unlink()
    assert len(augment(world, 2).added) == 2


@pytest.mark.sample
def test_cache__files_in_it_that_are_links_are_not_written_through(world: World) -> None:
    augment(world, 1)
    cache = world.top / "cache"
    for folder in ("catalogs", "used", "locks"):
        for file in (cache / folder).iterdir():
            for target in ("keys", "none"):
                file.unlink(missing_ok=True)
                file.symlink_to(world.victim / target)
                # Something else, so that the catalog and the note are written anew.
                write_source(world.source, 14, names={1: "gone.jpg"})
                with suppress(YolobgError):
                    augment(world, 2)
                with suppress(YolobgError):
                    augment(world, 3)
                write_source(world.source, 14)
                yolobg.remove(world.dataset)
                tally.tried("hostile inputs", 2)


def test_cache__nothing_is_noted_of_a_use_through_a_link(world: World) -> None:
    cache = world.top / "cache"
    cache.mkdir()
    for target in ("photos", "empty", "none", "keys"):
        before = photograph(world.victim)
        (cache / "used").symlink_to(world.victim / target)
        assert len(augment(world, 2).added) == 2
        assert photograph(world.victim) == before
        yolobg.remove(world.dataset)
        (cache / "used").unlink()
        tally.tried("hostile inputs")


def test_cache__the_folder_of_a_users_own_images_is_no_link(world: World) -> None:
    cache = world.top / "cache"
    cache.mkdir()
    (cache / "pools").symlink_to(world.victim / "empty")
    with pytest.raises(YolobgError, match="is a link"):
        yolobg.augment(world.dataset, count=2, source=str(world.victim / "photos"), report=False)
    tally.tried("hostile inputs")


def test_cache__what_is_half_fetched_is_no_link(world: World) -> None:
    store = Store(world.top / "cache")
    source = AnnotationSource("x", "https://images.example/instances.json")
    store.prepare()
    parts = store.parts(source)
    (parts / "0123456789abcdef.part").symlink_to(world.victim / "keys")
    with pytest.raises(YolobgError, match=r"0123456789abcdef\.part: .*is a link"):
        store.parts(source)
