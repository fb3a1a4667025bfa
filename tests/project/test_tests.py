"""What holds of the tests themselves."""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dealing import long_ones_first
from places import HELPERS, TESTS

FILES = sorted(TESTS.rglob("*.py"))
MODULES = [path for path in FILES if path.name.startswith("test_")]
# Its strings are houses that do not exist.
MADE_UP = "test_layers.py"


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each import as the module and the name taken from it, which may be empty."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def imported_by_programs(path: Path) -> Iterator[tuple[str, str]]:
    """The same of the programs in strings, which run in processes of their own."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for line in re.findall(r"^ *((?:from|import) yolobg\b.*)$", node.value, re.MULTILINE):
                with contextlib.suppress(SyntaxError):
                    yield from imported(ast.parse(line))


def exists(module: str, name: str) -> bool:
    try:
        found = importlib.import_module(module)
        return not name or hasattr(found, name) or bool(importlib.import_module(f"{module}.{name}"))
    except ImportError:
        return False


def test_tests__import_helpers_and_no_other_test() -> None:
    others = {path.stem for path in MODULES} | {"conftest"}
    found = [
        f"{path.relative_to(TESTS)}: {module} {name}"
        for path in FILES
        for module, name in imported(ast.parse(path.read_text("utf-8")))
        if others & {*module.split("."), name} or module.split(".")[0] == "tests"
    ]
    assert found == []


def test_programs_in_tests__import_what_is_there() -> None:
    """A program in a string is seen by no linter and no type checker, and its failure may be taken for an answer."""
    missing = [
        f"{path.relative_to(TESTS)}: {module} {name}"
        for path in FILES
        if path.name != MADE_UP
        for module, name in imported_by_programs(path)
        if not exists(module, name)
    ]
    assert missing == []


def test_helpers__are_no_tests() -> None:
    assert [path.name for path in HELPERS.rglob("test_*.py")] == []


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 50])
def test_long_ones__stand_at_the_beginning_of_each_workers_piece(workers: int) -> None:
    tests = list(range(40))
    dealt = long_ones_first(tests, lambda number: number % 7 == 0, workers)
    assert sorted(dealt) == tests
    first = dealt[: len(tests) // workers]
    begun = [number % 7 == 0 for number in first]
    assert begun == sorted(begun, reverse=True)
    assert sum(begun) in (6 // workers, 6 // workers + 1)


def test_markers__by_which_ci_picks_files_stand_in_these_files() -> None:
    """What a helper marks would be left out of `.ci/run` in silence."""
    marked = re.compile(r"mark\.(browser|clients|datumaro|ultralytics)\b")
    makers = [TESTS / "conftest.py", *HELPERS.rglob("*.py")]
    assert [path.name for path in makers if marked.search(path.read_text("utf-8"))] == []


def test_guarantees__of_each_file_the_default_run_tries_some(pytestconfig: pytest.Config) -> None:
    """A user's "does it work here" touches each promise; the rest runs in `.ci/run`."""
    assert "not sweep and (not slow or sample)" in " ".join(pytestconfig.getini("addopts"))
    for path in sorted((TESTS / "guarantees").glob("test_*.py")):
        text = path.read_text("utf-8")
        whole = re.search(r"^pytestmark = (pytest\.mark\.slow$|\[[^\]]*pytest\.mark\.slow)", text, re.MULTILINE)
        assert not whole or "pytest.mark.sample" in text, path.name
