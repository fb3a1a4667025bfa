"""Options as people write them in Python: what is meant is done, anything else is refused with what to write."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import yolobg
from yolobg.errors import UsageError
from yolobg.flow.options import Request, request_from

MEANT: list[tuple[str, Any, Any]] = [
    ("map", {"car": "truck"}, {"car": ("truck",)}),
    ("map", {"car": "truck, bus"}, {"car": ("truck", "bus")}),
    ("map", {"car": ["truck", "bus"]}, {"car": ("truck", "bus")}),
    ("map", {"car": None}, {"car": ()}),
    ("map", {"car": "none"}, {"car": ()}),
    ("map", {"car": []}, {"car": ()}),
    ("license", 4, "4"),
    ("license", [4, 5], "4,5"),
    ("license", ("4", 5), "4,5"),
    ("source", Path("backgrounds"), "backgrounds"),
    ("images", "a", ("a",)),
    ("images", Path("a"), (Path("a"),)),
    ("exclude", "dog", ("dog",)),
    ("exclude", {"dog"}, ("dog",)),
    ("jobs", "auto", None),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("map", "car=truck", "{'car': 'truck'}"),
    ("map", [("car", "truck")], "{'car': 'truck'}"),
    ("map", {"car": 5}, "{'car': None}"),
    ("map", {"car": [5]}, "{'car': None}"),
    ("map", {"car": ""}, "empty text"),
    ("map", {0: "truck"}, "keys are class names"),
    ("license", 4.5, r"\[4, 5\]"),
    ("license", [], r"\[4, 5\]"),
    ("license", True, r"\[4, 5\]"),
    ("license", {"a": 1}, r"\[4, 5\]"),
    ("fast", "no", "True or False"),
    ("captions", 0, "True or False"),
    ("split", 5, "expected text"),
    ("link", 5, "expected text"),
    ("into", 5, "expected a path"),
    ("images", 5, "list of texts"),
    ("images", [5], "list of texts"),
    ("exclude", {"dog": 1}, "list of texts"),
    ("exclude", b"dog", "list of texts"),
    ("count", "five", "whole number"),
    ("count", 5.0, "whole number"),
    ("count", True, "whole number"),
    ("seed", 2**70, "whole number of at most"),
    ("annotations", 5, "neither a path"),
    ("ratio", [0.1], "not a number"),
]


@pytest.mark.parametrize(("name", "given", "held"), MEANT, ids=str)
def test_value__that_is_clearly_meant_is_taken(name: str, given: Any, held: Any) -> None:
    assert getattr(request_from({name: given}), name) == held


@pytest.mark.parametrize(("name", "given", "words"), REFUSED, ids=str)
def test_value__of_another_kind_is_refused_with_what_to_write(name: str, given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        request_from({name: given})
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("name", [field.name for field in fields(Request)])
def test_none__stands_for_the_default(name: str) -> None:
    assert request_from({name: None}) == Request()


@pytest.mark.parametrize("call", ["augment", "plan", "classes", "download"])
def test_unknown_option__is_a_usage_error_that_names_the_nearest(call: str, tmp_path: Path) -> None:
    more = {"exclude": ["dog"], "count": 3} if call == "download" else {}
    with pytest.raises(UsageError, match="annotation: no such option; did you mean annotations"):
        getattr(yolobg, call)(tmp_path / "new", annotation="x.json", **more)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("value", [None, 5, ["data.yaml"], {"names": ["dog"]}], ids=str)
@pytest.mark.parametrize("call", ["augment", "plan", "status", "remove"])
def test_dataset__that_is_no_path_is_a_usage_error(call: str, value: Any) -> None:
    with pytest.raises(UsageError, match=r"data_yaml: .*expected the path of a data.yaml"):
        getattr(yolobg, call)(value)


def test_download__with_a_wrong_value_makes_no_folder(tmp_path: Path) -> None:
    for wrong in ({"count": "x"}, {"count": 3, "exclude": 5}, {"count": 3, "license": 4.5}, {"count": 3, "jobs": 0}):
        options: dict[str, Any] = {"exclude": ["dog"], **wrong}
        with pytest.raises(UsageError):
            yolobg.download(tmp_path / "new", **options)
        assert not (tmp_path / "new").exists(), wrong
    with pytest.raises(UsageError, match="output: 5: expected a path"):
        yolobg.download(5, exclude=["dog"], count=3)  # type: ignore[arg-type]  # that is the point


def test_names__as_text_list_or_mapping() -> None:
    asked: list[Any] = ["cat,dog", ["cat", "dog"], {0: "cat", 1: "dog"}]
    found = [tuple(match.name for match in yolobg.classes(names=names).classes) for names in asked]
    assert found == [("cat", "dog")] * 3
    wrong: list[Any] = [5, ["cat", 5], b"cat"]
    for names in wrong:
        with pytest.raises(UsageError, match="names: "):
            yolobg.classes(names=names)
    wrong = [5, "cat"]
    for names in wrong:
        with pytest.raises(UsageError, match="names: "):
            yolobg.match_classes(names)


@pytest.mark.parametrize("places", [(5, "out"), ("data", None)], ids=str)
def test_convert__of_what_is_no_path_is_a_usage_error(places: tuple[Any, Any]) -> None:
    with pytest.raises(UsageError, match="expected a path"):
        yolobg.convert(*places, to="coco")
