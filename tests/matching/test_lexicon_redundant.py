"""The hand lists hold no entries that the rules give without them."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from places import REPOSITORY

TOOL = REPOSITORY / "tools" / "lexicon_redundant.py"
STEP = 25


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lexicon_redundant", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.sweep
def test_hardly_an_entry_could_go(tool: ModuleType) -> None:
    """Every 25th entry of each list is taken out for a moment: at most one in fifty is not missed."""
    tried, gone = 0, []
    for name in tool.LISTS:
        phrases = list(tool.hand_list(name))[::STEP]
        tried += len(phrases)
        gone += [phrase for phrase in phrases if not tool.is_missed(name, phrase)]
    assert tried > 100
    assert len(gone) <= tried / 50, gone


def test_an_entry_that_the_rules_give_is_found(tool: ModuleType) -> None:
    entries = tool.hand_list("alias")
    assert "dogs" not in entries
    try:
        entries["dogs"] = tool.ListEntry((tool.NamedCategory("dog", "is_a", 0.95),), "alias")
        assert not tool.is_missed("alias", "dogs")
    finally:
        entries.pop("dogs", None)
        tool.forget()


def test_an_entry_that_nothing_else_gives_is_kept(tool: ModuleType) -> None:
    assert tool.is_missed("alias", "bike")
    assert "bike" in tool.hand_list("alias")
