"""Numbers with the things that they count, in words; paths as arguments of commands that are shown."""

from __future__ import annotations

import re

__all__ = ["counted", "quoted"]

_ONE = {"are": "is", "were": "was", "have": "has", "do": "does", "carry": "carries"}


def counted(number: int, thing: str, verb: str = "") -> str:
    """`1 image`, `1,200 images`; with a verb (`are`, `differ`) `1 image is`, `2 images differ`.

    Args:
        number: How many.
        thing: What, in the singular.
        verb: What they do, in the plural.
    """
    if number == 1:
        return f"1 {thing} {_ONE.get(verb, f'{verb}s') if verb else ''}".rstrip()
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{number:,} {plural} {verb}".rstrip()


def quoted(path: str) -> str:
    """A path as an argument of a command that can be copied."""
    return f'"{path}"' if re.search(r"[^\w./:\\-]", path) else path
