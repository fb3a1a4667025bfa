"""Score the class matcher on whole class lists, each name judged once within its list.

`lists.jsonl` holds one row for each name of a list: `list` and `names`, the list; `name`; `needs`, the categories that
must be excluded (one member of each set in `any_of` is enough); `accept`, those that may be; `kind`: `need`, `none`,
`opaque` (only a question is right) or `either` (a question or an answer). Everything is counted as a run without a
terminal excludes it: the maybe band too, unless a line says otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.matching.matcher import match_classes
from yolobg.model import ClassMatch

FILE = "lists.jsonl"
PARTS = ("develop", "check")

COVERED, ASKED_NEED, NONE_NEED, WRONG_NEED = "covered", "asked, COCO has it", "none, COCO has it", "wrong, COCO has it"
FALSE_ALARM, ASKED_NONE, RIGHT = "false alarm", "asked, needs nothing", "right"
OPAQUE_NONE, OPAQUE_MAPPED = "opaque, answered none", "opaque, answered with categories not accepted"
EITHER_ALARM = "either, answered with categories not accepted"


@dataclass(frozen=True)
class Judged:
    """One judged name of a list."""

    number: int
    source: str
    names: tuple[str, ...]
    name: str
    needs: frozenset[str]
    any_of: tuple[frozenset[str], ...]
    accept: frozenset[str]
    kind: str

    def covered_by(self, categories: frozenset[str]) -> bool:
        """Tell whether these exclusions are enough for the name."""
        plain = self.needs.difference(*self.any_of)
        return plain <= categories and all(one_of & categories for one_of in self.any_of)


def read_lists(folder: Path, part: str | None) -> dict[int, list[Judged]]:
    """Read the judged lists of a folder by number; a part is cut by owner: lists of one owner resemble each other."""
    lists: dict[int, list[Judged]] = {}
    for line in (folder / FILE).read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        row = Judged(
            raw["list"],
            raw["source"],
            tuple(raw["names"]),
            raw["name"],
            frozenset(raw["needs"]),
            tuple(frozenset(one_of) for one_of in raw["any_of"]),
            frozenset((*raw["accept"], *raw["needs"])),
            raw["kind"],
        )
        if part in (None, part_of(row.source)):
            lists.setdefault(row.number, []).append(row)
    return lists


def part_of(source: str) -> str:
    """Return the part that a list is in: two thirds may be read when rules are changed, a third only counts."""
    digest = hashlib.sha1(source.partition("/")[0].encode(), usedforsecurity=False).digest()
    return "check" if digest[-1] % 3 == 0 else "develop"


def verdict(row: Judged, match: ClassMatch) -> str:
    """Return what the answer is for a judged row."""
    asked = match.status in ("opaque", "unknown")
    found = all_of(match)
    wrong = found - row.accept
    if row.kind == "need":
        if asked:
            return ASKED_NEED
        return COVERED if row.covered_by(found) else WRONG_NEED if found else NONE_NEED
    if row.kind == "none":
        return ASKED_NONE if asked else FALSE_ALARM if wrong else RIGHT
    if asked or (found and not wrong):
        return RIGHT
    if row.kind == "opaque":
        return OPAQUE_MAPPED if found else OPAQUE_NONE
    return EITHER_ALARM if wrong else RIGHT


def all_of(match: ClassMatch) -> frozenset[str]:
    """Return the categories of both bands."""
    return frozenset(e.coco for e in (*match.exclude, *match.maybe))


def lacking(rows: Sequence[Judged], matches: Sequence[ClassMatch]) -> frozenset[str]:
    """Return the categories that a list needs and that none of its names excludes; nothing if a question stops it."""
    if any(match.status in ("opaque", "unknown") for match in matches):
        return frozenset()
    excluded = frozenset().union(*map(all_of, matches))
    needed = frozenset().union(*(row.needs.difference(*row.any_of) for row in rows))
    unserved = (one_of for row in rows for one_of in row.any_of if not one_of & excluded)
    return (needed - excluded).union(*unserved)


def score_lists(folder: Path, *, part: str | None, errors: bool) -> None:
    """Print the figures of the lists of a folder; with `errors`, each name that is not right, by kind of error."""
    lists = read_lists(folder, part)
    pairs: list[tuple[Judged, ClassMatch]] = []
    stopped, lacks = 0, []
    for rows in lists.values():
        by_name = {match.name: match for match in match_classes(rows[0].names)}
        matches = [by_name[row.name] for row in rows]
        pairs += zip(rows, matches, strict=True)
        stopped += any(match.status in ("opaque", "unknown") for match in matches)
        if missing := lacking(rows, matches):
            lacks.append(f"list {rows[0].number} {rows[0].names}: {sorted(missing)}")
    _show_figures(pairs, len(lists), stopped, len(lacks))
    if errors:
        _show_errors(pairs)
        print("\n".join(("\nlists that run while lacking a category", *lacks)))


def _show_figures(pairs: Sequence[tuple[Judged, ClassMatch]], lists: int, stopped: int, lacks: int) -> None:
    counts = Counter(verdict(row, match) for row, match in pairs)
    kinds = Counter(row.kind for row, _ in pairs)
    asked = counts[ASKED_NEED] + counts[ASKED_NONE]
    print(f"{lists} lists, {len(pairs)} names")
    _line("covered", counts[COVERED], kinds["need"])
    _line("none or wrong where COCO has it", counts[NONE_NEED] + counts[WRONG_NEED], kinds["need"])
    _line("precision, certain band, names that need something", *_precision(pairs, ("need",), maybe=False))
    _line("precision, both bands, all names", *_precision(pairs, tuple(kinds), maybe=True))
    _line("false alarms of names that need nothing", counts[FALSE_ALARM], kinds["none"])
    _line("false alarms, certain band", sum(map(_is_certain_alarm, *zip(*pairs, strict=True))), kinds["none"])
    _line("answerable names asked", asked, kinds["need"] + kinds["none"])
    _line("opaque names answered", counts[OPAQUE_NONE] + counts[OPAQUE_MAPPED], kinds["opaque"])
    _line("lists stopped by a question", stopped, lists)
    _line("lists that run while lacking a category", lacks, lists - stopped)


def _is_certain_alarm(row: Judged, match: ClassMatch) -> bool:
    return row.kind == "none" and any(e.coco not in row.accept for e in match.exclude)


def _precision(pairs: Sequence[tuple[Judged, ClassMatch]], kinds: Sequence[str], *, maybe: bool) -> tuple[int, int]:
    right = returned = 0
    for row, match in pairs:
        if row.kind in kinds:
            found = all_of(match) if maybe else frozenset(e.coco for e in match.exclude)
            returned += len(found)
            right += len(found & row.accept)
    return right, returned


def _line(title: str, part: int, whole: int) -> None:
    share = f"{100 * part / whole:6.1f} %" if whole else "       -"
    print(f"{title:54}{share}{part:6} of {whole}")


def _show_errors(pairs: Sequence[tuple[Judged, ClassMatch]]) -> None:
    kinds = (WRONG_NEED, NONE_NEED, FALSE_ALARM, ASKED_NEED, ASKED_NONE, OPAQUE_MAPPED, OPAQUE_NONE, EITHER_ALARM)
    for kind in kinds:
        print(f"\n{kind}")
        for row, match in pairs:
            if verdict(row, match) == kind:
                said = "; ".join(
                    f"{e.coco} {e.confidence:.2f} [{e.rule}] {e.reason}" for e in (*match.exclude, *match.maybe)
                )
                print(f"  {row.number}: {row.name!r} needs {sorted(row.needs)} ({match.status}: {said})")
