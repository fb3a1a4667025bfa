"""Tables and lines of text: do they say what images show, or something else? Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from yolobg.dataset.layout import is_image
from yolobg.formats.record_names import (
    ABOUT_IMAGES,
    CAPTIONS,
    GENERIC,
    NEUTRAL,
    ImageNames,
    is_document,
    is_label_column,
    is_list_name,
    plain,
)

__all__ = ["judge_lines", "judge_table"]

_MOST_LINES = 2_000
_SEPARATORS = ",;\t|"
_DIGEST = re.compile(r"[0-9A-Fa-f]{32,128}\s[ *]?\S.*|\w{2,10} ?\(.+\) ?= ?[0-9A-Fa-f]{32,128}")
_HEX = re.compile(r"[0-9A-Fa-f]{32,128}")
_WORD = re.compile(r"[^\s,;]+")
_ROW = 4


def judge_table(text: str, names: ImageNames, *, whole: bool) -> tuple[str, bool]:
    """Why a table looks like records of what images show (empty where it does not), and whether it holds captions."""
    rows = _rows(text, whole=whole)
    if not rows:
        return "", False
    if _is_header(rows[0], names):
        return _with_header(rows[0], rows[1:], names)
    about = any(names.of_image(cell) or is_image(cell) for row in rows for cell in row)
    # A column of image names is a list, and one of digests beside it a list of those.
    more = any(
        not (names.of_image(cell) or is_image(cell) or not cell.strip() or _HEX.fullmatch(cell.strip()))
        for row in rows
        for cell in row
    )
    if about and more:
        return "a table that describes images", False
    if any(sum(map(_is_number, row)) >= _ROW for row in rows):
        return "a table of numbers without a header", False
    return "", False


def _rows(text: str, *, whole: bool) -> list[list[str]]:
    lines = [line for line in text.splitlines()[: None if whole else -1] if line.strip()][:_MOST_LINES]
    if not lines:
        return []
    separator = max(_SEPARATORS, key=lines[0].count)
    try:
        return [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        # A field that is too long or holds line ends: told apart well enough without regard to quotes.
        return [line.split(separator) for line in lines]


def _is_header(row: Sequence[str], names: ImageNames) -> bool:
    """Whether a first row gives names to columns: none of its cells is a number, an image or a digest."""
    return not any(_is_number(c) or names.of_image(c) or is_image(c) or _HEX.fullmatch(c.strip()) for c in row)


def _with_header(header: Sequence[str], rows: Sequence[Sequence[str]], names: ImageNames) -> tuple[str, bool]:
    if not any(cell.strip() for row in rows for cell in row):
        return "", False
    label = next((column for column in header if is_label_column(column)), None)
    if label is not None:
        return f"a table with the column '{label.strip()[:40]}'", False
    columns = [plain(column) for column in header]
    about = any(column in ABOUT_IMAGES - GENERIC for column in columns) or any(
        names.mean(cell) for row in rows for cell in row
    )
    if not about:
        return "", False
    strange = next(
        (c for c, name in zip(header, columns, strict=True) if name and name not in NEUTRAL | CAPTIONS), None
    )
    if strange is not None:
        return f"a table that records '{strange.strip()[:40]}' of images", False
    return "", bool(CAPTIONS & set(columns))


def judge_lines(text: str, names: ImageNames, *, whole: bool, file: str) -> str:
    """Why lines of text look like records of what images show; empty where they do not.

    Args:
        text: The beginning of a file.
        names: How the images are called.
        whole: Whether it is all of the file.
        file: The file's name. A text for people may have a row of numbers in it, or say who took which picture; a list
            of images is called after a split, and one with another name may tell of a class.
    """
    document = is_document(file)
    lines = [line.strip() for line in text.splitlines()[: None if whole else -1] if line.strip()][:_MOST_LINES]
    lines = [line for line in lines if not _DIGEST.fullmatch(line)]
    rows = sum(map(_is_row, lines))
    if rows and (not document or rows * 2 >= len(lines)):
        return "rows of numbers, as labels have them"
    if document:
        return ""
    if any(_tells_of_image(line, names) for line in lines):
        return "lines that describe images"
    return "" if is_list_name(file) or not any(map(names.of_image, lines)) else "a list of some of the images"


def _is_row(line: str) -> bool:
    """Whether a line is a label: at least four numbers, which are at least half of its words."""
    words = _WORD.findall(line)
    numbers = sum(map(_is_number, words))
    return numbers >= _ROW and numbers * 2 >= len(words)


def _tells_of_image(line: str, names: ImageNames) -> bool:
    """Whether a line has an image and something else; a line that is an image and nothing more is a list's."""
    if names.of_image(line):
        return False
    words = [word.strip("\"'()[]{}:=") for word in _WORD.findall(line)]
    return len(words) > 1 and (names.mean(words[0]) or any(map(names.of_image, words)))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
