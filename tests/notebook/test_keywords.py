"""Errors that Python gets: the options that their messages name are given as keywords, which the functions take."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from reviewing import add_backgrounds, make_sample, source_of

import yolobg
from yolobg.python_keywords import FLAGS, VALUES, answering_commands, keywords, with_keywords

FUNCTIONS: list[Callable[..., Any]] = [
    *(getattr(yolobg, name) for name in yolobg.__all__ if inspect.isfunction(getattr(yolobg, name))),
    yolobg.Plan.load,
]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("--fast knows no licences, so --license can't be combined with it", ["fast=True", "license=…"]),
        ("ask for --count 28 or --ratio 0.608.", ["count=28", "ratio=0.608"]),
        ('--map "pothole=CATEGORY"\n  --map "pothole=none"', ['map={"pothole": "CATEGORY"}']),
        ('--map "a=none"\n  --map "b \\"c\\"=dog,cat"', ['map={"a": None, "b \\"c\\"": ["dog", "cat"]}']),
        ("--evidence captions contradicts --no-captions", ['evidence="captions"', "captions=False"]),
        ("leave --fast out, or give --source FOLDER, --source X", ["fast=True", 'source="FOLDER"']),
        ("name it with --from, or --split OLD=val", ["from_=…", 'splits={"OLD": "val"}']),
        ("run `yolobg augment data.yaml --recheck`, or pip install x --no-deps", []),
        ("yolobg classes DATA_YAML --save map.yaml; edit it; --map-file map.yaml", []),
        ("docker run --pids-limit", []),
        ("no option", []),
    ],
)
def test_keywords__of_what_a_message_names(message: str, expected: list[str]) -> None:
    assert keywords(message) == expected


def test_keywords__are_parameters_of_the_functions() -> None:
    taken = {name: it for function in FUNCTIONS for name, it in inspect.signature(function).parameters.items()}
    assert taken.keys() >= FLAGS | VALUES
    flags = {name for name, it in taken.items() if it.default is False}
    assert flags == FLAGS, "what is off by default is set by naming it"


def test_keywords__cover_every_option_that_a_message_may_name() -> None:
    """Each parameter whose name stands as an option in a message of the library, and no option of a command alone."""
    home = Path(yolobg.__file__).parent
    texts = "\n".join(path.read_text("utf-8") for path in home.rglob("*.py") if "cli" not in path.parts)
    named = {name.replace("-", "_") for name in re.findall(r"(?<![\w-])--([a-z][a-z-]+)", texts)}
    taken = {name for function in FUNCTIONS for name in inspect.signature(function).parameters}
    # A file on the command line; `carry_out` takes its plan by place.
    assert (named & taken) - FLAGS - VALUES == {"plan"}


def test_error__from_python_names_the_keywords_and_on_the_command_line_does_not(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s", names="names: [person, qwrtz]\n")
    with pytest.raises(yolobg.UnresolvedClassError) as caught:
        add_backgrounds(data, 2)
    said = str(caught.value)
    assert said.endswith('\nIn Python: map={"qwrtz": "CATEGORY"}, unmapped="none"')
    assert [match.name for match in caught.value.matches] == ["qwrtz"]
    add_backgrounds(data, 2, map={"qwrtz": None})
    yolobg.remove(data)
    add_backgrounds(data, 2, unmapped="none")

    source = source_of(data)
    other = make_sample(tmp_path / "t", names="names: [person, qwrtz]\n")
    done = run("augment", other, "--annotations", source["annotations"], "--images", source["images"][0])
    assert done.returncode == 4
    assert "--map" in done.stderr
    assert "In Python" not in done.stderr


def test_error__within_another_call_is_told_once(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    with pytest.raises(yolobg.PoolError) as caught:
        add_backgrounds(data, 10_000)
    assert str(caught.value).count("In Python: ") == 1


def test_message__for_a_command_stays_as_it_is() -> None:
    with answering_commands():
        assert with_keywords("--fast: leave it out") == "--fast: leave it out"
    told = with_keywords("--fast: leave it out")
    assert told == "--fast: leave it out\nIn Python: fast=True"
    assert with_keywords(told) == told


def test_help__of_every_function_lists_its_parameters() -> None:
    for function in FUNCTIONS:
        parameters = inspect.signature(function).parameters
        assert all(it.kind not in (it.VAR_KEYWORD, it.VAR_POSITIONAL) for it in parameters.values()), function
        text = inspect.getdoc(function) or ""
        assert [name for name in parameters if not re.search(rf"^ +{name}: ", text, re.MULTILINE)] == [], function
