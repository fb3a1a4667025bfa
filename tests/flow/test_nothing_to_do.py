"""A run that has nothing to add checks what it was told nevertheless, and says what to do about what is there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from merging import tree

import yolobg
from yolobg.errors import AnnotationsError, DatasetError, PoolError, UsageError, YolobgError


@pytest.fixture
def source(sample: Path) -> dict[str, Any]:
    return {
        "annotations": sample / "source/annotations/instances_sample.json",
        "images": [sample / "source/images"],
    }


@pytest.fixture
def full(sample: Path, source: dict[str, Any]) -> Path:
    """A dataset with the backgrounds that a run without a ratio asks for."""
    yolobg.augment(sample / "dataset", **source)
    return sample / "dataset"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"annotations": "nope.json"}, UsageError, "say where its images are"),
        ({"annotations": "nope.json", "images": ["."]}, AnnotationsError, "no such annotations file"),
        ({"annotations": "/dev/null", "images": ["."]}, AnnotationsError, "no such annotations file"),
        ({"source": "/nonexistent"}, UsageError, "no such source and no such folder"),
        ({"source": "coco2071"}, UsageError, "no such source and no such folder"),
        ({"images": ["/nonexistent"]}, UsageError, "no such folder"),
        ({"images": ["ftp://example.org/a"]}, UsageError, "only http and https"),
        ({"map": {"no such class": "truck"}}, UsageError, "not a class of this dataset"),
        ({"map": {"cars": "no such thing"}}, UsageError, "stands for no category"),
        ({"exclude": ["no such thing"]}, UsageError, "no category of this name"),
        ({"license": "comercial"}, UsageError, "expected any, commercial"),
        ({"fast": True, "license": "commercial"}, UsageError, "--fast"),
        ({"unlabelled": True}, UsageError, "--unlabelled"),
        ({"evidence": "nope.json"}, YolobgError, "nope.json"),
    ],
    ids=str,
)
def test_wrong_options__are_refused_also_where_nothing_is_to_do(
    full: Path, options: dict[str, Any], error: type[YolobgError], words: str
) -> None:
    before = tree(full)
    for call in (yolobg.plan, yolobg.augment):
        with pytest.raises(error, match=words):
            call(full, **options)
    assert tree(full) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"license": "99"}, "ids of the source's licences"),
        ({"exclude": ["zebra"]}, "no category of this name"),
        ({"map": {"cars": "zebra"}}, "stands for no category"),
    ],
    ids=str,
)
def test_words__are_checked_against_the_source_that_is_named(
    full: Path, source: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        yolobg.plan(full, **source, **options)


def test_what_an_earlier_run_used__may_be_gone(full: Path, source: dict[str, Any], sample: Path) -> None:
    shutil.rmtree(sample / "source")
    assert yolobg.augment(full, **source).target.needed == 0
    assert yolobg.augment(full).target.needed == 0, "the default source has not to be fetched for nothing"


def test_an_address__is_not_asked_for_nothing(full: Path) -> None:
    options: dict[str, Any] = {"annotations": "https://example.org/i.json", "images": ["https://example.org/images"]}
    assert yolobg.augment(full, **options).target.needed == 0
    with pytest.raises(UsageError, match="not a class of this dataset"):
        yolobg.plan(full, **options, map={"lorry": "truck"})


@pytest.mark.parametrize("ratio", [0.1, 0.3])
def test_two_sources__are_refused(sample: Path, source: dict[str, Any], ratio: float) -> None:
    with pytest.raises(UsageError, match="name two sources"):
        yolobg.plan(sample / "dataset", **source, source=str(sample / "source/images"), ratio=ratio)


@pytest.mark.parametrize("depth", [1, 2])
def test_folder__whose_yaml_lies_below_is_not_guessed_at(sample: Path, source: dict[str, Any], depth: int) -> None:
    top = sample if depth == 1 else sample.parent
    before = tree(sample)
    with pytest.raises(DatasetError, match=r"if you mean .*dataset.data.yaml, give that path"):
        yolobg.augment(top, **source)
    assert tree(sample) == before


def test_folder__with_several_below_names_their_paths(sample: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(sample / "dataset", sample / "sets" / name)
    with pytest.raises(DatasetError) as caught:
        yolobg.status(sample / "sets")
    assert all(str(Path(name) / "data.yaml") in str(caught.value) for name in ("a", "b"))


def test_too_many__names_the_largest_number_that_works(sample: Path, source: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match=r"--count 28 or --ratio 0\.608") as caught:
        yolobg.plan(sample / "dataset", **source, ratio=0.9)
    assert "ask for that or less" in str(caught.value)
    assert yolobg.plan(sample / "dataset", **source, ratio=0.608).target.needed <= 28
    assert yolobg.plan(sample / "dataset", **source, count=28).target.needed == 28
    with pytest.raises(PoolError):
        yolobg.plan(sample / "dataset", **source, ratio=0.61)


def test_source__without_annotations_says_so_first(sample: Path) -> None:
    bare = sample / "bare"
    shutil.copytree(sample / "source/images", bare)
    listed = sample / "listed.json"
    images = [
        {"id": n, "file_name": p.name, "width": 640, "height": 480} for n, p in enumerate(sorted(bare.iterdir()), 1)
    ]
    listed.write_text(json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "person"}]}))
    sources: list[dict[str, Any]] = [{"source": str(bare)}, {"annotations": listed, "images": [bare]}]
    for options in sources:
        told = yolobg.plan(sample / "dataset", **options).report.warnings
        assert any("has an annotation, so nothing is known" in line for line in told), options
