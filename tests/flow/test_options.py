"""The options of a run are declared once: what is stored, what the command line, Python and the hook take follow."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import click
import msgspec
import pytest
from option_values import NEEDED, OTHER, TOGETHER, is_path

import yolobg
from yolobg.changes.records import Run
from yolobg.cli.app import COMMANDS, app
from yolobg.errors import UsageError
from yolobg.flow.options import Options, Request, SourceOptions, request_of, stored_options
from yolobg.flow.past_runs import request_again, run_record
from yolobg.sources.resolve import resolve_source
from yolobg.ultralytics.hook import BackgroundHook


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder with what the options name."""
    (tmp_path / "pool").mkdir()
    (tmp_path / "source").mkdir()
    monkeypatch.chdir(tmp_path)


PLACES = (
    "pool",
    "source/instances_x.json",
    "source/e.json",
    *(value for name, value in OTHER.items() if is_path(name)),
)


def absolute(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(absolute, value))
    return str(Path(value).absolute()) if value in PLACES else value


@pytest.mark.parametrize("name", OTHER)
def test_stored__one_option_comes_back_as_it_was(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = NEEDED.get(name, {})
    request = Request(**{name: OTHER[name]}, **beside)
    needed = {other: absolute(value) for other, value in beside.items()}
    stored, expected = json.loads(msgspec.json.encode(stored_options(request))), absolute(OTHER[name])
    assert set(stored) >= {name}
    monkeypatch.chdir("/")
    again = request_of(stored)
    assert getattr(again, name) == expected
    assert again == Request(**{name: expected}, **needed)
    assert stored_options(again) == stored, "a second time from another current folder"


OF_MODEL = ("hard", "hard_share", "min_score", "pool", "scores")


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"images": ("pool",)},
        {"images": ("pool", "https://example.org/a?sig=secret")},
        {"source": "pool"},
        {"source": "pool", "unlabelled": True},
        {"annotations": "source/instances_x.json", "images": ("pool",)},
        {"annotations": "source/all.zip!instances_x.json", "images": ("pool",)},
        {"annotations": "https://user:pw@example.org/i.json?sig=secret", "images": ("https://example.org/a",)},
    ],
    ids=str,
)
def test_run__of_every_kind_of_source_is_asked_again_as_it_was(
    source: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ("map", "evidence", "verified")
    rest = {name: value for name, value in OTHER.items() if name not in SourceOptions.__annotations__ or name in kept}
    request = Request(**{**rest, "recheck": False, "ratio": None, "to": None, **source})
    named = {name: getattr(request, name) for name in ("source", "annotations", "images")}
    if "source" not in source:
        meant = resolve_source(**named)
        run = run_record(request, meant, tmp_path / OTHER["into"], added="now", data="data.yaml")
    else:
        run = Run(added="now", split="val", source="pool", options=stored_options(request))
    raw, folder = msgspec.json.encode(run), absolute(source.get("source", "coco2017"))
    expected = {field.name: absolute(getattr(request, field.name)) for field in fields(Request)}
    assert b"secret" not in raw
    assert b"pw" not in raw
    monkeypatch.chdir("/")
    again = request_again(msgspec.json.decode(raw, type=Run), count=9)
    assert again.count == 9
    for field in fields(Request):
        if field.name not in ("count", "ratio", "report", "annotations", "images", "source", *OF_MODEL):
            assert getattr(again, field.name) == expected[field.name], field.name
    unasked = Request()
    assert all(getattr(again, name) == getattr(unasked, name) for name in OF_MODEL), (
        "a model doesn't say what qualifies"
    )
    assert again.source == folder
    assert (again.annotations is None) == ("annotations" not in source)
    assert Path(str(again.annotations or "/x")).is_absolute() or "://" in str(again.annotations)
    assert all("://" in str(place) or Path(place).is_absolute() for place in again.images)
    assert len(again.images) == len(request.images)


@pytest.mark.parametrize(
    "stored",
    [
        {"seed": "x"},
        {"no_such_option": 1},
        {"map": {"a": "b"}},
        {"images": "pool"},
        {"evidence": "e.json"},
        {"verified": True},
        {"link": "move"},
        {"annotations": 5},
        {"captions": "yes"},
        {"jobs": 100_000},
        {"ratio": 2},
    ],
    ids=str,
)
def test_stored__what_was_edited_is_refused_in_words(stored: Mapping[str, Any]) -> None:
    with pytest.raises(UsageError):
        request_of(stored)


def test_request__is_a_value() -> None:
    assert Request(**TOGETHER) == Request(**TOGETHER)
    assert hash(Request(**TOGETHER)) == hash(Request(**TOGETHER))
    assert Request(map={"a": ["b"], "c": []}) == Request(map={"c": (), "a": ("b",)})
    assert Request(seed=1) != Request(seed=2)


def test_options__for_type_checkers_are_the_fields_of_a_request() -> None:
    assert get_type_hints(Options) == get_type_hints(Request)


@pytest.mark.parametrize("name", ["augment", "plan", "download", "classes"])
def test_python__shows_and_describes_each_option(name: str) -> None:
    function = getattr(yolobg, name)
    shown = inspect.signature(function).parameters
    wanted = {"download": SourceOptions.__annotations__, "classes": {"source": 0, "lean": 0}}.get(name, OTHER)
    assert set(wanted) <= shown.keys()
    assert inspect.Parameter.VAR_KEYWORD not in {parameter.kind for parameter in shown.values()}
    documented = inspect.getdoc(function) or ""
    assert all(f"\n    {option}: " in documented for option in wanted)
    assert "**options" not in documented


def commands() -> dict[str, click.Command]:
    context = click.Context(app)
    return {name: found for name in app.list_commands(context) if (found := app.get_command(context, name))}


@pytest.mark.parametrize("name", ["augment", "train", "download", "classes"])
def test_command_line__has_the_options_that_python_has(name: str) -> None:
    # Those of `download` mean something else there, and have their own place.
    of_a_model = {"hard", "hard_share", "min_score", "pool", "scores"}
    left_out = {"train": {"split", "to", "recheck", "report", *of_a_model}, "download": {"count", "exclude"}}.get(
        name, set()
    )
    parameters = {parameter.name for parameter in commands()[name].params}
    shown = inspect.signature(getattr(yolobg, {"train": "augment"}.get(name, name))).parameters
    wanted = (
        {option for option in shown if option in OTHER}
        - left_out
        - ({"count", "exclude"} if name == "download" else set())
    )
    assert {f"{option}_" for option in wanted} <= parameters


def test_hook__takes_the_options() -> None:
    options = {name: value for name, value in TOGETHER.items() if name != "split"}
    assert BackgroundHook(**options).request == Request(**options)
    with pytest.raises(UsageError, match="split"):
        BackgroundHook(split="val")
    with pytest.raises(UsageError, match=r"yolobg\.augment\(data, to="):
        BackgroundHook(to="elsewhere")


def test_help__of_the_group_says_what_each_command_says_of_itself() -> None:
    told = {name: about for section in COMMANDS.values() for name, (_, about) in section.items()}
    said = {name: (command.help or "").split("\n\n")[0] for name, command in commands().items()}
    assert told == {name: text.replace("\n", " ") for name, text in said.items()}
