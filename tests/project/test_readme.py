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
BLOCKS = {name: text for _, name, text, _ in readme_outputs.BLOCK.findall(README)}
OLD_RICH = int(importlib.metadata.version("rich").split(".")[0]) < 14


@pytest.mark.skipif(OLD_RICH, reason="older versions of rich fold table cells at other places")
@pytest.mark.parametrize("name", ["demo", "classes"])
def test_outputs__are_what_is_printed(name: str) -> None:
    assert readme_outputs.output(name) == BLOCKS[name], "run tools/readme_outputs.py"


def test_help__names_the_same_options() -> None:
    """Compared by option, since versions of click lay the text out differently."""
    flags = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
    told = set(flags.findall(readme_outputs.output("help")))
    assert told == set(flags.findall(BLOCKS["help"]))
    assert {"--ratio", "--count", "--map", "--dry-run", "--json"} <= told


def test_first_screen__has_both_commands_and_the_demo_is_the_shown_one() -> None:
    assert readme_outputs.COMMANDS["demo"] in read_command(README, "demo")
    assert ".[dev]" in read_command(README, "test")
    assert README.index("<!-- command:test -->") < README.index("## Use it")


def test_exit_codes__are_those_of_the_errors() -> None:
    codes = {getattr(errors, name).exit_code for name in errors.__all__}
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert codes | {0, 130} == table


def test_file_names__are_as_promised() -> None:
    assert background_name("coco2017", "000000123456.jpg") == "bg_coco2017_000000123456.jpg"
    assert "`bg_" in README
