"""Score the class matcher on judged class names, beside three simpler methods in the same run.

Usage: python benchmarks/class_matching.py DIR [--errors] [--half look|count] [--part develop|check] [--wordnet DICT]

DIR holds *.jsonl files, one class name a line: `name`; `coco`, the categories whose images must be excluded;
`accept`, those that may be returned without counting as an error; `relation`; `loose` rows are left out;
`expect: "ask"` rows must not be mapped; `lang` where the name is not English. A row with `coco` is covered when every
one of them is returned. Precision is the share of returned categories that are in `coco` or `accept`, over rows with
`coco`. A row without is a false alarm when anything outside `accept` is returned. "Returned" is the certain band
(confidence of at least 0.5); a line marked +maybe counts the maybe band too.

Where DIR holds lists.jsonl, the names are judged within whole class lists: class_lists.py says what is counted;
--part develop|check counts two thirds of them or the other third.

rapidfuzz (pip install -r benchmarks/requirements.txt) and WordNet (Debian: wordnet-base) are compared where
they are installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import class_lists  # noqa: E402 - the script runs from a checkout
from yolobg.matching.lexicon import coco_categories  # noqa: E402 - the script runs from a checkout
from yolobg.matching.matcher import match_classes  # noqa: E402 - as above
from yolobg.matching.words import key, plural, words  # noqa: E402 - as above
from yolobg.model import ClassMatch  # noqa: E402 - as above

Method = Callable[[str], frozenset[str]]
NAMES = [category.name for category in coco_categories()]


@dataclass(frozen=True)
class Row:
    """A judged class name."""

    file: str
    name: str
    coco: frozenset[str]
    accept: frozenset[str]
    must_ask: bool
    lang: str


def read_rows(folder: Path) -> list[Row]:
    """Read all judged names of a folder but the disputed ones, by file name."""
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            raw: dict[str, Any] = json.loads(line) if line.strip() else {"loose": True}
            if not raw.get("loose"):
                rows.append(_row(path.stem, raw))
    return rows


def _row(file: str, raw: dict[str, Any]) -> Row:
    accept = frozenset(raw.get("accept", ()))
    ask = raw.get("expect") == "ask"
    return Row(file, raw["name"], frozenset(raw["coco"]), accept, ask, raw.get("lang", ""))


def half_of(name: str) -> str:
    """Return the half that a name is in: errors of `look` may be read when rules are changed, `count` only counts."""
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    return "look" if digest[-1] % 2 == 0 else "count"


# ---------------------------------------------------------------- methods


def exact(name: str) -> frozenset[str]:
    """Return the category of that very name, in the singular or plural."""
    forms = {form: c for c in NAMES for form in (c, plural(c))}
    found = forms.get(key(name))
    return frozenset((found,)) if found else frozenset()


def fuzzy() -> Method | None:
    """Return the category that rapidfuzz's WRatio puts at 80 or above; None where it is not installed."""
    if importlib.util.find_spec("rapidfuzz") is None:
        return None
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - optional

    def method(name: str) -> frozenset[str]:
        found = process.extractOne(" ".join(words(name)), NAMES, scorer=fuzz.WRatio, score_cutoff=80)
        return frozenset((found[0],)) if found else frozenset()

    return method


def first_sense(dictionary: Path) -> Method | None:
    """Return the categories above a name's first WordNet sense; None where the dictionary is not installed."""
    if not (dictionary / "data.noun").is_file():
        return None
    build = _load(ROOT / "tools" / "build_lexicon.py")
    wordnet = build.read_wordnet(dictionary)
    anchors = build.read_anchors(wordnet)
    meaning = build.Meaning(wordnet, anchors)

    def method(name: str) -> frozenset[str]:
        lemma = "_".join(words(name))
        senses = next((wordnet.senses[form] for form in (lemma, lemma[:-1]) if form in wordnet.senses), ())
        found = meaning.of(senses[0]) if senses else ()
        specs = (anchors.rows[index].line.split("\t")[0] for index in found)
        return frozenset(part.strip() for spec in specs for part in spec.split(",") if not part.endswith("?"))

    return method


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- scores


@dataclass
class Score:
    """Counts over rows; see the module's text for the words."""

    counts: Counter[str]

    def add(self, row: Row, returned: frozenset[str], *, asked: bool) -> None:
        """Count one row."""
        allowed = row.coco | row.accept
        if row.must_ask:
            self.counts.update(ask=1, guessed=int(not asked))
        elif row.coco:
            self.counts.update(rows=1, covered=int(row.coco <= returned))
            self.counts.update(returned=len(returned), right=len(returned & allowed))
        else:
            self.counts.update(none=1, alarms=int(bool(returned - allowed)), person=int("person" in returned - allowed))

    def percent(self, part: str, whole: str) -> str:
        """Return a share in percent, or a dash without rows."""
        return f"{100 * self.counts[part] / self.counts[whole]:.1f}" if self.counts[whole] else "-"


def score(rows: Iterable[Row], method: Method) -> Score:
    """Score a plain method."""
    result = Score(Counter())
    for row in rows:
        found = method(row.name)
        result.add(row, found, asked=not found)
    return result


def score_matches(rows: Sequence[Row], matches: Sequence[ClassMatch], *, maybe: bool) -> Score:
    """Score the matcher's answers, with or without the maybe band."""
    result = Score(Counter())
    for row, match in zip(rows, matches, strict=True):
        result.add(row, returned(match, maybe=maybe), asked=match.status in ("opaque", "unknown"))
    return result


def returned(match: ClassMatch, *, maybe: bool) -> frozenset[str]:
    """Return the categories of a match."""
    return frozenset(e.coco for e in (*match.exclude, *(match.maybe if maybe else ())))


HEADER = (
    f"{'':34}{'rows':>6}{'covered %':>11}{'precision %':>13}{'none':>6}{'alarms %':>10}{'person %':>10}{'guessed':>9}"
)


def show(title: str, result: Score) -> None:
    """Print one line of figures."""
    c = result.counts
    guessed = f"{c['guessed']}/{c['ask']}" if c["ask"] else "-"
    print(
        f"{title:34}{c['rows']:6}{result.percent('covered', 'rows'):>11}{result.percent('right', 'returned'):>13}"
        f"{c['none']:6}{result.percent('alarms', 'none'):>10}{result.percent('person', 'none'):>10}{guessed:>9}"
    )


def show_errors(rows: Sequence[Row], matches: Sequence[ClassMatch]) -> None:
    """Print each row that is not fully right, and the reasons given."""
    for row, match in zip(rows, matches, strict=True):
        found = returned(match, maybe=False)
        missing, extra = row.coco - found, found - row.coco - row.accept
        if not missing and not extra and not (row.must_ask and match.status not in ("opaque", "unknown")):
            continue
        why = "; ".join(f"{e.coco} {e.confidence:.2f} [{e.rule}] {e.reason}" for e in (*match.exclude, *match.maybe))
        print(f"{row.file}: {row.name!r}: missing {sorted(missing)}, extra {sorted(extra)} ({match.status}: {why})")


def one_by_one(rows: Sequence[Row]) -> list[ClassMatch]:
    """Match each name as a list of its own: the judged rows of a file are no class list; languages are grouped."""
    by_language: dict[str, list[Row]] = {}
    for row in rows:
        if row.lang:
            by_language.setdefault(row.lang, []).append(row)
    grouped = {
        id(row): match
        for listed in by_language.values()
        for row, match in zip(listed, match_classes([row.name for row in listed]), strict=True)
    }
    return [grouped[id(row)] if row.lang else match_classes([row.name])[0] for row in rows]


def seconds_for_1000(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the seconds for 1,000 names in a fresh process (lists read included), and once more in it: best of 3."""
    names = [rows[i % len(rows)].name for i in range(1000)]
    code = (
        "import json,sys,time;from yolobg.matching.matcher import match_classes;names=json.load(sys.stdin);"
        "t=time.perf_counter();match_classes(names);u=time.perf_counter();match_classes(names);"
        "print(u-t,time.perf_counter()-u)"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(names), capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout.split()
        for _ in range(3)
    ]
    return min(float(first) for first, _ in told), min(float(again) for _, again in told)


def main(argv: Sequence[str] | None = None) -> int:
    """Print all figures."""
    parser = argparse.ArgumentParser(description="Score the class matcher on judged class names.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--errors", action="store_true", help="print what remains and why")
    parser.add_argument("--half", choices=["look", "count"], help="names whose SHA-1 is even (look) or odd (count)")
    parser.add_argument("--part", choices=class_lists.PARTS, help="lists of a part of the owners (lists.jsonl only)")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    options = parser.parse_args(argv)
    if (options.folder / class_lists.FILE).is_file():
        class_lists.score_lists(options.folder, part=options.part, errors=options.errors)
        return 0
    rows = [row for row in read_rows(options.folder) if options.half in (None, half_of(row.name))]
    if not rows:
        parser.error(f"{options.folder}: no *.jsonl rows")
    matches = one_by_one(rows)
    print(HEADER)
    for file in dict.fromkeys(row.file for row in rows):
        chosen = [(row, match) for row, match in zip(rows, matches, strict=True) if row.file == file]
        show(file, score_matches([row for row, _ in chosen], [match for _, match in chosen], maybe=False))
    print()
    show("yolobg", score_matches(rows, matches, maybe=False))
    show("yolobg +maybe", score_matches(rows, matches, maybe=True))
    show("exact, plurals", score(rows, exact))
    for title, method in (("rapidfuzz WRatio >= 80", fuzzy()), ("WordNet, first sense", first_sense(options.wordnet))):
        if method is None:
            print(f"{title:34}not installed")
        else:
            show(title, score(rows, method))
    first, again = seconds_for_1000(rows)
    print(f"\n1,000 names: {first:.3f} s in a fresh process, lists read included; {again:.3f} s once more")
    if options.errors:
        print()
        show_errors(rows, matches)
    return 0


if __name__ == "__main__":
    sys.exit(main())
