"""A source folder with records of annotation tools: what they say of its images, and what to say if that is nothing."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from yolobg.dataset.folder_listing import Walk
from yolobg.errors import AnnotationsError, DatasetError
from yolobg.formats.tool_folder import ToolContents, read_tools
from yolobg.formats.tool_records import NAMELESS
from yolobg.sources.open_images import class_parents
from yolobg.sources.unreadable import WAY_ON
from yolobg.wording import agreeing, counted

__all__ = ["read_tool_records", "say_untold", "shown_in"]

_DESCRIPTIONS = re.compile(r"(?:.*[/\\])?(?:oidv\d-)?class-descriptions[\w-]*\.csv", re.IGNORECASE)
_ID = re.compile(r"/[mg]/\w+")
_EXPORTED = "images.meta"
_MOST_BYTES = 8 << 20


def read_tool_records(folder: Path, walk: Walk, *, unlabelled: bool) -> ToolContents | None:
    """Read the records of annotation tools in a source folder; None where there are none.

    Datumaro and CVAT write `images.meta` beside lists in Open Images' format: those tell of all that was marked, and
    datumaro reads them. Where it is missing, only what they find counts.

    Raises:
        AnnotationsError: A record is damaged, or it is not certain which picture it is about.
    """
    try:
        images = [image for image in walk.images if image not in walk.unusable]
        read = read_tools(images, walk.others, str(folder.resolve()), _open_images_names(walk.others))
    except DatasetError as error:
        raise AnnotationsError(
            f"--source {folder}: {error}. --unlabelled does not pass over it, since it may name one of your classes. "
            "If it does not, move it out of the folder"
        ) from error
    exported = any(re.split(r"[/\\]", file)[-1] == _EXPORTED for file in walk.others)
    return None if read and read.lists and exported and not unlabelled else read


def _open_images_names(files: Iterable[str]) -> dict[str, str]:
    """The names of Open Images' classes by their ids; those of a list in the folder come first."""
    names = {one: name for one, (name, _) in class_parents().items()}
    return names | {
        one: name for file in filter(_DESCRIPTIONS.fullmatch, files) for one, name in _described(Path(file))
    }


def _described(file: Path) -> list[tuple[str, str]]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            return []
        rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, csv.Error):
        return []
    return [(row[0], row[1]) for row in rows if len(row) > 1 and _ID.fullmatch(row[0])]


def shown_in(
    contents: ToolContents, bare: Iterable[tuple[str, bool]], *, unlabelled: bool
) -> tuple[dict[int, str], list[tuple[str, frozenset[int]]]]:
    """The classes of a source folder, and those images of it that may be used with the classes that each shows.

    Args:
        contents: Its records.
        bare: Its images, each with whether a label of its own says that there is something, which has no name then.
        unlabelled: Whether images without a record show no more than is known.
    """
    known = {**contents.told, **contents.partly} if unlabelled else contents.told
    nameless = next((i for i, name in contents.names.items() if name == NAMELESS), len(contents.names))
    found = [
        (image, known.get(image, frozenset()) | ({nameless} if held else frozenset()))
        for image, held in bare
        if unlabelled or image in known
    ]
    added = {nameless} if not contents.names else {nameless for _, ids in found if nameless in ids}
    return {**contents.names, **dict.fromkeys(added, NAMELESS)}, found


def say_untold(folder: Path, contents: ToolContents, images: int) -> tuple[str, ...]:
    """What to know of images of which no record says all that they show.

    Args:
        folder: The source folder.
        contents: Its records.
        images: How many images it has.

    Raises:
        AnnotationsError: There is no other image.
    """
    untold = images - len(contents.told)
    lists = ""
    if contents.lists:
        lists = (
            f" {contents.lists} says of a few classes only whether they are in an image, so one without yours there "
            "may show it; for Open Images' own validation images there is --source openimages --verified."
        )
    if not contents.told:
        lost = (
            f" ({len(contents.lost):,} {agreeing(len(contents.lost), 'name')} others, for example {contents.lost[0]})"
            if contents.lost
            else ""
        )
        raise AnnotationsError(
            f"--source {folder}: no record says everything that one of its {counted(images, 'image')} shows{lost}."
            f"{lists} {WAY_ON}, but for those in which a record names one"
        )
    if not untold:
        return ()
    return (
        f"--source {folder}: {counted(untold, 'image', 'were')} left out, because no record says all that they "
        f"show.{lists} Pass --unlabelled if the images without a record show none of your classes",
    )
