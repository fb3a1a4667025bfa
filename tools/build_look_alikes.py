"""Derive yolobg/matching/lexicon/look_alikes.tsv: the categories of COCO that are near a noun which COCO lacks.

Usage: python tools/build_look_alikes.py [DICT] [--output FILE] [--check]

Near means a Wu-Palmer similarity of at least 0.75 in WordNet 3.0 between the noun's commonest concrete sense and the
category's: 2 d / (a + b), where d is the depth of the deepest synset that both lie below, and a and b are the lengths
of the shortest ways from them through it to the top. DICT is the folder with data.noun and the index files (Debian:
`apt-get install wordnet-base`, /usr/share/wordnet). The same dictionary gives the same bytes; `--check` compares.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from word_senses import ANCHORS, find_synset  # noqa: E402 - lies beside this file
from wordnet_dictionary import CONCRETE, WordNet, read_wordnet  # noqa: E402

import yolobg  # noqa: E402 - lies in the checkout
from yolobg.matching.dictionaries import in_hand_lists  # noqa: E402
from yolobg.matching.lexicon import read_rows  # noqa: E402
from yolobg.matching.lexicon.wordnet import wordnet as lexicon  # noqa: E402
from yolobg.matching.words import key  # noqa: E402

DICTIONARY = Path("/usr/share/wordnet")
OUTPUT = Path(yolobg.__file__).parent / "matching" / "lexicon" / "look_alikes.tsv"
NEAR = 0.75
SHORTEST = 3

HEADER = """\
# Derived from WordNet 3.0 by tools/build_look_alikes.py; licence: WORDNET_NOTICE.txt. Do not edit.
# The categories of COCO that are near a noun (Wu-Palmer similarity of at least 0.75), then the nouns with `;` between.
# Only nouns that stand for no category themselves; of a phrase only if it is not as its last word.
"""


class Similarity:
    """Wu-Palmer similarity of noun synsets, as NLTK defines it."""

    def __init__(self, wordnet: WordNet) -> None:
        self._synsets = wordnet.synsets
        self.depth, self.above = cache(self._depth), cache(self._above)

    def _depth(self, synset: str) -> int:
        """Longest way to the top."""
        return max((1 + self.depth(h) for h in self._synsets[synset].hypernyms), default=0)

    def _above(self, synset: str) -> dict[str, int]:
        """Each synset above, itself included, to the length of the shortest way there."""
        found, front, steps = {synset: 0}, [synset], 0
        while front:
            steps += 1
            front = [h for s in front for h in self._synsets[s].hypernyms if h not in found]
            found.update(dict.fromkeys(front, steps))
        return found

    def of(self, one: str, other: str) -> float:
        """The similarity of two synsets, 0 to 1."""
        first, second = self.above(one), self.above(other)
        common = [synset for synset in second if synset in first]
        if not common:
            return 0.0
        deepest = max(common, key=lambda synset: (self.depth(synset), -first[synset] - second[synset]))
        down = self.depth(deepest) + 1
        return 2 * down / (first[deepest] + second[deepest] + 2 * down)


def category_synsets(wordnet: WordNet) -> dict[str, str]:
    """Category to its synset: the first of the anchor that names it alone."""
    found: dict[str, str] = {}
    for line in ANCHORS.read_text(encoding="utf-8").splitlines():
        cells = line.split("\t")
        if line.startswith("#") or len(cells) < 3 or cells[1] != "is_a" or not cells[2].strip():
            continue
        if not set(cells[0]) & set(",?-"):
            name = cells[2].split()[0].rstrip("!")
            found.setdefault(cells[0], find_synset(wordnet, name, is_thing=cells[0] != "person"))
    missing = {row[1] for row in read_rows("categories.tsv")} - found.keys()
    # WordNet knows no stop sign; LVIS invented a synset for it.
    if missing != {"stop sign"}:
        raise SystemExit(f"{ANCHORS.name}: no anchor of their own: {', '.join(sorted(missing))}")
    return found


def build(wordnet: WordNet) -> dict[str, tuple[str, ...]]:
    """Phrase to the categories that are near it."""
    similarity, categories = Similarity(wordnet), category_synsets(wordnet)

    @cache
    def near(synset: str) -> tuple[str, ...]:
        return tuple(sorted(name for name, other in categories.items() if similarity.of(synset, other) >= NEAR))

    found: dict[str, tuple[str, ...]] = {}
    for lemma in sorted(wordnet.senses):
        phrase, synset = key(lemma), commonest(lemma, wordnet)
        if synset and len(phrase) >= SHORTEST and not stands_for_one(phrase) and (names := near(synset)):
            found.setdefault(phrase, names)
    return {p: names for p, names in found.items() if " " not in p or found.get(p.rsplit(" ", 1)[1]) != names}


def commonest(lemma: str, wordnet: WordNet) -> str | None:
    """The commonest sense of a noun that a camera can see; None for one without, and for proper names."""
    senses = wordnet.senses[lemma]
    spellings = (s for sense in senses for s in wordnet.synsets[sense].lemmas if s.lower() == lemma)
    if all(spelling[0].isupper() for spelling in spellings):
        return None
    seen = [
        (wordnet.counts[lemma, number], -number, sense)
        for number, sense in enumerate(senses, 1)
        if wordnet.synsets[sense].domain in CONCRETE and not wordnet.synsets[sense].is_instance
    ]
    return max(seen)[2] if seen else None


def stands_for_one(phrase: str) -> bool:
    """Whether the lexicon knows a category for it, so that its look-alikes are those of that category."""
    entry = lexicon().entry(phrase)
    return bool(entry and entry.targets) or in_hand_lists(tuple(phrase.split())) is not None


def render(found: dict[str, tuple[str, ...]]) -> str:
    """The text of the table: sorted, so that the same dictionary gives the same bytes."""
    phrases: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for phrase, names in found.items():
        phrases[names].append(phrase)
    return HEADER + "".join(f"{','.join(names)}\t{';'.join(sorted(phrases[names]))}\n" for names in sorted(phrases))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table, or compare it with `--check`."""
    parser = argparse.ArgumentParser(description="Derive the table of look-alikes from WordNet 3.0.")
    parser.add_argument("dictionary", nargs="?", type=Path, default=DICTIONARY)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(argv)
    data = render(build(read_wordnet(options.dictionary))).encode()
    if options.check:
        same = options.output.read_bytes() == data
        print(f"{options.output.name}: {'is' if same else 'is NOT'} what the dictionary gives")
        return 0 if same else 1
    options.output.write_bytes(data)
    print(f"{options.output}: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
