"""What `classes` prints: categories' own names in one line, the table for what a person should check."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from yolobg.cli.text import classes_text
from yolobg.matching import match_classes
from yolobg.matching.lexicon import coco_categories
from yolobg.results import ClassesReport

OWN = [category.name for category in coco_categories()]


def printed(names: list[str], *, everything: bool = False, width: int = 4_000, **answers: list[str]) -> list[str]:
    report = ClassesReport(match_classes(names, user_map=answers), (), None)
    console = Console(width=width, record=True, file=None, quiet=True)
    return [line.rstrip() for line in _captured(console, classes_text(report, everything=everything))]


def _captured(console: Console, text: object) -> list[str]:
    with console.capture() as capture:
        console.quiet = False
        console.print(text)
    return capture.get().splitlines()


def test_categories_own_names_take_one_line_and_no_table() -> None:
    (line,) = printed(OWN)
    assert line.startswith(f"Matched to a category by name, and excluded: {', '.join(OWN)}")


def test_what_is_to_check_is_in_the_table_and_nothing_else() -> None:
    first, *rest = printed([*OWN, "Pedestrian", "pothole", "qwrtzx"])
    assert ", dog, " in first
    table = "\n".join(rest)
    for row in ("80 Pedestrian", "81 pothole", "82 qwrtzx"):
        assert row in table
    assert " bench" not in table
    assert len(rest) == 5


def test_all_shows_everything_in_the_table() -> None:
    lines = printed(["bench", "pothole"], everything=True)
    assert any(line.strip().startswith("0 bench") for line in lines)
    assert not any("categories of the source" in line for line in lines)


def test_what_people_confuse_with_a_category_is_in_its_line() -> None:
    assert printed(["car"]) == [
        "Matched to a category by name, and excluded: car; also excluded, because easily confused: bus, truck (maybe)"
    ]
    assert printed(["car", "bus", "truck"]) == ["Matched to a category by name, and excluded: car, bus, truck"]


def test_a_category_that_the_other_names_put_in_doubt_is_in_the_table() -> None:
    lines = printed(["book", "title", "author"])
    assert not any("categories of the source" in line for line in lines)
    assert any(line.strip().startswith("0 book") and "(maybe)" in line for line in lines)


def test_an_answer_of_the_user_stays_in_the_table() -> None:
    assert any("your map says so" in line for line in printed(["dog"], dog=["cat"]))


LONG = ["Pedestrian", "pick-up_truck", "no_high_visibility_vest_or_jacket", "pothole"]


@pytest.mark.parametrize("width", [40, 60, 71, 72, 80, 120])
def test_names_and_reasons_are_not_broken_inside_a_word(width: int) -> None:
    lines = printed(LONG, width=width)
    assert max(map(len, lines)) <= width
    wide = printed(LONG)
    words = {word for line in wide for word in re.split(r"[\W_]+", line)}
    assert {word for line in lines for word in re.split(r"[\W_]+", line)} <= words


def test_a_narrow_window_has_a_list_with_all_that_the_table_has() -> None:
    table, listed = (" ".join(printed(LONG, width=width)) for width in (200, 60))
    table, listed = (table.partition("!")[0], listed.partition("!")[0])
    assert "conf." in table
    assert "conf." not in listed
    heads = {"class", "excludes", "relation", "conf.", "images", "why"}
    said = {word.strip("():,;") for word in listed.split()}
    assert {word.strip("():,;") for word in table.split()} - heads <= said
    assert "person: is_a 0.95, 64,115 images" in listed
    assert "nothing (none)" in listed
