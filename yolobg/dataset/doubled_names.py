"""Class names that stand twice in a data.yaml: which, and what that means. Reads only."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

__all__ = ["doubled_names"]

_SHOWN = 3


def doubled_names(names: Mapping[int, str], file: Path) -> list[str]:
    """What to tell of classes that have one name; nothing where each has its own.

    Letter case tells classes apart (hand-written letters: `A` and `a`); blanks at the ends do not, nor does how accents
    are stored.

    Args:
        names: Class id to name.
        file: The data.yaml, for the message.
    """
    ids: dict[str, list[int]] = {}
    for number, name in names.items():
        ids.setdefault(unicodedata.normalize("NFC", name).strip(), []).append(number)
    doubled = {name: numbers for name, numbers in ids.items() if len(numbers) > 1}
    if not doubled:
        return []
    told = "; ".join(f"{_listed(numbers)} share the name {name!r}" for name, numbers in [*doubled.items()][:_SHOWN])
    told = told if len(doubled) <= _SHOWN else f"{told}; and {len(doubled) - _SHOWN:,} more"
    return [
        f"{file}: key 'names': classes {told}. A trainer learns each as a class of its own; yolobg excludes what the "
        "name means, for all of them alike. If one of them means something else, give it its own name"
    ]


def _listed(numbers: list[int]) -> str:
    shown = [str(number) for number in numbers[:_SHOWN]]
    if len(numbers) > _SHOWN:
        return f"{', '.join(shown)} and {len(numbers) - _SHOWN:,} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
