"""What to call each model: trainers give all of theirs one file name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["model_names"]


def model_names(files: Iterable[Path]) -> dict[Path, str]:
    """A name for each file, by which it is told from the others.

    That is its name without the suffix, and where others have the same, as many folders before it as tell them apart:
    `plain/weights/best` and `mined/weights/best`. Two that differ in the suffix alone keep it.
    """
    places = {file: file.absolute() for file in files}
    bare = {place: place.with_suffix("") for place in set(places.values())}
    alike = [place for place, short in bare.items() if list(bare.values()).count(short) > 1]
    parts = {place: (place if place in alike else short).parts for place, short in bare.items()}
    return {file: _shortest(parts[place], [*parts.values()]) for file, place in places.items()}


def _shortest(own: tuple[str, ...], every: list[tuple[str, ...]]) -> str:
    number = next((n for n in range(1, len(own)) if [one[-n:] for one in every].count(own[-n:]) == 1), len(own))
    return "/".join(own[-number:])
