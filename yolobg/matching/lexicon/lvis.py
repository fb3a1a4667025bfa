"""LVIS v1's classes in words: which of them a phrase is, may be, covers or is covered by; read from lvis.tsv at once.

Classes go by their WordNet synsets as LVIS writes them (`dog.n.01`). The file is made by `tools/build_lvis.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from yolobg.matching.lexicon import read_rows

__all__ = ["Lvis", "lvis"]

SURE, MAYBE, BELOW, ABOVE = "=", "~", "<", ">"


@dataclass(frozen=True, slots=True)
class Lvis:
    """The table.

    Attributes:
        coco: Synset to the categories of COCO that it belongs to.
        same: Category of COCO to the synset that is the very same thing.
        phrases: Kind (`SURE`, `MAYBE`, `BELOW`, `ABOVE`) to phrase to synsets: what the phrase surely is; what it may
            be; what lies below it; what lies above it.
    """

    coco: dict[str, frozenset[str]]
    same: dict[str, str]
    phrases: dict[str, dict[str, tuple[str, ...]]]

    def of(self, kind: str, phrase: str) -> tuple[str, ...]:
        """The synsets that stand so to a phrase."""
        return self.phrases[kind].get(phrase, ())


@lru_cache(maxsize=1)
def lvis() -> Lvis:
    """Return the table; the file is read at the first call."""
    coco: dict[str, frozenset[str]] = {}
    same: dict[str, str] = {}
    phrases: dict[str, dict[str, tuple[str, ...]]] = {kind: {} for kind in (SURE, MAYBE, BELOW, ABOVE)}
    order: list[str] = []
    for kind, *cells in read_rows("lvis.tsv"):
        if kind == "C":
            synset, belongs, is_it = (*cells, "", "")[:3]
            order.append(synset)
            coco[synset] = frozenset(filter(None, belongs.split(",")))
            if is_it:
                same[is_it] = synset
        else:
            synsets = tuple(order[int(number)] for number in cells[0].split(","))
            phrases[kind].update(dict.fromkeys(cells[1].split(";"), synsets))
    return Lvis(coco, same, phrases)
