"""The list file of a split is the user's: it keeps what is its own while our lines come and go."""

from __future__ import annotations

import os
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from folds import make_folds
from merging import make_place, stage, tree

import yolobg
from yolobg import files
from yolobg.changes import list_file
from yolobg.changes.lock import hold
from yolobg.changes.manifest import read_manifest
from yolobg.changes.merge import add
from yolobg.changes.removal import take_back

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
needs_root = pytest.mark.skipif(
    sys.platform == "win32" or os.getuid() != 0, reason="needs the right to give files away"
)


def facts(file: Path) -> dict[str, object]:
    """What belongs to a file besides its content."""
    there = file.stat()
    told: dict[str, object] = {"mode": there.st_mode, "owner": (there.st_uid, there.st_gid), "names": there.st_nlink}
    if sys.platform == "linux":
        told |= {name: os.getxattr(file, name) for name in os.listxattr(file)}
    return told


def mark(file: Path) -> None:
    """Give it a mode and, where there are such, attributes of its own."""
    file.chmod(0o640)
    if sys.platform == "linux":
        os.setxattr(file, "user.note", b"hello")


def give_away(file: Path) -> None:
    mark(file)
    os.chown(file, 5001, 5002)


def give_rights(file: Path) -> None:
    """An access control list: user 5003 may read."""
    if sys.platform != "linux":
        pytest.skip("written as Linux keeps it")
    nobody = 0xFFFFFFFF
    rows = ((0x01, 6, nobody), (0x02, 4, 5003), (0x04, 4, nobody), (0x10, 4, nobody), (0x20, 4, nobody))
    rules = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)
    try:
        os.setxattr(file, "system.posix_acl_access", rules)
    except OSError:
        pytest.skip("the file system has no access control lists")


def name_twice(file: Path) -> None:
    mark(file)
    os.link(file, file.with_name("backup.txt"))


def name_elsewhere(file: Path) -> None:
    (file.parent / "lists").mkdir()
    os.link(file, file.parent / "lists/backup.txt")


@needs_posix
@pytest.mark.parametrize(
    "own", [mark, pytest.param(give_away, marks=needs_root), give_rights, name_twice, name_elsewhere]
)
@pytest.mark.parametrize("last", [True, False])
def test_list_file__keeps_what_is_its_own(tmp_path: Path, own: Callable[[Path], None], last: bool) -> None:
    folds = make_folds(tmp_path, last=last)
    own(folds.listed(0))
    before, told = tree(folds.root), facts(folds.listed(0))
    assert len(told) > 3 or own not in (mark, give_away)
    folds.augment(folds.yaml(0), 2)
    folds.augment(folds.yaml(0), 4)
    assert facts(folds.listed(0)) == told
    assert folds.listed(0).read_text().count("bg_") == 4
    yolobg.remove(folds.yaml(0))
    assert facts(folds.listed(0)) == told
    assert tree(folds.root) == before


@needs_posix
def test_list_file__of_somebody_else_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """We may write it and may not give a new file to its owner: so it is written in its place."""
    folds = make_folds(tmp_path)
    inode = folds.listed(0).stat().st_ino
    folds.augment(folds.yaml(0), 1)
    assert folds.listed(0).stat().st_ino != inode
    inode = folds.listed(0).stat().st_ino
    monkeypatch.setattr(os, "geteuid", lambda: 4999)
    folds.augment(folds.yaml(0), 2)
    yolobg.remove(folds.yaml(0))
    assert folds.listed(0).stat().st_ino == inode


@needs_posix
def test_list_file__of_a_hard_link_copy_leaves_the_copy_alone(tmp_path: Path) -> None:
    """What `cp -al` and rsnapshot make is a backup: it must not change with the dataset."""
    folds = make_folds(tmp_path)
    shutil.copytree(folds.root, tmp_path / "backup", copy_function=os.link)
    before = tree(tmp_path / "backup")
    folds.augment(folds.yaml(0), 2)
    assert tree(tmp_path / "backup") == before
    assert folds.listed(0).read_text().count("bg_") == 2
    yolobg.remove(folds.yaml(0))
    assert tree(folds.root) == tree(tmp_path / "backup") == before


@needs_posix
def test_lines_of_the_user_behind_ours__stay_whole(tmp_path: Path) -> None:
    """Moving them up in place would leave a torn list for a moment, so here the second name is given up."""
    folds = make_folds(tmp_path)
    name_twice(folds.listed(0))
    folds.augment(folds.yaml(0), 2)
    before = folds.listed(0).read_text()
    with folds.listed(0).open("a") as file:
        file.write("./images/im1.jpg\n")
    yolobg.remove(folds.yaml(0))
    mine = [line for line in before.splitlines() if "bg_" not in line]
    assert folds.listed(0).read_text().splitlines() == [*mine, "./images/im1.jpg"]
    assert (folds.root / "backup.txt").read_text() == before + "./images/im1.jpg\n"


@needs_posix
def test_append__that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    """At any byte: a power cut may keep a part of what was appended."""
    place = make_place(tmp_path / "data", "list")
    assert place.list_file
    os.link(place.list_file, tmp_path / "second")
    pending = stage(place, range(10, 12))
    assert pending.edit
    before = place.list_file.read_bytes()
    list_file.append(place.list_file, pending.edit)
    whole = place.list_file.read_bytes()
    assert whole.count(b"bg_demo") == 2
    for size in range(len(before), len(whole)):
        place.list_file.write_bytes(whole[:size])
        list_file.append(place.list_file, pending.edit)
        assert place.list_file.read_bytes() == whole, size
    # Other lines that came meanwhile are nobody's rest.
    place.list_file.write_bytes(before + b"\r\n./images/train/im0.jpg\r\n")
    list_file.append(place.list_file, msgspec.structs.replace(pending.edit, newline_added=False))
    assert place.list_file.read_bytes().startswith(before + b"\r\n./images/train/im0.jpg\r\n./images")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "not ended"])
def test_append__that_was_cut_short_is_taken_out(tmp_path: Path, end: bytes, ended: bool) -> None:
    """At any byte, as when data.yaml names another folder by then or an interrupt comes while the disk is full."""
    file = tmp_path / "train.txt"
    before = end.join([b"./images/im0.jpg", b"./images/im1.jpg"]) + (end if ended else b"")
    file.write_bytes(before)
    images = ("images/bg_demo_1.jpg", "images/bg_demo_10.jpg")
    edit = list_file.edit_for(file, "train.txt", {image: f"./{image}" for image in images})
    list_file.append(file, edit)
    whole = file.read_bytes()
    for size in range(len(before), len(whole) + 1):
        file.write_bytes(whole[:size])
        list_file.take_out(file, [edit], tmp_path, images)
        assert file.read_bytes() == before, size


def test_take_out__of_one_keeps_the_others_in_a_list_that_was_shortened_since(tmp_path: Path) -> None:
    """An editor took the last line end, or a person the last line: what stands there is whole and stays."""
    file = tmp_path / "train.txt"
    file.write_bytes(b"./images/im0.jpg\n")
    images = [f"images/bg_demo_{number}.jpg" for number in range(3)]
    edit = list_file.edit_for(file, "train.txt", {image: f"./{image}" for image in images})
    list_file.append(file, edit)
    file.write_bytes(file.read_bytes().removesuffix(b"./images/bg_demo_2.jpg\n").removesuffix(b"\n"))
    list_file.take_out(file, [edit], tmp_path, images[:1])
    assert file.read_bytes() == b"./images/im0.jpg\n./images/bg_demo_1.jpg"


@needs_posix
def test_append__in_place_that_fails_leaves_the_list_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_place(tmp_path / "data", "list")
    assert place.list_file
    os.link(place.list_file, tmp_path / "second")
    before = place.list_file.read_bytes()

    def fail(what: str, path: Path) -> None:
        if (what, path) == ("fsync", place.list_file):
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(files, "on_step", fail)
    with pytest.raises(yolobg.YolobgError, match="No space"), hold(place.root):
        add(place.root, read_manifest(place.root), stage(place, range(10, 12)))
    monkeypatch.undo()
    assert place.list_file.read_bytes() == before
    with hold(place.root):
        take_back(place.dataset)
    assert place.list_file.stat().st_nlink == 2
