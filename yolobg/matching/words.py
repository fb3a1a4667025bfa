"""How a class name is cut into words. Pure string rules; knows no category and no word list.

Two names that a person would call the same give the same words here: `TrafficLight`, `traffic_light`, `traffic-light`
and `Traffic light` are all `("traffic", "light")`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_CHARACTERS = 400
"""Nothing beyond this many characters of a name is read: no class name is longer, and hostile ones stay cheap."""

_SHORTEST_PLURAL = 4
_SHORTEST_STEM = 5
"""Below these lengths an ending is no plural ending: `gas`, `lens`, `dies`, `men`, `omen`."""

_CAMEL = re.compile(r"(?<=[a-z\u00df-\u00f6\u00f8-\u00ff])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIGITS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_ASCII_WORD = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*")
_APOSTROPHES = re.compile(r"['’`]")

IRREGULAR_PLURALS = {
    "people": "person", "persons": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse",
    "geese": "goose", "feet": "foot", "teeth": "tooth", "oxen": "ox", "knives": "knife", "wives": "wife",
    "lives": "life", "leaves": "leaf", "loaves": "loaf", "calves": "calf", "halves": "half", "shelves": "shelf",
    "wolves": "wolf", "scarves": "scarf", "hooves": "hoof", "thieves": "thief", "elves": "elf", "dice": "die",
    "lice": "louse", "cacti": "cactus", "fungi": "fungus", "buses": "bus", "busses": "bus", "skis": "ski",
    "taxis": "taxi", "gloves": "glove", "drones": "drone", "shoes": "shoe", "toes": "toe", "horses": "horse",
    "houses": "house", "noses": "nose", "vases": "vase", "purses": "purse", "nurses": "nurse", "axes": "axe",
    "glasses": "glass", "geeses": "goose", "knifes": "knife", "peoples": "person", "mens": "man", "womens": "woman",
    "childs": "child", "childrens": "child", "sheeps": "sheep", "cookies": "cookie", "ties": "tie", "pies": "pie",
    "movies": "movie", "hoodies": "hoodie", "selfies": "selfie", "beanies": "beanie", "brownies": "brownie",
    "smoothies": "smoothie", "zombies": "zombie", "bookies": "bookie", "rookies": "rookie", "collies": "collie",
    "huskies": "husky", "aircrafts": "aircraft", "luggages": "luggage", "furnitures": "furniture",
}  # fmt: skip
"""Plural to singular where the suffix rules of `singulars` would err, with the wrong plurals that labels use."""


def clean_name(name: str) -> str:
    """Return the name in Unicode's compatible form, without control and format characters, cut to a sane length."""
    if name.isascii() and name.isprintable():
        return name[:MAX_CHARACTERS]
    text = unicodedata.normalize("NFKC", name[:MAX_CHARACTERS])[:MAX_CHARACTERS]
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Zs") else c for c in text if _is_visible(c))


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cf", "Cs", "Co", "Cn")


def words(text: str) -> tuple[str, ...]:
    """Return the lower-case words of a name: cut at separators, at camelCase humps and between letters and digits."""
    if text.isascii() and text.islower() and text.replace(" ", "").isalpha():
        return tuple(text.split())
    spaced = _DIGITS.sub(" ", _CAMEL.sub(" ", text))
    found = _ASCII_WORD.findall(spaced) if spaced.isascii() else _marked(_APOSTROPHES.sub("", spaced)).split()
    return tuple(_APOSTROPHES.sub("", word).lower() for word in found)


def _marked(text: str) -> str:
    """Return text with a space for all but letters, digits and the marks that belong to letters (Indic vowel signs)."""
    return "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)


def key(name: str) -> str:
    """Return the normal form under which names and map keys are compared; signs count only where there is no letter."""
    cleaned = clean_name(name)
    return " ".join(words(cleaned)) or cleaned.strip()


@lru_cache(maxsize=4096)
def singulars(word: str) -> tuple[str, ...]:
    """Return possible singular forms of a word, the likeliest first; empty where it is no plural."""
    if word in IRREGULAR_PLURALS:
        return (IRREGULAR_PLURALS[word],)
    if len(word) < _SHORTEST_PLURAL or not word.endswith("s") or word.endswith("ss"):
        return _men(word)
    forms: list[str] = []
    if word.endswith("ies") and len(word) >= _SHORTEST_STEM:
        forms.append(word[:-3] + "y")
    if word.endswith("ves"):
        forms += [word[:-3] + "f", word[:-3] + "fe"]
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        forms.append(word[:-2])
    forms.append(word[:-1])
    return tuple(forms)


def _men(word: str) -> tuple[str, ...]:
    return (word[:-3] + "man",) if word.endswith("men") and len(word) > _SHORTEST_STEM else ()


@lru_cache(maxsize=4096)
def plural(word: str) -> str:
    """Return the regular (or listed irregular) plural of a singular word."""
    for many, one in IRREGULAR_PLURALS.items():
        if one == word and not many.endswith("ss") and many not in ("persons", "busses"):
            return many
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    if word.endswith("man") and len(word) >= _SHORTEST_STEM:
        return word[:-3] + "men"
    return word + "s"


_ABSTRACT = (
    "ness",
    "ity",
    "tion",
    "sion",
    "ism",
    "ment",
    "ology",
    "itis",
    "osis",
    "asis",
    "emia",
    "pathy",
    "ectomy",
    "graphy",
    "metry",
    "ancy",
    "ency",
    "ance",
    "ence",
    "trophy",
    "plasia",
    "sclerosis",
    "oma",
    "phobia",
    "uria",
    "algia",
    "itude",
)
_SHORTEST_ABSTRACT = 8


def is_abstract(word: str) -> bool:
    """Tell from its ending that a word is an abstract, technical or medical noun: it names no thing of COCO."""
    return len(word) >= _SHORTEST_ABSTRACT and word.endswith(_ABSTRACT)


def is_form_of_verb(word: str) -> bool:
    """Tell from its ending that a word is an adverb or a form of a verb."""
    return len(word) >= _SHORTEST_STEM and word.endswith(("ing", "ed", "ly"))
