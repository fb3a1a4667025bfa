"""List the entries of the hand lists that the rules give without them: they can go.

Usage: python tools/lexicon_redundant.py [LIST ...] [--prune]

An entry is redundant if, with it taken out of its list, its phrase gets the same certain and maybe categories: by
itself, as the head and as the start of a longer name, in one word with another, and misspelt. Entries are tried one
after another against the lists that are left, so that two that stand for each other do not both go. `--prune` writes
the lists without them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Before the imports below: this runs from a checkout, which need not be installed (E402).
sys.path.insert(0, str(ROOT))

from yolobg.matching import phrase_rules, spelling  # noqa: E402 - the tool runs from a checkout
from yolobg.matching.lexicon import ListEntry, NamedCategory, hand_list  # noqa: E402 - as above
from yolobg.matching.matcher import match_classes  # noqa: E402
from yolobg.matching.words import key  # noqa: E402

__all__ = ["LISTS", "ListEntry", "NamedCategory", "forget", "hand_list", "is_missed", "redundant", "write_without"]

FOLDER = ROOT / "yolobg" / "matching" / "lexicon"
PROBES = ("{}", "metal {}", "basketball {}", "dog {}", "{} holder", "{} of steel", "super{}")
MISSPELT = 6
LISTS = ("alias", "superset", "body", "part", "sense")


def redundant(name: str) -> Iterator[str]:
    """Yield the phrases of a list that are not needed, in the list's order; each stays out from then on."""
    for phrase in list(hand_list(name)):
        if not is_missed(name, phrase):
            del hand_list(name)[phrase]
            forget()
            yield phrase


def is_missed(name: str, phrase: str) -> bool:
    """Tell whether any answer changes when a list is without a phrase; the list is left as it was."""
    entries = hand_list(name)
    before, entry = _said(phrase), entries.pop(phrase)
    forget()
    after = _said(phrase)
    entries[phrase] = entry
    forget()
    return after != before


def _said(phrase: str) -> tuple[object, ...]:
    """Return what matters of the answers to the phrase and names with it: the status and each category's band."""
    names = [form.format(phrase) for form in PROBES] + _misspelt(phrase)
    matches = (match_classes([name])[0] for name in names)
    return tuple((m.status, frozenset(e.coco for e in m.exclude), frozenset(e.coco for e in m.maybe)) for m in matches)


def _misspelt(phrase: str) -> list[str]:
    """Return the phrase with a letter missing and with two letters changed about, if it is long enough."""
    at = len(phrase) // 2
    if len(phrase) < MISSPELT:
        return []
    return [phrase[:at] + phrase[at + 1 :], phrase[:at] + phrase[at + 1] + phrase[at] + phrase[at + 2 :]]


def forget() -> None:
    """Forget what was read of names with the lists as they were."""
    phrase_rules.resolve_phrase.cache_clear()
    spelling.unglue.cache_clear()
    spelling.listed_by_length.cache_clear()


def write_without(name: str, gone: set[str]) -> None:
    """Write a list without some of its phrases; a row that has none left goes too."""
    path = FOLDER / f"{name}.tsv"
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        names, tab, rest = line.partition("\t")
        if line.startswith("#") or not tab:
            lines.append(line)
            continue
        kept = [phrase.strip() for phrase in names.split(";") if key(phrase) not in gone]
        lines += [f"{'; '.join(kept)}\t{rest}"] if kept else []
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the redundant phrases of each list, or take them out."""
    parser = argparse.ArgumentParser(description="List hand-list entries that the rules give anyway.")
    parser.add_argument("lists", nargs="*", choices=[*LISTS, []], help="default: all")
    parser.add_argument("--prune", action="store_true")
    options = parser.parse_args(argv)
    for name in options.lists or LISTS:
        total = len(hand_list(name))
        gone = list(redundant(name))
        print(f"{name}: {len(gone)} of {total} redundant: {'; '.join(gone)}")
        if options.prune:
            write_without(name, set(gone))
    return 0


if __name__ == "__main__":
    sys.exit(main())
