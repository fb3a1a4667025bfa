"""Images that a model chose wait for a look: nothing of them is in a split before an apply, and then what was kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from download_pictures import picture
from killing_data import LABELLED, THEIRS, Source, make_dataset, make_source
from merging import tree, visible
from mining_data import FakeModel, stand_in_model, use_model
from proposing import MIN, apply, propose_some, reviewed
from reviewing import Client, chosen, reviewing, wait_for

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.changes.proposals import decide_on, proposal_path, read_proposal
from yolobg.changes.rejections import read_rejections
from yolobg.changes.review_state import read_state
from yolobg.errors import DatasetError, MergeError, UsageError
from yolobg.review.apply import Applied
from yolobg.review.proposed import apply_proposal
from yolobg.review.session import Session

NEEDED = 6


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    make_dataset(tmp_path / "data", getattr(request, "param", "folder"))
    return tmp_path / "data"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return make_source(tmp_path / "source", 60)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_model(monkeypatch, tmp_path, FakeModel())


def test_proposal__is_in_no_split_and_status_tells(root: Path, source: Source, model: Path) -> None:
    before = visible(root)
    report = propose_some(root, source, model)
    assert visible(root) == before
    assert (report.added, report.after.backgrounds, report.before.backgrounds) == ((), THEIRS, THEIRS)
    assert report.mined is not None
    assert len(report.mined.images) == NEEDED
    assert [line for line in report.warnings if "process" in line] == []
    status = yolobg.status(root)
    assert (status.after.backgrounds, status.after.ours) == (THEIRS, 0)
    (told,) = [line for line in status.warnings if "proposed" in line]
    assert told.startswith("6 proposed images for split train wait for a review: `yolobg review ")
    assert "--proposed` drops them" in told


def test_session__shows_what_waits_strongest_first(root: Path, source: Source, model: Path) -> None:
    report = propose_some(root, source, model)
    told = Session(root).everything()
    assert (told["proposed"], told["by_model"]) == (True, True)
    assert len(told["items"]) == NEEDED, "backgrounds of the user are not what this page is about"
    assert [item["doubt"] for item in told["items"]] == sorted((i["doubt"] for i in told["items"]), reverse=True)
    assert report.mined is not None
    scores = sorted((image.score for image in report.mined.images), reverse=True)
    # Of what does not fire nothing is shown.
    assert [item["found"] for item in told["items"]] == [f"person {one:.2f}" if one >= MIN else "" for one in scores]


@pytest.mark.parametrize("root", ["folder", "list"], indirect=True)
def test_apply__brings_in_what_was_kept_and_nothing_else(root: Path, source: Source, model: Path) -> None:
    before = tree(root)
    propose_some(root, source, model)
    session = reviewed(root, 2)
    rejected = [item.card.entry for item in list(session.items.values())[:2]]
    kept = [item.card.image for item in list(session.items.values())[2:]]
    session.act("look", list(session.items), "")
    done = apply(session)
    assert done.told == (
        "4 of 6 proposed images added to split train; 2 rejected, and no later run picks them. 2 backgrounds are "
        "still missing: run the same augment again to see other images."
    )
    assert sorted(done.added) == sorted(kept) == chosen(root)
    counts = yolobg.status(root).after
    assert (counts.labelled, counts.backgrounds, counts.ours) == (LABELLED, THEIRS + 4, 4)
    manifest = read_manifest(root)
    (run,) = manifest.runs
    assert run.mining is not None
    assert run.mining.reviewed is True
    assert run.options["count"] == THEIRS + NEEDED
    assert {one.source_id for one in run.mining.found} == {entry.source_id for entry in manifest.entries}
    assert {one.sha256 for one in read_rejections(root).ours} == {entry.sha256 for entry in rejected if entry}
    assert read_proposal(root) is None
    # The page goes on with what is in the dataset by then, and knows what was looked at.
    assert set(session.state.looked) == set(kept)
    assert session.everything()["proposed"] is False
    # As asked before: as many others as are missing are proposed, and none that was rejected.
    report = propose_some(root, source, model)
    assert report.mined is not None
    again = {one.source_id for one in report.mined.images}
    assert len(again) == 2
    assert again.isdisjoint({entry.source_id for entry in rejected if entry})
    apply(reviewed(root))
    assert yolobg.status(root).after.backgrounds == THEIRS + NEEDED
    yolobg.remove(root)
    assert tree(root) == before


def test_apply__while_the_page_is_loaded_again_keeps_what_was_looked_at(
    root: Path, source: Source, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    propose_some(root, source, model)
    session = reviewed(root)
    session.act("look", list(session.items), "")
    kept = {item.card.image for item in session.items.values()}

    def loaded_again(*arguments: Any, **options: Any) -> Applied:
        done = apply_proposal(*arguments, **options)
        assert session.everything()["stage"] is not None
        return done

    monkeypatch.setattr("yolobg.review.session.apply_proposal", loaded_again)
    apply(session)
    assert set(read_state(root).looked) == set(session.state.looked) == kept


def test_apply__where_all_are_rejected_adds_nothing(root: Path, source: Source, model: Path) -> None:
    before = tree(root)
    propose_some(root, source, model)
    done = apply(reviewed(root, NEEDED))
    assert done.told.startswith("0 of 6 proposed images added to split train; 6 rejected")
    assert (yolobg.status(root).after.backgrounds, len(read_rejections(root).ours)) == (THEIRS, NEEDED)
    assert chosen(root) == []
    yolobg.remove(root)
    assert tree(root) == before


def test_augment__that_finishes_an_apply_takes_none_of_the_rejected(root: Path, source: Source, model: Path) -> None:
    """Killed when the merge was done and the rejections not remembered: the plan was made before they are known."""
    propose_some(root, source, model)
    proposal = read_proposal(root)
    assert proposal is not None
    session = reviewed(root, 1)
    (out,) = session.state.rejected
    apply(session)
    (root / ".yolobg/rejected.json").unlink()
    decide_on(root, proposal, {out: "shows one of the classes"}, {})
    # All that are left but one.
    asked: dict[str, Any] = {"annotations": source.instances, "images": [source.folder]}
    plan = yolobg.plan(root, count=THEIRS + NEEDED, **asked)
    assert plan.choice is not None
    left = len(plan.choice.ranked) - 1
    report = yolobg.augment(root, count=THEIRS + NEEDED - 1 + left, **asked)
    (rejected,) = read_rejections(root).ours
    assert rejected.image == out
    assert len(report.added) == left
    assert rejected.source_id not in {one.source_id for one in report.added}
    assert read_proposal(root) is None


def test_session__that_is_left_leaves_what_waits(root: Path, source: Source, model: Path) -> None:
    propose_some(root, source, model)
    before = visible(root)
    reviewed(root, 1)
    session = Session(root)
    assert len(session.state.rejected) == 1
    assert len(session.items) == NEEDED
    assert visible(root) == before


def test_augment__stops_while_images_wait(root: Path, source: Source, model: Path) -> None:
    propose_some(root, source, model)
    before = tree(root)
    asked: dict[str, Any] = {"annotations": source.instances, "images": [source.folder]}
    stopped: dict[str, Any]
    for stopped in ({"count": THEIRS + 1}, {"recheck": True}, {"count": THEIRS + NEEDED, "hard": model}):
        with pytest.raises(MergeError, match="6 proposed images for split train wait"):
            yolobg.augment(root, **stopped, **asked)
        assert tree(root) == before
    with pytest.raises(MergeError, match="6 proposed images for split train wait"):
        propose_some(root, source, model)
    assert tree(root) == before
    assert yolobg.augment(root, count=THEIRS, **asked).added == (), "where nothing is to be done, nothing is in the way"


@pytest.mark.parametrize("proposed", [True, False])
def test_remove__drops_what_waits(root: Path, source: Source, model: Path, proposed: bool) -> None:
    before = tree(root)
    propose_some(root, source, model)
    reviewed(root, 1)
    assert yolobg.remove(root, proposed=proposed, dry_run=True).proposed == NEEDED
    assert yolobg.remove(root, split="val").proposed == 0
    assert len(Session(root).items) == NEEDED, "another split is another matter"
    assert yolobg.remove(root, proposed=proposed).proposed == NEEDED
    assert tree(root) == before


def test_remove__of_what_waits_leaves_what_is_in(root: Path, source: Source, model: Path) -> None:
    yolobg.augment(root, annotations=source.instances, images=[source.folder], count=THEIRS + 2)
    before = tree(root)
    propose_some(root, source, model)
    report = yolobg.remove(root, proposed=True)
    assert (report.removed, report.proposed) == ((), 4)
    assert tree(root) == before
    assert yolobg.status(root).after.ours == 2


def test_apply__an_image_that_qualifies_no_more_stops_it(root: Path, source: Source, model: Path) -> None:
    """Nothing comes in unseen by today's classes: the person rejects it, and the rest comes in."""
    propose_some(root, source, model)
    session = reviewed(root)
    entry = next(iter(session.items.values())).card.entry
    assert entry is not None
    # The same picture has come into the dataset meanwhile, as an image with an object.
    home = root / "images/train"
    (home / "mine.jpg").write_bytes(source.images[f"{entry.source_id:012}.jpg"])
    (root / "labels/train/mine.txt").write_text("0 .5 .5 .1 .1\n")
    before = visible(root)
    with pytest.raises(MergeError, match=f"nothing was added: 1 kept image can't come in .* {entry.source_id} "):
        apply(session)
    assert visible(root) == before
    assert len(session.items) == NEEDED
    assert len(apply(reviewed(root, {entry.source_id: ""})).added) == NEEDED - 1


def test_apply__where_the_classes_have_changed(root: Path, source: Source, model: Path) -> None:
    records = json.loads(source.instances.read_text())
    propose_some(root, source, model)
    session = reviewed(root)
    entry = next(iter(session.items.values())).card.entry
    assert entry is not None
    # By the records of today that very image holds a kite, which is one of the classes by now.
    records["categories"].append({"id": 2, "name": "kite"})
    records["annotations"].append({"id": 999, "image_id": entry.source_id, "category_id": 2, "iscrowd": 0})
    source.instances.write_text(json.dumps(records))
    data = root / "data.yaml"
    data.write_text(data.read_text().replace("names: [person]", "names: [person, kite]"))
    before = visible(root)
    with pytest.raises(MergeError, match=f"1 kept image can't come in any more: .* {entry.source_id} "):
        apply(session)
    assert visible(root) == before


@pytest.mark.parametrize("harm", ["cut", "gone", "other", "link"])
def test_apply__an_image_that_was_changed_while_it_waited_stops_it(
    root: Path, source: Source, model: Path, tmp_path: Path, harm: str
) -> None:
    propose_some(root, source, model)
    session = reviewed(root)
    path = next(iter(session.items.values())).card.path
    content = path.read_bytes()
    path.unlink()
    if harm == "link":
        (tmp_path / "elsewhere.jpg").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere.jpg")
    elif harm != "gone":
        path.write_bytes(content[:-5] if harm == "cut" else picture(7777, 40, 30))
    before = visible(root)
    with pytest.raises(MergeError, match="its file was lost or changed"):
        apply(session)
    assert visible(root) == before
    yolobg.remove(root, proposed=True)


def test_apply__of_images_that_the_person_has_not_seen_is_refused(root: Path, source: Source, model: Path) -> None:
    propose_some(root, source, model)
    session = reviewed(root)
    seen = session.generation
    yolobg.remove(root, proposed=True)
    propose_some(root, source, model, needed=4)
    with pytest.raises(UsageError, match="changed meanwhile"):
        session.begin_apply(seen)
    assert len(session.items) == 4
    session = Session(root)
    yolobg.remove(root, proposed=True)
    with pytest.raises(UsageError, match="nothing is rejected"):
        session.begin_apply(session.generation)


def test_session__of_what_is_in_never_turns_into_one_of_what_waits(root: Path, source: Source, model: Path) -> None:
    session = reviewed(root, 1)
    propose_some(root, source, model)
    told = session.everything()
    assert (told["proposed"], len(told["items"])) == (False, THEIRS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told["pending"].update(staging="images"),
        lambda told: told["pending"].update(staging="../.yolobg/staging"),
        lambda told: told["pending"]["entries"][0].update(image="images/train/im0.jpg"),
        lambda told: told["pending"]["entries"][0].update(image="/etc/passwd"),
    ],
)
def test_record__from_a_stranger_moves_nothing_of_the_user(
    root: Path, source: Source, model: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    before = tree(root)
    propose_some(root, source, model)
    told = json.loads(proposal_path(root).read_text())
    damage(told)
    proposal_path(root).write_text(json.dumps(told))
    shown = visible(root)
    try:
        apply(reviewed(root, 1))
    except (DatasetError, MergeError, UsageError):
        assert visible(root) == shown
    yolobg.remove(root)
    assert {name: content for name, content in tree(root).items() if not name.startswith(".yolobg")} == {
        name: content for name, content in before.items() if not name.startswith(".yolobg")
    }


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"version": 1}', b'{"version": 9}', b"\xff"])
def test_record__that_is_damaged_stops_with_what_to_do(root: Path, content: bytes) -> None:
    proposal_path(root).parent.mkdir()
    proposal_path(root).write_bytes(content)
    with pytest.raises(DatasetError, match=r"proposed\.json"):
        Session(root)


def test_proposal__into_a_folder_of_its_own(root: Path, source: Source, model: Path, tmp_path: Path) -> None:
    before, own = tree(root), tmp_path / "own"
    propose_some(root, source, model, to=own)
    assert tree(root) == before
    done = apply(reviewed(own, 1))
    assert len(done.added) == NEEDED - 1 == len(list((own / "images/train").iterdir()))
    assert tree(root) == before
    yolobg.remove(own)
    assert not own.exists()


def test_review__of_images_that_came_in_unseen_replaces_whatever_the_model_was_told(
    root: Path, source: Source, model: Path
) -> None:
    """What says how the model chose is of no use for a replacement, which no model chooses."""
    yolobg.augment(root, annotations=source.instances, images=[source.folder], count=THEIRS + 4, hard=model,
                   min_score=MIN, pool=30, hard_share=0.4)  # fmt: skip
    session = Session(root)
    numbers = [item.number for item in session.items.values() if item.card.entry]
    session.act("reject", numbers[:1], "any")
    session.begin_apply()
    done = session.apply(replace=True)
    assert (len(done.removed), len(done.added)) == (1, 1)
    assert yolobg.status(root).after.backgrounds == THEIRS + 4


# ---------------------------------------------------------------- the command


@pytest.mark.slow
def test_page__is_applied_by_the_command_that_runs(root: Path, source: Source, model: Path) -> None:
    propose_some(root, source, model)
    with reviewing(root) as (process, address):
        client = Client(address)
        client.enter()
        told = client.everything()
        first = told["items"][0]
        assert client.get(f"picture/small/{first['number']}")[0] == 200
        assert client.post("act", {"kind": "reject", "numbers": [first["number"]], "reason": "any"})[0] == 200
        assert client.post("apply", {"generation": told["generation"] + 1})[0] == 409
        assert client.post("apply", {"generation": told["generation"]})[0] == 202
        wait_for(lambda: client.everything()["outcome"] is not None)
        outcome = client.everything()["outcome"]
        assert outcome["told"].startswith("5 of 6 proposed images added"), outcome
        assert client.post("end", {})[0] == 200
        assert process.wait(20) == 0
    assert len(chosen(root)) == NEEDED - 1
    assert read_state(root).rejected == {}


@pytest.mark.slow
# Without a terminal the command refuses, and Windows has no module for one that a test holds.
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_augment__on_a_terminal_opens_the_review(source: Source, tmp_path: Path) -> None:
    import pty  # noqa: PLC0415 - POSIX only

    root = tmp_path / "data"
    make_dataset(root, "folder")
    (tmp_path / "model.pt").write_bytes(b"a model")
    env = {
        **os.environ, "YOLOBG_ULTRALYTICS_PYTHON": stand_in_model(tmp_path, tmp_path / "asked"), "COLUMNS": "400",
        "YOLOBG_CACHE_DIR": str(tmp_path / "cache"),
    }  # fmt: skip
    hard = ("--hard", tmp_path / "model.pt", "--min-score", str(MIN), "--count", str(THEIRS + NEEDED))
    asked = ("augment", root, "--annotations", source.instances, "--images", source.folder, *hard)
    command = [sys.executable, "-m", "yolobg", *map(str, asked)]
    # Nobody can look, so nothing is fetched.
    plain = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, check=False)
    assert plain.returncode == 2
    assert "run this on a terminal" in plain.stderr
    assert "--yes" in plain.stderr
    assert not (tmp_path / "asked").exists()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*map(str, command), "--no-browser"], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    ) as process:
        os.close(theirs)
        told: list[str] = []
        reading = threading.Thread(target=_read_all, args=(ours, told), daemon=True)
        reading.start()
        wait_for(lambda: "to review" in "".join(told))
        text = "".join(told)
        assert "6 images proposed for train: none is in it before you apply." in text
        assert "Nobody has looked" not in text, "the review opens by itself"
        assert " ".join(next(line for line in text.splitlines() if "chosen" in line).split()) == "chosen 6"
        client = Client(next(word for word in text.split() if word.startswith("http://127.0.0.1")))
        client.enter()
        assert client.everything()["proposed"] is True
        assert client.post("end", {})[0] == 200
        assert process.wait(30) == 0
        reading.join(10)
    os.close(ours)
    text = " ".join("".join(told).split())
    assert "Review ended: 0 of 6 proposed images looked at, none added. They wait: yolobg review" in text
    assert yolobg.status(root).after.backgrounds == THEIRS


def _read_all(terminal: int, told: list[str]) -> None:
    while True:
        try:
            told.append(os.read(terminal, 65536).decode("utf-8", "replace"))
        except OSError:
            return
