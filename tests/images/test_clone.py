"""Copies of local images that share the blocks of their source, on a real file system that has them and on others."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from download_pictures import picture

from yolobg.images import local
from yolobg.images.check import BadImageError
from yolobg.images.jpeg_png import Data
from yolobg.images.local import LocalFolders
from yolobg.images.staging import write_all
from yolobg.model import ImageRecord, Origin, Staged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are copies there")

RECORD = ImageRecord(1, "a.jpg", 64, 48)


@pytest.fixture(params=["xfs", "btrfs"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a small disk of that kind."""
    make = shutil.which(f"mkfs.{request.param}")
    if make is None or os.geteuid() != 0:
        pytest.skip(f"needs mkfs.{request.param} and the right to mount")
    disk, place = tmp_path / "disk", tmp_path / "mounted"
    with disk.open("wb") as file:
        file.truncate(400 << 20)
    place.mkdir()
    subprocess.run([make, disk], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", disk, place], capture_output=True, check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def bring(root: Path, content: bytes) -> Staged:
    for name in ("source", "staging"):
        (root / name).mkdir(exist_ok=True)
    (root / "source" / "a.jpg").write_bytes(content)
    folders = LocalFolders(Origin("folder", folders=(root / "source",)), root / "staging")
    found = folders.find(RECORD)
    assert found is not None
    return folders.bring(RECORD, found)


def check(root: Path, content: bytes, staged: Staged) -> None:
    whole = picture(1)
    lies = Path(staged.path)
    assert lies.read_bytes() == whole
    assert (staged.size_bytes, staged.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    before = None if content == whole else (len(content), hashlib.sha256(content).hexdigest())
    assert staged.before == before
    assert lies.stat().st_mode == (root / "source" / "a.jpg").stat().st_mode
    # It is a file of its own: neither sees what is written into the other.
    with lies.open("r+b") as file:
        file.write(b"x")
    assert (root / "source" / "a.jpg").read_bytes() == content


@pytest.mark.slow
@pytest.mark.parametrize("more", [b"", b"PK\3\4" + bytes(5000)])
def test_bring__shares_blocks_where_the_file_system_has_that(
    shared: Path, more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def write(handle: int, data: Data) -> None:
        written.append(len(data))
        write_all(handle, data)

    monkeypatch.setattr(local, "write_all", write)
    check(shared, picture(1) + more, bring(shared, picture(1) + more))
    assert written == ([len(picture(1))] if more else [])


@pytest.mark.parametrize("more", [b"", b"PK\3\4" + bytes(5000)])
@pytest.mark.parametrize("shares", [True, False])
def test_bring__is_the_same_whether_or_not_blocks_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: bytes, shares: bool
) -> None:
    import fcntl  # noqa: PLC0415 - not on Windows

    def ioctl(target: int, _request: int, source: int) -> int:
        if not shares:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return os.write(target, os.pread(source, 1 << 20, 0))

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    check(tmp_path, picture(1) + more, bring(tmp_path, picture(1) + more))


@pytest.mark.slow
def test_bring__a_bad_image_that_shares_blocks_leaves_nothing(shared: Path) -> None:
    for bad in (picture(1)[:-20], b"<html>", b""):
        with pytest.raises(BadImageError):
            bring(shared, bad)
        assert list((shared / "staging").iterdir()) == []


def test_bring__a_file_system_without_it_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one thread, however many begin at once."""
    asked: list[int] = []

    def refuse(_source: object, target: int) -> bool:
        asked.append(target)
        time.sleep(0.05)  # long enough for all the others to come to the same place
        return False

    monkeypatch.setattr(local, "clone", refuse)
    bring_together(tmp_path, range(5))
    assert len(asked) == 1


def test_bring__each_copy_goes_by_its_own_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that ask at once get different answers: one of their files lies on another file system."""
    close, together, asking = os.close, threading.Barrier(2), set()

    def answer(source: BinaryIO, target: int) -> bool:
        number = int(Path(source.name).stem)
        if number:
            asking.add(target)
            together.wait(10)
        return number != 1 and os.write(target, source.read()) > 0

    def meet(descriptor: int) -> None:
        if descriptor in asking:
            asking.remove(descriptor)  # its number is another file's next
            together.wait(10)  # both have their answers, and neither has gone by it
        close(descriptor)

    monkeypatch.setattr(local, "clone", answer)
    monkeypatch.setattr(os, "close", meet)
    bring_together(tmp_path, range(1), range(1, 3))


def bring_together(folder: Path, *turns: range) -> None:
    """Bring images, those of a turn at once: each in a thread of its own."""
    for name in ("source", "staging"):
        (folder / name).mkdir()
    folders = LocalFolders(Origin("folder", folders=(folder / "source",)), folder / "staging")

    def one(number: int) -> bytes:
        record = ImageRecord(number, f"{number}.jpg", 64, 48)
        (folder / "source" / record.file_name).write_bytes(picture(number))
        found = folders.find(record)
        assert found is not None
        return Path(folders.bring(record, found).path).read_bytes()

    for turn in turns:
        with ThreadPoolExecutor(len(turn)) as pool:
            assert list(pool.map(one, turn)) == list(map(picture, turn))
