"""Derive yolobg/classes/lexicon/wordnet.txt from the WordNet 3.0 dictionary files.

Usage: python tools/build_lexicon.py [DICT] [--output FILE] [--check]

DICT is the folder with data.noun and the index files (Debian: `apt-get install wordnet-base`, /usr/share/wordnet).
The same dictionary and the same lists give the same bytes; `--check` compares instead of writing and exits 1 where
they differ. wordnet.txt is a derived work of WordNet: WORDNET_NOTICE.txt must lie beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import yolobg  # noqa: E402 - lies in the checkout
from yolobg.classes.lexicon import Entry, hand_list, parse_targets  # noqa: E402 - the tool runs from a checkout
from yolobg.classes.lexicon.wordnet import BUCKET, FIXED, GENUS, NOUN, OTHER, TWIN  # noqa: E402
from yolobg.classes.lookup import HAND_LISTS, in_hand_lists  # noqa: E402
from yolobg.classes.text import is_abstract, is_form_of_verb, key, singulars  # noqa: E402

DICTIONARY = Path("/usr/share/wordnet")
# Of the package that is imported: the checkout's, or where its tests run against a wheel, the installed one.
OUTPUT = Path(yolobg.__file__).parent / "classes" / "lexicon" / "wordnet.txt"
ANCHORS = Path(__file__).with_name("wordnet_anchors.tsv")

TOPS, ANIMAL, ARTIFACT, BODY, FOOD, PERSON, PLANT = 3, 5, 6, 8, 13, 18, 20
CONCRETE = {TOPS, ANIMAL, ARTIFACT, BODY, FOOD, PERSON, PLANT}
"""WordNet's lexicographer files whose things a camera can see."""

SURE, LIKELY, OPEN, WEAK = 95, 80, 60, 42
"""Confidence in percent: the only reading; the commonest reading; one of two; a rarer reading (below 50: maybe)."""

HEADER = """\
# Derived from WordNet 3.0 by tools/build_lexicon.py; licence: WORDNET_NOTICE.txt. Do not edit.
# A: anchor (categories, relation, word for the reason), counted from 0. Then a line for each first two letters:
# codes with their phrases. anchor:confidence in percent; G and an anchor: genus names; X: fixed phrases that mean
# nothing else; N: nouns, M: other words, without a category; = and a phrase of the hand lists: other words for it.
"""


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
    code = soften_beside_animal(code, visible, wordnet, meaning)
    if not any(code.values()):
        code |= runner_up(visible, wordnet, meaning)
    for anchor in (anchor for _, synset in visible for anchor in meaning.of(synset) if not rows[anchor].is_person):
        code.setdefault(anchor, WEAK)
    return tuple(sorted(((a, c) for a, c in code.items() if c), key=lambda pair: (-pair[1], pair[0])))


def is_visible(synset: str, wordnet: WordNet, meaning: Meaning) -> bool:
    """Tell whether a sense is a thing that a camera sees: by its file, or because an anchor lies above it."""
    return wordnet.synsets[synset].domain in CONCRETE or bool(meaning.of(synset))


def lead(visible: list[tuple[int, str]], wordnet: WordNet, meaning: Meaning) -> tuple[int, ...]:
    """Return the anchors of the leading visible sense; a mapped animal goes before food and plants."""
    first = visible[0][1]
    if wordnet.synsets[first].domain in (FOOD, PLANT):
        for _, synset in visible:
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


# ---------------------------------------------------------------- output


@dataclass
class Lexicon:
    """What is written: meanings to phrases, genus names, fixed phrases, and words without a category."""

    entries: dict[str, Code] = field(default_factory=dict)
    genera: dict[str, int] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    nouns: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)


def build(wordnet: WordNet, anchors: Anchors) -> Lexicon:
    """Return the lexicon of a dictionary and an anchor list."""
    meaning, lexicon = Meaning(wordnet, anchors), Lexicon()
    multiword: dict[str, Code] = {}
    for lemma in sorted(wordnet.senses):
        phrase, code = key(lemma), choose(lemma, wordnet, meaning)
        if code is None or not phrase or phrase.isdigit() or len(phrase) < 3:
            continue
        if " " in phrase:
            multiword.setdefault(phrase, code)
        elif code:
            lexicon.entries.setdefault(phrase, code)
        elif not is_proper(lemma, wordnet):
            lexicon.nouns.add(phrase)
    add_multiword(lexicon, multiword)
    add_genera(lexicon, wordnet, meaning)
    add_twins(lexicon, wordnet)
    others = {phrase for phrase in map(key, wordnet.other_words) if " " not in phrase and len(phrase) > 2}
    lexicon.others = {w for w in others - lexicon.nouns - lexicon.entries.keys() if not is_form_of_verb(w)}
    lexicon.nouns = {word for word in lexicon.nouns - lexicon.entries.keys() if not is_abstract(word)}
    return lexicon


def is_proper(lemma: str, wordnet: WordNet) -> bool:
    """Tell whether a lemma is written with a capital in all its senses (taxa, peoples, brands)."""
    spellings = (s for sense in wordnet.senses[lemma] for s in wordnet.synsets[sense].lemmas if s.lower() == lemma)
    return all(spelling[0].isupper() for spelling in spellings)


def add_multiword(lexicon: Lexicon, multiword: dict[str, Code]) -> None:
    """Add phrases that do not mean what their last word does, and those that mean nothing although it does."""
    for phrase, code in multiword.items():
        head = head_code(phrase, lexicon)
        if code and (anchors_of(code) != anchors_of(head) or is_doubted(phrase)):
            lexicon.entries[phrase] = code
        elif not code and head:
            lexicon.fixed.add(phrase)


def is_doubted(phrase: str) -> bool:
    """Tell whether the matcher reads the last word otherwise: by a hand list, or as what may be a device (`miner`)."""
    last = phrase.rsplit(" ", 1)[1]
    return last.endswith(("er", "or")) or in_hand_lists((last,)) is not None


def head_code(phrase: str, lexicon: Lexicon) -> Code:
    """Return the code of the last word of a phrase, or of its singular."""
    last = phrase.rsplit(" ", 1)[1]
    return next((lexicon.entries[form] for form in (last, *singulars(last)) if form in lexicon.entries), ())


def anchors_of(code: Code) -> list[int]:
    """Return the anchors of a code that are at least open (50 %)."""
    return [anchor for anchor, confidence in code if confidence >= 50]


def add_genera(lexicon: Lexicon, wordnet: WordNet, meaning: Meaning) -> None:
    """Add the genus names all of whose members lie below one animal anchor: `Turdus` for birds."""
    for synset in wordnet.synsets.values():
        if synset.domain != ANIMAL or not any(lemma.startswith("genus_") for lemma in synset.lemmas):
            continue
        found = {meaning.of(member) for member in synset.members}
        if len(found) != 1 or () in found:
            continue
        for lemma in synset.lemmas:
            if not lemma.startswith("genus_") and "_" not in lemma:
                lexicon.genera[key(lemma)] = next(iter(found))[0]


def add_twins(lexicon: Lexicon, wordnet: WordNet) -> None:
    """Add the words that share their only meaning with a phrase of the hand lists and have no category otherwise."""
    listed: dict[str, Entry] = {}
    for name in HAND_LISTS:
        listed = hand_list(name) | listed
    for phrase in sorted(phrase for phrase, entry in listed.items() if is_certain(entry)):
        senses = wordnet.senses.get(phrase.replace(" ", "_"), ())
        is_plural = any(in_hand_lists((singular,)) for singular in singulars(phrase))
        if len(senses) != 1 or is_plural or wordnet.synsets[senses[0]].is_instance:
            continue
        if wordnet.synsets[senses[0]].domain in CONCRETE:
            add_twins_of(phrase, wordnet.synsets[senses[0]], lexicon, wordnet)


def add_twins_of(phrase: str, synset: Synset, lexicon: Lexicon, wordnet: WordNet) -> None:
    """Add the other words of a synset that mean nothing else and have no category yet."""
    for lemma in synset.lemmas:
        other = key(lemma)
        if len(wordnet.senses.get(lemma.lower(), ())) != 1 or len(other) < 3 or in_hand_lists(tuple(other.split())):
            continue
        code = lexicon.entries.get(other) or (head_code(other, lexicon) if " " in other else ())
        if not anchors_of(code):
            lexicon.twins.setdefault(other, phrase)


def is_certain(entry: Entry) -> bool:
    """Tell whether an entry of a hand list names a category for sure."""
    return bool(entry.targets) and entry.targets[0].confidence >= 0.5


def render(lexicon: Lexicon, anchors: Anchors) -> str:
    """Return the text of wordnet.txt: sorted, so that equal lexicons give equal bytes."""
    pieces: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for phrase, code in coded(lexicon):
        pieces[phrase.replace(" ", "")[:BUCKET]][code].append(phrase)
    lines = [f"A\t{row.line}" for row in anchors.rows]
    for start, by_code in sorted(pieces.items()):
        cells = (f"{code} {';'.join(sorted(phrases))}" for code, phrases in sorted(by_code.items()))
        lines.append("\t".join((start, *cells)))
    return HEADER + "\n".join(lines) + "\n"


def coded(lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """Yield each phrase with its code, as the head of wordnet.txt tells."""
    for phrase, code in lexicon.entries.items():
        if phrase not in lexicon.twins:
            yield phrase, ",".join(f"{anchor}:{confidence}" for anchor, confidence in code)
    yield from ((genus, f"{GENUS}{anchor}") for genus, anchor in lexicon.genera.items())
    yield from ((phrase, TWIN + other.replace(" ", "_")) for phrase, other in lexicon.twins.items())
    for mark, phrases in ((FIXED, lexicon.fixed), (NOUN, lexicon.nouns), (OTHER, lexicon.others)):
        yield from ((phrase, mark) for phrase in phrases if phrase not in lexicon.twins)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the lexicon, or compare it with `--check`."""
    parser = argparse.ArgumentParser(description="Derive the class lexicon from WordNet 3.0.")
    parser.add_argument("dictionary", nargs="?", type=Path, default=DICTIONARY)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(argv)
    wordnet = read_wordnet(options.dictionary)
    anchors = read_anchors(wordnet)
    data = render(build(wordnet, anchors), anchors).encode()
    digest = hashlib.sha256(data).hexdigest()
    if options.check:
        same = options.output.read_bytes() == data
        print(f"{options.output.name}: {'is' if same else 'is NOT'} what the dictionary gives ({digest})")
        return 0 if same else 1
    options.output.write_bytes(data)
    options.output.with_suffix(".sha256").write_text(f"{digest}  {options.output.name}\n", encoding="ascii")
    print(f"{options.output}: {len(data):,} bytes, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
