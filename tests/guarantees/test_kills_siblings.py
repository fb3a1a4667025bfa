"""Several data.yaml over one root, and a command for one that is killed: the next of any of them finishes it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from folds import Folds, dangling, make_folds
from killing import KillServer, Ran, kills
from merging import tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

KINDS = ("lists", "linked", "folders")


@dataclass(frozen=True)
class World:
    """Two data.yaml over one root, and a copy of it for each kill."""

    kill_server: KillServer
    kind: str
    template: Folds
    folds: Folds
    before: dict[str, bytes | None]

    def yaml(self, fold: int) -> Path:
        return self.folds.yaml(fold)

    def anew(self, template: Path | None = None) -> None:
        shutil.rmtree(self.folds.root, ignore_errors=True)
        shutil.copytree(template or self.template.root, self.folds.root)
        if self.kind == "linked":
            # A copy has two files in the place of one with two names.
            (self.folds.root / "backup.txt").unlink()
            os.link(self.folds.listed(0), self.folds.root / "backup.txt")

    def run(self, command: str, fold: int, *, count: int = 2, **options: Any) -> Ran:
        more: Sequence[str | Path] = ()
        if command == "augment":
            source = self.folds.source
            more = ("--annotations", source.instances, "--images", source.folder, "--count", str(count), "--no-report")
        return self.kill_server.run(command, self.yaml(fold), *more, "--json", watch=(self.folds.root,), **options)

    def done(self, command: str, fold: int, **options: Any) -> Any:
        ran = self.run(command, fold, **options)
        assert ran.code == 0, ran.err
        # Who holds the dataset is written anew after a kill: that is a courtesy.
        assert [change for change in ran.lone if "holder.json" not in change] == [], "changes without a step"
        return ran.json

    def check(self) -> None:
        """What holds at any moment: nothing of the user has changed, and no line names what is not there."""
        now = tree(self.folds.root)
        for name, content in self.before.items():
            if name.endswith("_train.txt") or name == "backup.txt":
                assert (now[name] or b"").startswith(content or b""), name
            else:
                assert now[name] == content, name
        assert dangling(sorted(self.folds.root.glob("*.txt")), self.folds.root) == []

    def ours(self, fold: int) -> int:
        counts = self.kill_server.run("status", self.yaml(fold), "--json").json["after"]
        assert counts["corrupt"] == 0
        assert counts["backgrounds"] == counts["ours"]
        return int(counts["ours"])

    def undone(self) -> None:
        assert tree(self.folds.root) == self.before
        if self.kind == "linked":
            assert self.folds.listed(0).stat().st_nlink == 2


def make_folders(template: Folds) -> None:
    """Give each data.yaml a folder in the place of its list."""
    for kind in ("images", "labels"):
        (template.root / kind / "one").mkdir()
        for file in list((template.root / kind).glob("im[0-3].*")):
            file.rename(template.root / kind / "one" / file.name)
        shutil.copytree(template.root / kind / "one", template.root / kind / "two")
    for fold, train in enumerate(("images/one", "images/two")):
        template.yaml(fold).write_text(f"train: {train}\nval: images/one\nnames: [person]\n")
    for listed in template.root.glob("*.txt"):
        listed.unlink()


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, scratch: Path, kill_server: KillServer) -> World:
    template = make_folds(scratch / "template")
    if request.param == "folders":
        make_folders(template)
    root = scratch / "data"
    for file in (*template.root.glob("*.txt"), *template.root.glob("*.yaml")):
        file.write_text(file.read_text().replace(str(template.root), str(root)))
    if request.param == "linked":
        shutil.copy(template.listed(0), template.root / "backup.txt")
    return World(kill_server, request.param, template, Folds(root, template.source), tree(template.root))


def test_augment__of_one_killed_at_every_point_is_finished_by_the_other(world: World) -> None:
    def run(point: int) -> Ran:
        world.anew()
        return world.run("augment", 0, kill_at=point)

    seen = set()
    for point, _ in kills(run):
        world.check()
        if point % 2:
            world.done("augment", 1)
            assert world.ours(1) == 2
            world.check()
        else:
            assert world.done("remove", 1)["removed"] == []
            world.check()
        seen.add(world.ours(0))
        if point % 3 == 0:
            world.done("augment", 0)
            assert world.ours(0) == 2
        for fold in (1, 0) if point % 4 else (0, 1):
            world.done("remove", fold)
            world.check()
        world.undone()
    assert point > 30
    assert seen == {0, 2}


def test_remove__of_one_killed_at_every_point_is_finished_by_the_other(world: World, scratch: Path) -> None:
    world.anew()
    for fold in (0, 1):
        world.done("augment", fold)
    full = shutil.copytree(world.folds.root, scratch / "full")

    def run(point: int) -> Ran:
        world.anew(full)
        return world.run("remove", 0, kill_at=point)

    seen = set()
    for point, _ in kills(run):
        world.check()
        if point % 2:
            world.done("augment", 1, count=3)
            assert world.ours(1) == 3
        else:
            assert len(world.done("remove", 1)["removed"]) == 2
        seen.add(world.ours(0))
        world.check()
        for fold in (0, 1):
            world.done("remove", fold)
        world.undone()
    assert point > 15
    assert seen == {0, 2}


def test_remove__that_hands_images_over_killed_at_every_point(world: World, scratch: Path) -> None:
    """The other's list names one of the images: it stays at every moment, and goes with the other."""
    if world.kind == "folders":
        pytest.skip("there are no lists")
    world.anew()
    world.done("augment", 0)
    line = next(line for line in world.folds.listed(0).read_text().splitlines() if "bg_" in line)
    with world.folds.listed(1).open("a") as file:
        file.write(f"{line}\n")
    full = shutil.copytree(world.folds.root, scratch / "full")

    def run(point: int) -> Ran:
        world.anew(full)
        return world.run("remove", 0, kill_at=point)

    for point, _ in kills(run):
        world.check()
        if point % 2:
            world.done("augment", 1, count=1)
            world.check()
        world.done("remove", 0)
        assert world.ours(0) == 0
        assert world.ours(1) == 1
        world.check()
        assert len(world.done("remove", 1)["removed"]) == 1
        world.undone()
    assert point > 15


@pytest.mark.sample
def test_data_yaml__that_names_another_folder_after_a_kill(world: World) -> None:
    """What the run brought into the old folder is taken back: nobody would train on it, and nothing of it may stay."""
    if world.kind != "folders":
        pytest.skip("is about folders")

    def run(point: int) -> Ran:
        world.anew()
        return world.run("augment", 0, kill_at=point)

    for point, _ in kills(run):
        text = world.yaml(0).read_text()
        world.yaml(0).write_text(text.replace("images/one", "images/two"))
        if point % 2:
            world.done("augment", 0)
            assert world.ours(0) == 2
        world.done("remove", 0)
        world.yaml(0).write_text(text)
        world.undone()
    assert point > 30
