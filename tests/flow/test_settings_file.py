"""Settings files: what they may say, who wins, where relative paths start, and who reads them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from option_values import OTHER, is_path

import yolobg
from yolobg.errors import UsageError
from yolobg.flow.options import Request
from yolobg.flow.settings_file import NO_SETTINGS, read_settings, settings

ANNOTATIONS = "../source/annotations/instances_sample.json"

# Options whose value in a file differs from the one that a run gets; {here} is the folder of the file.
NAMED: dict[str, tuple[str, Any]] = {
    "source": ("'../source'", "{root}/source"),
    "every": ("0.5", "500ms"),
    "annotations": (f"'{ANNOTATIONS}'", "{root}/source/annotations/instances_sample.json"),
    "images": ("'../source/images'", ["{root}/source/images"]),
    "map": ("{cars = 'truck', dog = 'none'}", {"cars": ["truck"], "dog": []}),
    "exclude": ("['cat', 'dog']", ["cat", "dog"]),
    "license": ("[4, 5]", "4,5"),
    "jobs": ("'auto'", None),
    "prefer": ("'street|parking lot'", "street|parking lot"),
    "evidence": ("['captions', 'lvis', 'own.json']", ["captions", "lvis", "{here}/own.json"]),
    "verified": ("true\nevidence = 'lvis'", True),
    "pool": ("'auto'", None),
}


def written(name: str) -> tuple[str, Any]:
    """An option as a file has it, and what a run gets."""
    value = OTHER[name]
    if name in NAMED:
        return NAMED[name]
    # A text, a number, true, false or a list of these is the same in JSON and TOML.
    return json.dumps(value), f"{{here}}/{value}" if is_path(name) else value


WRITTEN = {name: written(name) for name in OTHER if name not in NO_SETTINGS}


@pytest.fixture
def data(sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample's dataset; the current folder is another one."""
    (sample / "work").mkdir()
    monkeypatch.chdir(sample / "work")
    return sample / "dataset"


def places(value: Any, data: Path) -> Any:
    text = json.dumps(value).replace("{here}", data.as_posix()).replace("{root}", data.parent.as_posix())
    return json.loads(text)


def as_posix(value: Any) -> Any:
    return json.loads(json.dumps(value).replace("\\\\", "/"))


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("file", ["yolobg.toml", "pyproject.toml"])
def test_option__is_read_with_paths_from_the_folder_of_the_file(data: Path, name: str, file: str) -> None:
    text, expected = WRITTEN[name]
    heading = "" if file == "yolobg.toml" else "[project]\nname = 'x'\n[tool.yolobg]\n"
    (data / file).write_text(f"{heading}{name.replace('_', '-')} = {text}\n", encoding="utf-8-sig")
    found = read_settings(data)
    assert as_posix(found.values[name]) == places(expected, data)
    assert found.files[name] == data / file
    assert getattr(Request(**settings(data)), name) == getattr(Request(**found.values), name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("licence = 'any'", "licence: no such option; did you mean license"),
        ("ratios = 0.1", "did you mean ratio"),
        ("ratio = []", r"ratio: \[\] is not a number"),
        ("ratio = 7", "ratio"),
        ("count = 0.5", "count: 0.5 is not a whole number"),
        ("count = true", "count: True is not a whole number"),
        ("fast = 'yes'", "fast: 'yes': expected True or False"),
        ("images = 3", "images: 3: expected text or a list"),
        ("source = 2020-01-01", "source: .*: expected text"),
        ("map = 'car'", "map: 'car': expected a mapping"),
        ("map = {car = 3}", "map: 'car': 3: expected a mapping"),
        ("license = 0.5", "license: 0.5: expected 'any'"),
        ("link = 'sym'", "link: 'sym' is not one of copy, hard, symlink"),
        ("fast = true\nlicense = 'commercial'", "--fast knows no licences"),
        ("min-score = 0.1\nmin_score = 0.1", "min_score: is there twice"),
        ("hard = 'best.pt'", "hard: is asked for run by run.* --hard"),
        ("trim = true", "trim: is asked for run by run"),
        ("[tool.yolobg]\nratio = 0.1", "belongs in pyproject.toml"),
        ("ratio", "is not valid TOML"),
        ('source = "C:\\data"', "write paths with / or in single quotes"),
        ("x = " + "[" * 20_000, "TOML|deeply"),
    ],
    ids=lambda text: text[:40],
)
def test_wrong_settings__are_refused_with_file_key_and_accepted_forms(data: Path, text: str, words: str) -> None:
    file = data / "yolobg.toml"
    file.write_text(text + "\n", "utf-8")
    with pytest.raises(UsageError, match=words) as caught:
        read_settings(data)
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.parametrize("text", [b"\xff\xfe", b"a = '" + b"x" * (1 << 20) + b"'"], ids=["not UTF-8", "large"])
def test_files_that_are_no_settings__are_refused(data: Path, text: bytes) -> None:
    (data / "yolobg.toml").write_bytes(text)
    with pytest.raises(UsageError, match=r"yolobg\.toml: "):
        read_settings(data)


def test_pyproject_of_others__may_be_broken(data: Path) -> None:
    (data / "pyproject.toml").write_text("[tool.black\n", "utf-8")
    assert not read_settings(data).values
    (data / "pyproject.toml").write_text("dependencies = ['yolobg']\n[tool.black]\nx = 1\n", "utf-8")
    assert not read_settings(data).values
    (data / "pyproject.toml").write_text("[tool]\nyolobg = 1\n", "utf-8")
    with pytest.raises(UsageError, match="expected a table of options"):
        read_settings(data)


def test_order__the_dataset_wins_over_the_current_folder_and_no_parent_is_read(data: Path) -> None:
    (data.parent / "pyproject.toml").write_text("[tool.yolobg]\nseed = 1\n", "utf-8")
    Path("yolobg.toml").write_text("seed = 2\n", "utf-8")
    assert not read_settings(data).values, "neither a folder above nor a yolobg.toml without a dataset"
    Path("pyproject.toml").write_text("[tool.yolobg]\nseed = 3\nratio = 0.3\nlean = true\n", "utf-8")
    (data / "pyproject.toml").write_text("[tool.yolobg]\nseed = 4\nlink = 'hard'\n", "utf-8")
    (data / "yolobg.toml").write_text("seed = 5\ncount = 5\n", "utf-8")
    found = read_settings(data / "data.yaml")
    assert dict(found.values) == {"seed": 5, "count": 5, "link": "hard", "lean": True}, "a count displaces a ratio"
    assert found.files["lean"] == Path.cwd() / "pyproject.toml"
    assert read_settings(None).values == {"seed": 3, "ratio": 0.3, "lean": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"ratio": 0.2, "images": ["/i"], "annotations": "/a.json", "map": {"a": ["b"]}, "exclude": ["cat"]}),
        ({"count": 3}, {"count": 3, "images": ["/i"], "annotations": "/a.json"}),
        ({"recheck": True}, {"recheck": True, "images": ["/i"], "annotations": "/a.json"}),
        ({"source": "pool"}, {"source": "pool", "ratio": 0.2}),
        ({"fast": True}, {"fast": True, "ratio": 0.2}),
        ({"images": ["/j"]}, {"images": ["/j"], "annotations": "/a.json"}),
        ({"map": {"c": None}}, {"map": {"a": ["b"], "c": ()}}),
        ({"map": {"a": "z"}}, {"map": {"a": ("z",)}}),
        ({"exclude": "dog"}, {"exclude": ["cat", "dog"]}),
    ],
    ids=str,
)
def test_given_options__win(data: Path, given: dict[str, Any], expected: dict[str, Any]) -> None:
    (data / "yolobg.toml").write_text(
        "ratio = 0.2\nimages = '/i'\nannotations = '/a.json'\nmap = {a = 'b'}\nexclude = 'cat'\n", "utf-8"
    )
    together: dict[str, Any] = dict(settings(data, **given))
    drive = Path("/").absolute().drive
    shown = json.loads(json.dumps(together, default=str).replace(drive, "") if drive else json.dumps(together))
    assert {name: shown[name] for name in expected} == json.loads(json.dumps(expected))
    for first, second in (("count", "ratio"), ("recheck", "ratio"), ("source", "images"), ("fast", "annotations")):
        assert not (first in given and second in together)


def test_contradiction__names_the_file(data: Path) -> None:
    (data / "yolobg.toml").write_text("license = 'commercial'\n", "utf-8")
    with pytest.raises(UsageError, match=r"--fast knows no licences.*\(license from .*yolobg\.toml\)"):
        settings(data, fast=True)
    with pytest.raises(UsageError, match=r"^ratio: 'x' is not a number; give a share such as 0\.10$"):
        settings(data, ratio="x")


def test_python_functions__read_no_settings(data: Path) -> None:
    (data / "yolobg.toml").write_text(
        f"count = 3\nannotations = '{ANNOTATIONS}'\nimages = '../source/images'\n", "utf-8"
    )
    made = yolobg.plan(data, **yolobg.settings(data))
    assert (made.report.target.needed, made.request.count) == (3, 3)
    made = yolobg.plan(data, annotations=data / ANNOTATIONS, images=[data.parent / "source/images"])
    assert made.request.count is None


def test_command_line__says_once_which_file_it_used_and_records_the_values(data: Path) -> None:
    file = data / "yolobg.toml"
    file.write_text(f"ratio = 0.3\nannotations = '{ANNOTATIONS}'\nimages = '../source/images'\n", "utf-8")
    done = run("augment", data, "--count", "2", "--json", cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f"Settings  annotations, images from {file}"]
    assert len(json.loads(done.stdout)["added"]) == 2
    file.unlink()
    [record] = json.loads((data / ".yolobg/manifest.json").read_text("utf-8"))["runs"]
    recorded = record["options"]
    assert recorded["count"] == 2
    assert Path(recorded["annotations"]) == Path(os.path.abspath(data / ANNOTATIONS))  # noqa: PTH100 - `..` as a run has it


@pytest.mark.parametrize(
    "command",
    ["augment", *(pytest.param(name, marks=pytest.mark.slow) for name in ("plan", "train", "classes", "download"))],
)
def test_commands__read_settings_or_leave_them(data: Path, command: str) -> None:
    Path("pyproject.toml").write_text("[tool.yolobg]\nratoi = 1\n", "utf-8")
    more: list[str | Path] = [data, "--source", "nowhere"]
    if command == "download":
        more = ["--exclude", "cat", "--count", "1", "-o", "x", "--source", "nowhere"]
    told = run(command, *more, cwd=Path.cwd())
    assert told.returncode == 2
    assert "did you mean ratio?" in told.stderr
    told = run(command, "--no-settings", *more, cwd=Path.cwd())
    assert "ratoi" not in told.stderr


def test_status__shows_where_each_value_comes_from(data: Path) -> None:
    Path("pyproject.toml").write_text("[tool.yolobg]\nmap = {cars = 'none'}\n", "utf-8")
    (data / "yolobg.toml").write_text("images = ['../source/images']\n", "utf-8")
    told = run("status", data, "-v", cwd=Path.cwd(), COLUMNS="300")
    rows = {line.split()[0]: line.split() for line in told.stdout.splitlines() if line.strip()}
    assert rows["map"][1:] == ["cars=none", str(Path.cwd() / "pyproject.toml")]
    assert rows["images"][2] == str(data / "yolobg.toml")
    assert rows["seed"][1:] == ["0", "default"]
    assert "Options of the next run" not in run("status", data, cwd=Path.cwd()).stdout
