"""Images that a model chose and that wait for a look: proposing, applying and dropping them, killed all along the way.

The model is a program in the place of the user's Ultralytics.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import tally
from killing import KillServer, Ran, check_valid, kills
from killing_data import LABELLED, THEIRS, Dataset, Source, make_dataset, make_source
from merging import tree, visible
from mining_data import stand_in_model
from proposing import apply, propose_some, reviewed

import yolobg
from yolobg.changes.manifest import absolute, read_manifest
from yolobg.changes.proposals import Proposal, is_there, waiting
from yolobg.changes.rejections import read_rejections
from yolobg.review.session import Session

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # The kill server forks a warm interpreter for each point, and Windows has no fork.
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

NEEDED, OUT, SIZE = 4, 1, 40
# A layout, and at how many points to kill; None for all.
SWEEP = pytest.mark.sweep
SOME = [("folder", 6), *(pytest.param(*one, marks=SWEEP) for one in (("list", 6), ("folders", 6), ("folder", 30)))]
ALL = [
    pytest.param("folder", 8, OUT, marks=pytest.mark.sample),
    ("list", 8, OUT),
    *(pytest.param(layout, None, OUT, marks=SWEEP) for layout in ("folder", "list", "folders")),
    pytest.param("folder", None, NEEDED, marks=SWEEP),
]
PROPOSE = """
import sys, yolobg
from yolobg.api import propose
data, annotations, images, model, count = sys.argv[2:]
propose(yolobg.plan(data, annotations=annotations, images=[images], hard=model, min_score=0.8, count=int(count)))
"""
APPLY = """
import sys
from yolobg.review.session import Session
session = Session(sys.argv[2])
session.begin_apply(session.generation)
session.apply(replace=True)
"""


@dataclass(frozen=True)
class World:
    """A dataset that is copied for each kill, and what its backgrounds are proposed from."""

    dataset: Dataset
    source: Source
    model: Path
    root: Path
    before: dict[str, bytes | None]

    def again(self, there: Path | None = None) -> None:
        """Begin with the dataset as it was, or as another is."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(there or self.dataset.template, self.root, symlinks=True)

    def waits(self) -> Proposal | None:
        """What waits; all of its images are whole, and none is in the split."""
        proposal = waiting(self.root, read_manifest(self.root))
        for entry in proposal.entries if proposal else ():
            staged = absolute(proposal.pending.staging if proposal else "", self.root) / f"{entry.source_id}.staged"
            assert hashlib.sha256(staged.read_bytes()).hexdigest() == entry.sha256
        return proposal


def points(run: Ran, wanted: int | None) -> list[int]:
    """Some points of a run, spread over all of it."""
    last = len(run.points)
    chosen = range(1, last + 1) if wanted is None else sorted({last * n // wanted for n in range(1, wanted + 1)})
    tally.tried("kill points", len(chosen))
    return list(chosen)


@pytest.fixture
def world(request: pytest.FixtureRequest, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", stand_in_model(scratch, scratch / "asked"))
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(scratch / "cache"))
    dataset, source = make_dataset(scratch / "template", request.param), make_source(scratch / "source", SIZE)
    (scratch / "model.pt").write_bytes(b"a model")
    return World(dataset, source, scratch / "model.pt", scratch / "data", tree(dataset.template))


@pytest.mark.parametrize(("world", "wanted"), SOME, indirect=["world"])
def test_propose__killed_at_any_point_leaves_all_or_nothing(world: World, kill_server: KillServer, wanted: int) -> None:
    arguments = (world.root, world.source.instances, world.source.folder, world.model, str(THEIRS + NEEDED))

    def run(point: int | None) -> Ran:
        world.again()
        return kill_server.run("-c", PROPOSE, *arguments, kill_at=point, watch=(world.root,))

    whole = run(None)
    assert whole.code == 0, whole.err
    proposal = world.waits()
    assert proposal is not None
    assert not run(0).lone, "changes without a step of their own"
    seen = set()
    for point in points(whole, wanted):
        run(point)
        assert check_valid(world.root, world.dataset.entries, world.before, world.source.images) == []
        found = world.waits()
        seen.add(found is None)
        if found is None:
            propose_some(world.root, world.source, world.model, NEEDED)
            found = world.waits()
        assert found is not None
        assert [e.sha256 for e in found.entries] == [e.sha256 for e in proposal.entries]
        if point % 2:
            assert len(apply(reviewed(world.root)).added) == NEEDED
        yolobg.remove(world.root)
        assert tree(world.root) == world.before
    assert seen == {True, False}, "kills before and after the proposal was there"


@pytest.mark.parametrize(("world", "wanted", "rejected"), ALL, indirect=["world"])
def test_apply__killed_at_any_point_is_not_begun_or_is_finished_by_the_next_run(
    world: World, kill_server: KillServer, scratch: Path, wanted: int | None, rejected: int
) -> None:
    world.again()
    propose_some(world.root, world.source, world.model, NEEDED)
    session = reviewed(world.root, rejected)
    out = {item.card.entry.sha256 for item in list(session.items.values())[:rejected] if item.card.entry}
    shutil.copytree(world.root, scratch / "proposed", symlinks=True)

    def run(point: int | None) -> Ran:
        world.again(scratch / "proposed")
        return kill_server.run("-c", APPLY, world.root, kill_at=point, watch=(world.root,))

    whole = run(None)
    assert whole.code == 0, whole.err
    after = visible(world.root)
    assert not run(0).lone, "changes without a step of their own"
    seen = set()
    for point in points(whole, wanted):
        run(point)
        ours = check_valid(world.root, world.dataset.entries, world.before, world.source.images)
        assert len(ours) <= NEEDED - rejected
        waits = world.waits() if not ours else None
        seen.add(waits is None)
        if waits is not None:
            assert not ours
            session = Session(world.root)
            assert len(session.state.rejected) == rejected
            apply(session)
        elif point % 2:
            Session(world.root)
        else:
            # Where there is nothing to do, what was cut off is still finished.
            yolobg.augment(world.root, annotations=world.source.instances, images=[world.source.folder],
                           count=THEIRS + NEEDED - rejected)  # fmt: skip
        assert not is_there(world.root)
        assert visible(world.root) == after
        counts = yolobg.status(world.root).after
        assert (counts.labelled, counts.backgrounds) == (LABELLED, THEIRS + NEEDED - rejected)
        assert {one.sha256 for one in read_rejections(world.root).ours} == out
        yolobg.remove(world.root)
        assert tree(world.root) == world.before
    assert seen == {True, False}


@pytest.mark.parametrize("world", ["folder", pytest.param("list", marks=SWEEP)], indirect=True)
@pytest.mark.parametrize("option", [(), ("--proposed",)])
def test_remove__killed_at_every_point(
    world: World, kill_server: KillServer, scratch: Path, option: tuple[str, ...]
) -> None:
    world.again()
    propose_some(world.root, world.source, world.model, NEEDED)
    reviewed(world.root, OUT)
    shutil.copytree(world.root, scratch / "proposed", symlinks=True)

    def run(point: int) -> Ran:
        world.again(scratch / "proposed")
        return kill_server.run("remove", world.root, *option, kill_at=point, watch=(world.root,))

    killed = 0
    for _ in kills(run):
        killed += 1
        assert check_valid(world.root, world.dataset.entries, world.before, world.source.images) == []
        world.waits()
        assert kill_server.run("remove", world.root, *option).code == 0
        assert tree(world.root) == world.before
    assert killed > 5
