"""WordNet's dictionary files, read as they are: synsets, and the senses of each noun in order (see `wninput(5WN)`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOPS, ANIMAL, ARTIFACT, BODY, FOOD, PERSON, PLANT = 3, 5, 6, 8, 13, 18, 20
CONCRETE = {TOPS, ANIMAL, ARTIFACT, BODY, FOOD, PERSON, PLANT}
"""WordNet's lexicographer files whose things a camera can see."""


@dataclass(frozen=True)
class Synset:
    """A noun synset: lexicographer file, lemmas, ids of direct hypernyms and members, whether it is an individual."""

    domain: int
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]
    members: tuple[str, ...]
    is_instance: bool


@dataclass
class WordNet:
    """What the build needs of the dictionary."""

    synsets: dict[str, Synset] = field(default_factory=dict)
    senses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    other_words: set[str] = field(default_factory=set)
    other_counts: Counter[str] = field(default_factory=Counter)


def read_lines(path: Path) -> Iterator[str]:
    """Yield the data lines of a dictionary file (the licence text at its top is indented)."""
    with path.open(encoding="latin-1") as lines:
        yield from (line for line in lines if not line.startswith("  "))


def read_wordnet(folder: Path) -> WordNet:
    """Read the noun synsets, the senses of each lemma in order, their counts, and all words that are no nouns."""
    wordnet = WordNet()
    for line in read_lines(folder / "data.noun"):
        parse_synset(line, wordnet.synsets)
    for line in read_lines(folder / "index.noun"):
        cells = line.split()
        wordnet.senses[cells[0]] = tuple(cells[-int(cells[2]) :])
    for line in read_lines(folder / "cntlist.rev"):
        sense, number, count = line.split()
        lemma, _, rest = sense.partition("%")
        if rest.startswith("1"):
            wordnet.counts[lemma, int(number)] = int(count)
        else:
            wordnet.other_counts[lemma] += int(count)
    for part in ("adj", "verb", "adv"):
        wordnet.other_words |= {line.split()[0] for line in read_lines(folder / f"index.{part}")}
    return wordnet


def parse_synset(line: str, synsets: dict[str, Synset]) -> None:
    """Add the synset of one line of data.noun."""
    cells = line.split(" | ", 1)[0].split()
    count = int(cells[3], 16)
    start = 4 + 2 * count
    pointers = [cells[start + 1 + 4 * i : start + 5 + 4 * i] for i in range(int(cells[start]))]
    nouns = [(p[0], p[1]) for p in pointers if p[2] == "n"]
    synsets[cells[0]] = Synset(
        domain=int(cells[1]),
        lemmas=tuple(cells[4:start:2]),
        hypernyms=tuple(target for mark, target in nouns if mark in ("@", "@i")),
        members=tuple(target for mark, target in nouns if mark == "%m"),
        is_instance=any(mark == "@i" for mark, _ in nouns),
    )
