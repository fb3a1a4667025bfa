"""What a user names as a source, and the options checked before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.errors import AnnotationsError, UsageError
from yolobg.flow.option_texts import parse_map_options
from yolobg.flow.options import DEFAULT_RATIO, Options, Request
from yolobg.sources.location import choose_member, coco_bases, parse_source, source_stem
from yolobg.sources.resolve import resolve_source


def resolve(**options: Any) -> Any:
    return resolve_source(**{"source": "coco2017", "annotations": None, "images": (), **options})


def test_resolve_source__default_is_coco_over_https_first(monkeypatch: pytest.MonkeyPatch) -> None:
    source = resolve()
    assert (source.name, source.annotations.official) == ("coco2017", True)
    assert source.origin.bases == tuple(f"{host}/train2017" for host in coco_bases())
    assert source.origin.bases[0].startswith("https://s3.amazonaws.com/")
    monkeypatch.setenv("YOLOBG_COCO_URL", " http://mirror.test/coco/ ")
    assert resolve().origin.bases[0] == "http://mirror.test/coco/train2017"


def test_resolve_source__folders_and_addresses_may_be_mixed(tmp_path: Path) -> None:
    origin = resolve(images=(str(tmp_path), "https://x.test/a/"), link="hard").origin
    assert origin.folders == (tmp_path.resolve(),)
    assert origin.bases == ("https://x.test/a",)
    assert origin.link == "hard"
    assert resolve(images=(tmp_path,)).origin.bases == (), "a folder alone never asks the network"


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ("a/instances_train2017.json", "instances_train2017"),
        ("C:\\coco\\my set.json.gz", "my_set"),
        ("https://x.test/a/b%20c.json?token=1", "b_c"),
        ("coco.zip!annotations/instances_val2017.json", "instances_val2017"),
        ("coco.zip", "coco"),
    ],
)
def test_resolve_source__is_called_like_its_file(tmp_path: Path, annotations: str, name: str) -> None:
    source = resolve(annotations=annotations, images=(tmp_path,))
    assert source.name == source.origin.name == source.annotations.name
    assert source.name.replace("-", "_").startswith(name.split("_", maxsplit=1)[0])
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in source.name)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"source": "imagenet"}, "coco2017"),
        ({"annotations": "x.json"}, "--images"),
        ({"images": ("/no/such/folder",)}, "no such folder"),
        ({"images": ("file:///etc",)}, "http"),
        ({"images": ("ftp://x.test/",)}, "http"),
        ({"annotations": "ssh://host/x.json", "images": ("https://x.test",)}, "http"),
        ({"annotations": "https://x.test/a.json#part", "images": ("https://x.test",)}, "%23"),
        ({"annotations": "https://x.test/a.zip#part!b.json", "images": ("https://x.test",)}, "%23"),
        ({"annotations": "a.json", "images": ("https://x.test/#part",)}, "%23"),
    ],
)
def test_resolve_source__refuses(options: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        resolve(**options)


def test_resolve_source__a_signature_after_the_base_stays_whole() -> None:
    given = ("https://x.test/a/?sig=a/b/", "https://x.test/b?sig=c==")
    assert resolve(images=given).origin.bases == ("https://x.test/a?sig=a/b/", "https://x.test/b?sig=c==")


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("a/b.json", "b"),
        ("a\\b.JSON.GZ", "b"),
        ("folder/", "folder"),
        ("https://x.test/a/b%20c.zip?x=1", "b c"),
        ("a.zip!in/c.json", "c"),
        ("a.zip", "a"),
    ],
)
def test_source_stem__is_the_rule_of_both_rooms(tmp_path: Path, text: str, stem: str) -> None:
    assert source_stem(text) == stem
    assert parse_source(text).name == stem.replace(" ", "_")
    assert resolve(annotations=text, images=(tmp_path,)).name == stem.replace(" ", "-")


COCO = ["annotations/instances_train2017.json", "annotations/instances_val2017.json"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (COCO, COCO[0]),
        ([*COCO, "annotations/captions_train2017.json", "annotations/person_keypoints_val2017.json"], COCO[0]),
        (["instances_train2014.json.gz", "instances_val2014.json.gz"], "instances_train2014.json.gz"),
        (["a/instances_default.json", "a/x.json"], "a/instances_default.json"),
        (["x.json", "__MACOSX/x.json"], "x.json"),
    ],
)
def test_choose_member__the_obvious_one(names: list[str], chosen: str) -> None:
    assert choose_member(reversed(names), None, source="a.zip") == chosen


@pytest.mark.parametrize(
    "names",
    [
        ["instances_train.json", "instances_val.json"],
        [*COCO, "annotations/instances_extra.json"],
        ["a/instances_train2017.json", "b/instances_val2017.json"],
        ["instances_train2014.json", "instances_val2017.json"],
    ],
)
def test_choose_member__asks_rather_than_take_train_alone(names: list[str]) -> None:
    for source, mark in (("a.zip", "!"), ("https://x.test/a.zip?token=1", "!"), ("some/folder", "/")):
        with pytest.raises(AnnotationsError, match="cannot tell which file is meant") as caught:
            choose_member(names, None, source=source)
        assert all(name in str(caught.value) for name in names)
        assert str(caught.value).endswith(f"for example {source}{mark}{min(names)}")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["a=person"], {"a": ("person",)}),
        (["a=person, car", "b=None"], {"a": ("person", "car"), "b": ()}),
        (["x=y=car"], {"x=y": ("car",)}),
        (["=none"], {"": ()}),  # a class may have an empty name
    ],
)
def test_parse_map_options(options: list[str], told: dict[str, tuple[str, ...]]) -> None:
    assert parse_map_options(options) == told


@pytest.mark.parametrize("option", ["person", "a=", "a=,", "", "="])
def test_parse_map_options__refuses(option: str) -> None:
    with pytest.raises(UsageError, match="--map"):
        parse_map_options([option])


@given(st.text())
def test_parse_map_options__any_text(text: str) -> None:
    try:
        told = parse_map_options([text])
    except UsageError:
        return
    assert len(told) == 1


@pytest.mark.parametrize(
    "options",
    [
        Options(ratio=0.1, count=5),
        Options(ratio=1.0),
        Options(count=-1),
        Options(jobs=0),
        Options(jobs=1000),
        {"link": "move"},
        {"unmapped": "guess"},
    ],
)
def test_request__refuses(options: Any) -> None:
    with pytest.raises(UsageError):
        Request(**options)


def test_request__has_a_default_for_every_option() -> None:
    assert set(Options.__annotations__) == set(Request.__dataclass_fields__)
    assert Request().ratio == DEFAULT_RATIO
    assert Request(count=3).ratio is None
    assert Request(exclude="car").exclude == ("car",), "a single text is not a sequence of letters"
