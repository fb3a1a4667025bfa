"""Each promise in docs/guarantees.md names tests, and these tests exist."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import pytest
from places import REPOSITORY

PAGE = REPOSITORY / "docs" / "guarantees.md"
NAMED = re.compile(r"`(tests/[a-z0-9_]+/[a-z0-9_]+\.py)::(test_[a-z0-9_]+)`", re.IGNORECASE)
OPEN_END = "## What does not hold"
_BEGINNING = 50

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="needs the checkout")


def promises(text: str) -> list[str]:
    """The rows of all tables, without their heads."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if not row.startswith(("| What holds", "| ---"))]


def unproven(text: str) -> list[str]:
    """What each promise without a test says."""
    return [row for row in promises(text) if not NAMED.search(row.rpartition(" | ")[2])]


def doubled(rows: Iterable[str]) -> list[str]:
    """The beginnings that several rows have: the two sides of a merge, of which one has changed what follows."""
    counts = Counter(row.lstrip("|- ")[:_BEGINNING] for row in rows)
    return [beginning for beginning, number in counts.items() if number > 1]


def missing(text: str) -> list[str]:
    """The tests that are named and do not exist."""
    named = dict.fromkeys(NAMED.findall(text))
    return [f"{file}::{test}" for file, test in named if test not in names_in(file)]


@lru_cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file, read without importing it."""
    path = REPOSITORY / file
    if not path.is_file():
        return frozenset()
    body = ast.parse(path.read_text("utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_promises__each_names_a_test() -> None:
    text = PAGE.read_text("utf-8")
    assert len(promises(text)) >= 40
    assert unproven(text) == []


def test_rows__stand_once_in_the_promises_and_in_the_changelog() -> None:
    assert doubled(promises(PAGE.read_text("utf-8"))) == []
    changes = [line for line in (REPOSITORY / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("- ")]
    assert len(changes) > 100
    assert doubled(changes) == []


def test_rows__of_two_sides_of_a_merge_are_found() -> None:
    row = "| A label file of yours is never replaced, whatever happens to it meanwhile"
    assert doubled([f"{row}. | a | b |", "| Another. |", f"{row}, or later. | a | b |"]) == [row[2:][:_BEGINNING]]


def test_promises__each_test_exists() -> None:
    text = PAGE.read_text("utf-8")
    assert missing(text) == []
    # A name that the pattern does not take would not be looked at.
    assert len(NAMED.findall(text)) == text.count("`tests/") == text.count("::test_")


def test_promises__what_does_not_hold_is_said() -> None:
    _, mark, rest = PAGE.read_text("utf-8").partition(OPEN_END)
    assert mark
    assert len(re.findall(r"^- \*\*", rest, re.MULTILINE)) >= 8
    assert not promises(rest)


def test_this_page__would_be_caught() -> None:
    told = "| What holds | Also under | Shown by |\n| --- | --- | --- |\n| It works. | | |\n"
    assert unproven(told) == ["| It works. | | |"]
    assert missing("`tests/project/test_guarantees.py::test_no_such_test`") == [
        "tests/project/test_guarantees.py::test_no_such_test"
    ]
    assert missing("`tests/project/test_no_such_file.py::test_x`") == ["tests/project/test_no_such_file.py::test_x"]
    assert missing("`tests/project/test_guarantees.py::test_this_page__would_be_caught`") == []
