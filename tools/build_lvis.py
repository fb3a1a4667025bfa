"""Derive yolobg/matching/lexicon/lvis.tsv from LVIS v1's categories and WordNet 3.0.

Usage: python tools/build_lvis.py CATEGORIES.json COCO_TO_SYNSET.json [--dictionary DICT] [--output FILE] [--held-out]

CATEGORIES.json is the list of LVIS v1's 1,203 categories, COCO_TO_SYNSET.json LVIS' published map of COCO's 80 (both
CC BY 4.0, LVIS_NOTICE.txt); DICT is as for `build_lexicon.py`. `--held-out` writes nothing: it builds the table without
LVIS' own names and says how many of them it understands.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from build_lexicon import DICTIONARY  # noqa: E402 - lies beside this file
from word_senses import Meaning, is_rare, is_visible, read_anchors  # noqa: E402 - lies beside this file
from wordnet_dictionary import ANIMAL, FOOD, PLANT, WordNet, read_wordnet  # noqa: E402 - as above

import yolobg  # noqa: E402 - lies in the checkout
from yolobg.matching.lexicon import hand_list, read_rows  # noqa: E402 - the tool runs from a checkout
from yolobg.matching.words import key, singulars  # noqa: E402 - as above

OUTPUT = Path(yolobg.__file__).parent / "matching" / "lexicon" / "lvis.tsv"

# LVIS' map of COCO's names is loose there: an image free of beef may show a cow.
LOOSE = {"cow", "potted plant", "sports ball", "dining table", "tv", "couch", "chair", "handbag", "suitcase", "bear"}
# A phrase with more LVIS classes below it says nothing of a thing (`artifact`, `unit`).
MOST_BELOW = 120
SHORTEST = 3
"""Letters of the shortest phrase."""

OFTEN = 4
"""A sense that is so many times as common as all other visible ones together is what a word means."""

TOOLS = Path(__file__).resolve().parent
DOUBTED = TOOLS / "doubted_words.tsv"
OPEN_IMAGES = TOOLS / "openimages_synsets.tsv"

# Names of COCO's categories that are as good for another thing, with Open Images' classes for that; LVIS has none.
TWO_KINDS = {"mouse": ("/m/04rmv",), "keyboard": ("/m/057cc",)}

HEADER = """\
# LVIS v1's classes (CC BY 4.0, LVIS_NOTICE.txt) in WordNet 3.0 (WORDNET_NOTICE.txt); made by tools/build_lvis.py.
# C: synset, the COCO categories that it belongs to, the COCO category that is the very same thing. Then synsets
# (counted from 0 in the order of C) with the phrases (; between) that they stand to: = what a phrase surely is,
# ~ what it may be, < what lies below its meaning, > what lies above it, ! what it may be besides a category of COCO;
# nothing before the phrase: what that is the table does not have.
"""


class Table:
    """Which LVIS synsets a phrase is, may be, stands above and lies below."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, set[str]]] = {kind: defaultdict(set) for kind in "=~<>!"}

    def add(self, kind: str, phrase: str, *synsets: str) -> None:
        """Enter synsets that stand so to a phrase."""
        if synsets:
            self.kinds[kind][phrase].update(synsets)


def synset_ids(categories: Iterable[dict[str, Any]], wordnet: WordNet) -> dict[str, str]:
    """A class to WordNet's id of its synset (`dog.n.01`, as LVIS calls the class); those that it lacks are left out."""
    ids = {}
    for category in categories:
        lemma, _, number = category.get("wordnet", category["synset"]).rpartition(".n.")
        senses = wordnet.senses.get(lemma.lower(), ())
        if number.isdigit() and 0 < int(number) <= len(senses):
            ids[category["synset"]] = senses[int(number) - 1]
    return ids


def above(synset: str, wordnet: WordNet) -> set[str]:
    """All that a synset is a kind of."""
    found: set[str] = set()
    level = [synset]
    while level:
        level = [h for s in level for h in wordnet.synsets[s].hypernyms if h not in found]
        found.update(level)
    return found


def readings(lemma: str, wordnet: WordNet, meaning: Meaning) -> tuple[list[str], bool]:
    """The visible senses of a lemma as the lexicon chooses them, the leading one first; and whether that is sure."""
    senses = [(n, s) for n, s in enumerate(wordnet.senses[lemma], 1) if not wordnet.synsets[s].is_instance]
    visible = [(n, s) for n, s in senses if is_visible(s, wordnet, meaning)]
    if not visible:
        return [], False
    first = _leading(visible, wordnet)
    rest = [s for _, s in visible if s != first]
    mine = next(wordnet.counts[lemma, n] for n, s in visible if s == first)
    others = sum(wordnet.counts[lemma, n] for n, s in senses if s != first)
    sure = not is_rare(lemma, senses, visible, wordnet) and (len(senses) == 1 or mine > OFTEN * others)
    return [first, *rest], sure


def _leading(visible: list[tuple[int, str]], wordnet: WordNet) -> str:
    """The leading sense, as `word_senses.lead` has it: an animal goes before its meat, a fruit before its plant."""
    first = visible[0][1]
    if wordnet.synsets[first].domain in (FOOD, PLANT):
        for _, synset in visible[:2]:
            if wordnet.synsets[synset].domain in (ANIMAL, FOOD):
                return synset
    return first


def own_names(category: dict[str, Any]) -> set[str]:
    """A class's names in LVIS without their explanations (`bat_(animal)`), as keys."""
    names = (category["name"], *category["synonyms"])
    return {key(re.sub(r"_?\(.*?\)", "", name).replace("_", " ")) for name in names} - {""}


def build(
    categories: Sequence[dict[str, Any]],
    wordnet: WordNet,
    *,
    with_names: bool = True,
    parents: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Table:
    """The table of all phrases.

    Args:
        categories: The classes, as LVIS lists them.
        wordnet: WordNet.
        with_names: Whether the classes' own names count.
        parents: A class to all classes above it that WordNet does not say, if there are any.
    """
    meaning, table = Meaning(wordnet, read_anchors(wordnet)), Table()
    ids = synset_ids(categories, wordnet)
    names_of = {synset_id: name for name, synset_id in ids.items()}
    below = all_below(ids, parents, wordnet)
    for lemma in sorted(wordnet.senses):
        phrase = key(lemma)
        if len(phrase) >= SHORTEST and not phrase.isdigit():
            found, sure = readings(lemma, wordnet, meaning)
            add_phrase(table, phrase, [names_of.get(synset) for synset in found], sure=sure)
            for synset in found[:1]:
                table.add("<", phrase, *(below[synset] if len(below[synset]) <= MOST_BELOW else ()))
                table.add(">", phrase, *(names_of[higher] for higher in above(synset, wordnet) & names_of.keys()))
                table.add(">", phrase, *parents.get(names_of.get(synset, ""), ()))
    if with_names:
        under = {name: below[synset] for name, synset in ids.items()}
        add_names(table, categories, {**all_below({}, parents, wordnet), **under}, parents)
    drop_doubted(table, categories, Kinds(wordnet, ids))
    for phrase, others in TWO_KINDS.items():
        table.kinds["!"][phrase] = {category["synset"] for category in categories} & set(others)
    return table


class Kinds:
    """The senses of words that are classes of LVIS or of Open Images.

    Args:
        wordnet: WordNet.
        ids: The classes of the table, as `synset_ids` gives them.
    """

    def __init__(self, wordnet: WordNet, ids: Mapping[str, str]) -> None:
        self._wordnet, self._ids = wordnet, ids
        listed = [row[1] for row in read_rows("lvis.tsv") if row[0] == "C"]
        rows = OPEN_IMAGES.read_text(encoding="utf-8").splitlines()
        listed += [row.split("\t")[2].rstrip("?") for row in rows if not row.startswith("#")]
        self._classes = {*synset_ids([{"synset": one} for one in listed], wordnet).values(), *ids.values()}

    def others(self, phrase: str, classes: Iterable[str]) -> set[str]:
        """The classes that a phrase names besides these and those above and below them, as ids of WordNet."""
        mine = {self._ids[name] for name in classes if name in self._ids}
        higher = {one for synset in mine for one in above(synset, self._wordnet)}
        found = {*self._wordnet.senses.get(phrase.replace(" ", "_"), ())} & self._classes - mine - higher
        return {one for one in found if not above(one, self._wordnet) & mine}


def ambiguous(wordnet: WordNet, tables: Iterable[Sequence[dict[str, Any]]]) -> dict[str, list[list[str]]]:
    """Each name of a class that stands for several things, each of which is a class, and these by thing."""
    words, classes = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for categories in tables:
        ids = synset_ids(categories, wordnet)
        for category in categories:
            thing = ids.get(category["synset"], category["synset"])
            classes[thing].add(category["synset"])
            for phrase in own_names(category):
                words[phrase].add(thing)
    for phrase, things in words.items():
        things.update(classes.keys() & wordnet.senses.get(phrase.replace(" ", "_"), ()))
    return {
        phrase: sorted(sorted(classes[thing]) for thing in things)
        for phrase, things in sorted(words.items())
        if len(things) > 1
    }


def doubted_words() -> set[str]:
    """The words of the hand list that stand for another thing than a class."""
    lines = DOUBTED.read_text(encoding="utf-8").splitlines()
    return {line.partition("\t")[0] for line in lines if not line.startswith("#")}


def all_below(ids: Mapping[str, str], parents: Mapping[str, Collection[str]], wordnet: WordNet) -> dict[str, set[str]]:
    """The classes below each synset of WordNet; of a class that has none, by its own name."""
    below: dict[str, set[str]] = defaultdict(set)
    for name, synset in ids.items():
        for higher in above(synset, wordnet):
            below[higher].add(name)
    for name, classes in parents.items():
        for one in classes:
            below[ids.get(one, one)].add(name)
    return below


def add_phrase(table: Table, phrase: str, found: Sequence[str | None], *, sure: bool) -> None:
    """Add the LVIS classes among the senses of a phrase, the leading one first."""
    for place, name in enumerate(found):
        if name is not None:
            table.add("=" if sure and not place else "~", phrase, name)


def add_names(
    table: Table,
    categories: Sequence[dict[str, Any]],
    below: Mapping[str, Iterable[str]],
    parents: Mapping[str, Collection[str]],
) -> None:
    """Add the classes' own names, and what lies below and above them.

    A name that only one class has, without an explanation, is that class.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for category in categories:
        for phrase in own_names(category):
            owners[phrase].add(category["synset"])
    for category in categories:
        explained = {key(re.sub(r"_?\(.*?\)", "", n).replace("_", " ")) for n in category["synonyms"] if "(" in n}
        for phrase in own_names(category):
            if owners[phrase] - {category["synset"]}:
                # Two classes of LVIS have this name, so it is sure of neither, whatever WordNet says.
                table.add("=", phrase, *owners[phrase])
                continue
            is_sure = phrase not in explained and "(" not in category["name"]
            table.add("=" if is_sure else "~", phrase, category["synset"])
            table.add("<", phrase, *below.get(category["synset"], ()))
            table.add(">", phrase, *parents.get(category["synset"], ()))


def drop_doubted(table: Table, categories: Iterable[dict[str, Any]], kinds: Kinds) -> None:
    """Take what is doubted out of what is sure: words that the list decides, or that mean two things or classes.

    A word stands for another class by another sense (`crab`), also where that is a class of the other table (`torch`),
    or as the last word of its name (`collar`: `dog_collar`); or for a thing that is no class at all (`nut`).
    """
    doubted = {*hand_list("sense"), *doubted_words()}
    for row in read_rows("context.tsv"):
        doubted.update(key(word) for word in row[0].split(";"))
    last = last_words(categories)
    for phrase, synsets in list(table.kinds["="].items()):
        others = table.kinds["~"].get(phrase, set()) | last[phrase] - table.kinds["<"].get(phrase, set())
        if phrase in doubted or len(synsets) > 1 or others - synsets or kinds.others(phrase, synsets):
            table.add("~", phrase, *synsets)
            del table.kinds["="][phrase]


def last_words(categories: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """The last words of the longer names of LVIS' classes, each with the synsets of these."""
    found: dict[str, set[str]] = defaultdict(set)
    for category in categories:
        start, _, last = key(re.sub(r"_?\(.*?\)", "", category["name"]).replace("_", " ")).rpartition(" ")
        if start:
            found[last].add(category["synset"])
    return found


def render(table: Table, categories: Sequence[dict[str, Any]], same: dict[str, Any], wordnet: WordNet) -> str:
    """The text of lvis.tsv: sorted, so that equal tables give equal bytes."""
    anchors = read_anchors(wordnet)
    meaning, ids = Meaning(wordnet, anchors), synset_ids(categories, wordnet)
    exact = {entry["synset"]: name for name, entry in same.items() if name not in LOOSE}
    loose = {entry["synset"]: name for name, entry in same.items()}
    lines = []
    for synset in sorted(category["synset"] for category in categories):
        rows_ = [anchors.rows[a].line.split("\t") for a in (meaning.of(ids[synset]) if synset in ids else ())]
        # What a person wears is no person: a coat may hang there.
        specs = [spec for spec, relation, _ in rows_ if relation != "part_or_worn"]
        belongs = {part.strip() for spec in specs for part in spec.split(",") if not part.strip().endswith("?")}
        belongs |= {loose[synset]} if synset in loose else set()
        lines.append(f"C\t{synset}\t{','.join(sorted(belongs - {'-'}))}\t{exact.get(synset, '')}")
    lines += phrase_lines(table, sorted(category["synset"] for category in categories))
    return HEADER + "\n".join(lines) + "\n"


def phrase_lines(table: Table, order: Sequence[str]) -> list[str]:
    """The rows of the phrases; classes by their place in `order`."""
    numbers, lines = {name: place for place, name in enumerate(order)}, list[str]()
    for kind in "=~<>!":
        rows: dict[str, list[str]] = defaultdict(list)
        for phrase, names in table.kinds[kind].items():
            rows[",".join(map(str, sorted(numbers[name] for name in names)))].append(phrase)
        lines += [f"{kind}\t{code}\t{';'.join(sorted(phrases))}" for code, phrases in sorted(rows.items())]
    return lines


def held_out(table: Table, categories: Sequence[dict[str, Any]]) -> str:
    """How LVIS' own names fare with a table that was made without them."""
    told: Counter[str] = Counter()
    wrong = []
    for category in categories:
        for phrase in sorted(own_names(category)):
            found = {s for f in (phrase, *singulars(phrase)) for k in "=~<>" for s in table.kinds[k].get(f, ())}
            sure = next((table.kinds["="][f] for f in (phrase, *singulars(phrase)) if f in table.kinds["="]), None)
            told["names"] += 1
            told["covered"] += bool(found)
            told["right"] += category["synset"] in found
            told["sure"] += sure is not None
            told["sure and right"] += sure is not None and category["synset"] in sure
            if found and category["synset"] not in found:
                wrong.append(f"{phrase} ({category['synset']})")
    return f"{dict(told)}\nnot right: {', '.join(wrong)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table, or say what it is worth."""
    parser = argparse.ArgumentParser(description="Place LVIS' classes in WordNet 3.0.")
    parser.add_argument("categories", type=Path)
    parser.add_argument("same", type=Path)
    parser.add_argument("--dictionary", type=Path, default=DICTIONARY)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args(argv)
    categories = json.loads(options.categories.read_text(encoding="utf-8"))
    wordnet = read_wordnet(options.dictionary)
    if options.held_out:
        print(held_out(build(categories, wordnet, with_names=False), categories))
        return 0
    same = json.loads(options.same.read_text(encoding="utf-8"))
    text = render(build(categories, wordnet), categories, same, wordnet)
    options.output.write_text(text, encoding="utf-8", newline="\n")
    print(f"{options.output}: {len(text):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
