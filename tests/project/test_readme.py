"""README is true: its outputs are what the commands print, its options are the options, its promises are kept."""

from __future__ import annotations

import importlib.metadata
import re
import sys

import pytest
from places import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))

import readme_outputs
from readme_command import read_command

from yolobg import errors
from yolobg.dataset.layout import background_name

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = {
    (page.name, name): text
    for page in readme_outputs.PAGES
    for _, name, text, _ in readme_outputs.BLOCK.findall(page.read_text(encoding="utf-8"))
}
OLD_RICH = int(importlib.metadata.version("rich").split(".")[0]) < 14


@pytest.mark.skipif(OLD_RICH, reason="older versions of rich fold table cells at other places")
@pytest.mark.parametrize(("page", "name"), sorted(BLOCKS))
def test_outputs__are_what_is_printed(page: str, name: str) -> None:
    assert readme_outputs.output(name) == BLOCKS[page, name], "run tools/readme_outputs.py"


def test_outputs__each_command_is_shown_somewhere() -> None:
    assert {name for _, name in BLOCKS} == readme_outputs.COMMANDS.keys()


def test_first_screen__has_both_commands_and_the_demo_is_the_shown_one() -> None:
    assert readme_outputs.COMMANDS["demo"][0] in read_command(README, "demo")
    assert ".[dev]" in read_command(README, "test")
    assert README.index("<!-- command:test -->") < README.index("## ")


def test_readme__is_short() -> None:
    """What is long is on a page of its own."""
    assert len(README.splitlines()) < 200


def test_badges__are_true() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    shown = re.findall(r"^\[!\[([^\]]+)\]", README, re.MULTILINE)
    assert shown == ["Python 3.10 or newer", "Code: MIT", "Types: strict"]
    assert 'requires-python = ">=3.10"' in project
    assert 'license = "MIT AND' in project
    assert "[tool.mypy]\nstrict = true" in project


def test_exit_codes__are_those_of_the_errors() -> None:
    codes = {getattr(errors, name).exit_code for name in errors.__all__}
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert codes | {0, 130} == table


def test_file_names__are_as_promised() -> None:
    assert background_name("coco2017", "000000123456.jpg") == "bg_coco2017_000000123456.jpg"
    assert "`bg_" in README
