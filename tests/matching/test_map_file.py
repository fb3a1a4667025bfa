"""The map file: written, edited, read back."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from yolobg.errors import UsageError
from yolobg.matching.map_file import map_text, parse_map
from yolobg.matching.matcher import excluded_categories, match_classes
from yolobg.matching.words import key

NAMES = st.text(max_size=40) | st.sampled_from(
    [
        "person",
        "no_helmet",
        "vehicle",
        "pothole",
        "a: b",
        "yes",
        "null",
        "- x",
        "#c",
        "'",
        '"',
        "\\",
        "{a}",
        "\u2028",
        "\x85",
    ]
)


def again(names: list[str]) -> None:
    first = match_classes(names)
    mapping = parse_map(yaml.safe_load(map_text(first)), source="map.yaml")
    second = match_classes(names, user_map=mapping)
    for before, after in zip(first, second, strict=True):
        assert excluded_categories([before]) == excluded_categories([after])
        assert before.status == after.status


def test_what_is_written_reads_back_to_the_same_result() -> None:
    again(["person", "no_helmet", "vehicle", "pothole", "Fußgänger", "0", "qwrtzpk", "goat", "yes", "null", "1.5"])


@given(st.lists(NAMES, max_size=6, unique_by=key))
@settings(max_examples=80)
def test_any_names_read_back_to_the_same_result(names: list[str]) -> None:
    again(names)


def test_the_file_says_why() -> None:
    text = map_text(match_classes(["poodle"]))
    assert "a kind of dog" in text
    assert text.startswith("#")


def test_editing_a_line_changes_the_result() -> None:
    text = map_text(match_classes(["vehicle"])).replace('  - "train"', '#  - "train"')
    mapping = parse_map(yaml.safe_load(text), source="map.yaml")
    assert "train" not in excluded_categories(match_classes(["vehicle"], user_map=mapping))


@pytest.mark.parametrize("raw", [["a"], "a", 3, {"a": 3}, {"a": {"b": 1}}, {"a": [1]}, {("x",): "dog"}])
def test_anything_else_is_a_usage_error_that_names_the_file(raw: object) -> None:
    with pytest.raises(UsageError, match=r"map\.yaml"):
        parse_map(raw, source="map.yaml")


def test_none_is_written_in_several_ways() -> None:
    raw = {"a": None, "b": "none", "c": [], "d": "cat, dog", "e": ["cat"], 7: "none"}
    assert parse_map(raw, source="m") == {"a": (), "b": (), "c": (), "d": ("cat", "dog"), "e": ("cat",), "7": ()}


def test_an_empty_file_maps_nothing() -> None:
    assert parse_map(None, source="m") == {}


def test_what_is_to_answer_is_one_block_for_each_reason_with_the_suggestion() -> None:
    text = map_text(match_classes(["dog", "A1", "lorrrry", "A2", "qwrtzx"]))
    assert [line for line in text.splitlines() if line.startswith("# ")][3:] == [
        "# To answer (too general to say what is in the box): say what each is and remove the first #",
        '# "A1": none',
        '# "A2": none',
        "# To answer (not in any word list): say what each is and remove the first #",
        '# "lorrrry": ["truck"]',
        "# To answer (not in any word list): say what each is and remove the first #",
        '# "qwrtzx": none',
    ]


def test_a_name_that_was_answered_in_the_file_is_settled() -> None:
    names = ["A1", "lorrrry"]
    text = map_text(match_classes(names)).replace('# "', '"')
    settled = match_classes(names, user_map=parse_map(yaml.safe_load(text), source="map.yaml"))
    assert [(m.status, [e.coco for e in m.exclude]) for m in settled] == [("none", []), ("mapped", ["truck"])]
