"""Derive yolobg/matching/lexicon/openimages.tsv from Open Images' boxable classes, their hierarchy and WordNet 3.0.

Usage: python tools/build_openimages.py HIERARCHY.json [--dictionary DICT] [--output FILE] [--held-out]

HIERARCHY.json is Open Images' bbox_labels_600_hierarchy.json (CC BY 4.0, OPENIMAGES_NOTICE.txt); the classes are in
openimages_synsets.tsv beside this file, each with its synset. DICT is as for `build_lexicon.py`. `--held-out` writes
nothing: it builds the table without Open Images' own names and says how many of them it understands.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from build_lexicon import DICTIONARY  # noqa: E402 - lies beside this file
from build_lvis import OUTPUT as LVIS_TABLE  # noqa: E402 - as above
from build_lvis import Table, build, held_out, phrase_lines  # noqa: E402 - as above
from wordnet_dictionary import read_wordnet  # noqa: E402 - as above

from yolobg.matching.answers import EXCLUDES  # noqa: E402 - the tool runs from a checkout
from yolobg.matching.matcher import match_classes  # noqa: E402 - as above

OUTPUT = LVIS_TABLE.parent / "openimages.tsv"
CLASSES = Path(__file__).resolve().parent / "openimages_synsets.tsv"
HUMAN = "Human "
"""How the names of the parts of a person begin: what shows one shows a person, unlike what a person wears."""

HEADER = """\
# Open Images' boxable classes (CC BY 4.0, OPENIMAGES_NOTICE.txt) in WordNet 3.0 (WORDNET_NOTICE.txt); made by
# tools/build_openimages.py.
# C: id, the COCO categories that it belongs to, the COCO category that is the very same thing, name, the ids of the
# classes just above it. The other rows are as in lvis.tsv.
"""


def read_classes() -> list[dict[str, Any]]:
    """The classes as `build_lvis` takes them: the id for the synset, and a name that is not sure with a bracket."""
    classes = []
    for line in CLASSES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            number, name, synset, coco = line.split("\t")
            known = f"{name} (one meaning)" if synset.endswith("?") else name
            classes.append(
                {"synset": number, "wordnet": synset.rstrip("?"), "name": known, "synonyms": [known], "coco": coco}
            )
    return classes


def read_parents(hierarchy: Mapping[str, Any], known: set[str]) -> dict[str, set[str]]:
    """A class to those just above it; parts are no kinds, so what they belong to is not above them."""
    parents: dict[str, set[str]] = defaultdict(set)
    level = [hierarchy]
    while level:
        node = level.pop()
        for child in node.get("Subcategory", ()):
            if node["LabelName"] in known:
                parents[child["LabelName"]].add(node["LabelName"])
            level.append(child)
        level += node.get("Part", ())
    return parents


def ancestors(parents: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """A class to all those above it."""
    found: dict[str, set[str]] = {}
    for number in parents:
        level, above = {number}, set[str]()
        while level := {higher for one in level for higher in parents.get(one, ())} - above:
            above |= level
        found[number] = above
    return found


def render(table: Table, classes: Sequence[dict[str, Any]], parents: Mapping[str, set[str]]) -> str:
    """The text of openimages.tsv: sorted, so that equal tables give equal bytes."""
    order = sorted(one["synset"] for one in classes)
    by_id = {one["synset"]: one for one in classes}
    plain = {number: by_id[number]["name"].partition(" (one meaning)")[0] for number in order}
    lines = []
    for number, match in zip(order, match_classes([plain[number] for number in order]), strict=True):
        belongs = sorted(
            one.coco
            for one in match.exclude
            if one.confidence >= EXCLUDES and (one.relation != "part_or_worn" or match.name.startswith(HUMAN))
        )
        coco = by_id[number]["coco"].strip("-")
        above = ",".join(sorted(parents.get(number, ())))
        lines.append("\t".join(("C", number, ",".join(belongs), coco, plain[number], above)))
    return HEADER + "\n".join(lines + phrase_lines(table, order)) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table, or say what it is worth."""
    parser = argparse.ArgumentParser(description="Place Open Images' boxable classes in WordNet 3.0.")
    parser.add_argument("hierarchy", type=Path)
    parser.add_argument("--dictionary", type=Path, default=DICTIONARY)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args(argv)
    classes, wordnet = read_classes(), read_wordnet(options.dictionary)
    parents = read_parents(
        json.loads(options.hierarchy.read_text(encoding="utf-8")), {one["synset"] for one in classes}
    )
    above = ancestors(parents)
    if options.held_out:
        print(held_out(build(classes, wordnet, with_names=False, parents=above), classes))
        return 0
    text = render(build(classes, wordnet, parents=above), classes, parents)
    options.output.write_text(text, encoding="utf-8", newline="\n")
    print(f"{options.output}: {len(text):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
