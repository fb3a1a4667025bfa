"""What a noun means: the anchors that its senses lie below, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from wordnet_dictionary import ANIMAL, CONCRETE, FOOD, PERSON, PLANT, TOPS, WordNet

from yolobg.matching.lexicon import parse_targets

ANCHORS = Path(__file__).with_name("wordnet_anchors.tsv")

SURE, LIKELY, OPEN, WEAK = 95, 80, 60, 38
"""Confidence in percent: the only reading; the commonest reading; one of two; a rarer reading (kept as "maybe" where
the class list does not speak against it)."""


# ---------------------------------------------------------------- anchors


@dataclass(frozen=True)
class Anchor:
    """A row of wordnet_anchors.tsv: `line` as written in the output, and whether it names any category."""

    line: str
    is_person: bool
    is_empty: bool
    maybe: bool


@dataclass
class Anchors:
    """Synset id to index of its anchor: for the synset and all below it (`deep`), or for the synset alone."""

    rows: list[Anchor] = field(default_factory=list)
    deep: dict[str, int] = field(default_factory=dict)
    alone: dict[str, int] = field(default_factory=dict)


def read_anchors(wordnet: WordNet, path: Path = ANCHORS) -> Anchors:
    """Read the anchor list and find its synsets."""
    anchors = Anchors()
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        spec, relation, synsets, word = line.split("\t")
        targets = parse_targets(spec, relation)  # type: ignore[arg-type] # a wrong relation raises below
        is_person = relation == "is_a" and [t.category for t in targets] == ["person"]
        maybe = all(target.confidence < 0.5 for target in targets)
        row = Anchor(f"{spec}\t{relation}\t{word}", is_person, not targets, maybe)
        anchors.rows.append(row)
        for name in synsets.split():
            table = anchors.alone if name.endswith("!") else anchors.deep
            table[find_synset(wordnet, name.rstrip("!"), is_thing=not is_person)] = len(anchors.rows) - 1
    return anchors


def find_synset(wordnet: WordNet, name: str, *, is_thing: bool) -> str:
    """Return the id of `lemma.sense`, or of the first concrete sense: no individual and, for a thing, no person."""
    lemma, _, number = name.partition(".")
    senses = wordnet.senses.get(lemma, ())
    if number:
        return senses[int(number) - 1]
    for sense in senses:
        synset = wordnet.synsets[sense]
        if synset.domain in CONCRETE and not synset.is_instance and not (is_thing and synset.domain == PERSON):
            return sense
    raise SystemExit(f"{ANCHORS.name}: {name}: no concrete sense in WordNet")


class Meaning:
    """Looks up, for a synset, the anchors that it lies below; each path up ends at its nearest anchor."""

    def __init__(self, wordnet: WordNet, anchors: Anchors) -> None:
        self.wordnet, self.anchors = wordnet, anchors
        self.cache: dict[str, tuple[int, ...]] = {}

    def of(self, synset: str) -> tuple[int, ...]:
        """Return the anchors of a synset, without the ones that name nothing."""
        if synset in self.anchors.alone:
            return (self.anchors.alone[synset],)
        found = sorted({index for _, index in self.nearest(synset)})
        return tuple(index for index in found if not self.anchors.rows[index].is_empty)

    def nearest(self, synset: str) -> set[tuple[int, int]]:
        """Return (distance, anchor) of the anchors at the smallest distance above a synset."""
        level, seen, distance = [synset], {synset}, 0
        while level:
            hits = {(distance, self.anchors.deep[s]) for s in level if s in self.anchors.deep}
            if hits:
                return hits
            level = [h for s in level for h in self.wordnet.synsets[s].hypernyms if h not in seen]
            seen.update(level)
            distance += 1
        return set()


# ---------------------------------------------------------------- choice of sense

Code = tuple[tuple[int, int], ...]
"""(anchor, confidence in percent), best first."""


def choose(lemma: str, wordnet: WordNet, meaning: Meaning) -> Code | None:
    """Return what a lemma means: () for a known noun without a category, None for a name of an individual.

    Nouns whose thing can be seen come first, in WordNet's order. A person is certain only where no other visible
    reading stands beside it or the counts favour it; an animal beats its meat.
    """
    senses = [(n, s) for n, s in enumerate(wordnet.senses[lemma], 1) if not wordnet.synsets[s].is_instance]
    if not senses:
        return None
    visible = [(n, s) for n, s in senses if is_visible(s, wordnet, meaning)]
    if not visible:
        return ()
    rows = meaning.anchors.rows
    best = dict.fromkeys(a for a in lead(visible, wordnet, meaning))
    code: dict[int, int] = {}
    for anchor in best:
        code[anchor] = person_confidence(lemma, senses, visible, wordnet, meaning) if rows[anchor].is_person else SURE
    code = {anchor: min(confidence, LIKELY if len(senses) > 1 else SURE) for anchor, confidence in code.items()}
    if is_rare(lemma, senses, visible, wordnet):
        code = {anchor: min(confidence, WEAK) for anchor, confidence in code.items()}
    code = soften_beside_animal(code, visible, wordnet, meaning)
    if not any(code.values()):
        code |= runner_up(visible, wordnet, meaning)
    for anchor in (anchor for _, synset in visible for anchor in meaning.of(synset) if not rows[anchor].is_person):
        code.setdefault(anchor, WEAK)
    return tuple(sorted(((a, c) for a, c in code.items() if c), key=lambda pair: (-pair[1], pair[0])))


OFTEN = 2
"""A meaning that is so many times as common makes the other one rare."""


def is_rare(lemma: str, senses: list[tuple[int, str]], visible: list[tuple[int, str]], wordnet: WordNet) -> bool:
    """Tell whether the leading visible sense is rare: other parts of speech or senses of no thing are much commoner."""
    before = senses[: senses.index(visible[0])]
    mine = sum(wordnet.counts[lemma, n] for n, _ in visible)
    if len(before) >= OFTEN and not mine:
        return True
    as_person = wordnet.synsets[visible[0][1]].domain == PERSON
    nouns = sum(wordnet.counts[lemma, n] for n, _ in before)
    return nouns > OFTEN * mine or (as_person and wordnet.other_counts[lemma] > OFTEN * mine)


def is_visible(synset: str, wordnet: WordNet, meaning: Meaning) -> bool:
    """Tell whether a sense is a thing that a camera sees: by its file, or because an anchor lies above it."""
    return wordnet.synsets[synset].domain in CONCRETE or bool(meaning.of(synset))


def lead(visible: list[tuple[int, str]], wordnet: WordNet, meaning: Meaning) -> tuple[int, ...]:
    """Return the anchors of the leading visible sense; a mapped animal right behind it goes before food and plants."""
    first = visible[0][1]
    if wordnet.synsets[first].domain in (FOOD, PLANT):
        for _, synset in visible[:2]:
            mapped = meaning.of(synset)
            if mapped and wordnet.synsets[synset].domain in (ANIMAL, FOOD):
                return mapped
    return meaning.of(first)


def person_confidence(
    lemma: str, senses: list[tuple[int, str]], visible: list[tuple[int, str]], wordnet: WordNet, meaning: Meaning
) -> int:
    """Return how sure the leading person reading is: sure if alone, nothing where another visible one is as common."""

    def is_person(synset: str) -> bool:
        return wordnet.synsets[synset].domain in (PERSON, TOPS)

    mine = sum(wordnet.counts[lemma, n] for n, s in senses if is_person(s))
    rival = max((wordnet.counts[lemma, n] for n, s in senses if not is_person(s)), default=0)
    if all(is_person(s) for _, s in senses):
        return SURE
    if mine > rival * 2:
        return LIKELY
    if any(not is_person(s) for _, s in visible):
        return 0
    return LIKELY if is_person(senses[0][1]) else WEAK


def soften_beside_animal(
    code: dict[int, int], visible: list[tuple[int, str]], wordnet: WordNet, meaning: Meaning
) -> dict[int, int]:
    """Add the animal that shares its name with people (boxer, Afghan) as the likelier thing in a class list."""
    rows = meaning.anchors.rows
    if not any(rows[a].is_person for a in code) or any(c >= LIKELY and rows[a].is_person for a, c in code.items()):
        return code
    for _, synset in visible:
        if wordnet.synsets[synset].domain == ANIMAL:
            for anchor in meaning.of(synset):
                code.setdefault(anchor, OPEN)
    return code


def runner_up(visible: list[tuple[int, str]], wordnet: WordNet, meaning: Meaning) -> dict[int, int]:
    """Return, as open, the first thing that a word means whose leading reading, a person, was dropped."""
    if wordnet.synsets[visible[0][1]].domain != PERSON:
        return {}
    things = [s for _, s in visible if wordnet.synsets[s].domain not in (PERSON, TOPS, FOOD, PLANT)]
    return dict.fromkeys(meaning.of(things[0]), OPEN) if things else {}
