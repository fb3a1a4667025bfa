"""What is taken from annotation files, and what is said of those that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.evidence import read_evidence
from yolobg.sources.annotations.read import parse_captions, parse_instances, read_captions, read_instances

GOOD: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 7}],
    "categories": [{"id": 7, "name": "dog"}],
}
NAN, INFINITY = float("nan"), float("inf")


def written(folder: Path, content: object) -> Path:
    path = folder / "instances_x.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def changed(**parts: Any) -> dict[str, Any]:
    return {**GOOD, **parts}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"[]", "Expected `object`, got `array`"),
        (b"nonsense", "not valid JSON"),
        (b"\xff\xfe{\x00", "not valid JSON"),
        (json.dumps(GOOD).encode()[:-30], "cut short"),
        (json.dumps(GOOD).encode() + b"x", "trailing"),
        (b'{"images": [{"id": NaN, "file_name": "a"}], "annotations": [], "categories": []}', "NaN"),
        (b'{"images": NaN, "annotations": [], "categories": []}', "NaN"),
        (b'{"images": [], "annotations": [{"image_id": 1, "category_id": NaN}], "categories": []}', "NaN"),
        (b'{"images": [], "annotations": [], "categories": [], "x": NaN, "y": "' + rb"\"" * 100_000, "cut short"),
        ({}, "missing required field `images`"),
        (changed(images=None), r"\$\.images"),
        (changed(images={"1": {}}), r"\$\.images"),
        (changed(images=[{"id": "x", "file_name": "a.jpg"}]), r"annotations\[0\]\.image_id: 1 is not in images \(\d"),
        (
            changed(images=[{"id": "1", "file_name": "a"}, {"id": 1, "file_name": "b"}]),
            r"images\[1\]\.id: 1 is used twice",
        ),
        (
            changed(annotations=[{"image_id": "x", "category_id": 7}]),
            r"annotations\[0\]\.image_id: 'x' is not in images",
        ),
        (
            changed(annotations=[{"image_id": 1, "category_id": "x"}]),
            r"category_id: 'x' is not in categories \(1 annot",
        ),
        (changed(images=[{"id": 1.5, "file_name": "a.jpg"}]), r"images\[0\]\.id: 1\.5 is not a whole number"),
        (changed(images=[{"id": 2**70, "file_name": "a.jpg"}]), r"images\[0\]\.id: \d+ does not fit"),
        (changed(images=[{"id": True, "file_name": "a.jpg"}]), r"images\[0\]"),
        (changed(images=[{"id": 1}]), "file_name"),
        (
            changed(images=[*GOOD["images"], {"id": 2, "file_name": "b.jpg"}]),
            r"images\[2\]\.id: 2 is used twice.*2\.jpg.*b\.jpg",
        ),
        (changed(categories=[{"id": 7, "name": "a"}, {"id": 7, "name": "b"}]), r"categories\[1\]\.id: 7 is used twice"),
        (changed(categories=[], annotations=[]), "categories is empty"),
        (changed(categories=[{"id": 7}]), "name"),
        (changed(annotations=[{"image_id": 1, "category_id": 8}]), r"annotations\[0\]\.category_id: 8 is not in"),
        (
            changed(annotations=[*GOOD["annotations"], {"image_id": 3, "category_id": 7}]),
            r"annotations\[1\]\.image_id: 3 is",
        ),
        (changed(annotations=[{"image_id": 1.5, "category_id": 7}]), r"annotations\[0\]\.image_id: 1\.5 is not in"),
        (changed(annotations=[{"image_id": 1}]), r"category_id.*annotations\[0\]"),
        (changed(annotations=[1]), r"annotations\[0\]"),
        (b'{"images": ' + b"[" * 100_000, "instances|JSON"),
        (
            {"images": GOOD["images"], "annotations": [{"id": 1, "image_id": 1, "caption": "A dog."}]},
            "this is a captions file",
        ),
    ],
)
def test_instances__says_what_is_wrong_and_where(tmp_path: Path, content: object, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(AnnotationsError, match=said) as from_file:
        read_instances(path)
    with pytest.raises(AnnotationsError) as from_bytes:
        parse_instances(path.read_bytes(), source=str(path))
    assert str(from_file.value) == str(from_bytes.value)
    assert str(path) in str(from_file.value)
    assert from_file.value.exit_code == 3


def test_instances__a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(AnnotationsError, match="cannot read"):
            read_instances(path)


def test_instances__what_does_no_harm_is_let_through(tmp_path: Path) -> None:
    document = changed(
        info=None,
        images=[
            {"id": 1.0, "file_name": "1.jpg", "width": None, "height": "tall", "license": None, "coco_url": None},
            {"id": 2, "file_name": "2.jpg", "width": 640.0, "height": -4, "license": "3", "flickr_url": 5},
            {"id": 3, "file_name": "3.jpg", "width": 10, "height": 2**80, "license": {"id": 4}},
        ],
        annotations=[
            {"image_id": 1, "category_id": 7.0, "id": 5, "iscrowd": 1, "segmentation": {"counts": [1]}},
            {"image_id": 2.0, "category_id": 7, "id": 5},
        ],
        licenses=[{"id": 4, "name": "x"}, {"name": "no id"}, {"id": "5", "url": None}],
    )
    for extra in (b"", b"\xef\xbb\xbf", b"\n  "):
        read = read_instances(written(tmp_path, extra + json.dumps(document).encode()))
        assert [tuple(row) for row in read.images] == [
            (1, "1.jpg", 0, 0, None, "", ""),
            (2, "2.jpg", 640, 0, 3, "", ""),
            (3, "3.jpg", 10, 0, None, "", ""),
        ]
        assert read.holders == {7: frozenset({0, 1})}
        assert [(row.id, row.name) for row in read.licenses] == [(3, ""), (4, "x"), (5, "")]
    assert read_instances(written(tmp_path, changed(licenses=None))).licenses == ()


def test_captions__of_other_images_are_left_out(tmp_path: Path) -> None:
    instances = parse_instances(json.dumps(GOOD).encode(), source="i")
    path = tmp_path / "captions.json"
    entries = [{"image_id": 2, "caption": "b"}, {"image_id": 2, "caption": "a"}, {"image_id": 99, "caption": "x"}]
    path.write_text(json.dumps({"annotations": entries}), encoding="utf-8")
    assert read_captions(path, instances.images).texts == {1: ["b", "a"]}
    path.write_text(json.dumps({"annotations": entries[2:]}), encoding="utf-8")
    with pytest.raises(AnnotationsError, match="of its 1 caption none belongs"):
        read_captions(path, instances.images)
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    with pytest.raises(AnnotationsError, match=r"caption.*annotations\[0\]"):
        read_captions(path, instances.images)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(AnnotationsError, match="annotations"):
        read_captions(path, instances.images)
    assert parse_captions(b'{"annotations": []}', instances.images, source="c").texts == {}


# ---------------------------------------------------------------- misleading content

NASTY = st.sampled_from(
    [
        "}, {",
        "}]",
        '"}], "',
        '\\"}, {',
        "[{",
        '}], "categories": [',
        "é}, {",
        "\x01",
        "\U0001f600",
        "}}",
        '"annotations": [{',
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | NASTY | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY | st.just("id"), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Valid instances files with nested and misleading content, in any key order and any spacing."""
    image_ids = draw(st.lists(st.integers(0, 50), max_size=12, unique=True))
    extra = st.dictionaries(st.sampled_from(["x", "segments_info", "info"]), VALUES, max_size=2)
    images = [{**draw(extra), "id": i, "file_name": draw(NASTY | st.just("a.jpg"))} for i in image_ids]
    pairs = st.tuples(st.sampled_from(image_ids or [0]), st.integers(1, 3))
    annotations = [
        {**draw(extra), "image_id": i, "category_id": c}
        for i, c in draw(st.lists(pairs, max_size=60 if image_ids else 0))
    ]
    parts = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": c, "name": draw(NASTY)} for c in (1, 2, 3)],
        **draw(st.dictionaries(st.sampled_from(["info", "licenses_old", "annotations2"]), VALUES, max_size=2)),
    }
    order = draw(st.permutations(sorted(parts)))
    separators = draw(st.sampled_from([(", ", ": "), (",", ":"), (" ,\n ", " : ")]))
    text = json.dumps(
        {key: parts[key] for key in order},
        separators=separators,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, 2])),
    )
    return text.encode("utf-8")


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents())
def test_instances__are_what_json_says(tmp_path: Path, document: bytes) -> None:
    read = read_instances(written(tmp_path, document))
    told = json.loads(document)
    names = {image["id"]: image["file_name"] for image in told["images"]}
    assert [(row.id, row.file_name) for row in read.images] == sorted(names.items())
    assert read.categories == {category["id"]: category["name"] for category in told["categories"]}
    pairs = {(a["category_id"], a["image_id"]) for a in told["annotations"]}
    assert {(c, read.images[place].id) for c, places in read.holders.items() for place in places} == pairs


def test_instances__nan_in_what_is_not_needed_counts_as_null(tmp_path: Path) -> None:
    """As pandas and numpy write missing values; in a text it stays."""
    names = ('NaN "Infinity" \\.jpg', "-Infinity.jpg")
    images = [{"id": n, "file_name": name, "width": NAN, "license": INFINITY} for n, name in enumerate(names, 1)]
    mark = {
        "id": NAN,
        "image_id": 1,
        "category_id": 7,
        "area": NAN,
        "bbox": [NAN, INFINITY, -INFINITY, 1],
        "score": NAN,
    }
    path = written(tmp_path, changed(images=images, annotations=[mark]))
    read = read_instances(path)
    assert [(image.file_name, image.width, image.license) for image in read.images] == [(n, 0, None) for n in names]
    assert read.holders == {7: frozenset({0})}
    said = read_evidence(path)
    assert (said.names, said.present) == (tuple(name.replace("\\", "/") for name in names), {7: frozenset({0})})
