"""The part of the lexicon that is derived from WordNet 3.0: read once, when a name needs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from yolobg.classes.lexicon import Entry, Target, parse_targets, read_text
from yolobg.classes.text import is_abstract, singulars
from yolobg.model import Relation

RULE = "wordnet"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A group of categories in WordNet, how what lies below stands to them, and the word for the reason."""

    targets: tuple[Target, ...]
    relation: Relation
    word: str


@dataclass(frozen=True, slots=True)
class WordNet:
    """The derived lexicon.

    Attributes:
        anchors: What the codes of `meanings` refer to.
        meanings: Phrase to code: `anchor:confidence in percent`, best first, with commas.
        genera: Genus name to anchor.
        fixed: Phrases that name nothing although their last word does (`sea lion`).
        nouns: Other single nouns: known, without a category.
        others: Adjectives, verbs and adverbs that are no nouns.
    """

    anchors: tuple[Anchor, ...]
    meanings: dict[str, str]
    genera: dict[str, int]
    fixed: frozenset[str]
    nouns: frozenset[str]
    others: frozenset[str]

    def entry(self, phrase: str) -> Entry | None:
        """Return what a phrase means; no targets for a known one without a category; None for an unknown one."""
        code = self.meanings.get(phrase)
        if code is not None:
            return self._decode(code)
        known = phrase in self.nouns or (" " not in phrase and is_abstract(phrase))
        return Entry((), RULE, "") if known else None

    def glued_entry(self, word: str) -> Entry | None:
        """Return what a word means that is a phrase without its spaces."""
        phrase = None if " " in word else _glued().get(word)
        return self.entry(phrase) if phrase else None

    def _decode(self, code: str) -> Entry:
        found: dict[str, Target] = {}
        words: list[str] = []
        for part in code.split(","):
            index, _, percent = part.partition(":")
            anchor = self.anchors[int(index)]
            words.append(anchor.word)
            for target in anchor.targets:
                sure = min(int(percent) / 100, target.confidence)
                found.setdefault(target.category, Target(target.category, anchor.relation, sure))
        ranked = tuple(sorted(found.values(), key=lambda t: -t.confidence))
        return Entry(ranked, RULE, words[0])

    def is_fixed(self, phrase: tuple[str, ...]) -> bool:
        """Tell whether words are a fixed phrase that names nothing, in the singular or plural."""
        lasts = (phrase[-1], *singulars(phrase[-1]))
        return any(" ".join((*phrase[:-1], last)) in self.fixed for last in lasts)

    def genus(self, word: str) -> Entry | None:
        """Return the entry of a genus name: `Turdus` is a genus of birds."""
        index = self.genera.get(word)
        if index is None:
            return None
        targets = tuple(Target(t.category, "is_a", min(t.confidence, 0.9)) for t in self.anchors[index].targets)
        return Entry(targets, "genus", self.anchors[index].word)

    def is_word(self, word: str) -> bool:
        """Tell whether a single word is in WordNet at all."""
        known = word in self.meanings or word in self.nouns or word in self.others
        return known or is_abstract(word)


@lru_cache(maxsize=1)
def _glued() -> dict[str, str]:
    """Return the phrases with a meaning, by their letters without spaces."""
    return {phrase.replace(" ", ""): phrase for phrase in wordnet().meanings if " " in phrase}


@lru_cache(maxsize=1)
def wordnet() -> WordNet:
    """Return the lexicon, read from the package at the first call."""
    anchors: list[Anchor] = []
    meanings: dict[str, str] = {}
    genera: dict[str, int] = {}
    words: dict[str, frozenset[str]] = {}
    for line in read_text("wordnet.txt").splitlines():
        kind, _, rest = line.partition("\t")
        if kind == "A":
            spec, relation, word = rest.split("\t")
            anchors.append(Anchor(parse_targets(spec, cast("Relation", relation)), cast("Relation", relation), word))
        elif kind == "E":
            code, _, phrases = rest.partition("\t")
            meanings.update(dict.fromkeys(phrases.split(";"), code))
        elif kind == "G":
            index, _, names = rest.partition("\t")
            genera.update(dict.fromkeys(names.split(";"), int(index)))
        elif kind in ("X", "N", "M"):
            words[kind] = frozenset(rest.split(";"))
    return WordNet(tuple(anchors), meanings, genera, words["X"], words["N"], words["M"])
