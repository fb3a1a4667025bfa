"""Several data.yaml over one root: what was added for one is that one's, and the last one leaves the root as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from folds import Folds, dangling, make_folds
from merging import tree, visible
from msgspec.structs import replace

import yolobg
from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.changes.records import Pending
from yolobg.changes.review_state import read_state
from yolobg.dataset.dataset import open_dataset
from yolobg.errors import DatasetError
from yolobg.model import no_progress
from yolobg.report.write import rewrite_page
from yolobg.review.apply import apply_review
from yolobg.review.session import Session
from yolobg.ultralytics.trainer import read_resolved

LINES: dict[str, dict[str, Any]] = {
    "beside": {"start": "./images/"},
    "absolute": {"start": "{root}/images/"},
    "relative": {"start": "data/images/"},
    "windows": {"start": "./images/", "end": "\r\n"},
    "no last end": {"start": "./images/", "last": False},
    "mark": {"start": "./images/", "mark": "\ufeff"},
}


def lists(folds: Folds) -> list[Path]:
    return sorted(folds.root.glob("*.txt"))


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_remove__of_one_fold_leaves_the_others_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, order: tuple[int, ...]
) -> None:
    folds = make_folds(tmp_path, 3, **LINES[kind])
    monkeypatch.chdir(tmp_path)
    before = tree(folds.root)
    added = {fold: {a.image for a in folds.augment(folds.yaml(fold), 2 + fold % 2).added} for fold in range(3)}
    folds.augment(folds.yaml(0), 3)
    left = list(order)
    for fold in order:
        removed = yolobg.remove(folds.yaml(fold))
        left.remove(fold)
        assert added[fold] <= set(removed.removed)
        assert not removed.kept
        assert set(removed.others) == {f"fold{other}.yaml" for other in left}
        assert folds.listed(fold).read_bytes() == before[f"fold{fold}_train.txt"]
        assert dangling(lists(folds), tmp_path) == []
        for other in left:
            assert yolobg.status(folds.yaml(other)).after.ours == (3 if other == 0 else len(added[other]))
    assert tree(folds.root) == before


def test_remove__says_in_a_dry_run_what_it_would_do(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    for fold in (0, 1):
        folds.augment(folds.yaml(fold))
    before = tree(folds.root)
    report = yolobg.remove(folds.yaml(0), dry_run=True)
    assert (len(report.removed), report.others) == (2, {"fold1.yaml": 2})
    assert tree(folds.root) == before
    assert yolobg.remove(folds.yaml(0)).removed == report.removed


def test_data_yaml__has_one_name_however_it_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folds = make_folds(tmp_path)
    monkeypatch.chdir(folds.root)
    ways = [Path("fold0.yaml"), Path("images/../fold0.yaml"), folds.yaml(0)]
    if sys.platform != "win32":
        (tmp_path / "way").symlink_to(folds.root)
        (tmp_path / "linked.yaml").symlink_to(folds.yaml(0))
        ways += [tmp_path / "way/fold0.yaml", tmp_path / "linked.yaml"]
    assert {open_dataset(way).name for way in ways} == {"fold0.yaml"}
    # A trainer of Ultralytics gives what it has resolved.
    told = {"names": {0: "person"}, "path": folds.root, "yaml_file": "fold0.yaml", "train": str(folds.listed(0))}
    assert open_dataset(read_resolved(told, given="fold0.yaml")).name == "fold0.yaml"
    before = tree(folds.root)
    for way in ways:
        folds.augment(folds.yaml(0))
        assert len(yolobg.remove(way).removed) == 2
        assert tree(folds.root) == before


def test_data_yaml__that_was_renamed_finds_its_own(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    before = tree(folds.root)
    for fold in (0, 1):
        folds.augment(folds.yaml(fold))
    renamed = folds.yaml(0).rename(folds.root / "first.yaml")
    assert len(yolobg.remove(renamed).removed) == 2
    assert yolobg.status(folds.yaml(1)).after.ours == 2
    assert dangling(lists(folds), folds.root) == []
    yolobg.remove(folds.yaml(1))
    renamed.rename(folds.yaml(0))
    assert tree(folds.root) == before


def test_data_yaml__that_is_gone_leaves_what_another_can_take_over(tmp_path: Path) -> None:
    """Of a list that no data.yaml names nobody can tell whether it is used; whoever names it takes over."""
    folds = make_folds(tmp_path)
    before = tree(folds.root)
    text = folds.yaml(0).read_text()
    folds.augment(folds.yaml(0))
    folds.yaml(0).unlink()
    report = yolobg.remove(folds.yaml(1))
    assert (report.removed, len(report.kept)) == ((), 2)
    assert all("fold0.yaml, which is gone" in kept.reason for kept in report.kept)
    assert dangling(lists(folds), folds.root) == []
    other = folds.root / "again.yaml"
    other.write_text(text)
    assert len(yolobg.remove(other).removed) == 2
    other.rename(folds.yaml(0))
    assert tree(folds.root) == before


def test_one_list_of_two_data_yaml__is_whole_again_at_last(tmp_path: Path) -> None:
    folds = make_folds(tmp_path, last=False)
    folds.yaml(1).write_text(folds.yaml(0).read_text())
    before = tree(folds.root)
    for first, second in ((0, 1), (1, 0)):
        folds.augment(folds.yaml(0), 2)
        folds.augment(folds.yaml(1), 5)
        assert len(yolobg.remove(folds.yaml(first)).removed) == (2 if first == 0 else 3)
        assert dangling(lists(folds), folds.root) == []
        assert yolobg.status(folds.yaml(second)).after.ours == (3 if first == 0 else 2)
        yolobg.remove(folds.yaml(second))
        assert tree(folds.root) == before


def two_folders(folds: Folds, first: str, second: str) -> tuple[Path, Path]:
    """Two data.yaml without lists."""
    for kind in ("images", "labels"):
        (folds.root / kind / "a").mkdir()
        for file in list((folds.root / kind).glob("im[0-3].*")):
            file.rename(folds.root / kind / "a" / file.name)
    made = []
    for name, text in (("a.yaml", first), ("b.yaml", second)):
        (folds.root / name).write_text(f"{text}\nnames: [person]\n")
        made.append(folds.root / name)
    return made[0], made[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train: images/a\nval: images", "train: images/a\nval: images/a"),
        ("train: images/a\nval: images", "train: images\nval: images/a"),
    ],
    ids=["the same folder", "other splits of one folder"],
)
def test_one_folder_of_two_data_yaml__keeps_what_the_other_added(tmp_path: Path, first: str, second: str) -> None:
    folds = make_folds(tmp_path)
    one, two = two_folders(folds, first, second)
    before = tree(folds.root)
    folds.augment(one, 2)
    folds.augment(two, 5)
    assert len(folds.backgrounds()) == 5
    assert yolobg.remove(two).others == {"a.yaml": 2}
    assert len(folds.backgrounds()) == 2
    assert yolobg.status(one).after.ours == 2
    assert yolobg.remove(two, split="val").removed == ()
    assert len(yolobg.remove(one).removed) == 2
    assert tree(folds.root) == before


@pytest.mark.parametrize("now", ["images", "images/a"])
def test_data_yaml__that_names_a_folder_now_has_its_list_cleaned(tmp_path: Path, now: str) -> None:
    """Also where the images lie outside that folder: they lie in the root, and are proved to be ours."""
    folds = make_folds(tmp_path)
    two_folders(folds, "train: images/a", "train: images")
    for list_file in lists(folds):
        list_file.write_text("".join(f"./images/im{number}.jpg\n" for number in range(4, 8)))
    before = tree(folds.root)
    folds.augment(folds.yaml(0))
    text = folds.yaml(0).read_text()
    folds.yaml(0).write_text(text.replace("fold0_train.txt", now))
    report = yolobg.remove(folds.yaml(0))
    assert (len(report.removed), report.kept) == (2, ())
    folds.yaml(0).write_text(text)
    assert tree(folds.root) == before


def rewritten(line: str, root: Path, how: str) -> str:
    name = line.rpartition("/")[2]
    return {
        "absolute": f"{root}/images/{name}",
        "relative": f"images/{name}",
        "beside": f"./images/{name}",
        "detour": f"./labels/../images/{name}",
        "linked": f"{root.parent}/way/images/{name}",
    }[how]


@pytest.mark.parametrize("how", ["absolute", "relative", "beside", "detour", "linked"])
@pytest.mark.parametrize("kind", ["beside", "absolute", "mark"])
def test_lines__that_another_tool_has_rewritten_go_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, how: str
) -> None:
    """Sorted as well, so that ours stand first, behind the byte-order mark."""
    folds = make_folds(tmp_path, **LINES[kind])
    if sys.platform != "win32":
        (tmp_path / "way").symlink_to(folds.root)
    elif how == "linked":
        pytest.skip("needs the right to make symbolic links")
    monkeypatch.chdir(tmp_path)
    folds.augment(folds.yaml(0))
    lines = folds.listed(0).read_text("utf-8-sig").splitlines()
    new = sorted(rewritten(line, folds.root, how) for line in lines)
    mark = str(LINES[kind].get("mark", ""))
    folds.listed(0).write_bytes((mark + "\r\n".join(new) + "\r\n").encode())
    assert len(yolobg.remove(folds.yaml(0)).removed) == 2
    mine = [line for line in new if "bg_" not in line]
    assert folds.listed(0).read_bytes() == (mark + "\r\n".join(mine) + "\r\n").encode()


def test_lines__copied_to_another_list_keep_their_images(tmp_path: Path) -> None:
    """The images are the other's then, and go with it; no line ever names what is not there."""
    folds = make_folds(tmp_path)
    before = tree(folds.root)
    folds.augment(folds.yaml(0), 3)
    ours = [line for line in folds.listed(0).read_text().splitlines() if "bg_" in line]
    folds.listed(1).write_text(folds.listed(1).read_text() + "".join(f"{line}\n" for line in ours[:2]))
    report = yolobg.remove(folds.yaml(0))
    assert (len(report.removed), len(report.kept)) == (1, 2)
    assert all("a list of fold1.yaml names it as well" in kept.reason for kept in report.kept)
    assert folds.listed(0).read_bytes() == before["fold0_train.txt"]
    assert dangling(lists(folds), folds.root) == []
    assert yolobg.status(folds.yaml(1)).after.ours == 2
    assert yolobg.remove(folds.yaml(0)).removed == ()
    assert len(yolobg.remove(folds.yaml(1)).removed) == 2
    assert tree(folds.root) == before


def test_known__is_what_any_of_them_has(tmp_path: Path) -> None:
    """No image comes in for a second fold that the first one has."""
    folds = make_folds(tmp_path)
    added = [a.source_id for fold in (0, 1) for a in folds.augment(folds.yaml(fold), 4).added]
    assert len(set(added)) == len(added) == 8


# ---------------------------------------------------------------- report and review


def test_report__shows_what_was_added_for_its_data_yaml(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    for fold in (0, 1):
        folds.augment(folds.yaml(fold))
    names = {
        fold: [Path(e.image).stem.rpartition("_")[2].lstrip("0") for e in read_manifest(folds.root).entries
               if e.data == f"fold{fold}.yaml"]
        for fold in (0, 1)
    }  # fmt: skip
    for fold, other in ((0, 1), (1, 0)):
        page = rewrite_page(folds.yaml(fold)).read_text("utf-8")
        assert all(f"x {name}<" in page for name in names[fold])
        assert not any(f"x {name}<" in page for name in names[other])
    yolobg.remove(folds.yaml(0))
    with pytest.raises(DatasetError, match="nothing to report"):
        rewrite_page(folds.yaml(0))


def test_review__of_one_takes_out_and_replaces_its_own(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    before = tree(folds.root)
    for fold in (0, 1):
        folds.augment(folds.yaml(fold))
    sessions = [Session(folds.yaml(fold)) for fold in (0, 1)]
    assert [len(session.items) for session in sessions] == [2, 2]
    for session in sessions:
        session.act("reject", [next(iter(session.items))], "other")
    other = visible(folds.root)["fold1_train.txt"]
    done = apply_review(folds.yaml(0), sessions[0].state, progress=no_progress)
    assert (len(done.removed), len(done.added)) == (1, 1)
    assert visible(folds.root)["fold1_train.txt"] == other
    assert [yolobg.status(folds.yaml(fold)).after.ours for fold in (0, 1)] == [2, 2]
    # What was decided for the other is still there.
    assert len(Session(folds.yaml(1)).state.rejected) == 1
    assert read_state(folds.root, "fold0.yaml").rejected == {}
    for fold in (0, 1):
        yolobg.remove(folds.yaml(fold))
    assert tree(folds.root) == before


# ---------------------------------------------------------------- an interrupted run of another data.yaml


def test_interrupted__is_told_for_whom_where_it_cannot_be_finished_from_here(tmp_path: Path) -> None:
    """The other data.yaml names a folder outside the root, which this one does not: nothing may be written there."""
    folds = make_folds(tmp_path)
    (tmp_path / "far").mkdir()
    one, two = two_folders(folds, f"train: [images/a, {tmp_path / 'far'}]", "train: images")
    folds.augment(one)
    manifest = read_manifest(folds.root)
    far = tmp_path / "far" / Path(manifest.entries[0].image).name
    entry = replace(manifest.entries[0], image=far.as_posix(), label=far.with_suffix(".txt").as_posix())
    pending = Pending(kind="add", entries=(entry,), staging=".yolobg/staging")
    write_manifest(folds.root, replace(manifest, pending=pending))
    with pytest.raises(
        yolobg.YolobgError, match=r"a run for .*a\.yaml was interrupted.*Run augment or remove with that"
    ):
        yolobg.remove(two)
    assert list((tmp_path / "far").iterdir()) == []
    assert len(yolobg.remove(one).removed) == 2
