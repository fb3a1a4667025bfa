"""Names that were saved in one text encoding and read in another: repaired where nothing is lost, else asked about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from yolobg.matching.answers import EXCLUDES, NONE, Answer, union
from yolobg.matching.languages import fold, lexicon, of_word
from yolobg.matching.list_context import context_of
from yolobg.matching.name_rules import answer
from yolobg.model import ClassMatch, Reading

__all__ = ["LOST", "is_lost", "lost_names", "repaired"]

LOST = "letters of this name are lost"
"""How the warning begins that says why a name with lost letters is asked about."""

MISREAD_AS = ("cp1252", "latin-1", "cp437", "cp850", "mac_roman", "cp1251", "gb18030")
"""The encodings in which UTF-8 text is commonly misread."""

SHORTEST_PART = 2
"""So many letters in a row must be left of a name to look for words that it may be."""

_HOLE = re.compile("\ufffd+|(?<=[^\\W\\d_])\\?+(?=[^\\W\\d_])")
"""What stands for lost letters: the replacement sign, or question marks inside a word."""


def repaired(name: str) -> str:
    """Return the name as it was before its UTF-8 was misread (`piÃ©ton`: `piéton`); itself where it was not."""
    if name.isascii():
        return name
    for encoding in MISREAD_AS:
        text = _bytes(name, encoding).decode("utf-8", errors="replace")
        if text and "\ufffd" not in text and len(text) < len(name) and any(c.isalpha() and c > "\x7f" for c in text):
            return text
    return name


def _bytes(name: str, encoding: str) -> bytes:
    """Return the bytes that were misread; those that an encoding leaves free pass as they are, as in browsers."""
    return b"".join(_byte(c, encoding) for c in name)


def _byte(character: str, encoding: str) -> bytes:
    try:
        return character.encode(encoding)
    except UnicodeEncodeError:
        is_free = encoding.startswith("cp125") and "\x80" <= character <= "\x9f"
        return character.encode("latin-1") if is_free else b"\xff"


def lost_names(names: Mapping[int, str], readings: Mapping[int, Sequence[Reading]]) -> dict[int, Answer]:
    """Return what to ask about the names that have lost letters: what they may be is offered, never taken.

    Args:
        names: Class id to class name.
        readings: Class id to what the name is in each likely encoding of its file; nothing listed for a name that
            lost its letters and is a text in none of them.
    """
    holes = {class_id for class_id, name in names.items() if _HOLE.search(name)} - readings.keys()
    likeliest = _in_likeliest_encoding(names, readings) if readings else {}
    found = {class_id: likeliest.get(class_id, _asked("its file is not UTF-8", NONE)) for class_id in readings}
    return found | {class_id: _asked("they were replaced by signs", _fits(names[class_id])) for class_id in holes}


def is_lost(found: Answer | ClassMatch) -> bool:
    """Tell whether an answer is the question about a name with lost letters."""
    return any(warning.startswith(LOST) for warning in found.warnings)


def _asked(why: str, meant: Answer) -> Answer:
    return Answer("opaque", warnings=(f"{LOST}: {why}",), offered=meant.exclusions)


def _in_likeliest_encoding(names: Mapping[int, str], readings: Mapping[int, Sequence[Reading]]) -> dict[int, Answer]:
    """Return the question about each name as it is in the encoding in which the most names are known words."""
    read: dict[str, dict[int, str]] = {}
    for class_id, listed in readings.items():
        for reading in listed:
            read.setdefault(reading.encoding, {})[class_id] = reading.name
    best: dict[int, Answer] = {}
    most = -1.0
    for encoding, there in read.items():
        context = context_of(tuple({**names, **there}.values()))
        meant = {class_id: answer(name, context) for class_id, name in there.items()}
        sure = sum(map(_sureness, meant.values()))
        if sure > most:
            most = sure
            best = {n: _asked(f"in {encoding} it is {there[n]!r}", found) for n, found in meant.items()}
    return best


def _sureness(found: Answer) -> float:
    """Return how sure it is (0-1) that a name is a word: a word that needs nothing is as likely as a weak match."""
    return max((e.confidence for e in found.exclusions), default=EXCLUDES if found.status == "none" else 0.0)


def _fits(name: str) -> Answer:
    """Return what the foreign words mean that a name may be if each hole in it is one or two letters."""
    parts = [re.escape(fold(part)) for part in _HOLE.split(name)]
    pattern = re.compile("..?".join(parts))
    hits = [word for word in lexicon() if pattern.fullmatch(word)] if max(map(len, parts)) >= SHORTEST_PART else []
    return union(map(of_word, hits))
