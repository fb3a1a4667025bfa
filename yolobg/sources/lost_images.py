"""What to say of records whose image is not in the folder: one of them, and where it was looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from yolobg.formats.coco_read import CocoContents
from yolobg.formats.contents import Contents
from yolobg.formats.voc import VocContents
from yolobg.wording import counted

__all__ = ["say_lost"]

_SHOWN = 4


def say_lost(folder: Path, contents: Contents, names: Sequence[str]) -> str:
    """How many records have no image, one of them, and the places looked in; empty where each has its image.

    Args:
        folder: The source folder.
        contents: Its records.
        names: The images that are not there, as the records call them.
    """
    if not names:
        return ""
    places = ", ".join(list(dict.fromkeys(_places(folder, contents)))[:_SHOWN])
    return (
        f"{counted(len(names), 'record', 'name')} images that are not there, for example {names[0]} (looked in "
        f"{places})"
    )


def _places(folder: Path, contents: Contents) -> Iterator[str]:
    if isinstance(contents, CocoContents):
        yield from (str(place) for part in contents.parts for place in part.folders if place.is_dir())
    else:
        yield str(folder / "JPEGImages" if isinstance(contents, VocContents) else folder)
