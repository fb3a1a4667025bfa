"""What is fuzzed: for each kind of file a function that has the real reader read it from a real file.

`TARGETS[name](data)` lets only `AssertionError` (a promise broken) and what is no `YolobgError` out. The files lie in
one folder for each process, which is removed at its end; nothing else is written.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

from yolobg import remove, status
from yolobg.changes import list_file
from yolobg.changes.manifest import read_manifest
from yolobg.changes.manifest_checks import check_entry
from yolobg.changes.rejections import read_rejections
from yolobg.changes.review_state import read_state
from yolobg.dataset import label_rules as label_check
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.dataset import open_dataset
from yolobg.dataset.destination import choose_destination
from yolobg.dataset.inventory import scan_split
from yolobg.dataset.ultralytics_settings import datasets_dirs
from yolobg.errors import YolobgError
from yolobg.formats.coco_read import read_coco
from yolobg.formats.contents import Meta
from yolobg.formats.convert import convert
from yolobg.formats.packed_rows import pack_rows
from yolobg.formats.tool_folder import read_tools
from yolobg.formats.voc import read_voc
from yolobg.formats.yolo_plain import read_darknet, read_plain
from yolobg.formats.yolo_read import Listed, YoloContents
from yolobg.matching.caption_terms import caption_terms
from yolobg.matching.map_file import read_map
from yolobg.matching.matcher import match_classes
from yolobg.model import CaptionTerms, DataYaml
from yolobg.net.hosts import Host
from yolobg.sources.annotations.local_files import unpack_local
from yolobg.sources.annotations.read import (
    Captions,
    Instances,
    ReadInstances,
    parse_captions,
    parse_instances,
    read_captions,
    read_instances,
)
from yolobg.sources.archive.members import fetch_members
from yolobg.sources.archive.remote import LIMITS, Answer, Remote
from yolobg.sources.catalog.build import build_catalog
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.notes import decode_note
from yolobg.sources.location import choose_member, parse_source

__all__ = ["TARGETS", "place_of"]

Target = Callable[[bytes], None]
T = TypeVar("T")

# In memory where there is such a place: atheris makes hundreds of files a second.
_MEMORY = Path("/dev/shm")
_KEY_POINTS = ((2, 3), None, (0, 3), (17, 2))
_IMAGE = "images/train/a.jpg"
_OURS = "images/train/bg_coco2017_000000000042.jpg"


@functools.cache
def _home(pid: int) -> Path:
    within = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    home = Path(tempfile.mkdtemp(prefix="yolobg-fuzz-", dir=within)).resolve()
    atexit.register(lambda: shutil.rmtree(home, ignore_errors=True) if os.getpid() == pid else None)
    return home


@functools.cache
def _place(name: str, pid: int) -> Path:
    place = _home(pid) / name
    for folder in ("images/train", "labels/train", ".yolobg"):
        (place / folder).mkdir(parents=True)
    for image in (_IMAGE, "images/train/b.png", _OURS):
        (place / image).write_bytes(b"an image")
    (place / "labels/train/a.txt").write_bytes(b"0 0.5 0.5 0.5 0.5\n")
    (place / "labels/train/bg_coco2017_000000000042.txt").touch()
    (place / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [cat, dog]\n", encoding="utf-8")
    return place


def place_of(name: str) -> Path:
    """The folder of a target in this process: a small dataset."""
    return _place(name, os.getpid())


# ---------------------------------------------------------------- the dataset


def _data_yaml(data: bytes) -> None:
    root = place_of("data_yaml")
    (root / "data.yaml").write_bytes(data)
    read = read_data_yaml(root / "data.yaml", cwd=root)
    assert 0 in read.names
    assert max(read.names) < len(read.names)
    assert all(isinstance(name, str) for name in read.names.values())
    with _ours_only():
        read_plain(root)
    for split, entries in read.splits.items():
        # Others may be the root of the disk.
        if all(Path(entry).is_relative_to(root) for entry in entries):
            with _ours_only():
                choose_destination(read, scan_split(read, split, cwd=root), cwd=root)


def _label(data: bytes) -> None:
    root = place_of("label")
    settings, content = (data[0], data[1:]) if data else (0, b"")
    key_points = _KEY_POINTS[settings % 4]
    names = dict.fromkeys(range(settings // 4 + 1), "x")
    dataset = DataYaml(root / "data.yaml", root, names, {"train": (str(root / "images"),)}, (), key_points)
    (root / "labels/train/a.txt").write_bytes(content)
    inventory = scan_split(dataset, "train", cwd=root)
    state = next(file.state for file in inventory.files if file.image.endswith("a.jpg"))
    pose_columns = 5 + key_points[0] * key_points[1] if key_points and key_points[0] else None
    # The short cut for ordinary files must give the answer of the rules.
    assert state == (label_check._check_text(content, len(names), pose_columns).state if content else "empty")
    with _ours_only():
        listed = Listed("train", "a.jpg", str(root / _IMAGE), str(root / "labels/train/a.txt"), state == "found")
        (item,) = YoloContents(names, ("train",), pack_rows(Listed, [listed]), Meta(kpt_shape=key_points)).items()
        assert bool(item.shapes) == (state == "found")
        assert all(0 <= shape.class_id < len(names) for shape in item.shapes)
    with _ours_only():
        list(read_plain(root).items())


def _list(data: bytes) -> None:
    root = place_of("list")
    file = root / "train.txt"
    file.write_bytes(data)
    dataset = DataYaml(root / "data.yaml", root, {0: "cat"}, {"train": (str(file),)}, ())
    with _ours_only():
        inventory = scan_split(dataset, "train", cwd=root)
        choose_destination(dataset, inventory, cwd=root)
    list_file.read_lines(file)
    image = "images/train/bg_x_1.jpg"
    edit = list_file.edit_for(file, "train.txt", {image: f"./{image}"})
    there = b"bg_x_1.jpg" in data
    list_file.append(file, edit)
    list_file.take_out(file, [edit], root, {image})
    assert there or file.read_bytes() == data
    (root / "obj.data").write_bytes(b"classes = 1\ntrain = train.txt\nnames = obj.names\n")
    (root / "obj.names").write_bytes(b"cat\n")
    read_darknet(root)


def _manifest(data: bytes) -> None:
    root = place_of("manifest")
    (root / ".yolobg/manifest.json").write_bytes(data)
    with _ours_only():
        status(root / "data.yaml", files=True)
    with _ours_only():
        remove(root / "data.yaml", dry_run=True)
    dataset = open_dataset(root / "data.yaml")
    for entry in read_manifest(root).known:
        check_entry(entry, dataset)


def _records(data: bytes) -> None:
    """The other files of ours in a dataset and in the cache."""
    root = place_of("records")
    for name in ("rejected.json", "review.json"):
        (root / ".yolobg" / name).write_bytes(data)
    with _ours_only():
        read_rejections(root)
    with _ours_only():
        read_state(root)
    decode_note(data)


def _settings(data: bytes) -> None:
    root = place_of("settings")
    (root / "Ultralytics").mkdir(exist_ok=True)
    (root / "Ultralytics/settings.json").write_bytes(data)
    (root / "data.yaml").write_bytes(b"path: elsewhere\ntrain: images/train\nval: images/train\nnames: [cat]\n")
    with _environment("YOLO_CONFIG_DIR", str(root)):
        assert len(datasets_dirs(root)) == 1
        read_data_yaml(root / "data.yaml", cwd=root)


def _map(data: bytes) -> None:
    root = place_of("map")
    (root / "map.yaml").write_bytes(data)
    told = read_map(root / "map.yaml")
    matches = match_classes(["cat", "pothole", "dog", "3", "x y"], user_map=told)
    caption_terms(matches)


# ---------------------------------------------------------------- the source


def _instances(data: bytes) -> None:
    root = place_of("instances")
    file = root / "instances_x.json"
    file.write_bytes(data)
    read = _answer(lambda: read_instances(file))
    assert read == _answer(lambda: parse_instances(data, source=str(file)))
    if isinstance(read, Instances):
        _use(root, read, None)


def _convert(data: bytes) -> None:
    """An instances file as `convert` reads it and writes it as YOLO, as it is and with outlines of its masks."""
    root = place_of("convert")
    (root / "instances_train.json").write_bytes(data)
    list(read_coco(root / "instances_train.json").items())
    for polygons in ("keep", "outline"):
        shutil.rmtree(root / "out", ignore_errors=True)
        wish: dict[str, Any] = {"polygons": polygons, "crowds": "as-objects", "images": "none"}
        with contextlib.suppress(YolobgError):
            convert(root / "instances_train.json", root / "out", to="yolo", **wish)


def _captions(data: bytes) -> None:
    root = place_of("captions")
    file = root / "captions_x.json"
    file.write_bytes(data)
    known = _known_instances()
    read = _answer(lambda: read_captions(file, known.images))
    assert read == _answer(lambda: parse_captions(data, known.images, source=str(file)))
    if isinstance(read, Captions):
        _use(root, known, read)


@functools.cache
def _known_instances() -> Instances:
    return parse_instances(
        b'{"images": [{"id": 1, "file_name": "1.jpg", "width": 20, "height": 20}, {"id": 2, "file_name": "2.jpg"}], '
        b'"annotations": [{"image_id": 1, "category_id": 7}], "categories": [{"id": 7, "name": "dog"}]}',
        source="known",
    )


@functools.cache
def _dog() -> tuple[CaptionTerms, ...]:
    return caption_terms(match_classes({0: "dog"}))


def _use(root: Path, instances: Instances, captions: Captions | None) -> None:
    """Build a catalog of what was read, and ask it all there is to ask."""
    file = root / "catalog.sqlite"
    file.unlink(missing_ok=True)
    build_catalog(file, ReadInstances(instances.images, lambda: instances), captions)
    with Catalog(file) as catalog:
        assert catalog.images == len(instances.images)
        names = [category.name for category in catalog.categories]
        found = catalog.eligible(names[:1], vetoes=_dog())
        ids = [record.id for record in instances.images]
        assert set(found.ids) <= set(ids)
        assert [record.id for record in catalog.records(ids)] == ids
        catalog.describe(ids)
        assert len(catalog.licenses) == len(instances.licenses)


def _zip(data: bytes) -> None:
    root = place_of("zip")
    (root / "a.zip").write_bytes(data)
    with _ours_only():
        files = unpack_local(parse_source(str(root / "a.zip")), root)
        assert len(files.instances.sha256) == 64
        _ = files.captions.sha256 if files.captions else ""
    work = root / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name in ("archive.part", "archive.journal"):
        (root / name).unlink(missing_ok=True)

    def choose(names: Sequence[str]) -> list[str]:
        return [choose_member(names, None, source="a.zip")]

    with _ours_only():
        fetch_members(_Memory(data, ranges=len(data) % 3 > 0), choose, work)


class _Memory(Remote):
    """A host that has one zip; its first answers are shorter than asked for, so that members have to be fetched."""

    def __init__(self, data: bytes, *, ranges: bool) -> None:
        super().__init__(["http://127.0.0.1/a.zip"], limits=replace(LIMITS, start=1, floor=1, ceiling=1))
        self.zip, self.ranges, self.asked = data, ranges, 0

    def ask(self, host: Host, headers: Mapping[str, str], take: Callable[[Answer], T]) -> T:
        total, asked = len(self.zip), headers.get("Range", "")
        if not self.ranges or not asked:
            return take(self._answer(host, 200, 0, total))
        first, _, last = asked.removeprefix("bytes=").partition("-")
        if first:
            return take(self._answer(host, 206, int(first), min(int(last) + 1, total)))
        self.asked += 1
        tail = min(int(last), total // 2 if self.asked % 3 else total)
        return take(self._answer(host, 206, max(0, total - tail), total))

    def _answer(self, host: Host, status: Literal[200, 206], start: int, stop: int) -> Answer:
        response: Any = SimpleNamespace(headers={}, pieces=lambda: iter([self.zip[start:stop]]))
        return Answer(host, status, start, len(self.zip), response)


# ---------------------------------------------------------------- other formats


def _voc(data: bytes) -> None:
    root = place_of("voc")
    for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "JPEGImages/a.jpg").write_bytes(b"an image")
    for name in ("Annotations/a.xml", "ImageSets/Main/val.txt", "labelmap.txt"):
        (root / "ImageSets/Main/val.txt").unlink(missing_ok=True)
        (root / "labelmap.txt").unlink(missing_ok=True)
        (root / "ImageSets/Main/train.txt").write_bytes(b"a\n")
        (root / "Annotations/a.xml").write_bytes(
            b"<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size></annotation>"
        )
        (root / name).write_bytes(data)
        with _ours_only():
            list(read_voc(root).items())


# ---------------------------------------------------------------- helpers


class _ours_only:  # noqa: N801  # used as a `with` word, as contextlib.suppress is
    """Swallows a `YolobgError`; anything else passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, YolobgError):
            assert str(error)
        return isinstance(error, YolobgError)


class _environment:  # noqa: N801  # used as a `with` word, like the one above
    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    def __enter__(self) -> None:
        self.old = os.environ.get(self.name)
        os.environ[self.name] = self.value

    def __exit__(self, *_exc: object) -> None:
        if self.old is None:
            del os.environ[self.name]
        else:
            os.environ[self.name] = self.old


def _answer(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except YolobgError as error:
        return str(error)


def _only_ours(target: Target) -> Target:
    @functools.wraps(target)
    def one(data: bytes) -> None:
        with _ours_only():
            target(data)

    return one


def _tools(data: bytes) -> None:
    root = place_of("tools")
    images = [str(root / "a.jpg"), str(root / "sub" / "a.jpg")]
    for suffix, known in ((".json", images[:1]), (".xml", images), (".csv", [])):
        file = root / f"x{suffix}"
        file.write_bytes(data)
        with _ours_only():
            read = read_tools(known, [str(file)], str(root), {"/m/0bt9lr": "Dog"})
            assert read is None or {item.image for item in read.items()} <= {*known, None}


TARGETS: dict[str, Target] = {
    "data_yaml": _only_ours(_data_yaml),
    "label": _only_ours(_label),
    "list": _only_ours(_list),
    "instances": _only_ours(_instances),
    "captions": _only_ours(_captions),
    "zip": _only_ours(_zip),
    "manifest": _only_ours(_manifest),
    "map": _only_ours(_map),
    "convert": _only_ours(_convert),
    "records": _only_ours(_records),
    "settings": _only_ours(_settings),
    "voc": _only_ours(_voc),
    "tools": _only_ours(_tools),
}
