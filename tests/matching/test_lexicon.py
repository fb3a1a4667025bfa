"""The derived lexicon: reproducible, licensed, quick to load."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest
from places import REPOSITORY

from yolobg.matching.lexicon.wordnet import wordnet

FOLDER = Path(str(files("yolobg.matching.lexicon").joinpath("wordnet.txt"))).parent
TOOL = REPOSITORY / "tools" / "build_lexicon.py"
DICTIONARY = Path("/usr/share/wordnet")


def load_tool() -> ModuleType:
    if not TOOL.is_file():
        pytest.skip("the tools lie only in a checkout")
    spec = importlib.util.spec_from_file_location("build_lexicon_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_lexicon_tool"] = module
    spec.loader.exec_module(module)
    return module


def test_the_digest_beside_the_lexicon_is_its_own() -> None:
    digest = (FOLDER / "wordnet.sha256").read_text(encoding="ascii").split()[0]
    assert hashlib.sha256((FOLDER / "wordnet.txt").read_bytes()).hexdigest() == digest


@pytest.mark.slow
def test_the_lexicon_is_what_the_dictionary_gives() -> None:
    tool = load_tool()
    if not (DICTIONARY / "data.noun").is_file():
        pytest.skip("Debian's wordnet-base is not installed")
    assert tool.main(["--check"]) == 0


def test_the_notice_of_wordnet_lies_beside_it() -> None:
    notice = (FOLDER / "WORDNET_NOTICE.txt").read_text(encoding="utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in notice
    assert "THIS SOFTWARE AND DATABASE IS PROVIDED" in notice


def test_the_lexicon_is_compact() -> None:
    assert (FOLDER / "wordnet.txt").stat().st_size < 700_000


def test_importing_the_matcher_reads_no_list() -> None:
    code = (
        "import yolobg.matching.matcher; from yolobg.matching.lexicon.wordnet import wordnet; "
        "print(wordnet.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_what_is_in_it() -> None:
    lexicon = wordnet()
    entry = lexicon.entry("keeshond")
    assert entry is not None
    assert [t.category for t in entry.targets] == ["dog"]
    assert lexicon.is_word("pothole")
    assert lexicon.genus("turdus") is not None
    assert lexicon.entry("qwrtzpk") is None
