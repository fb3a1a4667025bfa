"""Find an image by its record's name in a folder that is not where the record says."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Sequence

from yolobg.errors import DatasetError
from yolobg.safe_names import inner_parts

__all__ = ["Elsewhere"]


class Elsewhere:
    """Finds images in folders that the user named; no file for two records.

    A record may have the path of another machine (`/home/me/photos/a.jpg`, `../upload/1/a.jpg`): the longest end of it
    that is there counts, or else the one file of its name anywhere below the folders.
    """

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, str]] = {}
        self._below: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def __call__(self, folders: Sequence[str], split: str, name: str) -> str | None:
        """The file of an image; None if it is in none of the folders.

        Raises:
            DatasetError: It is the file of another record as well, or several files are called so.
        """
        parts = inner_parts(name)
        ends = (parts[start:] for start in range(len(parts)))
        paths = (os.path.join(folder, *end) for end in ends for folder in folders)  # noqa: PTH118 - plain strings
        found = next(filter(os.path.isfile, paths), None) or (self._alone(tuple(folders), parts[-1]) if parts else None)
        if found is None:
            return None
        other = self._given.setdefault(found, (split, name))
        if other != (split, name):
            raise DatasetError(
                f"{found}: two images of the annotations would be this file ({'/'.join(other)} and {split}/{name}); "
                "pass --images the folder that the recorded paths are relative to"
            )
        return found

    def _alone(self, folders: tuple[str, ...], name: str) -> str | None:
        """The one file of a name below some folders."""
        if folders not in self._below:
            known: dict[str, list[str]] = defaultdict(list)
            for folder, _, files in itertools.chain.from_iterable(map(os.walk, dict.fromkeys(folders))):
                for file in files:
                    path = os.path.join(folder, file)  # noqa: PTH118 - as above
                    if path not in known[file]:
                        known[file].append(path)
            self._below[folders] = dict(known)
        there = self._below[folders].get(name, [])
        if len(there) > 1:
            raise DatasetError(
                f"{there[0]} and {there[1]}: both may be the image '{name}'; pass --images the folder that the "
                "recorded paths are relative to"
            )
        return there[0] if there else None
