"""Numbers with the things that they count, in words; shares, lists cut short, paths as arguments of commands."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "BYTE_STAGES",
    "NAME_JOINTS",
    "agreeing",
    "amount",
    "counted",
    "first_of",
    "in_words",
    "one_line",
    "p_value",
    "percent",
    "quoted",
]

# Stages of a progress that count bytes; all others count things.
BYTE_STAGES = frozenset({"archive", "annotations"})
MEGABYTES_FROM = 100_000
SMALL_SHARE = 0.001

NAME_JOINTS = r"(?<=[_/\\|:,;=+])(?=[^\W_])|(?<=[.-])(?=[^\W\d_])|(?<=[a-z][a-z])(?=[A-Z])"
"""Where a name may go on in the next line: after `_`, `/` and the like, and before a capital inside it; `.` and `-`
inside a number are none."""

_ONE = {"are": "is", "were": "was", "have": "has", "do": "does", "go": "goes", "carry": "carries"}


def counted(number: int, thing: str, verb: str = "") -> str:
    """`1 image`, `1,200 images`; with a verb (`are`, `differ`) `1 image is`, `2 images differ`.

    Args:
        number: How many.
        thing: What, in the singular.
        verb: What they do, in the plural.
    """
    if number == 1:
        return f"1 {thing} {agreeing(1, verb)}".rstrip()
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{number:,} {plural} {verb}".rstrip()


def agreeing(number: int, verb: str) -> str:
    """The verb of so many things, where other words stand between: `1 of 60 images is`, `2 of 60 images are`.

    Args:
        number: How many.
        verb: What they do, in the plural.
    """
    return _ONE.get(verb, f"{verb}s") if verb and number == 1 else verb


def amount(number: float, stage: str) -> str:
    """How far a stage is, as a text: `1,200`, or `1.5 MB` where it counts bytes."""
    if stage not in BYTE_STAGES:
        return f"{number:,.0f}"
    return f"{number / 1e6:,.1f} MB" if number >= MEGABYTES_FROM else f"{number / 1e3:,.0f} kB"


def percent(share: float) -> str:
    """A share (0-1) as a percentage with one decimal, or more where that would show nothing."""
    return f"{share:.1%}" if share >= SMALL_SHARE or share == 0 else f"{share:.2%}"


def p_value(p: float) -> str:
    """The p-value of a test with three decimals, or as a power of ten where these would show nothing."""
    return f"{p:.3f}" if p >= SMALL_SHARE else f"{p:.0e}"


def first_of(names: Sequence[str], most: int, *, joint: str = ", ") -> str:
    """The first of several names, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{joint.join(names[:most])}{more}"


def quoted(path: str) -> str:
    """A path as an argument of a command that can be copied."""
    return f'"{path}"' if re.search(r"[^\w./:\\-]", path) else path


def one_line(name: str, *figures: str) -> str:
    """What `repr` says of a result: `Report(added=12, 9.1 %)`; figures that are empty are left out."""
    line = ", ".join(figure for figure in figures if figure)
    return f"{name}({''.join(letter if letter.isprintable() else '�' for letter in line)})"


def in_words(*figures: str) -> str:
    """The same figures as a line for people: `Added 12, 9.1 %`."""
    line = ", ".join(figure.replace("=", " ", 1) for figure in figures if figure)
    return line[:1].upper() + line[1:]
