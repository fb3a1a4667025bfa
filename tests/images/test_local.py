"""Images from folders: layouts, links, what is refused, and that nothing outside the folder is ever read."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from download_pictures import QUICK, names, picture, records, served
from image_server import ImageServer

from yolobg.errors import AnnotationsError, UsageError
from yolobg.images import fetch_images
from yolobg.images.local import LocalFolders
from yolobg.model import ImageRecord, Link, Origin, Staged

LAYOUTS = ["", "train2017", "val2017", "images/train2017", "images/val2017", "images"]
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")


def lay(folder: Path, wanted: list[ImageRecord]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for record in wanted:
        (folder / record.file_name).write_bytes(picture(record.id, record.width, record.height))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("link", ["copy", "hard", pytest.param("symlink", marks=needs_links)])
def test_local__every_layout_and_link(layout: str, link: Link, tmp_path: Path) -> None:
    pool = records(5)
    lay(tmp_path / "coco" / layout, pool)
    staging = tmp_path / "staging"
    result = fetch_images(
        pool, needed=4, origin=Origin("coco2017", folders=(tmp_path / "coco",), link=link), staging=staging
    )
    assert [one.record for one in result.staged] == pool[:4]
    assert names(staging) == sorted(f"{record.id}.staged" for record in pool[:4])
    for one in result.staged:
        source = tmp_path / "coco" / layout / one.record.file_name
        assert one.url == str(source)
        assert one.path.read_bytes() == source.read_bytes()
        assert one.path.is_symlink() == (link == "symlink")
        assert one.path.samefile(source) == (link != "copy")
        assert source.stat().st_nlink == (2 if link == "hard" else 1)


def test_local__no_layout_at_all_gives_back_failed(tmp_path: Path) -> None:
    pool = records(3)
    lay(tmp_path / "coco", pool[:1])
    result = fetch_images(pool, needed=3, origin=Origin("x", folders=(tmp_path / "coco",)), staging=tmp_path / "s")
    assert [one.record.id for one in result.staged] == [1]
    assert [(one.source_id, one.attempts) for one in result.failed] == [(2, 1), (3, 1)]
    assert "does not exist" in result.failed[0].reason


def test_local__folders_in_order_and_own_sub_paths(tmp_path: Path) -> None:
    record = ImageRecord(1, "a\\b/c.jpg", 64, 48)
    for nth in (1, 2):
        (tmp_path / str(nth) / "a" / "b").mkdir(parents=True)
    (tmp_path / "2" / "a" / "b" / "c.jpg").write_bytes(picture(1))
    origin = Origin("x", folders=(tmp_path / "1", tmp_path / "2"))
    result = fetch_images([record], needed=1, origin=origin, staging=tmp_path / "s")
    assert result.staged[0].url == str(tmp_path / "2" / "a" / "b" / "c.jpg")


def test_local__bad_files_are_replaced_by_the_next(tmp_path: Path) -> None:
    pool = records(7)
    lay(tmp_path / "c", pool)
    (tmp_path / "c" / pool[0].file_name).write_bytes(picture(1)[:-100])
    (tmp_path / "c" / pool[1].file_name).write_bytes(b"")
    (tmp_path / "c" / pool[2].file_name).write_bytes(picture(1, 32, 32))
    (tmp_path / "c" / pool[3].file_name).unlink()
    (tmp_path / "c" / pool[3].file_name).mkdir()
    result = fetch_images(pool, needed=3, origin=Origin("x", folders=(tmp_path / "c",)), staging=tmp_path / "s")
    assert [one.record.id for one in result.staged] == [5, 6, 7]
    assert [one.source_id for one in result.failed] == [1, 2, 3, 4]
    assert names(tmp_path / "s") == ["5.staged", "6.staged", "7.staged"]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "{abs}",
        "x/../../secret.jpg",
        "..\\secret.jpg",
        "a\0.jpg",
        "a\n.jpg",
        "C:\\secret.jpg",
        "CON.jpg",
    ],
)
def test_local__hostile_names_fetch_nothing(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture(1))
    folder = tmp_path / "folder"
    folder.mkdir()
    record = ImageRecord(1, name.replace("{abs}", str(secret)), 64, 48)
    with ImageServer({"/secret.jpg": picture(1)}) as server:
        origin = Origin("x", folders=(folder,), bases=(f"{server.url}/images",))
        with pytest.raises(AnnotationsError, match="not safe"):
            fetch_images([record], needed=1, origin=origin, staging=tmp_path / "s", limits=QUICK)
        assert server.log == []
    assert names(tmp_path / "s") == []


@needs_links
@pytest.mark.parametrize("way", ["file", "folder"])
def test_local__links_that_lead_out_of_the_folder_are_refused(way: str, tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    lay(outside, records(1))
    folder.mkdir()
    if way == "file":
        (folder / "a.jpg").symlink_to(outside / records(1)[0].file_name)
        record = ImageRecord(1, "a.jpg", 64, 48)
    else:
        (folder / "sub").symlink_to(outside)
        record = ImageRecord(1, f"sub/{records(1)[0].file_name}", 64, 48)
    result = fetch_images([record], needed=1, origin=Origin("x", folders=(folder,)), staging=tmp_path / "s")
    assert result.staged == ()
    assert "leads out of" in result.failed[0].reason


@needs_links
def test_local__a_layout_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    pool = records(2)
    lay(tmp_path / "disk", pool)
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "train2017").symlink_to(tmp_path / "disk")
    result = fetch_images(pool, needed=2, origin=Origin("x", folders=(tmp_path / "coco",)), staging=tmp_path / "s")
    assert len(result.staged) == 2


def test_local__missing_ones_come_from_the_network(tmp_path: Path) -> None:
    pool = records(10)
    lay(tmp_path / "c", pool[::2])
    (tmp_path / "c" / pool[2].file_name).write_bytes(b"broken")
    with ImageServer(served(pool)) as server:
        origin = Origin("x", folders=(tmp_path / "c",), bases=(f"{server.url}/train2017",))
        result = fetch_images(pool, needed=10, origin=origin, staging=tmp_path / "s", limits=QUICK)
        asked = len(server.log)
    assert [one.record for one in result.staged] == pool
    assert asked == 6
    assert [one.url.startswith("http") for one in result.staged] == [i % 2 == 1 or i == 2 for i in range(10)]


def test_local__nothing_goes_to_the_network_once_the_end_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = records(2)
    lay(tmp_path / "coco", pool[:1])
    looking, ending = threading.Event(), threading.Event()
    find = LocalFolders.find

    def slowly(self: LocalFolders, record: ImageRecord) -> Path | None:
        if record == pool[1]:
            looking.set()
            ending.wait(60)
        return find(self, record)

    def accept(_: Staged) -> str | None:
        looking.wait(60)
        raise RuntimeError("mine")

    monkeypatch.setattr(LocalFolders, "find", slowly)
    monkeypatch.setattr(LocalFolders, "close", lambda _: ending.set())
    with ImageServer(served(pool)) as server:
        origin = Origin("coco2017", folders=(tmp_path / "coco",), bases=(f"{server.url}/train2017",))
        with pytest.raises(RuntimeError, match="mine"):
            fetch_images(pool, needed=2, origin=origin, staging=tmp_path / "s", accept=accept)
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("yolobg")]
        assert server.log == []
    assert names(tmp_path / "s") == ["1.staged"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_local__new_files_honour_the_umask(umask: int, tmp_path: Path) -> None:
    pool = records(1)
    lay(tmp_path / "c", pool)
    (tmp_path / "c" / pool[0].file_name).chmod(0o600)
    before = os.umask(umask)
    try:
        local = fetch_images(pool, needed=1, origin=Origin("x", folders=(tmp_path / "c",)), staging=tmp_path / "s")
        with ImageServer(served(pool)) as server:
            origin = Origin("x", bases=(f"{server.url}/train2017",))
            remote = fetch_images(pool, needed=1, origin=origin, staging=tmp_path / "t", limits=QUICK)
    finally:
        os.umask(before)
    for result in (local, remote):
        assert stat.S_IMODE(result.staged[0].path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_local__hard_links_across_file_systems_say_what_to_do(tmp_path: Path) -> None:
    other = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("/dev/shm lies on the same file system")
        pool = records(1)
        lay(other, pool)
        with pytest.raises(UsageError, match=r"different file systems.*--link copy"):
            fetch_images(pool, needed=1, origin=Origin("x", folders=(other,), link="hard"), staging=tmp_path / "s")
        assert names(tmp_path / "s") == []
        copied = fetch_images(pool, needed=1, origin=Origin("x", folders=(other,)), staging=tmp_path / "s")
        assert len(copied.staged) == 1
    finally:
        shutil.rmtree(other)


def test_local__loads_no_http_client(tmp_path: Path) -> None:
    lay(tmp_path / "c", records(3))
    code = (
        "import sys; from pathlib import Path; from yolobg.images import fetch_images; from yolobg.model import *\n"
        "assert not {'urllib3', 'requests', 'PIL'} & set(sys.modules)\n"
        f"r = fetch_images([ImageRecord(i, f'{{i:012d}}.jpg', 64, 48) for i in (1, 2, 3)], needed=3, "
        f"origin=Origin('x', folders=(Path({str(tmp_path / 'c')!r}),)), staging=Path({str(tmp_path / 's')!r}))\n"
        "assert len(r.staged) == 3 and not {'urllib3', 'requests', 'PIL', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tif"])
def test_local__other_formats(suffix: str, tmp_path: Path) -> None:
    kind = {"png": "PNG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF"}[suffix]
    folder = tmp_path / "c"
    folder.mkdir()
    pool = [ImageRecord(1, f"a.{suffix}", 64, 48), ImageRecord(2, f"b.{suffix}", 64, 48)]
    (folder / f"a.{suffix}").write_bytes(picture(1, 64, 48, kind)[:-20] if suffix != "bmp" else b"BM no")
    (folder / f"b.{suffix}").write_bytes(picture(2, 64, 48, kind))
    result = fetch_images(pool, needed=1, origin=Origin("x", folders=(folder,)), staging=tmp_path / "s")
    assert [one.record.id for one in result.staged] == [2]
