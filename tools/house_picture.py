"""The picture of who imports whom, as SVG made from CONTRIBUTING's table, which a test compares with the imports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURE = REPOSITORY / "docs/house.svg"
ROW = re.compile(r"^\| `([\w/]+)` \| (.+?) \| (.*)\|$", re.MULTILINE)
WIDTH, HEIGHT, GAP, FLOOR, MARGIN = 104, 34, 44, 66, 20
STYLE = (
    "text{font:13px sans-serif;fill:#1b1f24;text-anchor:middle}rect{fill:#e7f3ef;stroke:#0b7a5c}"
    "path{stroke:#8a939c;fill:none}.paper{fill:#fff;stroke:none}.note{fill:#5b636b;text-anchor:start}"
)


def layers(text: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """What each folder (and `api`) owns, and which others it may import; a folder's own folders are part of it."""
    rows = ROW.findall(text)
    owns = {name.rstrip("/"): about for name, about, _ in rows if name.endswith("/") or name == "api"}
    imports: dict[str, set[str]] = {name: set() for name in owns}
    for name, _, may in rows:
        room = name.split("/")[0]
        if room in owns:
            imports[room].update(to.split("/")[0] for to in re.findall(r"`([\w/]+)`", may))
    return owns, {name: (may & owns.keys()) - {name} for name, may in imports.items()}


def draw(text: str) -> str:
    """The picture of the table in `text`: each box above all that it imports, arrows that others imply left out."""
    owns, imports = layers(text)
    floors: dict[int, list[str]] = {}
    for name in sorted(owns):
        floors.setdefault(_floor(name, imports), []).append(name)
    columns = max(map(len, floors.values()))
    width = 2 * MARGIN + columns * (WIDTH + GAP)
    height = 2 * MARGIN + len(floors) * FLOOR + 20
    places = {}
    for floor, names in floors.items():
        left = (width - len(names) * (WIDTH + GAP) + GAP) / 2
        for place, name in enumerate(names):
            places[name] = (left + place * (WIDTH + GAP), MARGIN + (len(floors) - 1 - floor) * FLOOR)
    arrows = "".join(_arrow(places[name], places[to]) for name in places for to in sorted(_direct(name, imports)))
    boxes = "".join(_box(name, owns[name], *places[name]) for name in places)
    note = f'<text class="note" x="{MARGIN}" y="{height - 12}">A line leads down to what a folder may import.</text>\n'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n<style>{STYLE}</style>\n'
        f'<rect class="paper" width="{width}" height="{height}"/>\n{arrows}{boxes}{note}</svg>\n'
    )


def _floor(name: str, imports: Mapping[str, set[str]]) -> int:
    return max((1 + _floor(to, imports) for to in imports.get(name, ())), default=0)


def _reached(name: str, imports: Mapping[str, set[str]]) -> set[str]:
    found = set(imports.get(name, ()))
    return found.union(*(_reached(to, imports) for to in found))


def _direct(name: str, imports: Mapping[str, set[str]]) -> set[str]:
    """What it imports and does not reach through another."""
    return imports[name] - set().union(*(_reached(to, imports) for to in imports[name]))


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, y, to_x, to_y = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]
    return f'<path d="M{x:g} {y:g}C{x:g} {y + 24:g} {to_x:g} {to_y - 24:g} {to_x:g} {to_y:g}"/>\n'


def _box(name: str, owns: str, x: float, y: float) -> str:
    return (
        f'<g><title>{escape(owns)}</title><rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{x + WIDTH / 2:g}" y="{y + 22:g}">{escape(name)}</text></g>\n'
    )


def house() -> str:
    """The picture as it should be."""
    return draw((REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8"))
