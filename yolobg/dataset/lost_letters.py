"""A data.yaml that is not UTF-8: where, and what its class names were before Ultralytics left letters out.

Pure: bytes in, values out. The readings serve to find out what the names mean; nothing else uses them.
"""

from __future__ import annotations

import codecs
import contextlib
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from yolobg.errors import DatasetError
from yolobg.model import Reading
from yolobg.yaml_text import load_yaml

__all__ = ["readings_of", "where_not_utf8"]

ENCODINGS = ("cp1252", "gb18030", "shift_jis", "cp1251", "cp1250", "big5", "cp949", "cp1254", "cp1256")
"""What editors save in where it is not Unicode: Windows' code pages of the languages that class names are known in."""

LARGEST = 1 << 20
"""A larger file is not read once more in each encoding, only marked. 21,000 class names take 0.6 MB."""

# The longer first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def where_not_utf8(raw: bytes) -> str:
    """Return which byte of which line is the first that is not UTF-8; empty where all are."""
    if raw.startswith(tuple(mark for mark, _ in _MARKS)) or (b"\0" in raw[:200] and _wide(raw)):
        name = "UTF-32" if _wide(raw) == "utf-32" else "UTF-16"
        return f"it is {name}, not UTF-8; Ultralytics leaves out all letters but the ASCII ones"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        return f"line {line}, byte {column} (0x{raw[error.start]:02X}) is not UTF-8; Ultralytics leaves such bytes out"
    return ""


def readings_of(raw: bytes, names: Mapping[int, str]) -> dict[int, tuple[Reading, ...]]:
    """Return class id to what its name is in each likely encoding, for the names that lost letters.

    Args:
        raw: The data.yaml, which is not UTF-8.
        names: Class id to name as Ultralytics reads it.
    """
    marked = _names_in(raw.decode("utf-8", errors="replace"), len(names)) or {}
    lost = {class_id for class_id, name in marked.items() if "\ufffd" in name}
    if lost:
        # Among wrong bytes those that happen to be UTF-8 are wrong too: the cat of GBK is an e with an accent.
        lost |= {class_id for class_id, name in names.items() if not name.isascii()}
    found: dict[int, list[Reading]] = {class_id: [] for class_id in lost}
    for encoding, there in _decoded(raw, len(names)):
        for class_id, name in there.items():
            if name != names.get(class_id) and (class_id in lost or encoding == "utf-16"):
                found.setdefault(class_id, []).append(Reading(encoding, name))
    return {class_id: tuple(readings) for class_id, readings in sorted(found.items())}


def _decoded(raw: bytes, count: int) -> Iterator[tuple[str, dict[int, str]]]:
    for encoding in _encodings(raw) if len(raw) <= LARGEST else ():
        with contextlib.suppress(UnicodeDecodeError):
            names = _names_in(raw.decode(_wide(raw) or encoding), count)
            if names is not None and all(map(_is_text, names.values())):
                yield encoding, names


def _encodings(raw: bytes) -> tuple[str, ...]:
    wide = _wide(raw)
    return (wide.removesuffix("-le").removesuffix("-be"),) if wide else ENCODINGS


def _wide(raw: bytes) -> str:
    """Return the codec of UTF-16 or UTF-32, by its mark or by the NULs of ASCII letters; empty if it is none."""
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return codec
    sample = raw[:2000]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) / 4 or min(even, odd):
        return ""
    return "utf-16-le" if odd else "utf-16-be"


def _is_text(name: str) -> bool:
    """Tell whether a name could have been typed: no control, private or unassigned characters."""
    return all(unicodedata.category(c) not in ("Cc", "Co", "Cn", "Cs") or c in "\t\n" for c in name)


def _names_in(text: str, count: int) -> dict[int, str] | None:
    """Return the class names of a data.yaml, without any checks but that there are `count`."""
    try:
        data: Any = load_yaml(text, source="", repeated_keys=[])
        names = data["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        found = {int(key): str(value) for key, value in pairs}
    except (DatasetError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return found if len(found) == count else None
