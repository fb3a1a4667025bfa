"""What a phrase of several words means when no list has it whole: by its head, its carrier, or its parts of speech.

English puts the head last (`garbage truck` is a truck), except around `of`, `with` and the like, and except where the
last word names a part (`car door` belongs to a car).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from yolobg.matching.activities import ANIMALS as LIVING
from yolobg.matching.activities import by_activity, is_handling, takes_object
from yolobg.matching.answers import NONE, OPAQUE, Answer, change, mapped, union, weaken
from yolobg.matching.dictionaries import Words, entry_answer, in_hand_lists, is_filler, is_produce, look_up, roles
from yolobg.matching.lexicon.wordnet import wordnet
from yolobg.matching.spelling import own_name_near, unglue
from yolobg.matching.words import is_abstract, is_form_of_verb, singulars
from yolobg.model import Exclusion

HEAD = 0.85
"""Confidence of a reading by the head noun alone."""

PART = 0.8
SUFFIX = 0.6
"""Confidence where an unknown word follows: `car xyz` is probably a car."""

HINT = 0.45
"""Confidence of a mere mention ("maybe")."""

SHORTEST_KNOWN = 4
"""A word whose last part is shorter and names nothing is a word that nobody knows (`fadult`: fad, ult)."""

MAX_WORDS = 12

VEHICLES = frozenset(("car", "truck", "bus", "train", "airplane", "boat", "motorcycle", "bicycle"))
ANIMALS = LIVING | {"teddy bear"}


@lru_cache(maxsize=8192)
def resolve_phrase(phrase: Words) -> Answer | None:
    """Return what the first rule that understands the phrase says; None where no rule does."""
    phrase = phrase[:MAX_WORDS]
    for rule in PHRASE_RULES if phrase else ():
        found = rule(phrase)
        if found is not None:
            return found
    return None


def doing(phrase: Words) -> Answer | None:
    """`lie down`, `read a book`, `person fall`, `rope skipping`: what somebody does, to what, or who does it."""
    found, known = by_activity(phrase), look_up(phrase)
    if found is not None and (found.is_certain or known is None or not known.is_certain):
        return found
    if len(phrase) == 1 or known is not None:
        return None
    return _with_object(phrase) or _with_preposition(phrase) or _with_doer(phrase)


def _with_object(phrase: Words) -> Answer | None:
    """`read a book`, `holding cigarette`: the doer, and the object if COCO has it; `cut mark` is no activity."""
    doer = by_activity(phrase[:1])
    if doer is None or not (takes_object(phrase[0]) or is_handling(phrase[0])):
        return None
    thing = resolve_phrase(tuple(word for word in phrase[1:] if word not in ("a", "the", "on"))) or NONE
    if thing.is_certain:
        return union((doer, thing))
    return weaken(doer, cap=SUFFIX, why=" ".join(phrase)) if is_handling(phrase[0]) and doer.is_certain else None


ARTICLES = frozenset(("the", "a", "an"))
PREPOSITIONS = frozenset(("to", "with", "on", "over", "behind", "at", "from", "into", "through"))


def _with_preposition(phrase: Words) -> Answer | None:
    """`operating the radio`, `talking to passenger`: no compound goes on like that behind its first word."""
    doer = by_activity(phrase[:1]) if phrase[0].endswith("ing") else None
    if doer is None or not (phrase[1] in ARTICLES or (doer.is_certain and phrase[1] in PREPOSITIONS)):
        return None
    sure = change(doer, lambda e: replace(e, confidence=max(e.confidence, SUFFIX)))
    rest = resolve_phrase(tuple(word for word in phrase[1:] if word not in ARTICLES | PREPOSITIONS))
    return union((sure, rest if rest is not None else NONE))


def _with_doer(phrase: Words) -> Answer | None:
    """`person fall`, `cow lying`: the doer; without one, an -ing form implies it (`rope skipping`)."""
    doing = by_activity(phrase[-1:])
    rest = resolve_phrase(phrase[:-1]) if doing is not None else None
    if doing is None or all(is_filler(word) for word in phrase[:-1]):
        return None
    if not doing.is_certain:
        return None
    if rest is not None and rest.certain & {"person", *ANIMALS}:
        return rest
    if not phrase[-1].endswith("ing") and not all(wordnet().is_other(w) or is_filler(w) for w in phrase[:-1]):
        return None
    return union((weaken(doing, cap=SUFFIX, why=" ".join(phrase)), rest if rest is not None else NONE))


def negated(phrase: Words) -> Answer | None:
    """`no helmet` marks the place where a helmet is missing: it excludes what `helmet` does."""
    rest = tuple(word for word in phrase if word not in roles()["negation"])
    if not rest or len(rest) == len(phrase) or roles()["joining"] & set(phrase[1:-1]):
        return None
    found = resolve_phrase(rest)
    return found and weaken(found, cap=1.0, why=f"{' '.join(phrase)} marks where {' '.join(rest)} is missing")


def trimmed(phrase: Words) -> Answer | None:
    """Sizes, colours, numbers and the like at the edges of a name do not change what it names."""
    start, end = 0, len(phrase)
    while end - start > 1 and is_filler(phrase[end - 1]):
        end -= 1
    while end - start > 1 and is_filler(phrase[start]):
        start += 1
    if end - start > 1 and phrase[end - 1] == "orange" and (look_up(phrase[start : end - 1]) or NONE).is_certain:
        end -= 1
    if end - start in (len(phrase), 0) or all(is_filler(word) for word in phrase):
        return None
    return resolve_phrase(phrase[start:end])


def joined(phrase: Words) -> Answer | None:
    """`X of Y` is an X, or a Y if X only measures; `X with Y` is an X; `X and Y` is both."""
    for at, word in enumerate(phrase[1:-1], 1):
        if word == "of":
            return _of(phrase[:at], phrase[at + 1 :])
        if word in roles()["joining"] or word in ("without", "no", "not", "for"):
            return _beside(phrase[:at], word, phrase[at + 1 :])
    return None


def _of(first: Words, second: Words) -> Answer | None:
    if first[-1] in roles()["measure"]:
        return resolve_phrase(second)
    found = resolve_phrase(first)
    return found if found is None or found.is_certain else NONE


def _beside(first: Words, word: str, second: Words) -> Answer | None:
    left, right = resolve_phrase(first), resolve_phrase(second)
    if left is None or right is None:
        return left or right
    if word in ("and", "or", "plus"):
        return union((left, right))
    if not left.is_certain:
        return right if word in ("without", "no", "not") else left
    if word in ("riding", "driving") or (word == "on" and "person" in left.certain):
        return union((left, right))
    why = f"{' '.join(second)} is beside it"
    return union((left, weaken(right, cap=HINT, why=why)))


def species(phrase: Words) -> Answer | None:
    """`Turdus philomelos`: a Latin name whose genus WordNet knows."""
    entry = wordnet().genus(phrase[0]) if len(phrase) in (2, 3) else None
    return entry_answer(phrase, phrase[0], entry) if entry else None


def of_an_event(phrase: Words) -> Answer | None:
    """`car crash`, `knife attack`: what takes part in an event is in the box."""
    if len(phrase) == 1 or phrase[-1] not in roles()["event"]:
        return None
    found = resolve_phrase(phrase[:-1])
    why = f"{phrase[-1]} of a {' '.join(phrase[:-1])}"
    return weaken(found, cap=HEAD, why=why) if found is not None and found.is_certain else None


def of_a_maker(phrase: Words) -> Answer | None:
    """`toyota corolla`: the model of a maker of cars is a car, unless it is said to be another vehicle."""
    if phrase[0] not in roles()["maker"]:
        return None
    rest = resolve_phrase(phrase[1:]) if len(phrase) > 1 else None
    if rest is not None and rest.certain & VEHICLES and rest.certain <= VEHICLES and not _is_wordnet_only(rest):
        return rest
    cap = HINT if roles()["privative"] & set(phrase) else HEAD
    return mapped([Exclusion("car", "is_a", cap, "alias", f"{phrase[0]} is a maker of cars")])


def _is_wordnet_only(found: Answer) -> bool:
    return all(e.rule == "wordnet" for e in found.exclusions)


def inverted(phrase: Words) -> Answer | None:
    """`ball_soccer`, `bottle_plastic`: sorted names put the head first."""
    if len(phrase) != 2 or (look_up(phrase[1:]) or NONE).is_certain:  # noqa: PLR2004 - two words to turn
        return None
    turned = look_up(phrase[::-1])
    why = f"read as {' '.join(phrase[::-1])}"
    return weaken(turned, cap=HEAD, why=why) if turned is not None and turned.is_certain else None


def by_head(phrase: Words) -> Answer | None:
    """The longest known end of the phrase says what it is, or of what it is a part."""
    is_fixed = wordnet().is_fixed(phrase)
    for at in range(1, len(phrase)):
        found = look_up(phrase[at:])
        if found is not None:
            read = _compound(phrase[:at], phrase[at:], found)
            return NONE if is_fixed and not _is_part_of_thing(read) else read
    return None


def _is_part_of_thing(found: Answer) -> bool:
    parts = {e.coco for e in found.exclusions if e.rule == "part" and e.relation == "part_or_worn"}
    return bool(parts) and "person" not in parts


def _compound(modifier: Words, head: Words, found: Answer) -> Answer:
    carrier = _carrier(modifier)
    if carrier is not None and head[-1] in roles()["collective"] and carrier.certain & ANIMALS:
        return carrier
    if carrier is not None and head[-1] in roles()["attached"] and not _is_clothing(found):
        part = _part_of(modifier, head, carrier)
        return union((part, found)) if _is_same_thing(found) else part
    if carrier is not None and carrier.certain & ANIMALS and _is_worn(found):
        return union((_part_of(modifier, head, carrier), weaken(found, cap=HINT, why="also worn by people")))
    if _is_worn(found) and carrier is not None and found.certain & carrier.certain:
        return _part_of(modifier, head, carrier)
    if _is_group(found):
        return _of_group(modifier, head, found)
    is_of_a_thing = _is_of_body(found) and not carrier and look_up(modifier) == NONE
    doubtful = roles()["privative"] & set(modifier) or is_of_a_thing or _may_be_a_device(found, head)
    why = f"{' '.join((*modifier, *head))} is a kind of {' '.join(head)}"
    cap, rule = (HINT, None) if doubtful else (HEAD, "head noun")
    read = weaken(found, cap=cap, why=why, rule=rule) if found.exclusions else found
    return union((read, mention(modifier)))


def _is_group(found: Answer) -> bool:
    """Tell whether a head names a group of things other than vehicles (food, animal, tool)."""
    return found.is_superset and not found.certain & VEHICLES


def _of_group(modifier: Words, head: Words, found: Answer) -> Answer:
    """`chicken animal` is what its modifier says; `cat food` and `fig fruit` are not the whole group."""
    narrower = look_up(modifier)
    if narrower is None and any(look_up((word,)) == NONE and is_produce(word) for word in modifier):
        return NONE
    why = f"{' '.join((*modifier, *head))} is a kind of {' '.join(head)}"
    if narrower is None:
        return weaken(found, cap=HEAD, why=why, rule="head noun")
    if narrower.certain and narrower.certain <= {e.coco for e in found.exclusions}:
        return narrower
    return weaken(found, cap=HINT, why=why)


def _may_be_a_device(found: Answer, head: Words) -> bool:
    """Tell whether a head that WordNet alone calls a person may be a device: `thermal collector`."""
    return (
        found.certain == {"person"}
        and head[-1].endswith(("er", "or", "ers", "ors"))
        and all(e.rule == "wordnet" and e.confidence < HEAD for e in found.exclusions)
    )


def _is_same_thing(found: Answer) -> bool:
    return any(e.relation in ("same", "is_a") and e.confidence >= HEAD and e.coco != "person" for e in found.exclusions)


def _is_clothing(found: Answer) -> bool:
    """Tell whether the answer is what people wear (a cap, a collar), not a part of their body."""
    return found.certain == {"person"} and _is_worn(found) and not _is_of_body(found)


def _is_of_body(found: Answer) -> bool:
    return any(e.rule == "body" for e in found.exclusions)


def _is_worn(found: Answer) -> bool:
    return any(e.relation == "part_or_worn" for e in found.exclusions)


def _carrier(modifier: Words) -> Answer | None:
    """Return what the nearest words before the head name, if that is certain and no part itself."""
    for at in range(len(modifier)):
        found = look_up(modifier[at:])
        if found is not None:
            return found if found.is_certain and not _is_worn(found) else None
    return None


def _part_of(modifier: Words, head: Words, carrier: Answer) -> Answer:
    certain = Answer("mapped", tuple(e for e in carrier.exclusions if e.confidence >= SUFFIX))
    why = f"{' '.join(head)} of a {' '.join(modifier)}"
    return weaken(certain, cap=PART, why=why, rule="part", relation="part_or_worn")


def mention(words: Words) -> Answer:
    """Return the categories whose own name stands among the words, as a mere hint."""
    hits = [look_up((word,)) for word in words]
    named = [e for hit in hits if hit for e in hit.exclusions if e.relation == "same" and e.rule == "exact"]
    return mapped(replace(e, confidence=HINT, rule="literal", reason=f"the name mentions {e.coco}") for e in named)


def by_start(phrase: Words) -> Answer | None:
    """`person standing`, `car xyz`: the last word is no noun, or no word at all."""
    last = phrase[-1]
    if len(phrase) == 1 or wordnet().is_noun(last):
        return None
    if wordnet().is_other(last) or is_form_of_verb(last):
        return resolve_phrase(phrase[:-1])
    found = look_up(phrase[:-1])
    if found is None or not found.is_certain or phrase[0] == "orange":
        return None
    by_hand = all(e.rule != "wordnet" for e in found.exclusions)
    return weaken(found, cap=SUFFIX if by_hand else HINT, why=f"{last} is not a word; the rest", rule="head noun")


def misspelt_own_name(phrase: Words) -> Answer | None:
    """`bananna`: a word that nothing knows, one letter away from a category's own name."""
    near = own_name_near(phrase[-1]) if not wordnet().is_word(phrase[-1]) else None
    found = resolve_phrase((*phrase[:-1], near)) if near else None
    return found and weaken(found, cap=SUFFIX, why=f"read as a misspelling of {near}", rule="spelling")


def in_one_word(phrase: Words) -> Answer | None:
    """`trafficcone`, `nohelmet`: words written together."""
    parts = unglue(phrase[-1])
    if not parts:
        return None
    found = resolve_phrase((*phrase[:-1], *parts))
    if found is None or (not found.exclusions and len(parts[-1]) < SHORTEST_KNOWN):
        return None
    return weaken(found, cap=PART, why=f"read as {' '.join(parts)}")


def only_words(phrase: Words) -> Answer | None:
    """Known words that name nothing of COCO; adjectives alone say nothing at all."""
    last = phrase[-1]
    forms = (last, *singulars(last))
    if any(wordnet().is_noun(form) for form in forms) or is_abstract(last):
        return union((NONE, mention(phrase[:-1])))
    if all(
        any(wordnet().is_other(f) for f in (w, *singulars(w))) or is_form_of_verb(w) or is_filler(w) for w in phrase
    ):
        return OPAQUE
    return None


PHRASE_RULES: tuple[Callable[[Words], Answer | None], ...] = (
    in_hand_lists, doing, look_up, negated, trimmed, joined, species, of_a_maker, of_an_event, inverted, by_head,
    by_start, misspelt_own_name, in_one_word, only_words,
)  # fmt: skip
"""The rules for a phrase, in the order they are asked."""
