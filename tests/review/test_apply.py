"""Applying a review: rejected images leave for good, the count stays exact, and everything can be taken back."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from killing import KillServer, Ran, kills, quick_folder
from merging import tree, visible
from reviewing import add_backgrounds, chosen, make_sample, source_of

import yolobg
from yolobg.changes.records import Manifest
from yolobg.changes.rejections import read_rejections
from yolobg.changes.review_state import State, read_state, state_path
from yolobg.dataset.dataset import Dataset
from yolobg.errors import DatasetError, PoolError, UsageError, YolobgError
from yolobg.flow.planning import recorded
from yolobg.review.session import Session

APPLY = """
import sys
from yolobg.review.session import Session
session = Session(sys.argv[2])
session.begin_apply()
session.apply(replace=True)
"""


def reject(data: Path, images: list[str], *, reason: str = "any") -> Session:
    session = Session(data)
    numbers = [item.number for item in session.items.values() if item.card.image in images]
    assert len(numbers) == len(images)
    session.act("reject", numbers, reason)
    return session


def apply(session: Session, *, replace: bool = True) -> None:
    session.begin_apply()
    session.apply(replace=replace)


def pool(data: Path) -> int:
    """How many images of the source may still come in."""
    there = yolobg.status(data).after.backgrounds
    try:
        plan = yolobg.plan(data, count=there + 1, **source_of(data))
    except PoolError:
        return 0
    assert plan.report.source
    return plan.report.source.eligible


def own_background(data: Path) -> str:
    """Make a background of the user, with an empty label file."""
    image = data / "images/train/my_background.jpg"
    shutil.copy(next(data.glob("images/val/*.jpg")), image)
    (data / "labels/train/my_background.txt").touch()
    return "images/train/my_background.jpg"


def test_nothing_but_the_state_changes_before_apply(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data)
    before = tree(data)
    session = reject(data, chosen(data)[:3])
    session.undo()
    session.act("accept", list(session.items), "")
    after = tree(data)
    assert after.pop(".yolobg/review.json")
    assert after == before


def test_apply__the_count_is_exact_and_the_rejected_never_come_back(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    pristine = tree(data)
    add_backgrounds(data, 8)
    first = chosen(data)
    content = {(data / image).read_bytes() for image in first[:3]}
    session = reject(data, first[:3], reason="class-0")
    apply(session)
    now = chosen(data)
    assert len(now) == 8 == yolobg.status(data).after.backgrounds
    assert set(first[3:]) < set(now)
    assert set(now).isdisjoint(first[:3])
    told = read_rejections(data).ours
    assert {r.image for r in told} == set(first[:3])
    assert {r.reason for r in told} == {"shows Pedestrian"}
    # However many are asked for later, by whichever seed: the rejected ones stay out, also under another name.
    for seed in (1, 2):
        report = yolobg.augment(data, count=yolobg.status(data).after.backgrounds + 8, seed=seed, **source_of(data))
        assert report.source
        assert report.source.left_out.in_dataset >= 3
    assert set(chosen(data)).isdisjoint(first[:3])
    assert content.isdisjoint((data / image).read_bytes() for image in chosen(data))
    left = pool(data)
    there = yolobg.status(data).after.backgrounds
    with pytest.raises(PoolError, match="rejected"):
        yolobg.augment(data, count=there + left + 1, **source_of(data))
    if left:
        assert yolobg.augment(data, count=there + left, **source_of(data)).after.backgrounds == there + left
    assert set(chosen(data)).isdisjoint(first[:3])
    yolobg.remove(data)
    assert tree(data) == pristine


def test_apply__repeats_each_run_with_what_that_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_sample(tmp_path / "s")
    # Relative paths, as people type them; the review is started somewhere else.
    monkeypatch.chdir(tmp_path / "s/source")
    add_backgrounds(
        data, 4, license="commercial", exclude=("kite",), link="hard",
        annotations="annotations/instances_sample.json", images=("images",),
    )  # fmt: skip
    add_backgrounds(data, 2, split="val", license="1,2,3")
    monkeypatch.chdir(tmp_path)
    apply(reject(data, [chosen(data)[0], chosen(data, "val")[0]]))
    assert (len(chosen(data)), len(chosen(data, "val"))) == (4, 2)
    added = yolobg.status(data).added
    assert len(added) == 4
    assert {one.license for one in added} <= {4, 5, 6, 7, 8}
    assert all((data / one.image).stat().st_nlink == 2 for one in added)
    assert {one.license for one in yolobg.status(data, split="val").added} <= {1, 2, 3}


def test_apply__what_came_in_is_new_until_the_next_apply(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 5)
    session = reject(data, chosen(data)[:2])

    def new() -> set[str]:
        return {item["image"] for item in session.everything()["items"] if item["new"]}

    assert new() == set()
    for number in (2, 1):
        before = chosen(data)
        apply(session)
        came = set(chosen(data)) - set(before)
        assert len(came) == number
        assert new() == came
        first = next(item.number for item in session.items.values() if item.card.image in came)
        session.act("reject", [first], "any")


def test_apply__into_a_list_file_split(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    listed = sorted((data / "images/train").glob("*.jpg"))
    (data / "train.txt").write_text("".join(f"./images/train/{image.name}\n" for image in listed))
    text = (data / "data.yaml").read_text()
    (data / "data.yaml").write_text(text.replace("train: images/train", "train: train.txt"))
    pristine = tree(data)
    add_backgrounds(data, 5)
    rejected = chosen(data)[:2]
    apply(reject(data, rejected))
    lines = (data / "train.txt").read_text()
    assert yolobg.status(data).after.backgrounds == 5
    assert all(Path(image).name not in lines for image in rejected)
    yolobg.remove(data)
    assert tree(data) == pristine


def test_apply__where_no_candidate_is_left_nothing_is_removed(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, everyone := pool(data))
    before = visible(data)
    session = reject(data, chosen(data)[:2])
    with pytest.raises(PoolError, match="nothing was removed"):
        apply(session)
    assert visible(data) == before
    assert len(read_state(data).rejected) == 2
    assert session.stage is None
    apply(session, replace=False)
    assert yolobg.status(data).after.backgrounds == everyone - 2
    assert read_state(data).rejected == {}


def test_apply__where_the_source_is_gone_nothing_is_removed(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 3)
    shutil.rmtree(tmp_path / "s/source")
    before = visible(data)
    session = reject(data, chosen(data)[:1])
    with pytest.raises(YolobgError, match="nothing was removed"):
        apply(session)
    assert visible(data) == before


def test_apply__an_image_that_somebody_labelled_meanwhile_stays(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 4)
    image = chosen(data)[0]
    session = reject(data, chosen(data)[:2])
    (data / image.replace("images", "labels")).with_suffix(".txt").write_text("0 .5 .5 .1 .1\n")
    session.begin_apply()
    done = session.apply(replace=True)
    assert [kept[0] for kept in done.kept] == [image]
    assert len(done.removed) == len(done.added) == 1
    assert (data / image).is_file()
    assert yolobg.status(data).after.backgrounds == 3


def test_apply__is_refused_without_rejections_and_while_another_is_under_way(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 4)
    session = Session(data)
    with pytest.raises(UsageError, match="nothing is rejected"):
        session.begin_apply()
    session = reject(data, chosen(data)[:1])
    session.begin_apply()
    for call in (session.begin_apply, session.undo, lambda: session.act("look", [0], "")):
        with pytest.raises(UsageError, match="being applied"):
            call()
    session.apply(replace=True)
    session.act("look", [next(iter(session.items))], "")


def test_session__sees_what_another_yolobg_does_meanwhile(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 4)
    session = reject(data, chosen(data)[:1])
    add_backgrounds(data, 6)
    told = session.everything()
    assert sum(item["ours"] for item in told["items"]) == 6
    assert len(told["rejected"]) == 1
    numbers = list(session.items)
    yolobg.remove(data)
    with pytest.raises(UsageError, match="not there any more"):
        session.act("reject", numbers[:1], "any")
    assert not state_path(data).exists()


def test_session__sees_what_another_yolobg_does_while_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 4)
    session = Session(data)
    add_backgrounds(data, 6)

    def meanwhile(dataset: Dataset) -> Manifest:
        manifest = recorded(dataset)
        add_backgrounds(data, 8)
        return manifest

    with monkeypatch.context() as patch:
        patch.setattr("yolobg.review.session.recorded", meanwhile)
        session.everything()
    assert sum(item["ours"] for item in session.everything()["items"]) == 8


def test_session__looks_again_where_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 4)
    session = Session(data)
    add_backgrounds(data, 6)

    def fails(*_: object) -> State:
        raise DatasetError("cannot be read just now")

    with monkeypatch.context() as patch:
        patch.setattr("yolobg.review.session.read_state", fails)
        with pytest.raises(DatasetError, match="just now"):
            session.everything()
    assert sum(item["ours"] for item in session.everything()["items"]) == 6
    assert session.generation == 2


def test_session__without_backgrounds_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing to look at"):
        Session(make_sample(tmp_path / "s"))


# ---------------------------------------------------------------- the user's own


def test_mine__that_is_rejected_stays_and_so_does_the_mark(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    mine = own_background(data)
    pristine = tree(data)
    add_backgrounds(data, 4)
    session = reject(data, [mine, chosen(data)[0]], reason="class-0")
    assert session.to_apply == chosen(data)[:1]
    apply(session)
    assert session.state.rejected == read_state(data).rejected == {mine: "shows Pedestrian"}
    assert [one.image for one in read_rejections(data).ours] != [mine]
    assert yolobg.status(data).after.backgrounds == 4
    yolobg.remove(data)
    assert tree(data) == pristine


def test_mine__alone_is_nothing_to_apply(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    mine = own_background(data)
    before = visible(data)
    session = reject(data, [mine])
    with pytest.raises(UsageError, match="nothing is rejected"):
        session.begin_apply()
    assert visible(data) == before


def test_mine__that_is_rejected_is_in_the_list_to_save(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    mine = own_background(data)
    add_backgrounds(data, 4)
    assert reject(data, chosen(data)[:1]).marked_paths() == {"text": "", "left_out": 0}
    assert reject(data, [mine]).marked_paths() == {"text": f"{data / mine}\n", "left_out": 0}


def test_mine__that_an_earlier_version_put_away_stays_where_it_is(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 4)
    picture = data / ".yolobg/rejected" / f"{'0' * 64}.0.put-away"
    picture.parent.mkdir()
    picture.write_bytes(b"mine")
    away = {"image": "images/train/mine.jpg", "split": "train", "sha256": "0" * 64, "reason": "", "at": "",
            "stored": picture.name, "data": "data.yaml"}  # fmt: skip
    record = data / ".yolobg/rejected.json"
    record.write_text(json.dumps({"version": 1, "ours": [], "theirs": [away]}))
    apply(reject(data, chosen(data)[:1]))
    yolobg.remove(data)
    assert picture.read_bytes() == b"mine"
    assert json.loads(record.read_text())["theirs"] == [away]


# ---------------------------------------------------------------- kills


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="kills itself by a signal")
def test_apply__killed_at_any_point_ends_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through all of apply; the same apply afterwards comes to the same end, and `remove` restores every byte."""
    with KillServer() as server, quick_folder(tmp_path) as scratch:
        monkeypatch.setenv("YOLOBG_CACHE_DIR", str(scratch / "cache"))
        kill_everywhere(server, scratch)


def kill_everywhere(server: KillServer, scratch: Path) -> None:
    base = make_sample(scratch / "base")
    mine = own_background(base)
    pristine = tree(base)
    add_backgrounds(base, 5)
    rejected = [mine, *chosen(base)[:2]]
    reject(base, rejected)
    data = scratch / "killed" / "dataset"

    def run(point: int) -> Ran:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(base, data)
        return server.run("-c", APPLY, data, kill_at=point, watch=(data,))

    shutil.copytree(base.parent / "source", data.parent / "source")
    assert not run(0).lone, "changes without a step of their own"
    for _point, _ran in kills(run):
        session = Session(data)
        if session.to_apply:
            apply(session)
        assert yolobg.status(data).after.backgrounds == 5
        assert set(chosen(data)).isdisjoint(rejected)
        assert session.state.rejected == {mine: "shows one of the classes"}
        yolobg.remove(data)
        assert tree(data) == pristine
