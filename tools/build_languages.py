"""Fill in what CLDR knows of the languages in common_nouns.tsv and han.tsv; `--check` only compares.

Usage: python tools/build_languages.py DIR [--check]

DIR is the folder `common` of CLDR 41 (Debian: unicode-cldr-core 41-0.1). In common_nouns.tsv the names of emoji fill
the rows marked `cldr`: the English column says which. han.tsv gets the traditional characters of those that the word
lists hold. Both are data of Unicode's: UNICODE_NOTICE.txt lies beside them.
"""

from __future__ import annotations

import argparse
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

LEXICON = Path(__file__).resolve().parents[1] / "yolobg" / "matching" / "lexicon"

MORE = {"zh": ("zh_Hant",), "es": ("es_419", "es_MX"), "pt": ("pt_PT",)}
"""Further files of a language."""

LONGEST = 3
"""CLDR's name of more words than this is a description."""


def names(folder: Path, language: str) -> dict[str, str]:
    """Return emoji to its name in a language."""
    tree = ET.parse(folder / "annotations" / f"{language}.xml")  # noqa: S314 - Debian's file
    return {
        note.get("cp", ""): (note.text or "").strip() for note in tree.iter("annotation") if note.get("type") == "tts"
    }


def cell(emoji: str, tables: list[dict[str, str]]) -> str:
    """Return the words of one language for an emoji, `-` for none."""
    found = dict.fromkeys(table[emoji] for table in tables if table.get(emoji, "↑↑↑") != "↑↑↑")
    words = [word for word in found if len(word.split()) <= LONGEST and not set(word) & set(",|\t:()")]
    return ",".join(words) or "-"


def filled(text: str, folder: Path) -> str:
    """Return the list with its rows of CLDR's filled in."""
    lines = text.splitlines()
    languages = next(line for line in lines if line.startswith("language\t")).split("\t")[-1].split("|")
    emoji = {name: sign for sign, name in reversed(names(folder, "en").items())}
    tables = [[names(folder, file) for file in (language, *MORE.get(language, ()))] for language in languages]
    return "".join(f"{_row(line, emoji, tables)}\n" for line in lines)


def _row(line: str, emoji: dict[str, str], tables: list[list[dict[str, str]]]) -> str:
    english, source, meaning, *_ = (*line.split("\t"), "", "")
    if source != "cldr":
        return line
    if english not in emoji:
        raise SystemExit(f"{english}: CLDR has no emoji of this name")
    return f"{english}\tcldr\t{meaning}\t{'|'.join(cell(emoji[english], table) for table in tables)}"


HAN_HEAD = """\
# Simplified Chinese characters of the word lists and the traditional ones that are written for them.
# Source: Unicode CLDR 41, the transform Simplified-Traditional (tools/build_languages.py; licence: UNICODE_NOTICE.txt).
"""


def han(folder: Path, words: str) -> str:
    """Return the text of han.tsv: the characters that words hold and their traditional forms."""
    tree = ET.parse(folder / "transforms" / "Simplified-Traditional.xml")  # noqa: S314 - Debian's file
    rules = "".join(rule.text or "" for rule in tree.iter("tRule"))
    table: dict[str, list[str]] = {}
    for simple, traditional in re.findall(r"^(.)\s*[↔←]\s*(.)\s*;", rules, re.MULTILINE):
        if simple in words and simple != traditional:
            table.setdefault(simple, []).append(traditional)
    return HAN_HEAD + "".join(f"{simple}\t{''.join(dict.fromkeys(table[simple]))}\n" for simple in sorted(table))


def main() -> int:
    """Fill or check the lists."""
    parser = argparse.ArgumentParser(description="Fill in what CLDR knows of the languages.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="only tell whether it is what CLDR says")
    options = parser.parse_args()
    nouns, variants = LEXICON / "common_nouns.tsv", LEXICON / "han.tsv"
    filled_in = filled(nouns.read_text(encoding="utf-8"), options.folder)
    words = (LEXICON / "languages.tsv").read_text(encoding="utf-8") + filled_in
    changed = False
    for file, new in ((nouns, filled_in), (variants, han(options.folder, words))):
        changed |= not file.exists() or file.read_text(encoding="utf-8") != new
        if not options.check:
            file.write_text(new, encoding="utf-8")
    return int(options.check and changed)


if __name__ == "__main__":
    sys.exit(main())
