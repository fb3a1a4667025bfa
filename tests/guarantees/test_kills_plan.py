"""A saved plan, and backgrounds that are trimmed: killed before every change to the disk, and carried out once more."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from killing import KillServer, Ran, check_valid, kills
from killing_data import LABELLED, THEIRS, make_dataset, make_source
from merging import tree, visible

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # The kill server forks a warm interpreter for each point, and Windows has no fork.
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

NEEDED, POOL = 3, 12
LAYOUTS = ("folder", "list", "folders")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_saved_plan__killed_at_every_point(scratch: Path, kill_server: KillServer, layout: str) -> None:
    """The same command again ends with the images that are left in the plan, exactly."""
    dataset, source = make_dataset(scratch / "template", layout), make_source(scratch / "source", POOL)
    root, plan = scratch / "data", scratch / "plan.json"
    dataset.copy(root)
    add = ("--annotations", source.instances, "--images", source.folder, "--count", str(THEIRS + NEEDED + 1))
    assert kill_server.run("plan", root, *add, "--save", plan).code == 0
    lines = plan.read_text().splitlines(keepends=True)
    taken_out = next(number for number, line in enumerate(lines) if "source_id" in line)
    plan.write_text("".join(lines[:taken_out] + lines[taken_out + 1 :]))
    before = tree(root)
    carry_out = ("augment", "--plan", plan, "--json")
    assert kill_server.run(*carry_out).code == 0
    whole = visible(root)

    def run(point: int) -> Ran:
        shutil.rmtree(root, ignore_errors=True)
        dataset.copy(root)
        return kill_server.run(*carry_out, kill_at=point, watch=(root,))

    for point, _ in kills(run):
        check_valid(root, dataset.entries, before, source.images)
        if point % 2:
            again = kill_server.run(*carry_out)
            assert again.code == 0, again.err
            assert again.json["after"]["ours"] == NEEDED
            assert again.json["after"]["labelled"] == LABELLED
            assert visible(root) == whole
        assert kill_server.run("remove", root).code == 0
        assert tree(root) == before
    assert point > 40


@pytest.mark.parametrize("layout", ["folder", pytest.param("list", marks=pytest.mark.sample), "folders"])
def test_trim__killed_at_every_point(scratch: Path, kill_server: KillServer, layout: str) -> None:
    """The same command again takes out the rest, exactly; what was there before us is as it was."""
    dataset, source = make_dataset(scratch / "template", layout), make_source(scratch / "source", POOL)
    add = ("--annotations", source.instances, "--images", source.folder, "--json", "--count")
    root, full, few = scratch / "data", scratch / "full", scratch / "few"
    before = tree(dataset.template)
    for place, number in ((full, THEIRS + NEEDED), (few, THEIRS + 1)):
        dataset.copy(place)
        assert kill_server.run("augment", place, *add, str(number)).code == 0
    trim = ("augment", root, *add, str(THEIRS + 1), "--trim")

    def run(point: int) -> Ran:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(full, root, symlinks=True)
        return kill_server.run(*trim, kill_at=point, watch=(root,))

    for point, _ in kills(run):
        check_valid(root, dataset.entries, before, source.images)
        if point % 2:
            again = kill_server.run(*trim)
            assert again.code == 0, again.err
            assert (again.json["after"]["ours"], again.json["after"]["labelled"]) == (1, LABELLED)
            assert visible(root) == visible(few)
        assert kill_server.run("remove", root).code == 0
        assert tree(root) == before
    assert point > 15
