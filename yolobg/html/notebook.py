"""What a notebook shows of a result: a table, a bar and small pictures, within bounds and never an error."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from markupsafe import Markup

from yolobg.html.pages import static_bytes, template
from yolobg.html.tables import ExclusionRow, bar_parts, exclusion_rows
from yolobg.html.thumbnails import Picture, embed
from yolobg.model import ClassMatch
from yolobg.python_keywords import with_keywords

__all__ = ["MOST_PICTURES", "MOST_ROWS", "render_result"]

MOST_PICTURES = 12
"""So many pictures are shown; they become part of the notebook's file, with 6 kB each at the most."""

MOST_ROWS = 60
"""So many rows the table of classes has, half of them for one class."""

MOST_LISTED = 10
"""So many of other things are listed."""

MOST_TRIED = 50
EDGE_PX = 128
QUALITY = 60
MOST_LETTERS = 300

_log = logging.getLogger(__name__)


def render_result(
    name: str, /, *, classes: Sequence[ClassMatch] = (), images: Iterable[tuple[str, str | Path]] = (), **shown: object
) -> str | None:
    """A result as HTML for a notebook's file; its style is for light and dark notebooks.

    Args:
        name: Its template.
        classes: The classes of the table, if it has one.
        images: Pictures that may be shown, with their titles; one that cannot be read is left out.
        **shown: What else the template shows.

    Returns:
        The HTML, or None where it cannot be made: a notebook then shows the `repr`.
    """
    try:
        listed = _within(classes)
        style = static_bytes("notebook.css").decode("ascii")
        return template(name).render(
            style=Markup(style),  # noqa: S704 - our own file
            classes=listed,
            more_classes=len(classes) - len(listed),
            cut=[match.name for match in listed if len(exclusion_rows(match)) > len(_rows(match))],
            pictures=_pictures(images),
            short=_short,
            in_python=with_keywords,
            few=_few,
            bar_parts=bar_parts,
            exclusion_rows=_rows,
            **shown,
        )
    except Exception:  # noqa: BLE001 - whatever it is, a result that cannot be drawn is still a result
        _log.debug("a result could not be shown in a notebook", exc_info=True)
        return None


def _pictures(images: Iterable[tuple[str, str | Path]]) -> list[tuple[str, Picture]]:
    found: list[tuple[str, Picture]] = []
    # Where a disk is gone, not one of thousands can be read.
    for title, path in islice(images, MOST_TRIED):
        if len(found) == MOST_PICTURES:
            break
        # An address is no file here, so nothing is fetched.
        picture = embed(Path(path), edge_px=EDGE_PX, quality=QUALITY)
        if picture is not None:
            found.append((_short(title), picture))
    return found


def _within(classes: Sequence[ClassMatch]) -> list[ClassMatch]:
    """The first classes, as many as the table has room for."""
    listed, rows = [], 0
    for match in classes:
        rows += len(_rows(match))
        if rows > MOST_ROWS:
            break
        listed.append(replace(match, name=_short(match.name)))
    return listed


def _rows(match: ClassMatch) -> list[ExclusionRow]:
    rows = exclusion_rows(match)[: MOST_ROWS // 2]
    return [replace(row, excludes=_short(row.excludes), why=_short(row.why)) for row in rows]


def _short(text: object) -> str:
    whole = str(text)
    return whole if len(whole) <= MOST_LETTERS else f"{whole[:MOST_LETTERS]}…"


def _few(things: Sequence[object]) -> Sequence[object]:
    return things[:MOST_LISTED]
