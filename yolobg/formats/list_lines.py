"""The lines of a list that a format keeps beside its images: a split's images, class names, paths."""

from __future__ import annotations

from pathlib import Path

from yolobg.dataset.folder_listing import LARGEST_LIST_BYTES, where_not_text
from yolobg.errors import DatasetError
from yolobg.files import read_ordinary

__all__ = ["list_lines"]


def list_lines(file: Path) -> list[str]:
    """The lines of a list that are not blank, without line ends.

    Raises:
        DatasetError: It cannot be read, or is not UTF-8; says at which line and byte.
    """
    try:
        text = read_ordinary(file, LARGEST_LIST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{file}: expected UTF-8 text, and {where_not_text(error)}; save the file as UTF-8"
        ) from error
    return [line for line in text.splitlines() if line.strip()]
