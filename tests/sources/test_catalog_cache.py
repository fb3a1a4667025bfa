"""Catalogs are made once, found again by content, and made anew when damaged; nothing rests on locks."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import logging
import os
import random
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from coco_server import CocoServer

from yolobg import files
from yolobg.errors import AnnotationsError, DownloadError, YolobgError
from yolobg.files import hash_file
from yolobg.model import no_progress
from yolobg.sources.archive.remote import LIMITS
from yolobg.sources.catalog import make as catalog_make
from yolobg.sources.catalog.make import make_from
from yolobg.sources.catalog.notes import notes_in
from yolobg.sources.catalog.open import build_from, cache_entries, cache_folder, clear_cache, open_catalog
from yolobg.sources.catalog.store import Store
from yolobg.sources.location import COCO2017, AnnotationSource, Pin, parse_source

NAMES = {1: "person", 2: "dog"}


def instances(images: int = 30, seed: int = 0) -> bytes:
    numbers = random.Random(seed)
    return json.dumps(
        {
            "images": [{"id": i, "file_name": f"{i:012d}.jpg"} for i in range(images)],
            "annotations": [{"image_id": i, "category_id": numbers.randint(1, 2)} for i in range(images)],
            "categories": [{"id": c, "name": name} for c, name in NAMES.items()],
        }
    ).encode()


def captions(images: int = 30) -> bytes:
    return json.dumps({"annotations": [{"image_id": i, "caption": f"A tree {i}"} for i in range(images)]}).encode()


def place(folder: Path, **files: bytes) -> Path:
    """Write files that look older than a clock tick, as files that a user brings do."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(data)
        age(path)
    return folder / "instances_a.json"


def age(path: Path, seconds: float = 100.0) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def work(source: AnnotationSource) -> list[str]:
    """Open a catalog, ask it something; the stages of work that this took."""
    stages: list[str] = []
    with open_catalog(source, progress=lambda stage, _done, _total: stages.append(stage)) as catalog:
        assert catalog.images == 30
        assert len(catalog.eligible(["person"]).ids) + len(catalog.eligible(["dog"]).ids) == 30
    return sorted(set(stages))


def test_open__makes_a_catalog_once_and_reads_nothing_the_second_time(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances(), captions_a__json=captions())
    source = parse_source(str(path))
    assert source.name == "instances_a"
    assert work(source) == ["catalog"]
    path.chmod(0o000)
    assert work(source) == []
    path.chmod(0o644)
    [entry] = cache_entries()
    assert entry.source == str(path)
    assert entry.size_bytes == entry.path.stat().st_size
    assert not list((cache_folder() / "work").iterdir())


def test_open__objects_that_lead_nowhere_are_found_while_captions_are_indexed(tmp_path: Path) -> None:
    broken = json.loads(instances())
    broken["annotations"].append({"image_id": 10**6, "category_id": 1})
    path = place(tmp_path, instances_a__json=json.dumps(broken).encode(), captions_a__json=captions())
    with pytest.raises(AnnotationsError, match="1000000"):
        work(parse_source(str(path)))
    assert not list((cache_folder() / "catalogs").iterdir())
    assert not list((cache_folder() / "work").iterdir())


def test_open__same_content_elsewhere_or_packed_is_the_same_catalog(tmp_path: Path) -> None:
    files = {"instances_a.json": instances(), "captions_a.json": captions()}
    place(tmp_path / "plain", instances_a__json=instances(), captions_a__json=captions())
    place(
        tmp_path / "packed",
        instances_a__json__gz=gzip.compress(instances()),
        captions_a__json__gz=gzip.compress(captions()),
    )
    (tmp_path / "a.zip").write_bytes(zipped({f"annotations/{name}": data for name, data in files.items()}))
    made = [
        work(parse_source(str(tmp_path / place)))
        for place in (
            "plain/instances_a.json",
            "plain",
            "packed/instances_a.json.gz",
            "a.zip",
            "a.zip!annotations/instances_a.json",
        )
    ]
    assert [("catalog" in stages) for stages in made] == [True, False, False, False, False]
    assert len(cache_entries()) == 1


def test_open__notices_every_kind_of_change(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances())
    source = parse_source(str(path))
    with open_catalog(source) as catalog:
        assert not catalog.has_captions
    place(tmp_path, captions_a__json=captions())
    with open_catalog(source) as catalog:
        assert catalog.has_captions
    place(tmp_path, instances_a__json=instances(seed=5))
    with open_catalog(source) as catalog:
        changed = catalog.eligible(["person"]).ids
    before = path.stat()
    other = instances(seed=6)
    assert len(other) == before.st_size
    path.write_bytes(other)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with open_catalog(source) as catalog:
        assert catalog.eligible(["person"]).ids != changed
    (tmp_path / "captions_a.json").unlink()
    with open_catalog(source) as catalog:
        assert not catalog.has_captions
    with open_catalog(parse_source(str(path), captions=None)) as catalog:
        assert not catalog.has_captions


def test_open__the_catalog_of_content_that_is_gone_is_removed(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances(seed=1))
    other = place(tmp_path / "other", instances_a__json=instances(seed=1))
    for file in (path, other):
        work(parse_source(str(file)))
    for seed, left in ((2, 2), (3, 2)):
        work(parse_source(str(place(tmp_path, instances_a__json=instances(seed=seed)))))
        assert len(cache_entries()) == left


def test_open__a_file_changed_within_the_clock_tick_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "instances_a.json"
    answers = []
    for seed in (1, 2):
        path.write_bytes(instances(seed=seed))
        os.utime(path, (time.time(), int(time.time())))
        with open_catalog(parse_source(str(path))) as catalog:
            answers.append(catalog.eligible(["person"]).ids)
    assert answers[0] != answers[1]


def test_open__a_touched_file_is_read_but_not_built_again(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances())
    work(parse_source(str(path)))
    age(path, 50)
    assert work(parse_source(str(path))) == []
    assert len(cache_entries()) == 1


def test_open__relative_paths_belong_to_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for seed in (1, 2):
        place(tmp_path / str(seed), instances_a__json=instances(seed=seed))
        monkeypatch.chdir(tmp_path / str(seed))
        with open_catalog(parse_source("instances_a.json")) as catalog:
            answers.append(catalog.eligible(["person"]).ids)
    assert answers[0] != answers[1]


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "text", "older", "gone", "one byte"])
def test_open__a_damaged_or_older_catalog_is_made_anew(tmp_path: Path, damage: str) -> None:
    path = place(tmp_path, instances_a__json=instances(), captions_a__json=captions())
    source = parse_source(str(path))
    with open_catalog(source) as catalog:
        right = catalog.eligible(["person"])
    file = cache_entries()[0].path
    data = bytearray(file.read_bytes())
    if damage == "older":
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA user_version = 0")
        connection.close()
    elif damage == "gone":
        file.unlink()
    elif damage == "one byte":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    else:
        middle = len(data) // 2
        bad = {"cut": bytes(data[:middle]), "empty": b"", "zeros": bytes(len(data)), "text": b"not a database"}
        file.write_bytes(bad[damage])
    stages: list[str] = []
    with open_catalog(source, progress=lambda stage, _done, _total: stages.append(stage)) as catalog:
        assert catalog.eligible(["person"]) == right
    assert "catalog" in stages
    [entry] = cache_entries()
    assert hash_file(entry.path).startswith(entry.path.stem.rpartition("-")[2])


def test_open__damage_that_shows_only_while_asking_is_mended(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances(), captions_a__json=captions())
    source = parse_source(str(path))
    with open_catalog(source) as catalog:
        right = catalog.eligible(["person"])
        file = catalog.path
    before = file.stat()
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    file.write_bytes(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as silently as a bad disk would
    with open_catalog(source) as catalog:
        assert catalog.eligible(["person"]) == right


def test_open__nonsense_in_the_cache_folder_is_overcome(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances())
    source = parse_source(str(path))
    work(source)
    texts = ("", "[]", "{}", "[" * 100_000, "\ufeff{", '{"stamps": 3}', '{"stamps": [["a"]]}', "\x00", 3, b"\xff{")
    for text in texts:
        change(cache_entries()[0].path, "UPDATE place SET note = ?", text)
        assert work(source) == []
        assert [entry.source for entry in cache_entries()] == [str(path)]
    for sql in ("DROP TABLE place", "DELETE FROM place", "ALTER TABLE place RENAME note TO text"):
        change(cache_entries()[0].path, sql)
        # A catalog that notes no place, as those of earlier versions, is found by its content.
        assert work(source) == [], sql
        assert [entry.source for entry in cache_entries()] == ["" if "ALTER" in sql else str(path)]


def change(catalog: Path, sql: str, *values: object) -> None:
    """Change a catalog in the cache, which gets the name of its new content."""
    with contextlib.closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        connection.execute(sql, values)
    catalog.rename(catalog.with_name(f"{catalog.stem.rpartition('-')[0]}-{hash_file(catalog)[:16]}.sqlite"))


def no_work(*_: object, **__: object) -> Path:
    raise AssertionError("the catalog of the place is there")


def test_places__of_one_content_are_all_noted_in_its_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [place(tmp_path / name, instances_a__json=instances()) for name in "abc"]
    for file in places:
        work(parse_source(str(file)))
    [catalog] = (cache_folder() / "catalogs").iterdir()
    assert {note.source for note in notes_in(catalog).values()} == set(map(str, places))
    # What was noted of the uses of those before it is gone with them.
    assert [file.stem for file in (cache_folder() / "used").iterdir()] == [catalog.stem.split("-", 1)[1]]
    monkeypatch.setattr(catalog_make, "make", no_work)
    for file in places:
        monkeypatch.chdir(file.parent)
        work(parse_source(str(file)))
        # The same place, whatever the current folder is.
        work(parse_source(file.name))
    assert list((cache_folder() / "catalogs").iterdir()) == [catalog]


def test_places__a_place_that_changes_and_changes_back_leaves_the_others_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (place(tmp_path / name, instances_a__json=instances()) for name in "ab")
    for file in (one, other):
        work(parse_source(str(file)))
    for seed, there in ((1, 2), (0, 1), (1, 2), (2, 2)):
        place(tmp_path / "a", instances_a__json=instances(seed=seed))
        work(parse_source(str(one)))
        assert len(cache_entries()) == there
        shown = {entry.source for entry in cache_entries()}
        assert shown == {str(one), str(other)} if there > 1 else shown < {str(one), str(other)}
        with monkeypatch.context() as patch:
            patch.setattr(catalog_make, "make", no_work)
            work(parse_source(str(one)))
            work(parse_source(str(other)))
    place(tmp_path / "b", instances_a__json=instances(seed=2))
    work(parse_source(str(other)))
    assert len(cache_entries()) == 1


def test_places__at_once_end_with_one_catalog_that_notes_them_all(tmp_path: Path) -> None:
    places = [place(tmp_path / str(number), instances_a__json=instances(2_000)) for number in range(6)]
    assert len(opened_at_once(places, "locks")) == 1
    [catalog] = (entry.path for entry in cache_entries())
    assert len(notes_in(catalog)) == len(places)


@pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing there")
def test_places__in_a_cache_that_cannot_be_written_are_found(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances())
    source = parse_source(str(path))
    work(source)
    cache = cache_folder()
    before = sorted(cache.rglob("*"))
    refused: list[str] = []

    def refuse(what: str, target: Path) -> None:
        if what not in ("lock",) and target.is_relative_to(cache):
            refused.append(what)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "on_step", refuse)
        assert work(source) == []
        assert refused == []
        # The day has changed, or somebody has copied the cache: what was checked is not known, and cannot be noted.
        for file in (cache / "used").iterdir():
            file.unlink()
        assert work(source) == []
        assert refused
    assert sorted(cache.rglob("*")) == [file for file in before if file.parent.name != "used"]


def test_places__a_second_one_on_a_full_disk_uses_the_catalog_as_it_is(tmp_path: Path) -> None:
    one, other = (place(tmp_path / name, instances_a__json=instances()) for name in "ab")
    work(parse_source(str(one)))
    [catalog] = (entry.path for entry in cache_entries())

    def refuse(what: str, target: Path) -> None:
        if what in ("create", "write", "commit", "fsync") and target.suffix != ".lock":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "on_step", refuse)
        for _ in range(2):
            assert work(parse_source(str(other))) == []
    assert [entry.path for entry in cache_entries()] == [catalog]
    assert not list((cache_folder() / "work").iterdir())
    work(parse_source(str(other)))
    [entry] = cache_entries()
    assert len(notes_in(entry.path)) == 2


def test_places__a_catalog_that_was_replaced_before_it_is_opened_is_looked_for_again(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances())
    source = parse_source(str(path))
    work(source)
    with open_catalog(source) as catalog:
        for number in range(3):
            # As another process does that notes one more place.
            catalog.close()
            other = place(tmp_path / str(number), instances_a__json=instances())
            work(parse_source(str(other)))
            assert not catalog.path.exists()
            assert catalog.images == 30


def test_open__a_cache_that_cannot_be_written_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place(tmp_path, instances_a__json=instances())
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(YolobgError, match="YOLOBG_CACHE_DIR"):
        open_catalog(parse_source(str(path)))


def test_open__a_full_disk_is_said_before_it_is_filled(tmp_path: Path) -> None:
    from yolobg.sources.archive.unpack import require_space  # noqa: PLC0415

    with pytest.raises(YolobgError, match=r"needs 1,000,000,000,000 MB, but only .* MB are free"):
        require_space(tmp_path, 10**18, "the catalog")


@pytest.mark.parametrize(
    ("files", "asked", "said"),
    [
        ({}, "a.zip", "no such annotations file"),
        ({"a.zip": zipped({"x/readme.txt": b""})}, "a.zip", r"contains no \.json"),
        ({"a.zip": zipped({"x/a.json": b"", "x/b.json": b""})}, "a.zip", r"x/a\.json, x/b\.json"),
        (
            {"a.zip": zipped({"instances_a.json": b""})},
            "a.zip!instances_b.json",
            r"has no instances_b\.json.*instances_a",
        ),
        ({"a.zip": b"PK\x03\x04 cut"}, "a.zip", "not valid JSON"),
        ({"a.zip": zipped({"instances_a.json": instances()})[:-40]}, "a.zip", "not valid JSON|damaged"),
        ({"a.json.gz": gzip.compress(instances())[:-9]}, "a.json.gz", "damaged"),
        ({"a.json.gz": gzip.compress(b" " * 50_000_000)}, "a.json.gz", "inflates to more than"),
        ({"a.zip": zipped({"instances_a.json": b" " * 50_000_000})}, "a.zip", "claim to inflate"),
        ({"a.json": b"{}"}, "a.json", "images"),
    ],
)
def test_open__unusable_files_are_named(tmp_path: Path, files: dict[str, bytes], asked: str, said: str) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(AnnotationsError, match=said) as caught:
        open_catalog(parse_source(str(tmp_path / asked)))
    assert "a." in str(caught.value)
    assert not list((cache_folder() / "work").rglob("*.json"))


def test_zip__damaged_inside_is_an_error(tmp_path: Path) -> None:
    data = bytearray(zipped({"instances_a.json": instances(2000)}))
    data[len(data) // 3] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(AnnotationsError, match="damaged"):
        open_catalog(parse_source(str(tmp_path / "a.zip")))


def test_clear__removes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    work(parse_source(str(place(tmp_path, instances_a__json=instances()))))
    mine = cache_folder() / "notes.txt"
    mine.write_text("mine", encoding="utf-8")
    size = sum(path.stat().st_size for path in (cache_folder() / "catalogs").iterdir())
    assert clear_cache() >= size
    assert cache_entries() == ()
    assert [path.name for path in cache_folder().iterdir()] == ["notes.txt"]
    assert clear_cache() == 0


def test_clear__leaves_what_a_person_keeps_in_our_folders(tmp_path: Path) -> None:
    """`YOLOBG_CACHE_DIR` may name a folder that is used for other things as well."""
    work(parse_source(str(place(tmp_path, instances_a__json=instances()))))
    catalog = next(iter(cache_entries())).path
    cache, outside = cache_folder(), tmp_path / "outside.sqlite"
    outside.write_text("mine", encoding="utf-8")
    ours = [
        cache / "work" / ("0" * 32) / "built.sqlite",
        cache / "work" / ("1" * 16) / "archive.part",
        cache / "work" / ("1" * 16) / "archive.journal",
        cache / "catalogs" / f".yolobg-{'2' * 32}.part",
        cache / "pools" / f"{'3' * 16}.json",
    ]
    theirs = [
        cache / "catalogs/spring-2024.sqlite",
        cache / "catalogs/furniture/chairs.txt",
        cache / "sources/notes.json",
        cache / "work/thesis/chapter.tex",
        cache / "work" / ("1" * 16) / "chapter.tex",
        cache / "locks/front-door.txt",
        cache / "work" / ("4" * 32),
    ]
    for path in [*ours, *theirs]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    linked = cache / "catalogs" / f"a-{'5' * 16}-{'6' * 16}.sqlite"
    if sys.platform != "win32":
        linked.symlink_to(outside)
        theirs.append(linked)
    assert clear_cache() > len(ours)
    assert [path for path in [*ours, catalog] if os.path.lexists(path)] == []
    assert [path for path in theirs if not os.path.lexists(path)] == []
    assert outside.read_text(encoding="utf-8") == "mine"
    assert sorted(path for path in cache.rglob("*") if not path.is_dir()) == sorted(theirs)


def test_sweep__leaves_what_a_person_keeps_in_our_folders(tmp_path: Path) -> None:
    cache = cache_folder()
    theirs = [cache / "work/thesis/chapter.tex", cache / "catalogs/a-notes.sqlite"]
    ours = cache / "work" / ("0" * 32) / "built.sqlite"
    for path in [*theirs, ours]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
        os.utime(path.parent, (0, 0))
    Store(cache).sweep(cache / "catalogs" / f"a-{'1' * 16}-{'2' * 16}.sqlite")
    assert [path.exists() for path in [*theirs, ours.parent]] == [True, True, False]


# ---------------------------------------------------------------- several at once


# A process of its own: says that it is ready, waits for a line, then opens the catalog of the file that it is given.
_OPENER = """
import sys
from yolobg.sources.location import parse_source
from yolobg.sources.catalog.open import open_catalog

if sys.argv[2] == "no-locks":
    import filelock
    # What some network file systems do: every lock is granted to everybody.
    filelock.FileLock.acquire = lambda self, **_: self
    filelock.FileLock.release = lambda self, **_: None
print("ready", flush=True)
sys.stdin.readline()
with open_catalog(parse_source(sys.argv[1])) as catalog:
    print(catalog.images, len(catalog.eligible(["person"]).ids))
"""


def opened_at_once(files: Sequence[Path], locks: str) -> set[str]:
    """Open the catalog of each file in a process of its own, all at the same moment; what they print."""
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _OPENER, str(file), locks],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for file in files
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        found = {child.communicate(timeout=100)[0] for child in children}
        assert [child.returncode for child in children] == [0] * len(files)
    return found


@pytest.mark.parametrize("locks", ["locks", "no-locks"])
def test_open__several_processes_at_once_end_with_one_good_catalog(tmp_path: Path, locks: str) -> None:
    path = place(tmp_path, instances_a__json=instances(20_000), captions_a__json=captions(20_000))
    assert len(opened_at_once([path] * 3, locks)) == 1
    assert len(cache_entries()) == 1
    assert not list((cache_folder() / "work").iterdir())


# ---------------------------------------------------------------- from the network


def official(files: dict[str, bytes]) -> AnnotationSource:
    """A source like the official one, with pins that fit `files`."""
    pins = {name: Pin(len(data), sha256=__import__("hashlib").sha256(data).hexdigest()) for name, data in files.items()}
    return AnnotationSource(
        COCO2017.name, "annotations/annotations_trainval2017.zip!annotations/instances_a.json", official=True, pins=pins
    )


OFFICIAL = {"annotations/instances_a.json": instances(), "annotations/captions_a.json": captions()}
KEY = "/annotations/annotations_trainval2017.zip"


def test_official__is_fetched_from_the_mirror_once_and_then_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    source = official(OFFICIAL)
    with CocoServer({KEY: zipped(OFFICIAL | {"annotations/other.json": os.urandom(300_000)})}) as server:
        monkeypatch.setenv("YOLOBG_COCO_URL", server.url + "/")
        assert "catalog" in work(source)
        assert server.sent < 100_000
        assert not list((cache_folder() / "work").iterdir())
        server.hits.clear()
        assert work(source) == []
        cache_entries()[0].path.write_bytes(b"damaged")
        assert "catalog" in work(source)
        assert server.hits


def test_official__a_mirror_with_other_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**OFFICIAL, "annotations/instances_a.json": instances(seed=9)}
    with CocoServer({KEY: zipped(other)}) as server:
        monkeypatch.setenv("YOLOBG_COCO_URL", server.url)
        monkeypatch.setattr("yolobg.sources.archive.remote.LIMITS", replace(LIMITS, tries=1))
        with pytest.raises(DownloadError, match="SHA-256") as caught:
            open_catalog(official(OFFICIAL))
    assert "s3.amazonaws.com" in str(caught.value)
    assert "images.cocodataset.org" in str(caught.value)
    assert cache_entries() == ()


def test_build_from__folder_or_zip_serves_the_official_source(tmp_path: Path) -> None:
    source = official(OFFICIAL)
    for layout in ("folder", "annotations", "zip", "zip in folder"):
        clear_cache()
        base = tmp_path / layout
        if "zip" in layout:
            base.mkdir()
            (base / "annotations_trainval2017.zip").write_bytes(zipped(OFFICIAL))
            base = base / "annotations_trainval2017.zip" if layout == "zip" else base
        else:
            folder = base / "annotations" if layout == "folder" else base
            place(folder, instances_a__json=instances(), captions_a__json=captions())
        assert make_from(Store(cache_folder()), base, source, no_progress) == cache_entries()[0].path
        assert work(source) == []


def test_build_from__other_files_are_refused(tmp_path: Path) -> None:
    place(tmp_path, instances_a__json=instances(seed=4), captions_a__json=captions())
    with pytest.raises(AnnotationsError, match=r"instances_a\.json is not the official instances file"):
        make_from(Store(cache_folder()), tmp_path, official(OFFICIAL), no_progress)
    with pytest.raises(AnnotationsError, match=r"annotations_trainval2017\.zip"):
        build_from(tmp_path / "nowhere")


@pytest.mark.parametrize("form", ["json", "gz", "zip", "zip!"])
def test_url__every_form_is_read_once_and_asked_for_changes(form: str) -> None:
    files: dict[str, bytes] = {
        "json": {"/x/instances_a.json": instances(), "/x/captions_a.json": captions()},
        "gz": {
            "/x/instances_a.json.gz": gzip.compress(instances()),
            "/x/captions_a.json.gz": gzip.compress(captions()),
        },
        "zip": {"/x/a.zip": zipped(OFFICIAL)},
        "zip!": {"/x/a.zip": zipped(OFFICIAL)},
    }[form]
    name = {
        "json": "instances_a.json",
        "gz": "instances_a.json.gz",
        "zip": "a.zip",
        "zip!": "a.zip!annotations/instances_a.json",
    }
    with CocoServer(files) as server:
        source = parse_source(f"{server.url}/x/{name[form]}")
        assert "catalog" in work(source)
        with open_catalog(source) as catalog:
            assert catalog.has_captions
        server.sent = 0
        assert work(source) == []
        assert (
            server.sent < 100
        )  # at most the page that says that there is no captions_a.json beside captions_a.json.gz
        changed = instances(seed=3)
        for path, data in {
            "/x/instances_a.json": changed,
            "/x/instances_a.json.gz": gzip.compress(changed),
            "/x/a.zip": zipped({**OFFICIAL, "annotations/instances_a.json": changed}),
        }.items():
            if path in server.files:
                server.files[path] = data
        assert "catalog" in work(source)


def test_url__without_captions_and_with_captions_later() -> None:
    with CocoServer({"/instances_a.json": instances()}) as server:
        source = parse_source(f"{server.url}/instances_a.json")
        assert "catalog" in work(source)
        server.sent = 0
        assert work(source) == []
        server.files["/captions_a.json"] = captions()
        with open_catalog(source) as catalog:
            assert catalog.has_captions


def test_url__unreachable_uses_what_is_cached_and_else_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yolobg.sources.archive.remote.LIMITS", replace(LIMITS, tries=2))
    with CocoServer({"/instances_a.json": instances()}) as server:
        source = parse_source(f"{server.url}/instances_a.json")
        work(source)
    with caplog.at_level(logging.WARNING):
        assert work(source) == []
    assert "connection refused" in caplog.text
    clear_cache()
    with pytest.raises(DownloadError, match="connection refused"):
        open_catalog(source)


def test_url__that_is_not_there_or_is_a_web_page() -> None:
    with CocoServer({"/instances_b.json": b"<html>log in</html>"}) as server:
        with pytest.raises(DownloadError, match="404"):
            open_catalog(parse_source(f"{server.url}/instances_a.json"))
        with pytest.raises(AnnotationsError, match="not valid JSON"):
            open_catalog(parse_source(f"{server.url}/instances_b.json", captions=None))


def test_mixed__local_instances_with_captions_from_the_network(tmp_path: Path) -> None:
    path = place(tmp_path, instances_a__json=instances())
    with CocoServer({"/captions_a.json": captions()}) as server:
        source = parse_source(str(path), captions=f"{server.url}/captions_a.json")
        with open_catalog(source) as catalog:
            assert catalog.has_captions


def test_cache_folder__follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("YOLOBG_CACHE_DIR")
    assert cache_folder().name == "yolobg"


def test_work__left_by_a_killed_run_is_swept_after_a_week(tmp_path: Path) -> None:
    store = Store(cache_folder())
    store.prepare()
    old, young = "0" * 32, "1" * 32
    for name, days in ((old, 8), (young, 1)):
        (store.work / name).mkdir()
        (store.work / name / "x.part").write_bytes(b"x")
        age(store.work / name, days * 86_400)
    work(parse_source(str(place(tmp_path, instances_a__json=instances()))))
    assert [path.name for path in store.work.iterdir()] == [young]


def test_lock__is_waited_for_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock  # noqa: PLC0415

    path = place(tmp_path, instances_a__json=instances())
    source = parse_source(str(path))
    store = Store(cache_folder())
    store.prepare()
    monkeypatch.setattr(catalog_make, "LOCK_TIMEOUT_S", 0.2)
    with FileLock(store.locks / f"{store.source_id(source)}.lock"):
        assert work(source) == ["catalog"]


@pytest.mark.skipif(sys.platform == "win32", reason="locks are another thing there")
def test_open__removes_what_a_killed_run_left_only_where_locks_keep_others_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl  # noqa: PLC0415 - not on Windows

    path = place(tmp_path, instances_a__json=instances())
    source = parse_source(str(path))
    left = cache_folder() / "work" / f"{Store.source_id(source)}{'0' * 16}" / "member0.json"
    other = cache_folder() / "work" / ("f" * 32) / "member0.json"
    for file in (left, other):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"half")
    with monkeypatch.context() as patch:
        # As some network file systems do: whoever asks for a lock gets it.
        patch.setattr(fcntl, "flock", lambda *_: None)
        work(source)
        assert left.exists()
    path.write_bytes(instances(seed=3))
    work(source)
    assert not left.parent.exists()
    assert other.exists(), "another source's, which somebody may be at work on"
