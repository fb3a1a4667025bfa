"""Why a path in data.yaml leads to nothing, as far as it shows in how it is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["path_hints", "why_not_found"]

_VARIABLE = re.compile(r"\$\w|\$\{|%\w+%")


def path_hints(raw: Mapping[object, object], root: Path, *, file: Path, cwd: Path) -> Iterator[str]:
    """What to know of keys whose paths are not there; nothing where all are.

    Args:
        raw: The content of the data.yaml.
        root: The folder that its `path` was taken to mean.
        file: The data.yaml.
        cwd: The current folder.
    """
    path = raw.get("path")
    if isinstance(path, str) and not root.exists():
        yield from _as_written("path", path, file)
    for key in ("train", "val", "test"):
        value = raw.get(key)
        for entry in value if isinstance(value, list) else [value]:
            if not isinstance(entry, str) or (root / entry).exists() or (root / entry.removeprefix("../")).exists():
                continue
            yield from _as_written(key, entry, file)
            beside = cwd / file.parent / entry
            if isinstance(path, str) and not Path(path).is_absolute() and root.exists() and beside.exists():
                yield (
                    f"{file}: path '{path}' means the current folder ({cwd}), for trainers too, and key '{key}' is not "
                    "there; leave 'path' out to mean the folder of the yaml, or run from that folder"
                )


def _as_written(key: str, value: str, file: Path) -> Iterator[str]:
    for what, why in why_not_found(value):
        seen = what or f"is '{value}'"
        yield f"{file}: key '{key}' {seen}, {why}"


def why_not_found(value: str) -> Iterator[tuple[str, str]]:
    """What in a path that leads to nothing a trainer does not understand, and what to write; the first may be empty."""
    if value.removeprefix("./").startswith("~") or _VARIABLE.search(value):
        yield "", "and trainers expand neither ~ nor variables such as $HOME; write the path in full"
    if os.sep == "/" and "\\" in value:
        yield "has backslashes", "which separate folders on Windows only; write /, which works everywhere"
