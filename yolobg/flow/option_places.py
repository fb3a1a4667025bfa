"""Options that name places: made absolute, so that they mean the same from another current folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from yolobg.net.addresses import bare_url
from yolobg.sources.location import bare_source, is_url, split_member

__all__ = ["CAPTIONS", "LVIS", "placed", "portable"]

CAPTIONS, LVIS = "captions", "lvis"


def portable(name: str, value: Any, hint: Any) -> Any:
    """The value of an option as it is written down: addresses lose user, password and query, which may be secrets.

    Args:
        name: The option's name.
        value: Its value; relative paths start at the current folder.
        hint: The type of its field.
    """
    return _row(name, hint)(value, _From(Path(), bare_url, bare_source))


def placed(name: str, value: Any, hint: Any, *, folder: Path) -> Any:
    """The value of an option that a file in `folder` holds; relative paths start at that folder."""
    return _row(name, hint)(value, _From(folder, str, str))


def _row(name: str, hint: Any) -> Callable[[Any, _From], Any]:
    return _ROWS.get(name) or (_path if Path in get_args(hint) else _as_is)


@dataclass(frozen=True, slots=True)
class _From:
    folder: Path
    address: Callable[[str], str]
    record_address: Callable[[str], str]

    def absolute(self, place: str | Path) -> str:
        # Links stay as written: names come from them.
        return os.path.abspath(self.folder / Path(place).expanduser())  # noqa: PTH100

    def place(self, place: str | Path) -> str:
        return self.address(str(place)) if is_url(str(place)) else self.absolute(place)

    def records(self, place: str | Path) -> str:
        if is_url(str(place)):
            return self.record_address(str(place))
        container, member = split_member(str(place))
        return f"{self.absolute(container)}!{member}" if member else self.absolute(container)

    def source(self, source: str) -> str:
        """A folder; any other word is a named source."""
        is_folder = Path(self.absolute(source)).is_dir() or Path(source).name != source
        return self.absolute(source) if is_folder else source


def _as_is(value: Any, _start: _From) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _path(place: str | Path, start: _From) -> str:
    return start.absolute(place)


# Where the type of the field says too little.
_ROWS: dict[str, Callable[[Any, _From], Any]] = {
    "annotations": lambda place, start: start.records(place),
    "evidence": lambda places, start: [p if p in (CAPTIONS, LVIS) else start.records(p) for p in places],
    "images": lambda places, start: [start.place(place) for place in places],
    "map": lambda answers, _: {name: list(categories) for name, categories in answers.items()},
    "source": lambda source, start: start.source(source),
}
