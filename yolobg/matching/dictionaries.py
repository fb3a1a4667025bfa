"""The dictionary rules: what the lists say of a phrase as a whole. One rule for each list, in a fixed order.

Each rule takes one spelling of the phrase; `look_up` tries the closest spelling first, in all lists, before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from yolobg.matching.answers import NONE, Answer, mapped
from yolobg.matching.lexicon import ListEntry, NamedCategory, coco_categories, hand_list, read_rows
from yolobg.matching.lexicon.wordnet import wordnet
from yolobg.matching.words import plural, singulars
from yolobg.model import Exclusion

Words = tuple[str, ...]

HAND_LISTS = ("alias", "superset", "body", "part", "sense")
"""The lists that are written by hand: other names of a category; names that cover several; parts of the human body and
what a person does or shows; parts of something and what is worn, of which the carrier is excluded; words whose meaning
in class lists is not what WordNet's order says."""


def look_up(phrase: Words) -> Answer | None:
    """Return what the first list that knows the phrase says of it; None where none does.

    That WordNet knows a word without a category counts only if no other spelling of the phrase has one.
    """
    known: Answer | None = None
    for form, is_glued in forms(phrase):
        for rule in DICTIONARIES:
            entry = wordnet().glued_entry(form) if is_glued and rule is in_wordnet else rule(form)
            if entry is None:
                continue
            if entry.targets or rule is not in_wordnet:
                return entry_answer(phrase, form, entry)
            known = known or NONE
    return known


def in_hand_lists(phrase: Words) -> Answer | None:
    """Return what the lists written by hand say of a phrase (WordNet not asked)."""
    for form, _ in forms(phrase):
        for rule in DICTIONARIES[:-3]:
            entry = rule(form)
            if entry is not None:
                return entry_answer(phrase, form, entry)
    return None


def by_own_name(phrase: Words) -> Answer | None:
    """Return the category whose own name a phrase is, in any of its spellings."""
    found = ((form, exact(form)) for form, _ in forms(phrase))
    return next((entry_answer(phrase, form, entry) for form, entry in found if entry is not None), None)


def exact(form: str) -> ListEntry | None:
    """A category's own name: as it is, in one word, in the singular or plural."""
    return _own_names().get(form)


def by_hand(name: str) -> Callable[[str], ListEntry | None]:
    """The rule of one of the lists that are written by hand."""
    return lambda form: hand_list(name).get(form)


def twin(form: str) -> ListEntry | None:
    """Another word, by WordNet, for a phrase of the hand lists: `bandanna` for `bandana`."""
    other = wordnet().twin(form)
    found = other and next((listed[other] for listed in map(hand_list, HAND_LISTS) if other in listed), None)
    return replace(found, note=f"another word for {other}: {found.note}") if found else None


def in_wordnet(form: str) -> ListEntry | None:
    """A word or fixed phrase of WordNet; a phrase of it written in one word or cut elsewhere counts too."""
    return wordnet().entry(form) or wordnet().glued_entry(form)


def produce(form: str) -> ListEntry | None:
    """A fruit, vegetable or nut that no list before has: COCO has none of these."""
    return ListEntry((), "produce") if form in fields()["produce"] else None


DICTIONARIES: tuple[Callable[[str], ListEntry | None], ...] = (
    exact,
    *map(by_hand, HAND_LISTS),
    twin,
    in_wordnet,
    produce,
)


def forms(phrase: Words) -> Iterator[tuple[str, bool]]:
    """Yield the spellings under which a list may hold a phrase, the closest first, and whether they were glued.

    As is, in one word, in the singular.
    """
    if not phrase:
        return
    for last in (phrase[-1], *singulars(phrase[-1])):
        yield " ".join((*phrase[:-1], last)), False
        if len(phrase) > 1:
            yield "".join((*phrase[:-1], last)), True


@lru_cache(maxsize=1)
def _own_names() -> dict[str, ListEntry]:
    entries: dict[str, ListEntry] = {}
    for category in coco_categories():
        entry = ListEntry((NamedCategory(category.name, "same", 1.0),), "exact")
        for form in (category.name, plural(category.name), *singulars(category.name)):
            entries.setdefault(form, entry)
            entries.setdefault(form.replace(" ", ""), entry)
    return entries


def entry_answer(phrase: Words, form: str, entry: ListEntry) -> Answer:
    """Return the answer that a list's entry gives for a phrase, found there as `form`."""
    name = " ".join(phrase)
    if not entry.targets:
        return NONE
    return mapped(
        Exclusion(t.category, t.relation, t.confidence, entry.rule, reason(name, form, t, entry)) for t in entry.targets
    )


def reason(name: str, form: str, target: NamedCategory, entry: ListEntry) -> str:
    """Return the sentence that says why; a person can check it in the list or dictionary it names."""
    if entry.rule == "exact":
        return f"{name} is COCO's {target.category}"
    if entry.rule == "genus":
        return f"WordNet: {form} is a genus of {entry.note}s"
    if entry.rule != "wordnet":
        return f"{name}: {entry.note or 'listed with ' + target.category}"
    said = {
        "part_or_worn": f"{form} is {entry.note}, found with {target.category}",
        "superset": f"{target.category} is a kind of {form}",
        "overlap": f"{form} is a kind of {entry.note}, which COCO may box as {target.category}",
        "confusable": f"{form} is a kind of {entry.note}, which COCO may box as {target.category}",
    }
    return f"WordNet: {said.get(target.relation, f'{form} is a kind of {entry.note}')}"


LATIN_SHORT = 2
"""Latin words of up to this many letters are abbreviations, unless a list has them."""


@lru_cache(maxsize=1)
def roles() -> dict[str, frozenset[str]]:
    """Return role to words: `opaque`, `colour`, `filler`, `negation`, `measure`, `joining`, `privative`."""
    return {role: frozenset(cell.split()) for role, cell in read_rows("words.tsv")}


@lru_cache(maxsize=1)
def fields() -> dict[str, frozenset[str]]:
    """Return field to the words by which a list shows it, from domains.tsv; `_` stands for a space."""
    return {field: frozenset(cell.split()) for field, cell in read_rows("domains.tsv")}


def is_produce(word: str) -> bool:
    """Tell whether a word is a fruit, a vegetable or a nut."""
    return bool({word, *singulars(word)} & fields()["produce"])


def says_nothing(phrase: tuple[str, ...]) -> bool:
    """Tell whether every word is a number, an abbreviation, a placeholder, a colour, a size or a direction."""
    return all(_is_empty(word) for word in phrase)


def is_placeholder(phrase: Words) -> bool:
    """Tell whether a name stands for whatever else there is: `other`, `obstacle`, `moving object`, `unknown device`."""
    ends = {phrase[-1], *singulars(phrase[-1])} if phrase else set()
    rest_says_nothing = all(is_filler(word) or word in roles()["opaque"] for word in phrase[:-1])
    return bool(ends & roles()["placeholder"]) and rest_says_nothing


def _is_empty(word: str) -> bool:
    if len(word) <= LATIN_SHORT and word.isascii():
        return True
    return word.isdigit() or word in roles()["opaque"] or word in roles()["colour"] or _is_wordnet_id(word)


def _is_wordnet_id(word: str) -> bool:
    return len(word) == 1 or word.isnumeric()


def is_filler(word: str) -> bool:
    """Tell whether a word at the edge of a name adds nothing to what it names."""
    return word in roles()["filler"] or word.isdigit() or (len(word) == 1 and word.isascii())
