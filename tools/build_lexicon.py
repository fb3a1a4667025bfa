"""Derive yolobg/matching/lexicon/wordnet.txt from the WordNet 3.0 dictionary files.

Usage: python tools/build_lexicon.py [DICT] [--output FILE] [--check]

DICT is the folder with data.noun and the index files (Debian: `apt-get install wordnet-base`, /usr/share/wordnet).
The same dictionary and the same lists give the same bytes; `--check` compares instead of writing and exits 1 where
they differ. wordnet.txt is a derived work of WordNet: WORDNET_NOTICE.txt must lie beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Before the imports below: this runs from a checkout, whose package and tools need not be installed (E402).
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from word_senses import Anchors, Code, Meaning, choose, read_anchors  # noqa: E402 - lies beside this file
from wordnet_dictionary import ANIMAL, CONCRETE, Synset, WordNet, read_wordnet  # noqa: E402

import yolobg  # noqa: E402 - lies in the checkout
from yolobg.matching.dictionaries import HAND_LISTS, in_hand_lists  # noqa: E402
from yolobg.matching.lexicon import ListEntry, hand_list  # noqa: E402 - the tool runs from a checkout
from yolobg.matching.lexicon.wordnet import BUCKET, FIXED, GENUS, NOUN, OTHER, TWIN  # noqa: E402
from yolobg.matching.words import is_abstract, is_form_of_verb, key, singulars  # noqa: E402

DICTIONARY = Path("/usr/share/wordnet")
# Of the package that is imported: the checkout's, or where its tests run against a wheel, the installed one.
OUTPUT = Path(yolobg.__file__).parent / "matching" / "lexicon" / "wordnet.txt"

HEADER = """\
# Derived from WordNet 3.0 by tools/build_lexicon.py; licence: WORDNET_NOTICE.txt. Do not edit.
# A: anchor (categories, relation, word for the reason), counted from 0. Then a line for each first two letters:
# codes with their phrases. anchor:confidence in percent; G and an anchor: genus names; X: fixed phrases that mean
# nothing else; N: nouns, M: other words, without a category; = and a phrase of the hand lists: other words for it.
"""

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
    listed: dict[str, ListEntry] = {}
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


def is_certain(entry: ListEntry) -> bool:
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
