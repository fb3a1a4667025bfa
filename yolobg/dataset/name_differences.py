"""By what two names of one file differ after systems, archives, exports and people have handled them.

Reads only the listings of folders.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from urllib.parse import unquote

from yolobg.dataset.layout import is_image

__all__ = ["CAUSES", "all_changes", "nearly_called", "same_letters"]


def same_letters(text: str) -> str:
    """A text without what file systems may fold: letter case and how accents are stored."""
    return unicodedata.normalize("NFC", text).casefold()


def _suffix(path: str) -> str:
    """Without the suffixes that tools add twice: `a.jpg.txt`, `a.txt.txt`, `a.jpg.jpg`, `a.TXT`."""
    while is_image(path) or path.lower().endswith(".txt"):
        path = path.rpartition(".")[0]
    return path


def _last(change: Callable[[str], str]) -> Callable[[str], str]:
    """A change of the file's name alone."""

    def changed(path: str) -> str:
        folder, sep, name = path.rpartition(os.sep)
        return folder + sep + change(name)

    return changed


def _decoded(name: str) -> str:
    """A name that was read in a wrong encoding, read rightly: `cafÃ©`, `caf├⌐`, and `café` as its bytes in cp1252."""
    for encoding in ("cp1252", "latin-1", "cp437"):
        with suppress(UnicodeError):
            return name.encode(encoding).decode("utf-8")
    with suppress(UnicodeError):
        return os.fsencode(name).decode("utf-8")
    return os.fsencode(name).decode("latin-1")


_PREFIX = re.compile(r"^[0-9a-f]{8}-(?=.)")
_ROBOFLOW = re.compile(r"(?:[_.](?:jpe?g|png|bmp|webp|tiff?))?\.rf\.[A-Za-z0-9_-]+$")
_BLANKS = re.compile(r"[\s_+-]+|%20")
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")

_PERCENT = "percent signs of a web address (%20, %C3%A9)"
CAUSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("the suffix", _suffix),
    ("letter case", str.casefold),
    ("the way accents are stored (NFC or NFD)", lambda path: unicodedata.normalize("NFC", path)),
    (_PERCENT, unquote),
    ("the text encoding of the names", _last(_decoded)),
    ("blanks, hyphens and underscores", _last(lambda name: _BLANKS.sub("_", name).strip("_"))),
    ("the prefix that Label Studio puts before names", _last(lambda name: _PREFIX.sub("", name))),
    ("what Roboflow adds to names (.rf.)", _last(lambda name: _ROBOFLOW.sub("", name))),
    ("leading zeros", _last(lambda name: _ZEROS.sub("", name))),
)


def all_changes(path: str) -> str:
    """A path after all of these, so that paths which differ by several are equal."""
    for _, change in (CAUSES[3], CAUSES[4], CAUSES[0], *CAUSES[6:], CAUSES[5], CAUSES[2], CAUSES[1]):
        path = change(path)
    return path


def nearly_called(name: str, folders: Iterable[str]) -> str:
    """A file in one of these folders that is probably meant by a name, and by what the two differ; else nothing.

    Nothing either where the very name is there.

    Lists the folder of each that the name leads to, so it is meant for one name in an error and not for each of many.

    Args:
        name: The name of a file below one of the folders, as a record has it.
        folders: The folders.
    """
    wanted = name.replace("\\", "/")
    for folder in folders:
        for below in dict.fromkeys((wanted, unquote(wanted))):
            place, _, last = os.path.join(folder, below).replace("\\", "/").rpartition("/")  # noqa: PTH118
            with suppress(OSError, ValueError):
                # By name, so that the same one is told everywhere.
                there = sorted(os.listdir(place))  # noqa: PTH208 - names only
                if last in there:
                    return "" if below == wanted else f"{place}/{last} is there: the difference is {_PERCENT}"
                for cause, change in (*CAUSES, ("more than one thing", all_changes)):
                    if found := next((one for one in there if change(one) == change(last)), None):
                        return f"{os.path.join(place, _told(found, last))} is there: the difference is {cause}"  # noqa: PTH118
    return ""


def _told(found: str, wanted: str) -> str:
    """A name, escaped where it looks like the other."""
    alike = unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", wanted)
    return ascii(found)[1:-1] if alike else found
