"""The real command, killed just before every single change that it makes to the disk: nothing lost, nothing half done.

Each test runs one command as often as it has points, kills it at another one each time, checks the dataset as the kill
left it, and has the next command finish or undo the work. `killing` says what a point is.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from coco_server import CocoServer
from evidence_data import evidence
from image_server import ImageServer
from killing import KillServer, Ran, check_cache, check_valid, kills, quick_folder
from killing_data import LABELLED, THEIRS, Dataset, Source, make_dataset, make_source, write_old
from machine import bind_mount
from merging import tree, visible

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

LAYOUTS = ("folder", "list", "folders")
NEEDED, POOL = 3, 12
KEPT = {".yolobg", ".yolobg/manifest.json", ".yolobg/ATTRIBUTION.csv", ".yolobg/report.html", ".yolobg/lock"}


# ---------------------------------------------------------------- what must hold


def options(source: Source, images: str | Path) -> list[str | Path]:
    return ["--annotations", source.instances, "--images", images, "--count", str(THEIRS + NEEDED), "--json"]


@dataclass(frozen=True)
class Check:
    """What a dataset was, and what it is with backgrounds of ours when nobody kills anything."""

    kill_server: KillServer
    dataset: Dataset
    source: Source
    add: Sequence[str | Path]
    before: dict[str, bytes | None]
    whole: dict[str, bytes | None]

    def valid(self, root: Path) -> int:
        """Right after a kill; returns how many images of ours there are."""
        return len(check_valid(root, self.dataset.entries, self.before, self.source.images))

    def status(self, root: Path) -> None:
        """`status` changes nothing, counts what is there and says whether something was interrupted."""
        now, there = tree(root), self.valid(root)
        told = self.kill_server.run("status", root / "data.yaml", "--json")
        assert told.code == 0, told.err
        counts = told.json["after"]
        assert (counts["labelled"], counts["backgrounds"]) == (LABELLED, THEIRS + there)
        manifest = json.loads(now.get(".yolobg/manifest.json") or b"{}")
        assert told.json["interrupted"] is bool(manifest.get("pending"))
        assert tree(root) == now

    def finished(self, root: Path) -> None:
        """`augment` ends with the very dataset that an undisturbed run makes, and leaves nothing unfinished."""
        ran = self.kill_server.run("augment", root / "data.yaml", *self.add)
        assert ran.code == 0, ran.err
        counts = ran.json["after"]
        assert (counts["labelled"], counts["backgrounds"], counts["ours"]) == (LABELLED, THEIRS + NEEDED, NEEDED)
        assert self.valid(root) == NEEDED
        now = {name: content for name, content in tree(root).items() if not name.endswith(".npy")}
        assert {name: content for name, content in now.items() if name.partition("/")[0] != ".yolobg"} == self.whole
        assert now.keys() - self.whole.keys() == KEPT

    def undone(self, root: Path) -> None:
        """`remove` brings back the tree as it was, byte for byte."""
        ran = self.kill_server.run("remove", root / "data.yaml", "--json")
        assert ran.code == 0, ran.err
        assert tree(root) == self.before


def check_for(
    kill_server: KillServer, dataset: Dataset, source: Source, add: Sequence[str | Path], scratch: Path
) -> Check:
    """Run the command undisturbed once: every change must be told of by a step, and the counts be exact."""
    before = tree(dataset.template)
    root = dataset.copy(scratch / "whole")
    ran = kill_server.run("augment", root / "data.yaml", *add, watch=(root,))
    assert ran.code == 0, ran.err
    assert not ran.lone, "changes without a step of their own"
    check_order_of_adding(ran.points)
    check = Check(kill_server, dataset, source, add, before, visible(root))
    assert check.valid(root) == NEEDED
    ran = kill_server.run("remove", root / "data.yaml", watch=(root,))
    assert ran.code == 0, ran.err
    assert not ran.lone, "changes without a step of their own"
    check_order_of_removing(ran.points)
    assert tree(root) == before
    return check


def places(points: Sequence[str], *starts: str) -> list[int]:
    return [place for place, point in enumerate(points) if point.startswith(starts)]


def check_order_of_adding(points: Sequence[str]) -> None:
    """What a power cut needs: contents and the intent are durable before a name shows, names before the intent ends."""
    intent, end = places(points, "rename manifest.json")
    shown, labels, listed = places(points, "link bg_"), places(points, "create bg_"), places(points, "rename train.txt")
    assert len(shown) == len(labels) == NEEDED
    assert len([place for place in places(points, "fsync") if points[place].endswith(".staged")]) in (0, NEEDED)
    assert all(place < intent for place in places(points, "fsync") if points[place].endswith(".staged"))
    assert points[intent + 1] == "fsync .yolobg"
    assert intent + 1 < labels[0]
    assert all(label < image for label, image in zip(labels, shown, strict=True))
    assert any(shown[-1] < place < min([*listed, end]) for place in places(points, "fsync"))
    assert all(shown[-1] < place < end for place in listed)


def check_order_of_removing(points: Sequence[str]) -> None:
    """The intent first; then the lines of a list, so that no listed image is missing; then images before labels."""
    intent = places(points, "rename manifest.json")[0]
    gone = [points[place] for place in places(points, "unlink bg_")]
    assert points[intent + 1] == "fsync .yolobg"
    assert all(intent < place < places(points, "unlink bg_")[0] for place in places(points, "rename train.txt"))
    assert intent < places(points, "unlink bg_")[0]
    assert [name.rpartition(".")[2] for name in gone] == ["npy", "jpg", "txt"] * NEEDED
    assert places(points, "unlink bg_")[-1] < places(points, "fsync train", "fsync new")[0]


def moments(layout: str) -> set[int]:
    """How many images of ours a trainer can find at one moment or another: a list file names all at once."""
    return {0, NEEDED} if layout == "list" else set(range(NEEDED + 1))


# ---------------------------------------------------------------- augment and remove


@pytest.mark.parametrize(
    ("layout", "images"),
    [*((layout, "network") for layout in LAYOUTS), ("list", "copy"), ("folder", "hard"), ("folders", "symlink")],
)
def test_augment__killed_at_every_point(scratch: Path, kill_server: KillServer, layout: str, images: str) -> None:
    """Whatever the moment: valid at once, and the next `augment` finishes or the next `remove` undoes."""
    dataset, source = make_dataset(scratch / "template", layout), make_source(scratch / "source", POOL)
    with ImageServer({f"/all/{name}": content for name, content in source.images.items()}) as images_server:
        add = options(source, f"{images_server.url}/all" if images == "network" else source.folder)
        add += [] if images == "network" else ["--link", images]
        check = check_for(kill_server, dataset, source, add, scratch)
        seen = set()
        root = scratch / "data"

        def run(point: int) -> Ran:
            shutil.rmtree(root, ignore_errors=True)
            dataset.copy(root)
            return kill_server.run("augment", root / "data.yaml", *add, kill_at=point, watch=(root,))

        for point, _ in kills(run):
            seen.add(check.valid(root))
            if point % 3 == 0:
                check.status(root)
            if point % 2:
                check.finished(root)
            else:
                check.undone(root)
    assert point > 40
    assert seen == moments(layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_remove__killed_at_every_point(scratch: Path, kill_server: KillServer, layout: str) -> None:
    dataset, source = make_dataset(scratch / "template", layout), make_source(scratch / "source", POOL)
    check = check_for(kill_server, dataset, source, options(source, source.folder), scratch)
    full = Dataset(dataset.copy(scratch / "full"), dataset.entries)
    check.finished(full.template)
    seen = set()
    root = scratch / "data"

    def run(point: int) -> Ran:
        shutil.rmtree(root, ignore_errors=True)
        full.copy(root)
        if layout != "list":
            # What a trainer makes of our images when it keeps decoded ones; it goes with them.
            for image in root.rglob("bg_*.jpg"):
                image.with_suffix(".npy").write_bytes(b"decoded")
        return kill_server.run("remove", root / "data.yaml", kill_at=point, watch=(root,))

    for point, _ in kills(run):
        seen.add(check.valid(root))
        if point % 3 == 0:
            check.status(root)
        if point % 2:
            check.undone(root)
        else:
            check.finished(root)
            check.undone(root)
    assert tree(root) == check.before
    assert point > 25
    assert seen == moments(layout)


@pytest.mark.sample
def test_remove__of_one_split_killed_at_every_point(scratch: Path, kill_server: KillServer) -> None:
    """What was added to another split stays, and can be taken back later."""
    source, template = make_source(scratch / "source", POOL), make_dataset(scratch / "template", "folder").template
    for kind in ("images", "labels"):
        shutil.copytree(template / kind / "train", template / kind / "val")
    data_yaml = (template / "data.yaml").read_text()
    (template / "data.yaml").write_text(data_yaml.replace("val: images/train", "val: images/val"))
    before, full, root = tree(template), scratch / "full", scratch / "data"
    shutil.copytree(template, full)
    assert kill_server.run("augment", full, *options(source, source.folder)).code == 0
    train = visible(full)
    assert kill_server.run("augment", full, *options(source, source.folder), "--split", "val").code == 0

    def run(point: int) -> Ran:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(full, root)
        return kill_server.run("remove", root, "--split", "val", kill_at=point, watch=(root,))

    for point, _ in kills(run):
        check_valid(root, ["images/train"], before, source.images)
        check_valid(root, ["images/val"], before, source.images)
        again = ["--split", "val"] if point % 2 else []
        ran = kill_server.run("remove", root, *again)
        assert ran.code == 0, ran.err
        assert visible(root) == train if again else tree(root) == before
        if again:
            assert kill_server.run("status", root, "--json").json["after"]["ours"] == NEEDED
    assert point > 25


@pytest.mark.parametrize("layout", ["list", "folders"])
@pytest.mark.parametrize("command", ["augment", "remove"])
@pytest.mark.parametrize("begun", ["add", "take back"])
def test_recovery__killed_at_every_point(
    scratch: Path, kill_server: KillServer, layout: str, command: str, begun: str
) -> None:
    """A second kill, while the first one's work is being finished."""
    dataset, source = make_dataset(scratch / "template", layout), make_source(scratch / "source", POOL)
    check = check_for(kill_server, dataset, source, options(source, source.folder), scratch)
    half = Dataset(dataset.copy(scratch / "half"), dataset.entries)
    break_off(check, half.template, begun)
    root = scratch / "data"

    def run(point: int) -> Ran:
        shutil.rmtree(root, ignore_errors=True)
        half.copy(root)
        arguments = check.add if command == "augment" else ()
        return kill_server.run(command, root / "data.yaml", *arguments, kill_at=point, watch=(root,))

    for point, _ in kills(run):
        check.valid(root)
        if point % 2:
            check.finished(root)
        else:
            check.undone(root)
    assert point > 15


@pytest.mark.parametrize("layout", LAYOUTS)
def test_augment__after_a_killed_remove_from_a_source_with_none_to_spare(
    scratch: Path, kill_server: KillServer, layout: str
) -> None:
    """The images that were being taken back are free again, though the manifest still names them."""
    dataset, source = make_dataset(scratch / "template", layout), make_source(scratch / "source", NEEDED + 1)
    check = check_for(kill_server, dataset, source, options(source, source.folder), scratch)
    root = dataset.copy(scratch / "data")
    break_off(check, root, "take back")
    check.finished(root)
    check.undone(root)


def break_off(check: Check, root: Path, what: str) -> None:
    """Kill a run when it has one image of ours left to bring, or to take."""
    if what == "add":
        command: tuple[str | Path, ...] = ("augment", root / "data.yaml", *check.add)
        word = "link bg_"
    else:
        check.finished(root)
        command, word = ("remove", root / "data.yaml"), "unlink bg_"
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    ran = check.kill_server.run(command[0], copy / "data.yaml", *command[2:])
    points = [told for told in ran.points if told.startswith(word) and told.endswith(".jpg")]
    assert len(points) == NEEDED
    # By its text: what threads do before it has no fixed number of points.
    assert check.kill_server.run(*command, kill_at=points[-1]).killed
    left = NEEDED - 1 if what == "add" else 1
    assert check.valid(root) == (left if "train.txt" not in check.dataset.entries else 0)


CONFLICT = """
import sys
from pathlib import Path
from yolobg import files
reached, places = files.on_step, []
def appear(what, path):
    if what == "link" and path.suffix == ".jpg":
        places.append(path)
        if len(places) == 3:
            path.write_bytes(b"theirs")
    reached(what, path)
files.on_step = appear
from yolobg.cli.app import app
app(sys.argv[2:])
"""


@pytest.mark.parametrize("layout", ["list", "folders"])
def test_rollback__killed_at_every_point(scratch: Path, kill_server: KillServer, layout: str) -> None:
    """A name is taken in the last moment, so all is rolled back, and that is cut short too: their file is untouched."""
    dataset, source = make_dataset(scratch / "template", layout), make_source(scratch / "source", POOL)
    root, add = scratch / "data", options(source, source.folder)
    before = tree(dataset.template)

    def run(point: int) -> Ran:
        shutil.rmtree(root, ignore_errors=True)
        dataset.copy(root)
        return kill_server.run("-c", CONFLICT, "augment", root, *add, kill_at=point, watch=(root,))

    whole = run(0)
    assert whole.code == 6, whole.err
    assert not whole.lone, "changes without a step of their own"
    [theirs] = visible(root).keys() - before.keys()
    for point, _ in kills(run, code=6):
        there = before | ({theirs: b"theirs"} if (root / theirs).exists() and b"theirs" in tree(root).values() else {})
        ours = check_valid(root, dataset.entries, there, source.images)
        assert len(ours) <= NEEDED
        ran = kill_server.run(*("augment", root, *add) if point % 2 else ("remove", root))
        assert ran.code == 0, ran.err
        if point % 2:
            # Their file is an image without a label where the split is a folder, so one of ours less is needed.
            counts = kill_server.run("status", root, "--json").json["after"]
            assert counts["backgrounds"] == THEIRS + NEEDED
            check_valid(root, dataset.entries, there, source.images)
        else:
            # Whose the empty label is beside their file, nobody can tell any more; it says what no label says.
            label = theirs.replace("images", "labels").replace(".jpg", ".txt")
            now = tree(root)
            assert now.items() >= there.items()
            assert {name: now[name] for name in now.keys() - there.keys()}.items() <= {
                label: b"", label.rpartition("/")[0]: None
            }.items()  # fmt: skip
    assert point > 40


# ---------------------------------------------------------------- file systems of other kinds


LOCKLESS = """
import errno, fcntl, sys
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
from yolobg.cli.app import app
app(sys.argv[2:])
"""


def test_file_system_without_locks__killed_at_every_point(scratch: Path, kill_server: KillServer) -> None:
    """What stands in for the lock there survives the kill, and must not bar the next command."""
    source, template = make_source(scratch / "source", POOL), make_dataset(scratch / "template", "folder").template
    before, root, add = tree(template), scratch / "data", options(source, source.folder)

    def run(point: int) -> Ran:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)
        return kill_server.run("-c", LOCKLESS, "augment", root, *add, kill_at=point, watch=(root,))

    whole = run(0)
    assert whole.code == 0, whole.err
    assert not whole.lone, "changes without a step of their own"
    finished = visible(root)
    for point, _ in kills(run):
        check_valid(root, ["images/train"], before, source.images)
        command = ("augment", root, *add) if point % 2 else ("remove", root)
        ran = kill_server.run("-c", LOCKLESS, *command)
        assert ran.code == 0, ran.err
        assert visible(root) == finished if point % 2 else tree(root) == before
    assert point > 40


def test_split_on_another_file_system__killed_at_every_point(tmp_path: Path, kill_server: KillServer) -> None:
    """Staging then lies beside the split and not in the dataset's folder; nothing of it stays there either."""
    source = make_source(tmp_path / "source", POOL)
    with quick_folder(tmp_path) as scratch:
        if scratch.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("needs two file systems")
        root, far = tmp_path / "data", scratch / "far"
        template, far_template = tmp_path / "template", make_dataset(scratch / "template", "folder").template
        (template / "images").mkdir(parents=True)
        shutil.copy2(far_template / "data.yaml", template)
        (template / "images/train").symlink_to(far / "images/train")
        shutil.copytree(far_template, far)
        before, add = (tree(template), tree(far_template)), options(source, source.folder)

        def run(point: int) -> Ran:
            for folder, original in ((root, template), (far, far_template)):
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(original, folder, symlinks=True)
            return kill_server.run("augment", root / "data.yaml", *add, kill_at=point, watch=(root, far))

        assert run(0).code == 0
        whole = (visible(root), tree(far))
        assert sum(name.startswith("images/train/bg_") for name in whole[1]) == NEEDED
        for point, _ in kills(run):
            assert before[0].items() <= tree(root).items()
            assert len(check_valid(far, ["images/train"], before[1], source.images)) <= NEEDED
            command = ("augment", root / "data.yaml", *add) if point % 2 else ("remove", root / "data.yaml")
            ran = kill_server.run(*command)
            assert ran.code == 0, ran.err
            assert (visible(root) if point % 2 else tree(root), tree(far)) == (whole if point % 2 else before)
        assert point > 40


@pytest.mark.parametrize("where", ["images", "images/train"])
def test_split_behind_a_bind_mount__killed_at_every_point(scratch: Path, kill_server: KillServer, where: str) -> None:
    """Where images are staged is found out by moving an empty file; a kill leaves none of these either."""
    source, template = make_source(scratch / "source", POOL), make_dataset(scratch / "template", "folder").template
    root, far, add = scratch / "data", scratch / "far", options(source, source.folder)
    before = tree(template)
    shutil.copytree(template, root)
    with bind_mount(shutil.copytree(template / where, far), root / where):

        def renew() -> None:
            # What is mounted cannot be removed, so it is emptied.
            for path in sorted(root.rglob("*"), reverse=True):
                if path.is_dir():
                    with contextlib.suppress(OSError):
                        path.rmdir()
                else:
                    path.unlink()
            shutil.copytree(template, root, dirs_exist_ok=True)

        def run(point: int) -> Ran:
            renew()
            return kill_server.run("augment", root / "data.yaml", *add, kill_at=point, watch=(root, far))

        whole = run(0)
        assert whole.code == 0, whole.err
        assert not whole.lone, "changes without a step of their own"
        finished = visible(root)
        assert sum(name.startswith("images/train/bg_") for name in finished) == NEEDED
        for point, _ in kills(run):
            check_valid(root, ["images/train"], before, source.images)
            ran = kill_server.run(*("augment", root / "data.yaml", *add) if point % 2 else ("remove", root))
            assert ran.code == 0, ran.err
            assert (visible(root) if point % 2 else tree(root)) == (finished if point % 2 else before)
        assert point > 40


# ---------------------------------------------------------------- the cache


def answer(kill_server: KillServer, dataset: Path, arguments: Sequence[str | Path]) -> object:
    """What a dry run would do; it reads the dataset, and makes the catalog if need be."""
    ran = kill_server.run("augment", dataset / "data.yaml", *arguments, "--dry-run", "--json")
    assert ran.code == 0, ran.err
    return ran.json


def left_of_work(cache: Path) -> list[Path]:
    """Half-fetched and unpacked files, which may be as large as gigabytes."""
    return [path for path in (cache / "work").rglob("*") if path.is_file()]


def pictures_only(folder: Path) -> Path:
    for file in folder.glob("*.json"):
        file.unlink()
    return folder


def swap(one: Path, other: Path) -> None:
    """Exchange the annotations of two sources."""
    for file in sorted(one.glob("*.json")):
        file.rename(one / "swapped")
        (other / file.name).rename(file)
        (one / "swapped").rename(other / file.name)


def clear(kill_server: KillServer, cache: Path) -> None:
    ran = kill_server.run("cache", "clear")
    assert ran.code == 0, ran.err
    assert [name for name, content in tree(cache).items() if content is not None] == []


@pytest.mark.parametrize("kind", ["new", "changed", "shared", "pool", "evidence"])
def test_catalog_build__killed_at_every_point(scratch: Path, kill_server: KillServer, kind: str) -> None:
    """No half catalog is ever used, and a catalog that was begun bars no later run."""
    dataset, cache = make_dataset(scratch / "data", "folder").template, scratch / "cache"
    source = make_source(scratch / "source", POOL, captions=True)
    arguments: list[str | Path] = options(source, source.folder)
    former = scratch / "former"
    former.mkdir()
    if kind == "pool":
        arguments = ["--count", "5", "--source", pictures_only(source.folder)]
    if kind == "evidence":
        said = {name: ([], ["person"]) if number % 2 else (["person"], []) for number, name in enumerate(source.images)}
        packed = scratch / "evidence.json.gz"
        write_old(packed, gzip.compress(json.dumps(evidence(["person"], said)).encode()))
        arguments = ["--evidence", packed, "--verified", *arguments]
    if kind == "changed":
        # A catalog is there, made when the source held other images.
        other = make_source(scratch / "other", POOL - 2, captions=True)
        swap(other.folder, source.folder)
        answer(kill_server, dataset, arguments)
        swap(other.folder, source.folder)
        shutil.copytree(cache, former, dirs_exist_ok=True)
    if kind == "shared":
        # The catalog is there, made of equal files in another place.
        elsewhere = shutil.copytree(source.folder, scratch / "elsewhere")
        answer(kill_server, dataset, ["--annotations", elsewhere / source.instances.name, *arguments[2:]])
        shutil.copytree(cache, former, dirs_exist_ok=True)
    before = tree(dataset)

    def run(point: int) -> Ran:
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(former, cache)
        return kill_server.run("augment", dataset / "data.yaml", *arguments, "--dry-run", kill_at=point, watch=(cache,))

    whole = run(0)
    assert whole.code == 0, whole.err
    assert not whole.lone, "changes without a step of their own"
    expected = answer(kill_server, dataset, arguments)
    for point, _ in kills(run):
        check_cache(cache)
        assert answer(kill_server, dataset, arguments) == expected
        check_cache(cache)
        assert left_of_work(cache) == []
        assert len(list((cache / "catalogs").glob("*.sqlite"))) == 1 + (kind == "evidence")
        if point % 2:
            clear(kill_server, cache)
    assert point > (15 if kind == "shared" else 20)
    assert tree(dataset) == before


@pytest.mark.sample
def test_cache_clear__killed_at_every_point(scratch: Path, kill_server: KillServer) -> None:
    dataset, cache = make_dataset(scratch / "data", "folder").template, scratch / "cache"
    sources = [make_source(scratch / name, size) for name, size in (("one", POOL), ("two", POOL - 1))]
    for source in sources:
        answer(kill_server, dataset, options(source, source.folder))
    expected = answer(kill_server, dataset, options(sources[0], sources[0].folder))
    full = shutil.copytree(cache, scratch / "full")
    (cache / "work" / ("0" * 32)).mkdir()
    (full / "work" / ("0" * 32)).mkdir()
    (full / "work" / ("0" * 32) / "member0.json").write_bytes(b"half")

    def run(point: int) -> Ran:
        shutil.rmtree(cache)
        shutil.copytree(full, cache)
        return kill_server.run("cache", "clear", kill_at=point, watch=(cache,))

    for point, _ in kills(run):
        check_cache(cache)
        if point % 2:
            assert answer(kill_server, dataset, options(sources[0], sources[0].folder)) == expected
        clear(kill_server, cache)
    assert point > 6


# ---------------------------------------------------------------- the archive


def journaled(work: Path) -> int | None:
    """How many bytes of the archive a killed run has noted down; None where it had noted nothing yet."""
    journals = list(work.glob("*/archive.journal"))
    if not journals or not journals[0].with_suffix(".part").exists():
        return None
    lines = journals[0].read_bytes().split(b"\n")[1:-1]
    return sum(int(stop) - int(start) for start, stop in (line.split() for line in lines))


@pytest.mark.parametrize("ranges", [True, False], ids=["by Range", "whole"])
def test_archive_download__killed_at_every_point(scratch: Path, kill_server: KillServer, ranges: bool) -> None:
    """The next run goes on: what was noted down as fetched is not asked for again, and the answer is the same."""
    dataset, cache = make_dataset(scratch / "data", "folder").template, scratch / "cache"
    source = make_source(scratch / "source", POOL, captions=True)
    records = json.loads(source.instances.read_bytes())
    # Without it all would come with the first request, which is for the zip's end.
    records["info"] = {"noise": random.Random(5).randbytes(450_000 if ranges else 20_000).hex()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations/instances_x.json", json.dumps(records))
        archive.writestr("annotations/captions_x.json", (source.folder / "captions_x.json").read_bytes())
        archive.writestr("z.bin", random.Random(6).randbytes(80_000))
    with CocoServer({"/a.zip": packed.getvalue()}, ranges=ranges) as host:
        arguments: list[str | Path] = ["--annotations", f"{host.url}/a.zip", "--images", source.folder, "--count", "5"]
        empty = scratch / "empty"
        empty.mkdir()

        def run(point: int) -> Ran:
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(empty, cache)
            return kill_server.run(
                "augment", dataset / "data.yaml", *arguments, "--dry-run", kill_at=point, watch=(cache,)
            )

        whole = run(0)
        assert whole.code == 0, whole.err
        assert not whole.lone, "changes without a step of their own"
        size = host.asked_bytes("/a.zip")
        expected = answer(kill_server, dataset, arguments)
        assert (size > 400_000) == ranges
        resumed = 0
        for point, _ in kills(run):
            check_cache(cache)
            host.settle()
            there, asked = journaled(cache / "work"), host.asked_bytes("/a.zip")
            assert answer(kill_server, dataset, arguments) == expected
            if there is not None:
                resumed += there > 0
                assert host.asked_bytes("/a.zip") - asked == size - there
            check_cache(cache)
            assert left_of_work(cache) == []
            if point % 2:
                clear(kill_server, cache)
        assert point > 30
        assert (resumed > 0) == ranges
