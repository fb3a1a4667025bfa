"""A dataset that is worked on: what its data.yaml says, where its root is, and where its images may lie."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from yolobg.dataset.data_yaml import check_is_in, read_data_yaml
from yolobg.dataset.inventory import list_images
from yolobg.errors import UsageError
from yolobg.model import DataYaml

__all__ = ["Dataset", "open_dataset"]


@dataclass(frozen=True)
class Dataset:
    """A dataset as it was when it was opened.

    What takes one acts on one view of it, however long it runs. Where a fresh look is promised, open it again with
    `open_dataset(dataset.data)`: list files change, by our own hand too.

    Attributes:
        data: Its data.yaml.
        root: Its root with links followed, as split folders are.
    """

    data: DataYaml
    root: Path
    _homes: tuple[Path, ...] | None = field(default=None, repr=False)

    @cached_property
    def homes(self) -> tuple[Path, ...]:
        """The folders in which images of the dataset lie, and the list files that name some of them.

        yolobg changes nothing outside them, their label folders and `.yolobg`, whatever a manifest says. List files
        are read when this is first asked for, and then no more.
        """
        return _find_homes(self.data) if self._homes is None else self._homes

    @cached_property
    def name(self) -> str:
        """What the manifest calls its data.yaml: one file has one name, however it is reached."""
        file = self.data.file.resolve()
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else str(file)

    def also(self, *homes: Path) -> Dataset:
        """The same dataset, with further folders and list files among its homes."""
        return replace(self, _homes=(*self.homes, *homes))


def open_dataset(data_yaml: str | Path | DataYaml) -> Dataset:
    """Open a dataset: reads its data.yaml, and nothing else until that is asked for.

    Args:
        data_yaml: Its data.yaml or the folder that it lies in; or the value, where it has been read already.

    Raises:
        UsageError: It is no path.
        DatasetError: It cannot be read, or lies further down in the folder that was named.
    """
    if not isinstance(data_yaml, (str, os.PathLike, DataYaml)):
        raise UsageError(f"data_yaml: {data_yaml!r}: expected the path of a data.yaml or of the folder that holds it")
    if isinstance(data_yaml, DataYaml):
        data = data_yaml
    else:
        place = Path(data_yaml).expanduser()
        data = read_data_yaml(place)
        check_is_in(place, data.file)
    return Dataset(data, data.root.resolve())


def _find_homes(data: DataYaml) -> tuple[Path, ...]:
    """See `Dataset.homes`.

    Relative lines of a list file mean the current folder, and mostly they are written for the dataset's root. Both
    count, so that what was added from there can be taken back from anywhere.
    """
    homes: set[Path] = set()
    for entries in data.splits.values():
        for entry in map(Path, entries):
            if entry.is_dir():
                homes.add(entry)
            elif entry.is_file():
                homes.add(entry)
                for base in (Path(), data.root):
                    homes.update(Path(image).parent for image in list_images((str(entry),), cwd=base))
    return tuple(sorted(homes))
