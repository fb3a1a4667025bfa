"""The safe merge: all or none, nothing replaced, finished after a kill at any step, taken back byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest
from merging import Place, make_place, stage, tree, visible

from yolobg import files
from yolobg.changes import removal as removal_module
from yolobg.changes.lock import hold
from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.changes.manifest_checks import check_entry
from yolobg.changes.merge import add
from yolobg.changes.records import Manifest
from yolobg.changes.removal import finish_interrupted, take_back
from yolobg.errors import DatasetError, LockedError, MergeError

LAYOUTS = ("folder", "list", "unlabelled")


def merge(place: Place, ids: range) -> Manifest:
    with hold(place.root):
        return add(place.root, read_manifest(place.root), stage(place, ids))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_add_and_remove__restore_the_tree_byte_for_byte(tmp_path: Path, layout: str) -> None:
    place = make_place(tmp_path / "data", layout)
    before = tree(place.root)
    assert len(merge(place, range(10, 15)).entries) == 5
    merged = tree(place.root)
    for number in range(10, 15):
        assert merged[f"labels/train/bg_demo_{number}.txt"] == b""
        assert f"images/train/bg_demo_{number}.jpg" in merged
    assert {name: merged[name] for name in before if name != "train.txt"} == {
        name: content for name, content in before.items() if name != "train.txt"
    }
    if place.list_file:
        assert place.list_file.read_bytes().startswith(before["train.txt"] or b"")
        assert place.list_file.read_bytes().count(b"bg_demo_") == 5
        assert b"\r\n./images/train/bg_demo_14.jpg" in place.list_file.read_bytes()
    with hold(place.root):
        removal = take_back(place.dataset)
    assert len(removal.removed) == 5
    assert not removal.kept
    assert tree(place.root) == before


@pytest.mark.parametrize("images", [1, 16, 17, 40])
def test_add__every_image_is_durable_before_the_first_is_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int
) -> None:
    place = make_place(tmp_path / "data")
    steps: list[tuple[str, str]] = []
    monkeypatch.setattr(files, "on_step", lambda what, path: steps.append((what, path.name)))
    merge(place, range(10, 10 + images))
    first = next(number for number, (what, _) in enumerate(steps) if what == "link")
    flushed = sorted(name for what, name in steps[:first] if what == "fsync" and name.endswith(".staged"))
    assert flushed == sorted(f"{number}.staged" for number in range(10, 10 + images))


@pytest.mark.parametrize("folder", ["images/train", "labels/train"])
def test_add__into_a_folder_that_another_one_replaces_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    place = make_place(tmp_path / "data")
    home, aside = place.root / folder, tmp_path / "aside"
    home.mkdir(parents=True, exist_ok=True)

    def replace(what: str, _path: Path) -> None:
        if what == "link" and not aside.exists():
            home.rename(aside)
            home.mkdir()

    monkeypatch.setattr(files, "on_step", replace)
    with pytest.raises(MergeError, match="another folder was put in its place"):
        merge(place, range(10, 14))
    assert not (home / "bg_demo_11.jpg").exists()
    assert not (home / "bg_demo_11.txt").exists()


def test_remove__of_several_runs_and_of_one_split(tmp_path: Path) -> None:
    place = make_place(tmp_path / "data", "list")
    before = tree(place.root)
    merge(place, range(10, 12))
    merge(place, range(20, 23))
    with hold(place.root):
        assert take_back(place.dataset, split="val").removed == ()
        assert len(read_manifest(place.root).entries) == 5
        assert len(take_back(place.dataset, split="train").removed) == 5
    assert tree(place.root) == before


def test_remove__takes_a_trainers_npy_and_keeps_what_a_person_labelled(tmp_path: Path) -> None:
    place = make_place(tmp_path / "data")
    before = tree(place.root)
    merge(place, range(10, 14))
    (place.images_dir / "bg_demo_10.npy").write_bytes(b"decoded")
    label = place.root / "labels/train/bg_demo_11.txt"
    label.write_text("0 0.5 0.5 0.2 0.2\n")
    (place.images_dir / "bg_demo_12.jpg").write_bytes(b"another picture")
    (place.images_dir / "bg_demo_13.jpg").unlink()
    with hold(place.root):
        removal = take_back(place.dataset)
    assert [Path(e.image).name for e in removal.removed] == ["bg_demo_10.jpg"]
    assert [Path(e.image).name for e in removal.gone] == ["bg_demo_13.jpg"]
    assert {Path(k.image).name: k.reason.split(":")[0] for k in removal.kept} == {
        "bg_demo_11.jpg": "its label file is no longer empty",
        "bg_demo_12.jpg": "its content is not what yolobg added",
    }
    left = set(visible(place.root)) - set(before)
    assert {Path(name).name for name in left} == {
        "bg_demo_11.jpg",
        "bg_demo_11.txt",
        "bg_demo_12.jpg",
        "bg_demo_12.txt",
    }


@pytest.mark.parametrize("layout", ["folder", "list"])
def test_remove__goes_on_after_a_kill_and_keeps_what_a_person_did_meanwhile(
    tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(tmp_path / "data", layout)
    merge(place, range(10, 14))

    def killed(path: Path) -> None:
        raise KeyboardInterrupt(path)

    monkeypatch.setattr(removal_module, "unlink", killed)
    with hold(place.root), pytest.raises(KeyboardInterrupt):
        take_back(place.dataset)
    monkeypatch.undo()
    (place.root / "labels/train/bg_demo_11.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (place.images_dir / "bg_demo_12.jpg").write_bytes(b"another picture")
    with hold(place.root):
        manifest = finish_interrupted(place.dataset)
        assert {Path(e.image).name for e in manifest.entries} == {"bg_demo_11.jpg", "bg_demo_12.jpg"}
        removal = take_back(place.dataset)
    assert removal.removed == removal.gone == ()
    assert {Path(k.image).name for k in removal.kept} == {"bg_demo_11.jpg", "bg_demo_12.jpg"}
    assert sorted(path.name for path in place.images_dir.glob("bg_*")) == ["bg_demo_11.jpg", "bg_demo_12.jpg"]


def test_remove__keeps_lines_that_a_person_appended(tmp_path: Path) -> None:
    place = make_place(tmp_path / "data", "list")
    assert place.list_file
    original = place.list_file.read_bytes()
    merge(place, range(10, 12))
    place.list_file.write_bytes(place.list_file.read_bytes() + b"\r\n./images/train/im0.jpg\r\n")
    with hold(place.root):
        take_back(place.dataset)
    assert place.list_file.read_bytes() == original + b"\r\n./images/train/im0.jpg\r\n"


@pytest.mark.parametrize("taken", ["images/train/bg_demo_12.jpg", "labels/train/bg_demo_12.txt"])
@pytest.mark.parametrize("when", ["before", "during"])
def test_add__replaces_nothing_and_rolls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str, when: str
) -> None:
    place = make_place(tmp_path / "data")
    before = tree(place.root)
    if when == "before":
        (place.root / taken).write_bytes(b"theirs")
    else:
        created: list[int] = []

        def appear(what: str, path: Path) -> None:
            if what == "link" and not created:
                created.append((place.root / taken).write_bytes(b"theirs"))

        monkeypatch.setattr(files, "on_step", appear)
    with pytest.raises(MergeError), hold(place.root):
        add(place.root, read_manifest(place.root), stage(place, range(10, 14)))
    assert visible(place.root) == {**before, taken: b"theirs"}
    assert len(list(place.staging.iterdir())) == 4, "what was fetched is kept for the next try"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_add__rolls_back_when_any_step_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    """A disk that fills up at step N, for every N: an error, and the tree as it was; or it did no harm."""
    harmless = set()
    for last in range(1, 200):
        place = make_place(tmp_path / f"data{last}", layout)
        before = visible(place.root)
        steps = count(1)  # some come from worker threads
        hit: list[str] = []

        def fail(what: str, path: Path, last: int = last, steps: Iterator[int] = steps, hit: list[str] = hit) -> None:
            if next(steps) == last:
                hit.append(f"{what} {path.name}")
                raise OSError(28, "No space left on device", str(path))

        monkeypatch.setattr(files, "on_step", fail)
        try:
            merge(place, range(10, 13))
        except MergeError:
            assert visible(place.root) == before, f"step {last}"
            monkeypatch.setattr(files, "on_step", lambda *_: None)
            with hold(place.root):
                finish_interrupted(place.dataset)
        else:
            if not hit:
                break
            harmless.update(hit)
            assert len(read_manifest(place.root).entries) == 3
            assert sum(name.startswith("images/train/bg_") for name in visible(place.root)) == 3
    else:
        pytest.fail("the merge never came to an end")
    assert last > 15
    # Who holds the dataset is told as a courtesy, and the staging folder goes with the next run.
    assert harmless <= {"write holder.json", "unlink holder.json", "rmtree staging", "rmdir staging", "rmdir .yolobg"}


def test_hold__says_who_holds_the_dataset(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(LockedError, match=f"process {os.getpid()}"), hold(tmp_path, wait_s=0.1):
        pass
    assert list(tmp_path.iterdir()) == [], "nothing stays behind"


def test_hold__lets_one_in_at_a_time_and_nobody_trips_over_the_tidying(tmp_path: Path) -> None:
    """Several processes come and go as fast as they can; each time the last one out removes the folder."""
    code = """
import sys
from pathlib import Path
from yolobg.changes.lock import hold
root = Path(sys.argv[1])
for _ in range(40):
    with hold(root):
        mark = root / "mark"
        mark.open("x").close()
        mark.unlink()
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=100) for process in running]
    assert [process.returncode for process in running] == [0] * 4, answers
    assert list(tmp_path.iterdir()) == []


def test_hold__does_not_write_through_a_planted_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/.yolobg").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MergeError, match="link"), hold(tmp_path / "data"):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("image", "images/train/im0.jpg", "name"),
        ("image", "images/train/../../../bg_demo_x.jpg", "outside"),
        ("image", "/etc/bg_demo_x.jpg", "label"),
        ("label", "labels/train/im0.txt", "label"),
    ],
)
def test_remove__acts_on_no_edited_manifest(tmp_path: Path, field: str, value: str, why: str) -> None:
    place = make_place(tmp_path / "data")
    before = visible(place.root)
    manifest = merge(place, range(10, 11))
    edited = msgspec.structs.replace(manifest.entries[0], **{field: value})
    assert why in (check_entry(edited, place.dataset) or "")
    write_manifest(place.root, msgspec.structs.replace(manifest, entries=(edited,)))
    with hold(place.root):
        removal = take_back(place.dataset)
    assert removal.removed == ()
    assert len(removal.kept) == 1
    assert before.items() <= visible(place.root).items()


def test_check_entry__refuses_what_lies_outside_the_dataset(tmp_path: Path) -> None:
    place = make_place(tmp_path / "data")
    outside = make_place(tmp_path / "other")
    entry = merge(outside, range(10, 11)).entries[0]
    moved = msgspec.structs.replace(entry, image=str(outside.root / entry.image), label=str(outside.root / entry.label))
    assert "outside" in (check_entry(moved, place.dataset) or "")
    assert check_entry(entry, outside.dataset) is None


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"version": 3}', b'{"version": 2, "entries": [{}]}', b"\xff", b"[" * 100_000]
)
def test_read_manifest__damaged_is_an_error_that_names_it(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / ".yolobg").mkdir()
    (tmp_path / ".yolobg/manifest.json").write_bytes(raw)
    with pytest.raises(DatasetError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_write_manifest__credits_cannot_become_formulas(tmp_path: Path) -> None:
    place = make_place(tmp_path / "data")
    manifest = merge(place, range(10, 11))
    hostile = msgspec.structs.replace(manifest.entries[0], license_name='=HYPERLINK("http://x")')
    write_manifest(place.root, msgspec.structs.replace(manifest, entries=(hostile,)))
    assert "'=HYPERLINK" in (place.root / ".yolobg/ATTRIBUTION.csv").read_text()
