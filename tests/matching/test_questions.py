"""The questions about class names: grouped, each name once, with an answer to suggest only where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from yolobg.errors import UnresolvedClassError
from yolobg.flow.option_texts import parse_map_options
from yolobg.matching import check_resolved, match_classes
from yolobg.matching.questions import map_option, questions
from yolobg.model import Reading


def asked(
    names: Sequence[str] | Mapping[int, str], readings: Mapping[int, tuple[Reading, ...]] | None = None
) -> list[tuple[object, ...]]:
    found = questions(match_classes(names, readings=readings))
    return [(q.kind, [m.name for m in q.matches], q.likely_answer) for q in found]


def test_names_with_the_same_reason_and_suggestion_are_one_question() -> None:
    names = ["car", "A1", "qwrtzx", "A2", "lorrrry", "xqzzt", "A3", "lorrryy"]
    assert asked(names) == [
        ("opaque", ["A1", "A2", "A3"], ""),
        ("unknown", ["lorrrry", "lorrryy"], "truck"),
        ("unknown", ["qwrtzx", "xqzzt"], ""),
    ]


def test_names_that_one_answer_settles_are_asked_about_once() -> None:
    assert asked(["Qwrtzx", "qwrtzx", "qwrtzx "]) == [("unknown", ["Qwrtzx"], "")]


def test_classes_that_lost_all_letters_share_an_answer_that_covers_them_all() -> None:
    readings = {0: (Reading("gb18030", "狗"),), 1: (Reading("gb18030", "汽车"),)}
    assert asked({0: "", 1: ""}, readings) == [("lost", [""], "dog,car")]


def message(names: list[str]) -> str:
    with pytest.raises(UnresolvedClassError) as caught:
        check_resolved(match_classes(names))
    return str(caught.value)


def test_a_few_names_get_lines_to_paste_that_answer_them() -> None:
    said = message(["qwrtzx", "lorrrry"])
    assert '--map "qwrtzx=CATEGORY"' in said
    assert '--map "lorrrry=truck"' in said
    assert '--map "lorrrry=none"' in said


def test_a_whole_list_gets_a_page_and_not_two_lines_a_name() -> None:
    said = message([f"A{number}" for number in range(100)] + ["qwrtzx"])
    assert "--save map.yaml" in said
    assert said.count("--map ") == 1
    assert "and 80 more" in said
    assert len(said.splitlines()) < 10


@pytest.mark.parametrize("name", ["a", "a=b", "", 'x"y', "$HOME", "a`b", "\\", "piéton", "a b", " x "])
def test_the_line_to_paste_answers_the_name(name: str) -> None:
    line = map_option(name, "none").removeprefix('--map "').removesuffix('"')
    for mark in ('"', "$", "`", "\\"):
        line = line.replace("\\" + mark, mark)
    (match,) = match_classes([name], user_map=parse_map_options([line]))
    assert match.status == "none"
