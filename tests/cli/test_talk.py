"""How much is said, and that commands shown can be copied: `-q`, `-v`, the program's name, the order of the help."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run, source
from image_server import ImageServer

from yolobg.cli.process import program_name


@pytest.mark.parametrize(
    "command",
    [["status"], ["remove", "--dry-run"], ["classes", "--names", "cat"], ["augment", "--dry-run"]],
    ids=lambda command: command[0],
)
def test_quiet__prints_nothing_and_keeps_json(sample: Path, command: list[str]) -> None:
    data = [] if command[0] == "classes" else [sample / "dataset"]
    more = source(sample) if command[0] == "augment" else ()
    done = run(command[0], *data, *command[1:], *more, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    if command[0] != "augment":
        assert run(command[0], *data, *command[1:], "-q", "--json").stdout.startswith("{")


def test_quiet__keeps_errors_and_what_scripts_read(tmp_path: Path) -> None:
    done = run("status", tmp_path / "nothing", "-q")
    assert done.returncode == 3
    assert "no such file or folder" in done.stderr
    path = run("cache", "path", "-q")
    assert path.stdout.strip() == os.environ["YOLOBG_CACHE_DIR"]


@pytest.mark.parametrize("command", ["status", "remove", "classes", "report", "review", "evaluate", "train", "convert"])
def test_every_command__has_both(command: str) -> None:
    told = run(command, "--help").stdout
    assert "--quiet" in told
    assert "--verbose" in told


@pytest.mark.parametrize(
    ("called", "name"),
    [
        (".venv/bin/yolobg", ".venv/bin/yolobg"),
        ("C:/venv/Scripts/yolobg.exe", "C:/venv/Scripts/yolobg.exe"),
        ("/usr/bin/pytest", "yolobg"),
        ("-c", "yolobg"),
        ("", "yolobg"),
    ],
)
def test_program_name__is_what_was_typed(monkeypatch: pytest.MonkeyPatch, called: str, name: str) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setenv("PATH", "")
    assert program_name().replace("\\", "/") == name


def test_program_name__of_a_module_runs_it_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "yolobg/__main__.py")])
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert program_name() in ("python -m yolobg", "python3 -m yolobg")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_name() == f"{sys.executable} -m yolobg"


def test_undo__can_be_copied_from_where_the_program_lies(sample: Path) -> None:
    done = run("augment", sample / "dataset", *source(sample))
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines() if line.startswith(("Undo", "Next")))
    assert lines["Next"].split()[-2] == "review"
    undone = subprocess.run(lines["Undo"].split(), capture_output=True, encoding="utf-8", check=False)
    assert undone.returncode == 0, undone.stderr
    assert "Removed 2" in undone.stdout


def test_help__begins_with_what_people_need_first() -> None:
    told = run("--help").stdout
    places = [
        told.index(f"\n  {name} ") for name in ("augment", "status", "review", "remove", "evaluate", "train", "convert")
    ]
    assert places == sorted(places)
    assert "yolobg augment data.yaml --dry-run" in told


# The tests also run from a source tree (`python -m yolobg`), which has no script to be named.
@pytest.mark.skipif(shutil.which("yolobg", path=str(Path(sys.executable).parent)) is None, reason="no script installed")
def test_undo__names_the_script_by_its_path_where_it_is_not_found(sample: Path) -> None:
    program = shutil.which("yolobg", path=str(Path(sys.executable).parent))
    done = subprocess.run(
        [str(program), "augment", str(sample / "dataset"), *source(sample)],
        capture_output=True, encoding="utf-8", check=False, env={**os.environ, "PATH": "/nowhere"},
    )  # fmt: skip
    assert f"Undo      {program} remove" in done.stdout


def test_verbose__says_which_host_which_rule_and_what_was_left_out(sample: Path) -> None:
    annotations = sample / "source/annotations/instances_sample.json"
    with ImageServer({f"/{path.name}": path.read_bytes() for path in (sample / "source/images").iterdir()}) as server:
        address = f"{server.url}?sig=secret"
        done = run(
            "augment", sample / "dataset", "--annotations", annotations, "--images", address, "--count", "1", "-v"
        )
    assert done.returncode == 0, done.stderr
    assert f"yolobg.net.client: {server.url}/" in done.stderr
    assert ": status 200" in done.stderr
    assert "class cars: car by rule exact" in done.stderr
    assert "28 of 60 images are eligible; left out: 31 by class, 1 by caption" in done.stderr
    assert "secret" not in done.stderr
    assert "filelock" not in done.stderr


def test_verbose__cleans_what_comes_from_outside(sample: Path) -> None:
    file = sample / "dataset/data.yaml"
    file.write_text(file.read_text("utf-8").replace("dog", '"dog\\e[31m"'), "utf-8")
    done = run("augment", file, *source(sample), "--map", "dog\x1b[31m=dog", "--count", "1", "--dry-run", "-v")
    assert "class dog" in done.stderr
    assert "\x1b" not in done.stderr
