"""Any dataset through any of our formats and back: the same images, objects, classes and bytes, or a refusal."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tally
import yaml
from format_data import picture
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from yolobg.convert_results import ConvertReport
from yolobg.errors import YolobgError
from yolobg.formats.convert import convert
from yolobg.formats.registry import OWN, all_formats

EXACT = 1e-6
SUFFIXES = (".jpg", ".png", ".JPG")
Key = tuple[str, str]
Row = tuple[float, ...]

# Names that some format or other gets wrong, and whatever else hypothesis thinks of.
PARTS = st.one_of(
    st.sampled_from(
        ["a", "A", "images", "labels", "train", "a.txt", "a.jpg", "a 1", "b -1", "a_b", "ü", "ü", "日本", "-x", "%41",
         "a&b<c>", "it's", '"q"', "#1", "a;b,c", "𝒳", "a-val", "a-train-2", "x" * 90]
    ),
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="/\\:"), min_size=1, max_size=9)
    .map(str.strip)
    .filter(lambda part: part.strip(". ") and not part.startswith(".")),
)  # fmt: skip
# A folder that is called like an image is a broken image to trainers, and one called images moves the labels.
FOLDERS = PARTS.filter(lambda part: part.lower() != "images" and "." not in part)
NAMES = st.tuples(st.lists(FOLDERS, max_size=2), PARTS).map(lambda drawn: "/".join((*drawn[0], drawn[1])))
CLASS_NAMES = st.lists(
    st.one_of(
        st.sampled_from(["background", "big cat", "1", "no", "null", "it's", "a/b", "naïve", "1.0"]),
        st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\\:#"), min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=5,
    unique=True,
)
# A little outside, where trainers go along.
SHARE = st.floats(-0.004, 1.004, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> Row:
    w, h = draw(st.floats(1e-4, 1)), draw(st.floats(1e-4, 1))
    return (draw(st.floats(w / 2, 1 - w / 2)), draw(st.floats(h / 2, 1 - h / 2)), w, h)


@st.composite
def rings(draw: st.DrawFn) -> Row:
    return tuple(draw(st.lists(SHARE, min_size=6, max_size=14).filter(lambda ring: len(ring) % 2 == 0)))


@dataclass(frozen=True)
class Drawn:
    """A dataset: class names, and for each image its rows (class id, coordinates) or None for no label file."""

    names: list[str]
    images: dict[Key, list[tuple[int, Row]] | None]

    @property
    def splits(self) -> list[str]:
        return sorted({split for split, _ in self.images})


@st.composite
def datasets(draw: st.DrawFn, *, polygons: bool = True) -> Drawn:
    names = draw(CLASS_NAMES)
    keys = draw(st.lists(st.tuples(st.sampled_from(["train", "val", "test"]), NAMES), min_size=1, max_size=7))
    # Polygons in some images of a split and boxes in others are refused.
    shapes = {split: rings() if polygons and draw(st.booleans()) else boxes() for split in ("train", "val", "test")}
    images: dict[Key, list[tuple[int, Row]] | None] = {}
    labels = set[Key]()
    for split, stem in keys:
        # One label file for two images is no dataset, and a file cannot be a folder too.
        if (split, stem) in labels or any(_within(stem, other) for where, other in labels if where == split):
            continue
        labels.add((split, stem))
        ids = st.integers(0, len(names) - 1)
        rows = draw(st.one_of(st.none(), st.just([]), st.lists(st.tuples(ids, shapes[split]), min_size=1, max_size=4)))
        images[split, stem + draw(st.sampled_from(SUFFIXES))] = rows
    return Drawn(names, images)


def _within(one: str, other: str) -> bool:
    """Whether the path of one is a folder of the other's, or would be with a suffix."""
    pairs = ((one, other), (other, one))
    return any(f"{b}/".startswith(f"{a}{end}/") for a, b in pairs for end in ("", ".txt", *SUFFIXES))


@functools.cache
def pictures(suffix: str) -> list[bytes]:
    """Some pictures of different sizes."""
    drawn = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(4):
            file = Path(folder) / f"{number}{suffix}"
            picture(file, number + 4 * SUFFIXES.index(suffix))
            drawn.append(file.read_bytes())
    return drawn


def write(root: Path, drawn: Drawn) -> None:
    """Write it as a YOLO dataset, with nothing of ours."""
    turn = itertools.count()
    for (split, name), rows in drawn.images.items():
        stem, dot, suffix = name.rpartition(".")
        image, label = root / "images" / split / name, root / "labels" / split / f"{stem}.txt"
        image.parent.mkdir(parents=True, exist_ok=True)
        label.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(pictures(dot + suffix)[next(turn) % 4])
        if rows is not None:
            label.write_text("".join(f"{i} {' '.join(map(repr, row))}\n" for i, row in rows), encoding="utf-8")
    told = {**{split: f"images/{split}" for split in drawn.splits}, "names": dict(enumerate(drawn.names))}
    (root / "data.yaml").write_text(yaml.safe_dump({"train": None, "val": None, **told}, allow_unicode=True), "utf-8")


def read(root: Path) -> Drawn:
    """Read what we wrote as YOLO, with nothing of ours."""
    told = yaml.safe_load((root / "data.yaml").read_text("utf-8"))
    images: dict[Key, list[tuple[int, Row]] | None] = {}
    for split in ("train", "val", "test"):
        home = root / "images" / split
        for image in (path for path in home.rglob("*") if path.is_file()):
            name = image.relative_to(home).as_posix()
            label = root / "labels" / split / (name.rpartition(".")[0] + ".txt")
            rows = [line.split() for line in label.read_text("utf-8").splitlines()]
            images[split, name] = [(int(row[0]), tuple(map(float, row[1:]))) for row in rows]
    return Drawn(list(told["names"].values()), images)


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="yolobg-") as folder:
        yield Path(folder)


def original(found: Mapping[Key, Any], *reports: ConvertReport) -> dict[Key, Any]:
    """What was found, under the names that the images had at first."""
    for report in reversed(reports):
        back = {(change.split, change.to): (change.split, change.name) for change in report.renamed}
        found = {back.get(key, key): value for key, value in found.items()}
    return dict(found)


def check(found: Mapping[Key, Any], drawn: Drawn, *, to_boxes: bool, tolerance: float = EXACT) -> None:
    assert found.keys() == drawn.images.keys()
    for key, rows in drawn.images.items():
        meant = [(i, box_of(row) if to_boxes and len(row) > 4 else row) for i, row in rows or []]
        assert [(i, len(row)) for i, row in found[key]] == [(i, len(row)) for i, row in meant], key
        for (_, one), (_, other) in zip(found[key], meant, strict=True):
            assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= tolerance, key


def box_of(ring: Row) -> Row:
    left, right, top, bottom = min(ring[::2]), max(ring[::2]), min(ring[1::2]), max(ring[1::2])
    return ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


def there_and_back(drawn: Drawn, ways: tuple[str, ...], **wish: Any) -> None:
    """Write it, convert it from format to format and at last to YOLO, and compare with what was drawn."""
    tally.tried("bad inputs")
    with scratch() as place:
        write(place / "0", drawn)
        source, reports = place / "0", []
        for number, name in enumerate((*ways, "yolo"), 1):
            from_ = "yolo" if number == 1 else ways[number - 2]
            reports.append(convert(source, place / f"{number}", to=name, from_=from_, **wish))
            source = place / f"{number}"
        result = read(source)
        assert result.names == drawn.names
        assert [list(report.after.classes.values()) for report in reports] == [drawn.names] * len(reports)
        assert all(report.deviation <= EXACT for report in reports)
        check(original(result.images, *reports), drawn, to_boxes=wish["polygons"] == "to-boxes")
        content = {key: (source / "images" / key[0] / key[1]).read_bytes() for key in result.images}
        for (split, name), data in original(content, *reports).items():
            assert data == (place / "0" / "images" / split / name).read_bytes()
        assert len(list(place.iterdir())) == len(ways) + 2, "something was left behind"


BOXED = [name for name, format_ in OWN.items() if not format_.polygons]
# A conversion writes files: to look for the smallest example takes minutes, and these are small.
FIND = (Phase.explicit, Phase.reuse, Phase.generate)
SLOW_OK = settings(phases=FIND, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(SLOW_OK, max_examples=8)
@given(drawn=datasets(), ways=st.lists(st.sampled_from([*OWN]), min_size=1, max_size=3).map(tuple))
def test_convert__any_dataset_survives_any_way(drawn: Drawn, ways: tuple[str, ...]) -> None:
    there_and_back(drawn, ways, polygons="to-boxes" if {*ways} & {*BOXED} else "keep")


@pytest.mark.parametrize("folder", ["train", "val", "test", "train/train"])
def test_convert__plain_keeps_images_in_a_folder_named_like_a_split(folder: str) -> None:
    drawn = Drawn(["car"], {("train", f"{folder}/0.jpg"): None, ("train", "train/1.jpg"): []})
    there_and_back(drawn, ("yolo", "yolo_plain"), polygons="keep")


@pytest.mark.slow
@settings(SLOW_OK, max_examples=60)
@given(drawn=datasets(), ways=st.lists(st.sampled_from([*OWN]), min_size=1, max_size=4).map(tuple))
def test_convert__any_dataset_survives_any_way_and_many_more(drawn: Drawn, ways: tuple[str, ...]) -> None:
    there_and_back(drawn, ways, polygons="to-boxes" if {*ways} & {*BOXED} else "keep")


ANY_NAME = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and not name.startswith(".")
)


@settings(SLOW_OK, max_examples=20)
@given(
    name=ANY_NAME, class_name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), way=st.sampled_from([*OWN])
)
def test_convert__what_a_format_cannot_hold_is_refused_and_leaves_nothing(name: str, class_name: str, way: str) -> None:
    tally.tried("hostile inputs")
    drawn = Drawn([class_name, "other"], {("train", f"{name}.jpg"): [(0, (0.5, 0.5, 0.25, 0.25))]})
    with scratch() as place:
        write(place / "source", drawn)
        try:
            there = convert(place / "source", place / "there", to=way)
            back = convert(place / "there", place / "back", to="yolo", from_=way)
        except YolobgError:
            assert sorted(path.name for path in place.iterdir()) in (["source"], ["source", "there"])
            return
        assert read(place / "back").names == list(there.before.classes.values())
        check(original(read(place / "back").images, there, back), drawn, to_boxes=False)


# ---------------------------------------------------------------- COCO


@st.composite
def coco_files(draw: st.DrawFn) -> dict[str, Any]:
    """A COCO file: numbers in any order, crowds, outlines of several rings, images without a size or an object."""
    random_ = draw(st.randoms(use_true_random=False))
    numbers = draw(st.lists(st.integers(-5, 2**53), min_size=1, max_size=6, unique=True))
    categories = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=4, unique=True))
    images = [
        {"id": number, "file_name": f"{random_.choice('abc')}/{place}.jpg", "width": 100 + place, "height": 77}
        for place, number in enumerate(numbers)
    ]
    annotations = []
    for place in range(draw(st.integers(0, 12))):
        kind = random_.choice(["box", "rings", "crowd", "mask"])
        x, y, w, h = (round(random_.uniform(1, 38), random_.choice([0, 2, 9])) for _ in range(4))
        ring = [[round(random_.uniform(0, 70), 3) for _ in range(2 * random_.randint(3, 6))] for _ in range(2)]
        mask: dict[str, Any] = {"counts": [random_.randrange(99) for _ in range(5)], "size": [77, 100]}
        mask["counts"].append(7700 - sum(mask["counts"]))
        if random_.random() < 0.5:
            mask["counts"] = coco_mask.frPyObjects(mask, 77, 100)["counts"].decode()
        points = [random_.choice([round(random_.uniform(-9, 109), 3), 0, 2]) for _ in range(2)]
        points = [*points, random_.randint(0, 2), *points[::-1], random_.randint(0, 2)]
        annotations.append(
            {**({"keypoints": points} if random_.random() < 0.3 else {}),
             "id": place + 1, "image_id": random_.choice(numbers), "category_id": random_.choice(categories),
             "bbox": [x, y, w, h], "area": round(random_.uniform(0, 7700), 4),
             "iscrowd": int(kind == "crowd"), "score": None, "attributes": {"a}, {": [1, "]"]},
             "segmentation": {"box": [], "rings": ring, "crowd": mask, "mask": mask}[kind]}
        )  # fmt: skip
    random_.shuffle(annotations)
    told = {"images": images, "annotations": annotations,
            "info": {"x": [{}]},
            "categories": [{"id": i, "name": f"c {i}", "keypoints": ["a", "b"]} for i in categories]}  # fmt: skip
    keys = list(told)
    random_.shuffle(keys)
    return {key: told[key] for key in keys}


@settings(SLOW_OK, max_examples=25)
@given(told=coco_files(), indent=st.sampled_from([None, 0, 2]))
def test_convert__any_coco_file_comes_back(told: dict[str, Any], indent: int | None) -> None:
    tally.tried("bad inputs")
    with scratch() as place:
        (place / "annotations").mkdir()
        (place / "annotations" / "instances_train.json").write_text(json.dumps(told, indent=indent))
        report = convert(place, place.with_name(f"{place.name}-out"), to="coco", images="none")
        target = Path(report.target)
        try:
            found = json.loads((target / "annotations" / "instances_train.json").read_text())
        finally:
            shutil.rmtree(target)
    by_name = {image["file_name"]: image for image in told["images"]}
    assert [image["file_name"] for image in found["images"]] == sorted(by_name)
    for image in found["images"]:
        assert {key: image[key] for key in by_name[image["file_name"]]} == by_name[image["file_name"]]
    assert {c["id"]: c["name"] for c in found["categories"]} == {c["id"]: c["name"] for c in told["categories"]}
    for number in (image["id"] for image in told["images"]):
        left, right = ([a for a in side["annotations"] if a["image_id"] == number] for side in (told, found))
        assert [(a["category_id"], a["iscrowd"]) for a in left] == [(a["category_id"], a["iscrowd"]) for a in right]
        for one, other in zip(left, right, strict=True):
            assert other["bbox"] == pytest.approx(one["bbox"], abs=1e-5)
            assert other["area"] == one["area"]
            points = one["keypoints"] if any(one.get("keypoints", [])) else None
            assert other.get("keypoints") == (None if points is None else pytest.approx(points, abs=1e-5))
            if isinstance(one["segmentation"], dict):
                assert other["segmentation"] == one["segmentation"]
                continue
            for ring, back in zip(one["segmentation"], other["segmentation"], strict=True):
                assert back == pytest.approx(ring, abs=1e-5)
    assert report.after.crowds == sum(a["iscrowd"] for a in told["annotations"])


# ---------------------------------------------------------------- through datumaro


@pytest.mark.datumaro
@pytest.mark.parametrize("name", [name for name, format_ in all_formats().items() if not format_.own])
def test_convert__any_dataset_survives_datumaro(name: str) -> None:
    format_ = all_formats()[name]

    @settings(SLOW_OK, max_examples=4)
    @given(drawn=datasets(polygons=format_.polygons))
    def survives(drawn: Drawn) -> None:
        # Where classes are known by their objects alone, none is no dataset for a trainer.
        assume(format_.classes or any(drawn.images.values()))
        tally.tried("bad inputs")
        wish = {"polygons": "keep" if format_.polygons else "to-boxes"}
        wish |= {} if format_.classes else {"class_order": "lose"}
        with scratch() as place:
            write(place / "0", drawn)
            try:
                there = convert(place / "0", place / "1", to=name, **wish)  # type: ignore[arg-type]  # texts, where it wants Literals
            except YolobgError:
                # A name that is beyond it; nothing is lost, and nothing there.
                assert [path.name for path in place.iterdir()] == ["0"]
                return
            back = convert(place / "1", place / "2", to="yolo", from_=name)
            result = read(place / "2")
            ids = {i: drawn.names.index(class_name) for i, class_name in enumerate(result.names)}
            found = {key: [(ids[i], row) for i, row in rows or []] for key, rows in result.images.items()}
            tolerance = 2 * 0.011 / 33 if format_.pixel_digits else EXACT
            check(original(found, there, back), drawn, to_boxes=not format_.polygons, tolerance=tolerance)

    survives()
