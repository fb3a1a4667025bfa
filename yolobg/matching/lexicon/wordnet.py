"""The part of the lexicon that is derived from WordNet 3.0, read in small pieces: only the words that a name needs.

`wordnet.txt` holds the anchors and then one line for each first two letters of a phrase. Reading the file cuts it into
lines; a line is taken apart when a word with these letters is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from yolobg.matching.lexicon import ListEntry, NamedCategory, parse_targets, read_text
from yolobg.matching.words import is_abstract, singulars
from yolobg.model import Relation

RULE = "wordnet"

NOUN, OTHER, FIXED, GENUS, TWIN = "N", "M", "X", "G", "="
"""Codes beside meanings: a noun without a category; an adjective, verb or adverb; a fixed phrase that names nothing
although its last word does (`sea lion`); a genus name; another word for a phrase of the hand lists."""

BUCKET = 2
"""So many first letters, spaces not counted, share a line."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A group of categories in WordNet, how what lies below stands to them, and the word for the reason."""

    targets: tuple[NamedCategory, ...]
    relation: Relation
    word: str


@dataclass(slots=True)
class Piece:
    """The phrases of one line: phrase to code, genus to anchor, and phrases with a meaning by their letters alone."""

    codes: dict[str, str] = field(default_factory=dict)
    genera: dict[str, str] = field(default_factory=dict)
    glued: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, line: str) -> Piece:
        """Return the phrases of a line: cells of a code, a space and phrases with `;` between."""
        piece = cls()
        for cell in line.split("\t"):
            code, _, listed = cell.partition(" ")
            phrases = listed.split(";")
            if code[0] == GENUS:
                piece.genera.update(dict.fromkeys(phrases, code[1:]))
                continue
            piece.codes.update(dict.fromkeys(phrases, code))
            if code[0].isdigit():
                piece.glued.update((phrase.replace(" ", ""), phrase) for phrase in phrases if " " in phrase)
        return piece


@dataclass(slots=True)
class WordNet:
    """The derived lexicon.

    Attributes:
        rows: What the codes refer to, as written: categories, relation, word for the reason.
        lines: First letters to the line that holds their phrases.
    """

    rows: list[str]
    lines: dict[str, str]
    _pieces: dict[str, Piece] = field(default_factory=dict)
    _anchors: dict[int, Anchor] = field(default_factory=dict)

    def _piece(self, phrase: str) -> Piece:
        start = phrase[: BUCKET + 1].replace(" ", "")[:BUCKET]
        piece = self._pieces.get(start)
        if piece is None:
            line = self.lines.get(start)
            piece = Piece() if line is None else Piece.parse(line)
            if line is not None:
                self._pieces[start] = piece
        return piece

    def _anchor(self, index: int) -> Anchor:
        if index not in self._anchors:
            spec, relation, word = self.rows[index].split("\t")
            kind = cast("Relation", relation)
            self._anchors[index] = Anchor(parse_targets(spec, kind), kind, word)
        return self._anchors[index]

    def _code(self, phrase: str) -> str:
        return self._piece(phrase).codes.get(phrase, "")

    def entry(self, phrase: str) -> ListEntry | None:
        """Return what a phrase means; no targets for a known one without a category; None for an unknown one."""
        code = self._code(phrase)
        if code[:1].isdigit():
            return self._decode(code)
        known = code == NOUN or (" " not in phrase and is_abstract(phrase))
        return ListEntry((), RULE, "") if known else None

    def glued_entry(self, word: str) -> ListEntry | None:
        """Return what a word means that is a phrase without its spaces."""
        phrase = None if " " in word else self._piece(word).glued.get(word)
        return self.entry(phrase) if phrase else None

    def _decode(self, code: str) -> ListEntry:
        found: dict[str, NamedCategory] = {}
        words: list[str] = []
        for part in code.split(","):
            index, _, percent = part.partition(":")
            anchor = self._anchor(int(index))
            words.append(anchor.word)
            for target in anchor.targets:
                sure = min(int(percent) / 100, target.confidence)
                found.setdefault(target.category, NamedCategory(target.category, anchor.relation, sure))
        ranked = tuple(sorted(found.values(), key=lambda t: -t.confidence))
        return ListEntry(ranked, RULE, words[0])

    def twin(self, phrase: str) -> str | None:
        """Return the phrase of the hand lists that a phrase is another word for."""
        code = self._code(phrase)
        return code[1:].replace("_", " ") if code[:1] == TWIN else None

    def is_fixed(self, phrase: tuple[str, ...]) -> bool:
        """Tell whether words are a fixed phrase that names nothing, in the singular or plural."""
        lasts = (phrase[-1], *singulars(phrase[-1]))
        return any(self._code(" ".join((*phrase[:-1], last))) == FIXED for last in lasts)

    def genus(self, word: str) -> ListEntry | None:
        """Return the entry of a genus name: `Turdus` is a genus of birds."""
        index = self._piece(word).genera.get(word)
        if index is None:
            return None
        anchor = self._anchor(int(index))
        return ListEntry(
            tuple(NamedCategory(t.category, "is_a", min(t.confidence, 0.9)) for t in anchor.targets),
            "genus",
            anchor.word,
        )

    def is_noun(self, word: str) -> bool:
        """Tell whether a single word is a noun without a category."""
        return self._code(word) == NOUN

    def is_other(self, word: str) -> bool:
        """Tell whether a single word is an adjective, verb or adverb and no noun."""
        return self._code(word) == OTHER

    def is_word(self, word: str) -> bool:
        """Tell whether a single word is in WordNet at all."""
        return self._code(word) not in ("", FIXED) or is_abstract(word)


@lru_cache(maxsize=1)
def wordnet() -> WordNet:
    """Return the lexicon; the file is read at the first call."""
    rows: list[str] = []
    lines: dict[str, str] = {}
    for line in read_text("wordnet.txt").splitlines():
        start, _, rest = line.partition("\t")
        if start == "A":
            rows.append(rest)
        elif not start.startswith("#"):
            lines[start] = rest
    return WordNet(rows, lines)
