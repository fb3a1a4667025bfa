"""`convert` writes into its target and nowhere else, whatever names a source holds; and what was there stays."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import tally
from format_data import picture
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from merging import tree

from yolobg.errors import DatasetError, MergeError, UsageError, YolobgError
from yolobg.formats import place_images as placing
from yolobg.formats.contents import Item
from yolobg.formats.convert import convert
from yolobg.formats.place_images import Images, Placer
from yolobg.formats.registry import OWN, all_formats
from yolobg.safe_names import inner_parts, is_safe

LABEL = "0 0.5 0.5 0.2 0.2\n"
XML = (
    "<annotation><size><width>64</width><height>48</height></size><object><name>dog</name><bndbox><xmin>1</xmin>"
    "<ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
)


@functools.cache
def content(number: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        picture(Path(folder) / "a.jpg", number)
        return (Path(folder) / "a.jpg").read_bytes()


def put(file: Path, data: bytes) -> None:
    """Make a file where the system can; some names here are beyond it."""
    with suppress(OSError, ValueError):
        file.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(file):
            file.write_bytes(data)


def pictures(base: Path, names: Sequence[str], label: Callable[[Path], Path] | None) -> None:
    for number, name in enumerate(names):
        put(base / name, content(4 * (number % 8)))
        if label is not None:
            put(label(base / name), LABEL.encode())


def lines(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode("utf-8", "replace")


def darknet(root: Path, names: Sequence[str]) -> None:
    pictures(root / "obj_train_data", names, lambda image: image.with_suffix(".txt") if image.name else image)
    (root / "obj.names").write_text("dog\n")
    (root / "obj.data").write_text("classes=1\ntrain=train.txt\nnames=obj.names\n")
    (root / "train.txt").write_bytes(lines([f"obj_train_data/{name}" for name in names]))


def yolo_list(root: Path, names: Sequence[str]) -> None:
    pictures(root / "images", names, None)
    (root / "data.yaml").write_text("train: train.txt\nnames: [dog]\n")
    (root / "train.txt").write_bytes(lines([f"./images/{name}" for name in names]))


def voc(root: Path, names: Sequence[str]) -> None:
    pictures(root / "JPEGImages", names, None)
    for name in names:
        put(root / "Annotations" / f"{name.rpartition('.')[0]}.xml", XML.encode())
    (root / "ImageSets/Main").mkdir(parents=True)
    (root / "ImageSets/Main/train.txt").write_bytes(lines([name.rpartition(".")[0] for name in names]))


def coco(root: Path, names: Sequence[str]) -> None:
    pictures(root / "images", ["/".join(inner_parts(name)) or "x" for name in names], None)
    images = [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(names)]
    told = {"images": images, "annotations": [{"image_id": 0, "category_id": 1, "bbox": [1, 1, 5, 5]}],
            "categories": [{"id": 1, "name": "dog"}]}  # fmt: skip
    (root / "annotations").mkdir()
    (root / "annotations/instances_train.json").write_text(json.dumps(told))


SOURCES = {"yolo_darknet": darknet, "yolo": yolo_list, "voc": voc, "coco": coco}


@contextmanager
def place() -> Iterator[tuple[Path, Path]]:
    """A home full of things of the user, with a dataset deep in it and a target beside; the current folder as well."""
    with tempfile.TemporaryDirectory(prefix="yolobg-") as top:
        home = Path(top).resolve() / "user/home"
        dataset = home / "in/deep/ds"
        dataset.mkdir(parents=True)
        for name in (".bashrc", "a.txt", "images/a.jpg", "labels/a.txt", "out.txt", "in/a.jpg"):
            put(home / name, content(400) if name.endswith("a.jpg") else f"mine: {name}".encode())
        before = Path.cwd()
        os.chdir(home)
        try:
            yield home, dataset
        finally:
            os.chdir(before)


def converted(home: Path, dataset: Path, source: str, to: str, images: Images = "copy") -> Path | None:
    """Convert into `home/out`; where it was refused there is no target. Nothing else may have changed."""
    before = tree(home.parent)
    target: Path | None = home / "out"
    try:
        convert(dataset, home / "out", to=to, from_=source, images=images, polygons="to-boxes", class_order="lose")
    except YolobgError:
        target = None
    after = {name: what for name, what in tree(home.parent).items() if name.split("/")[:2] != ["home", "out"]}
    assert after == before, "something beside the target was touched"
    assert os.path.lexists(home / "out") is (target is not None)
    for path in target.rglob("*") if target else ():
        assert is_safe(path.relative_to(home / "out").as_posix())
        assert not path.is_symlink() or images == "symlink"
    return target


def image_files(target: Path) -> list[Path]:
    return sorted(path for path in target.rglob("*") if path.suffix.lower() in (".jpg", ".png"))


CLIMBING = [
    "ok.jpg",
    "../../../climbed.jpg",
    "../out.jpg",
    "../../../out/images/train/in.jpg",
    "sub/../../../a.jpg",
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("to", OWN)
@pytest.mark.parametrize("images", ["copy", "hard", "symlink"])
def test_convert__names_that_climb_stay_in_the_target(source: str, to: str, images: Images) -> None:
    with place() as (home, dataset):
        SOURCES[source](dataset, CLIMBING)
        target = converted(home, dataset, source, to, images)
        assert target is not None
        assert len(image_files(target)) == len(CLIMBING)
    tally.tried("hostile inputs")


PARTS = st.sampled_from(
    ["..", ".", "", "a", "A", "a ", "a.", "con", "NUL", "C:", "x:y", "~", "é", "e\u0301", "a\\b", "\\\\srv", "...",
     ".h", "images", "x" * 240, "*", "lpt1.x"]
)  # fmt: skip
NAMES = st.tuples(
    st.lists(PARTS, max_size=5), st.sampled_from(["a.jpg", "A.jpg", "b.png", "con.jpg", "a .jpg", "."])
).map(lambda drawn: "/".join((*drawn[0], drawn[1])))
FIND = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=60, phases=FIND, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(NAMES, min_size=1, max_size=5),
    source=st.sampled_from([*SOURCES]),
    to=st.sampled_from([*OWN]),
    images=st.sampled_from(["copy", "hard", "symlink"]),
)
def test_convert__whatever_the_source_holds_nothing_else_changes(
    names: list[str], source: str, to: str, images: Images
) -> None:
    with place() as (home, dataset):
        SOURCES[source](dataset, names)
        converted(home, dataset, source, to, images)
    tally.tried("hostile inputs")


@pytest.mark.slow
@settings(max_examples=600, phases=FIND, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(NAMES | st.text(max_size=20), min_size=1, max_size=6),
    source=st.sampled_from([*SOURCES]),
    to=st.sampled_from([*OWN]),
)
def test_convert__whatever_the_source_holds_nothing_else_changes_and_many_more(
    names: list[str], source: str, to: str
) -> None:
    with place() as (home, dataset):
        SOURCES[source](dataset, names)
        converted(home, dataset, source, to)
    tally.tried("hostile inputs")


@pytest.mark.datumaro
@pytest.mark.parametrize("to", [name for name, format_ in all_formats().items() if not format_.own])
@pytest.mark.parametrize("source", SOURCES)
def test_convert__through_datumaro_nothing_else_changes(source: str, to: str) -> None:
    with place() as (home, dataset):
        SOURCES[source](dataset, CLIMBING)
        target = converted(home, dataset, source, to)
        assert target is not None
    tally.tried("hostile inputs")


# ---------------------------------------------------------------- names that become one, splits, links


def test_convert__names_that_become_one_are_kept_apart_with_their_labels(tmp_path: Path) -> None:
    names = ["a:b.jpg", "a?b.jpg", "a_b.jpg", "a_b.jpg ", "A_B.jpg", "../a_b.jpg", "/a_b.jpg"]
    coco(tmp_path / "in", names)
    told = json.loads((tmp_path / "in/annotations/instances_train.json").read_text())
    told["annotations"] = [
        {"image_id": i, "category_id": 1, "bbox": [1, 1, i + 5, 5]} for i in range(len(names)) if i != 3
    ]
    (tmp_path / "in/annotations/instances_train.json").write_text(json.dumps(told))
    reports = [convert(tmp_path / "in", tmp_path / f"out{i}", to="yolo", images="none") for i in (1, 2)]
    assert reports[0].renamed == reports[1].renamed
    renamed = {change.name: change.to for change in reports[0].renamed}
    assert len({renamed.get(name, name).lower() for name in names}) == len(names)
    for number, name in enumerate(names):
        label = tmp_path / "out1/labels/train" / Path(renamed.get(name, name)).with_suffix(".txt")
        width = label.read_text().split()[3:4]
        assert width == ([] if number == 3 else [f"{(number + 5) / 64:.10f}".rstrip("0")])


def test_convert__two_records_of_one_file_are_named(tmp_path: Path) -> None:
    coco(tmp_path / "in", ["a.jpg", "b.jpg", "a.jpg"])
    with pytest.raises(DatasetError, match=r"train/a\.jpg: two images"):
        convert(tmp_path / "in", tmp_path / "out", to="yolo")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_convert__darknet_images_of_one_name_in_two_folders_are_kept_apart(tmp_path: Path) -> None:
    for number, folder in enumerate(("one", "two")):
        put(tmp_path / folder / "a.jpg", content(number))
        put(tmp_path / folder / "a.txt", f"0 0.5 0.5 0.{number + 1} 0.2\n".encode())
    darknet_root = tmp_path / "in"
    darknet_root.mkdir()
    darknet(darknet_root, [])
    (darknet_root / "train.txt").write_bytes(lines([str(tmp_path / "two/a.jpg"), str(tmp_path / "one/a.jpg")]))
    report = convert(darknet_root, tmp_path / "out", to="yolo")
    assert report.after.images == 2
    found = {path.name: path.read_bytes() for path in (tmp_path / "out/images/train").iterdir()}
    assert found == {"a.jpg": content(0), "a-2.jpg": content(1)}
    assert (tmp_path / "out/labels/train/a-2.txt").read_text().split()[3] == "0.2"


def test_convert__split_names_are_safe_and_kept_apart(tmp_path: Path) -> None:
    for split in ("con", "Fold", "fold", "a."):
        coco(tmp_path / split, [f"{split}.jpg"])
        put(tmp_path / "in/images" / split / f"{split}.jpg", content(0))
        put(
            tmp_path / f"in/annotations/instances_{split}.json",
            (tmp_path / split / "annotations/instances_train.json").read_bytes(),
        )
    report = convert(tmp_path / "in", tmp_path / "out", to="coco")
    assert sorted(report.after.splits) == ["Fold", "a", "con_", "fold-2"]
    assert "split fold is called fold-2" in report.changes
    for odd in ("../x", "a/b", "C:", "nul", "x ", ".h"):
        with pytest.raises(UsageError, match="--split"):
            convert(tmp_path / "in", tmp_path / "out2", to="coco", splits={"Fold": odd})
    assert not (tmp_path / "out2").exists()


@pytest.mark.parametrize("to", ["yolo", "voc", "coco", "yolo_darknet"])
@pytest.mark.parametrize("kind", ["link to a folder", "another folder in place of the root"])
def test_convert__a_link_that_is_made_meanwhile_is_not_written_through(tmp_path: Path, to: str, kind: str) -> None:
    darknet_root, victim = tmp_path / "in", tmp_path / "victim"
    darknet_root.mkdir()
    victim.mkdir()
    darknet(darknet_root, [f"{number}/a{number}.jpg" for number in range(6)])

    def plant(stage: str, done: int, _total: int | None) -> None:
        if stage != "write" or done:
            return
        (staging,) = tmp_path.glob(".yolobg-*.part")
        if kind == "link to a folder":
            for home in ("images/train", "labels/train", "JPEGImages", "Annotations", "obj_train_data"):
                (staging / home).mkdir(parents=True, exist_ok=True)
                for number in range(1, 6):
                    (staging / home / str(number)).symlink_to(victim)
        else:
            staging.rename(tmp_path / "aside")
            staging.symlink_to(victim)

    with pytest.raises(YolobgError):
        convert(darknet_root, tmp_path / "out", to=to, progress=plant)
    assert list(victim.iterdir()) == []
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- the place itself


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "x/../../a.jpg", "con", "a ", "a.", "x:y", "a\\b", "~/a", ".h/a.jpg", "sub/nul.txt", ""],
)
@pytest.mark.parametrize("mode", ["copy", "hard", "symlink"])
def test_placer__refuses_a_name_that_is_not_safe(tmp_path: Path, name: str, mode: Images) -> None:
    put(tmp_path / "image.jpg", content(0))
    (tmp_path / "root").mkdir()
    before = tree(tmp_path)
    with Placer(tmp_path / "root", mode) as place:
        with pytest.raises((MergeError, UsageError)):
            place.put(Item("train", name, str(tmp_path / "image.jpg")), f"{tmp_path / 'root'}{os.sep}{name}")
        with pytest.raises(MergeError):
            place.open_text(f"{tmp_path / 'root'}{os.sep}{name}")
        with pytest.raises(MergeError):
            place.folder(f"{tmp_path / 'root-2'}")
        place.finish()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("mode", ["copy", "hard", "symlink"])
def test_placer__replaces_nothing(tmp_path: Path, mode: Images) -> None:
    put(tmp_path / "image.jpg", content(0))
    put(tmp_path / "mine.txt", b"mine")
    root = tmp_path / "root"
    put(root / "there.jpg", b"mine")
    (root / "link.jpg").symlink_to(tmp_path / "mine.txt")
    (root / "dangling.jpg").symlink_to(tmp_path / "new.txt")

    def bring(place: Placer, name: str) -> None:
        place.put(Item("train", name, str(tmp_path / "image.jpg")), str(root / name))
        place.finish()

    for name in ("there.jpg", "link.jpg", "dangling.jpg"):
        with Placer(root, mode) as place:
            with pytest.raises((MergeError, UsageError)):
                bring(place, name)
            with pytest.raises(FileExistsError):
                place.open_text(root / name)
    assert (root / "there.jpg").read_bytes() == (tmp_path / "mine.txt").read_bytes() == b"mine"
    assert not (tmp_path / "new.txt").exists()
    assert (root / "dangling.jpg").is_symlink()


def test_placer__a_junction_counts_as_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stat.IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003, raising=False)
    with Placer(tmp_path) as place:
        place.folder(tmp_path / "sub")
        monkeypatch.setattr(placing, "_reparse_tag", lambda _status: 0xA0000003)
        with pytest.raises(MergeError):
            place.open_text(tmp_path / "sub/a.txt")
    assert tree(tmp_path) == {"sub": None}


def test_convert__a_planted_link_in_place_of_a_lock_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    darknet(tmp_path / "in", ["a.jpg"])
    put(tmp_path / "mine.txt", b"mine")
    mark = hashlib.sha256(b"out").hexdigest()[:16]
    (tmp_path / f".yolobg-{mark}{'0' * 16}.lock").symlink_to(tmp_path / "mine.txt")
    os.link(tmp_path / "mine.txt", tmp_path / f".yolobg-{mark}{'1' * 16}.lock")
    convert(tmp_path / "in", tmp_path / "out", to="yolo")
    assert (tmp_path / "mine.txt").read_bytes() == b"mine"
