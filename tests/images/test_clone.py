"""Copies of local images that share the blocks of their source, on a real file system that has them and on others."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
    asked: list[int] = []

    def refuse(_source: object, target: int) -> bool:
        asked.append(target)
        return False

    monkeypatch.setattr(local, "clone", refuse)
    for name in ("source", "staging"):
        (tmp_path / name).mkdir()
    folders = LocalFolders(Origin("folder", folders=(tmp_path / "source",)), tmp_path / "staging")
    for number in range(5):
        record = ImageRecord(number, f"{number}.jpg", 64, 48)
        (tmp_path / "source" / record.file_name).write_bytes(picture(number))
        found = folders.find(record)
        assert found is not None
        assert Path(folders.bring(record, found).path).read_bytes() == picture(number)
    assert len(asked) == 1
