"""A COCO object in memory as the source, and the chosen images as one."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from places import REPOSITORY
from pycocotools.coco import COCO

import yolobg
from yolobg.cli.app import app
from yolobg.flow.as_coco import Records
from yolobg.flow.option_values import CocoObject
from yolobg.flow.options import Request, request_of, stored_options

SAMPLE = REPOSITORY / "sample_data"
IMAGES = SAMPLE / "source" / "images"
FILE = next((SAMPLE / "source").rglob("instances*.json"))


def data_of(folder: Path) -> Path:
    shutil.copytree(SAMPLE / "dataset", folder / "dataset")
    return folder / "dataset" / "data.yaml"


@pytest.fixture
def loaded() -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(FILE))


def with_numbers_of_numpy(dataset: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(dataset)
    for image in changed["images"]:
        image |= {"id": np.int64(image["id"]), "width": np.int32(image["width"]), "x": np.zeros(3)}
    for annotation in changed["annotations"]:
        annotation |= {"image_id": np.int64(annotation["image_id"]), "segmentation": {"counts": b"abc"}}
    return changed


@pytest.mark.parametrize("kind", ["pycocotools", "any object", "numbers of numpy", "sizes of numpy"])
def test_annotations__of_an_object_choose_what_its_file_chooses(tmp_path: Path, loaded: Any, kind: str) -> None:
    data = data_of(tmp_path)
    given: CocoObject = loaded
    if kind == "any object":
        given = SimpleNamespace(dataset=loaded.dataset)
    elif kind == "numbers of numpy":
        given = SimpleNamespace(dataset=with_numbers_of_numpy(loaded.dataset))
    elif kind == "sizes of numpy":
        given = SimpleNamespace(dataset=copy.deepcopy(loaded.dataset))
        given.dataset["images"][0]["width"] = np.int64(given.dataset["images"][0]["width"])
    before = repr(given.dataset)
    by_object = yolobg.plan(data, annotations=given, images=[IMAGES], captions=False, ratio=0.2)
    by_file = yolobg.plan(data, annotations=FILE, images=[IMAGES], captions=False, ratio=0.2)
    assert by_object.choice is not None
    assert by_file.choice is not None
    assert by_object.choice.ranked == by_file.choice.ranked
    assert repr(given.dataset) == before


def test_annotations__of_an_object_are_recorded_and_used_again(tmp_path: Path, loaded: Any) -> None:
    data = data_of(tmp_path)
    report = yolobg.augment(data, annotations=loaded, images=[IMAGES], count=5, report=False)
    assert report.after.backgrounds == 5
    assert yolobg.augment(data, annotations=loaded, images=[IMAGES], count=5, report=False).added == ()
    data.write_text(data.read_text().replace("names:\n", "names:\n  4: zebra\n"))
    stale = yolobg.status(data).stale
    assert stale is not None
    assert stale.unchecked == (), "the kept records answer"
    assert yolobg.classes(data, annotations=loaded, images=[IMAGES]).excluded
    yolobg.remove(data)


def test_request__with_an_object_is_a_value_like_any_other(loaded: Any) -> None:
    one, same = (Request(annotations=coco, images=[IMAGES]) for coco in (loaded, copy.copy(loaded)))
    assert one == same
    assert hash(one) == hash(same)
    assert request_of(json.loads(json.dumps(stored_options(one)))).annotations == one.annotations
    other = copy.deepcopy(loaded)
    other.dataset["images"].pop()
    other.dataset["annotations"] = []
    assert Request(annotations=other, images=[IMAGES]) != one


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "int is neither a path"),
        (["a.json"], "list is neither a path"),
        ({"images": []}, "dict is neither a path"),
        (SimpleNamespace(dataset=None), "neither a path"),
        (COCO(), "missing required field `images`"),
        (SimpleNamespace(dataset={"images": 3, "annotations": [], "categories": []}), "images"),
        (
            SimpleNamespace(dataset={"images": [{"id": "1", "file_name": "a"}], "annotations": [], "categories": []}),
            r"images\[0\]\.id",
        ),
        (
            SimpleNamespace(
                dataset={
                    "images": [{"id": 1, "file_name": "a.jpg"}],
                    "annotations": [{"image_id": 2, "category_id": 1}],
                    "categories": [{"id": 1, "name": "x"}],
                }
            ),
            r"the COCO object: annotations\[0\]\.image_id: 2 is not in images",
        ),
        (SimpleNamespace(dataset={"images": [object()], "annotations": [], "categories": []}), r"images\[0\]"),
    ],
)
def test_annotations__that_are_no_records_are_refused(tmp_path: Path, given: Any, said: str) -> None:
    with pytest.raises(yolobg.YolobgError, match=said):
        yolobg.plan(data_of(tmp_path), annotations=given, images=[IMAGES])


@pytest.mark.parametrize("there", [True, False], ids=["pycocotools", "without it"])
def test_to_coco__gives_the_chosen_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    data = data_of(tmp_path)
    if not there:
        monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    plan = yolobg.plan(data, annotations=FILE, images=[IMAGES], count=8)
    assert plan.choice is not None
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        coco = plan.to_coco()
    assert out.getvalue() == ""
    assert isinstance(coco, COCO if there else Records)
    told = json.loads(json.dumps(coco.dataset))
    source = json.loads(FILE.read_bytes())
    chosen = list(plan.choice.ranked[: plan.target.needed])
    assert [image["id"] for image in told["images"]] == chosen
    names = {image["id"]: image["file_name"] for image in source["images"]}
    assert [image["file_name"] for image in told["images"]] == [names[i] for i in chosen]
    truth = {(a["image_id"], a["category_id"]) for a in source["annotations"] if a["image_id"] in chosen}
    assert sorted((a["image_id"], a["category_id"]) for a in told["annotations"]) == sorted(truth)
    # It is a source again.
    again = yolobg.plan(data, annotations=coco, images=[IMAGES], count=8)
    assert again.choice is not None
    assert set(again.choice.ranked) == set(chosen)


def test_to_coco__is_indexed_as_pycocotools_does(tmp_path: Path) -> None:
    plan = yolobg.plan(data_of(tmp_path), annotations=FILE, images=[IMAGES], count=8)
    coco: Any = plan.to_coco()
    indexed = COCO()
    indexed.dataset = coco.dataset
    with contextlib.redirect_stdout(io.StringIO()):
        indexed.createIndex()
    assert vars(coco) == vars(indexed)
    assert sorted(coco.getImgIds()) == sorted(image["id"] for image in coco.dataset["images"])


def test_to_coco__of_a_plan_that_needs_none_is_empty(tmp_path: Path) -> None:
    plan = yolobg.plan(data_of(tmp_path), annotations=FILE, images=[IMAGES], count=0)
    assert plan.to_coco().dataset["images"] == []


def test_cache__a_kept_object_goes_with_the_cache(tmp_path: Path, loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "cache"))
    yolobg.plan(data_of(tmp_path), annotations=loaded, images=[IMAGES], count=3)
    assert [file.name[:5] for file in (tmp_path / "cache" / "pools").iterdir()] == ["coco-"]
    with pytest.raises(SystemExit):
        app(["cache", "clear"])
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
