"""What annotation tools export, as a source of backgrounds: read without a guess, or refused in words."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from export_data import EXPORTS, Export, coco, put, shot, shots
from merging import tree

import yolobg
from yolobg.coco_json import shared_parts, text_number
from yolobg.errors import AnnotationsError, DatasetError, DownloadError, PoolError, YolobgError

ROW = "0 0.5 0.5 0.2 0.2\n"

# What each command says: `read`, or words of its refusal. Where it is read, the picture of the dog is left out.
ANSWERS: dict[str, tuple[str, str, str]] = {
    "COCO with string ids": ("read", "read", "read"),
    "COCO with UUID ids": ("read", "read", "read"),
    "COCO with names as ids": ("read", "read", "read"),
    "LVIS, coco_url without file_name": ("read", "read", "read"),
    "COCO with annotations of unlisted images": ("is not in images",) * 3,
    "COCO with NaN": ("read", "read", "read"),
    "COCO with absolute names": ("read", "read", "read"),
    "COCO with names of a drive": ("read", "read", "read"),
    "COCO with backslashes": ("read", "read", "read"),
    "COCO with two pictures of one name": ("some", "some", "its image is missing"),
    "COCO under any name": ("read", "read", "read"),
    "Label Studio, COCO": ("read", "read", "read"),
    "Label Studio, JSON": ("read", "this is Label Studio's own JSON", "is Label Studio's own JSON"),
    "FiftyOne, COCO": ("read", "read", "read"),
    "FiftyOne, its own": ("read", "this is FiftyOne's own format", "is FiftyOne's own format"),
    "CVAT for images": ("read", "this is CVAT's XML", "is CVAT's XML"),
    "CVAT, COCO": ("read", "read", "read"),
    "CVAT, YOLO": ("read", "", "read"),
    "Roboflow, COCO": ("read", "some", "read"),
    "Roboflow, YOLO": ("read", "", "read"),
    "LabelMe": ("read", "this is a JSON file of LabelMe", "is a JSON file of LabelMe"),
    "labelImg": ("read", "this is an XML file of labelImg", "is an XML file of labelImg"),
    "Open Images": ("says of a few classes only", "this is a list of Open Images", "is a list of Open Images"),
    "a table of any kind": ("not understood", "this is a table", "which format"),
    "MATLAB": ("not understood", "this is a MATLAB file", "which format"),
}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dog and no background."""
    shot(tmp_path / "data" / "images" / "train" / "x.jpg", 100)
    put(tmp_path / "data" / "labels" / "train" / "x.txt", ROW)
    put(tmp_path / "data" / "data.yaml", "train: images/train\nval: images/train\nnames: [dog]\n")
    return tmp_path / "data"


def most(dataset: Path, **source: Any) -> set[str]:
    """The pictures that are added if as many as possible are asked for."""
    for count in (3, 2, 1):
        copy = dataset.with_name(f"copy{count}")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(dataset, copy)
        try:
            return {Path(added.url).name for added in yolobg.augment(copy, count=count, **source).added}
        except (PoolError, DownloadError):
            continue
    return set()


def ways(pool: Path, annotations: str = "labels.json") -> tuple[dict[str, Any], ...]:
    """The two ways to name a folder with `images` and a COCO file as the source."""
    return {"source": str(pool)}, {"annotations": pool / annotations, "images": [pool / "images"]}


def check(answer: str, run: Callable[[], set[str]], export: Export) -> None:
    """One cell of the table."""
    dog, *others = (Path(name).name for name in export.names)
    if answer in ("read", "some"):
        found = run()
        assert dog not in found - set(others)
        assert found == set(others) if answer == "read" else found < set(others)
    else:
        with pytest.raises((AnnotationsError, DatasetError), match=answer):
            run()


@pytest.mark.parametrize("kind", EXPORTS)
def test_source__each_export_is_read_or_refused_in_words(dataset: Path, tmp_path: Path, kind: str) -> None:
    export, pool = EXPORTS[kind], tmp_path / "pool"
    export.make(pool)
    before = tree(pool)
    answer = ANSWERS[kind][0]
    check(answer, lambda: most(dataset, source=str(pool)), export)
    if answer == "read":
        report = yolobg.classes(dataset, source=str(pool))
        assert report.source is not None
        assert (report.source.left_out.class_, "dog" in map(str.casefold, report.excluded)) == (1, True)
    elif answer != "some":
        check(answer, lambda: set(yolobg.classes(dataset, source=str(pool)).excluded), export)
    assert tree(pool) == before


@pytest.mark.parametrize("kind", [kind for kind, export in EXPORTS.items() if export.annotations])
def test_annotations__each_export_is_read_or_refused_in_words(dataset: Path, tmp_path: Path, kind: str) -> None:
    export, pool = EXPORTS[kind], tmp_path / "pool"
    export.make(pool)
    options = {"annotations": pool / export.annotations, "images": [pool / export.images]}
    check(ANSWERS[kind][1], lambda: most(dataset, **options), export)


@pytest.mark.parametrize("kind", EXPORTS)
def test_convert__each_export_is_read_or_refused_in_words(tmp_path: Path, kind: str) -> None:
    export, answer = EXPORTS[kind], ANSWERS[kind][2]
    export.make(tmp_path / "pool")
    if answer == "read":
        counts = yolobg.convert(tmp_path / "pool", tmp_path / "out", to="yolo").after
        assert (counts.images, counts.backgrounds, counts.boxes) == (3, 1, 2)
    else:
        with pytest.raises(YolobgError, match=answer):
            yolobg.convert(tmp_path / "pool", tmp_path / "out", to="yolo")
        assert not (tmp_path / "out").exists()


def test_docs__say_what_is_read_and_what_stops() -> None:
    page = Path(__file__).parents[2] / "docs" / "sources.md"
    told = page.read_text("utf-8").split("<!-- exports -->\n")[1].split("\n\n")[0].splitlines()
    said = {"read": "read", "some": "read in part", "": "–"}
    meant = [f"| {kind} | {' | '.join(said.get(one, 'stops') for one in cells)} |" for kind, cells in ANSWERS.items()]
    assert told[2:] == meant


@pytest.mark.parametrize("spelling", ["Dogs", "狗", "perro"])
def test_source__another_spelling_of_the_class_is_matched_as_always(
    dataset: Path, tmp_path: Path, spelling: str
) -> None:
    shots(tmp_path / "pool")
    put(tmp_path / "pool" / "labels.json", coco(ids=("u", "v", "w"), classes=(spelling, "cat")))
    if spelling == "perro":
        assert most(dataset, source=str(tmp_path / "pool"), map={"dog": [spelling]}) == {"shot_02.jpg", "shot_03.jpg"}
    else:
        assert most(dataset, source=str(tmp_path / "pool")) == {"shot_02.jpg", "shot_03.jpg"}


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize("shift", [-1, 1])
def test_ids__that_are_one_off_stop(dataset: Path, tmp_path: Path, shift: int) -> None:
    """Each annotation marks the picture before or after; the one that marks none gives it away."""
    pool = tmp_path / "pool"
    shots(pool, "images")
    content = json.loads(coco(boxes=3, categories=(1, 2, 3), classes=("dog", "cat", "cow")))
    for row in content["annotations"]:
        row["image_id"] += shift
    put(pool / "labels.json", json.dumps(content))
    for source in ways(pool):
        with pytest.raises(
            (AnnotationsError, DatasetError), match=r"is not in images \(1 annotation of 1 such image\)"
        ):
            yolobg.plan(dataset, count=1, **source)


def test_ids__texts_keep_their_numbers_and_differ() -> None:
    assert [text_number(text) for text in ("0", "17", "-3")] == [0, 17, -3]
    odd = ("017", "1.0", " 1", "+1", "a.jpg", "A.jpg", "", "9" * 30, "é", "e\u0301")
    numbers = {text_number(text) for text in odd}
    assert len(numbers) == len(odd)
    assert not numbers & {0, 1, 17}
    assert all(0 <= number < 2**48 for number in numbers)


def test_ids__two_spellings_of_one_image_are_no_two_images(dataset: Path, tmp_path: Path) -> None:
    shots(tmp_path / "pool", "images")
    put(tmp_path / "pool" / "labels.json", coco(ids=("1", 1, 2)))
    for source in ways(tmp_path / "pool"):
        with pytest.raises((AnnotationsError, DatasetError), match=r"twice|same id"):
            yolobg.plan(dataset, count=1, **source)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("names", "shared"),
    [
        (["a.jpg", "b/c.jpg"], 0),
        (["/h/a.jpg"], 1),
        (["/h/p/a.jpg", "/h/p/q/b.jpg"], 2),
        (["/h/p/a.jpg", "/h/pp/b.jpg", "c.jpg"], 1),
        (["/h/p/a.jpg", "/m/p/a.jpg"], 0),
        (["C:\\d\\a.jpg", "C:/d/e/b.jpg"], 2),
        (["C:\\d\\a.jpg", "D:\\d\\a.jpg"], 0),
        (["\\\\nas\\share\\a.jpg", "//nas/share/b.jpg"], 2),
        (["/h/./p//a.jpg", "/h/p/b.jpg"], 2),
        ([], 0),
    ],
)
def test_shared_parts__are_those_of_all_absolute_names(names: list[str], shared: int) -> None:
    for order in itertools.permutations(names):
        assert shared_parts(order) == shared


@pytest.mark.parametrize("folders", [("run1", "run2"), ("day", "night")])
def test_names__two_pictures_of_one_name_are_never_taken_for_each_other(
    dataset: Path, tmp_path: Path, folders: tuple[str, str]
) -> None:
    """A dog in the first `a.jpg`, none in the second; only folders of the recorded names tell which is which."""
    pool = tmp_path / "pool"
    for number, folder in enumerate(("day", "night")):
        shot(pool / "images" / folder / "a.jpg", number)
    shot(pool / "images" / "b.jpg", 2)
    put(pool / "labels.json", coco([*(f"/home/anna/{folder}/a.jpg" for folder in folders), "/home/anna/b.jpg"]))
    for source in ways(pool):
        added = set()
        for count in (3, 2, 1):
            try:
                report = yolobg.augment(dataset, count=count, **source)
            except (PoolError, DownloadError):
                continue
            added = {Path(one.url).parent.name for one in report.added}
            yolobg.remove(dataset)
            break
        assert added == ({"images", "night"} if folders[0] == "day" else {"images"})


def test_names__a_folder_called_as_the_names_begin_needs_no_folder_more(dataset: Path, tmp_path: Path) -> None:
    """`images/a.jpg` is in the folder `images`; and in `images/images`, where there is such a one."""
    pool = tmp_path / "pool"
    shots(pool, "images")
    put(pool / "result.json", coco([f"images/shot_0{n}.jpg" for n in (1, 2, 3)]))
    wish = ways(pool, "result.json")[1]
    assert most(dataset, **wish) == {"shot_02.jpg", "shot_03.jpg"}
    shot(pool / "images" / "images" / "shot_02.jpg", 77)
    report = yolobg.augment(dataset, count=2, **wish)
    assert {Path(one.url).parent.name for one in report.added if one.url.endswith("shot_02.jpg")} == {"images"}
    assert any(Path(one.url).parent.parent.name == "images" for one in report.added)
