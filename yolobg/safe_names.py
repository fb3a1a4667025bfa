r"""The rule on names that come from a source: what a file or folder of ours may be called because of them.

A source (a list, a record, an annotation file) may hold any text as a name. `safe_name` makes of it a path below a
folder that every system can hold; `safe_parts` says whether a name may be used as it stands. Both take `/` and `\` for
separators, since files written on Windows have the latter, and neither touches the disk.
"""

from __future__ import annotations

import functools
import hashlib
import re
import sys
import unicodedata

__all__ = ["folded", "inner_parts", "is_safe", "safe_name", "safe_part", "safe_parts"]

_SEPARATOR = re.compile(r"[/\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DEVICE = r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)"
_RESERVED = re.compile(rf"(?i)({_DEVICE})(?= *(?:\.|$))")
# Control characters, what ends a line of a list file, what cannot be encoded, what Windows gives a meaning of its own.
_UNSAFE = r'\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff:*?"<>|'
_UNSAFE_CHARACTER = re.compile(f"[{_UNSAFE}]")
# Whatever `safe_name` could change, but for the length: a quick look, since there are names by the hundred thousand.
_SUSPECT = re.compile(rf"[{_UNSAFE}\\]|^[/~]|//|/$|(?:^|/)\.|[. ](?:/|$)|(?i:(?:^|/){_DEVICE} *(?:[./]|$))")
_MAX_PART_BYTES, _MAX_CHARACTERS, _MAX_SUFFIX = 255, 1024, 16
_QUICK_CHARACTERS = _MAX_PART_BYTES // 4
_NAMELESS = "image.jpg"


def safe_name(name: str) -> str:
    r"""The path below a folder, with `/`, that a name from a source stands for.

    The same on every system, and an ordinary name stays as it is. `.` and `..`, empty parts and the start of an
    absolute name are dropped, and so are trailing dots and blanks of a part. What stands for a drive, a stream, a home
    folder, a line end or nothing that can be encoded becomes `_`; hidden names and those of Windows devices get one. A
    part of more than 255 bytes is cut and gets a short hash. Different names may become one: the caller keeps them
    apart.
    """
    if name and not _SUSPECT.search(name) and (len(name) <= _QUICK_CHARACTERS or _is_short(name)):
        return name
    parts = [_safe(part) for part in _SEPARATOR.split(name) if part not in ("", ".", "..")]
    if not parts:
        return _NAMELESS
    if parts[0].startswith("~"):
        parts[0] = f"_{parts[0][1:]}"
    return "/".join(parts)


def safe_part(name: str) -> str:
    """The same as one part, for what becomes a single file or folder, such as a split."""
    return safe_name(safe_name(name).replace("/", "_")) if _SEPARATOR.sub("", name).strip(". ") else "_"


def is_safe(name: str) -> bool:
    """Whether `safe_name` has nothing to change in a name."""
    return safe_name(name) == name


def _safe(part: str) -> str:
    part = _UNSAFE_CHARACTER.sub("_", part).rstrip(". ") or "_"
    part = f"_{part}" if part.startswith(".") else part
    part = _RESERVED.sub(r"\1_", part, count=1) if _RESERVED.match(part) else part
    if len(part.encode()) <= _MAX_PART_BYTES:
        return part
    stem, dot, ending = part.rpartition(".")
    suffix = f".{ending}" if dot and len(ending.encode()) < _MAX_SUFFIX else ""
    mark = f"-{hashlib.sha256(part.encode()).hexdigest()[:8]}{suffix}"
    room = _MAX_PART_BYTES - len(mark.encode())
    return (stem if suffix else part).encode()[:room].decode(errors="ignore") + mark


def _is_short(name: str) -> bool:
    return all(len(part.encode()) <= _MAX_PART_BYTES for part in name.split("/"))


def inner_parts(name: str, *, windows: bool = sys.platform == "win32") -> tuple[str, ...]:
    """The parts by which a file is looked up below a folder: as they are, without what would lead out of it."""
    if windows:
        return tuple(safe_name(name).split("/"))
    return tuple(part for part in _SEPARATOR.split(name) if part not in ("", ".", ".."))


def folded(name: str) -> str:
    """What two names must not share: alike for file systems that fold case or normalise names."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


# Asked for by each step that an image takes; as many are under way at a time at most.
@functools.lru_cache(maxsize=1024)
def safe_parts(file_name: str, *, windows: bool = sys.platform == "win32") -> tuple[str, ...] | None:
    """The parts of a record's `file_name`, or None when it may not be used as a path below a folder.

    Refused everywhere: empty and absolute names, `..`, drive letters, control characters (NUL and newline among them),
    names reserved on Windows, parts over 255 bytes, more than 1,024 characters, what cannot be encoded. On Windows also
    `:` (streams) and trailing dots and spaces.
    """
    if not file_name or len(file_name) > _MAX_CHARACTERS or _CONTROL.search(file_name):
        return None
    text = file_name.replace("\\", "/")
    if text.startswith("/") or re.match(r"[A-Za-z]:", text) or text.endswith("/"):
        return None
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    return parts if parts and all(_is_usable(part, windows=windows) for part in parts) else None


def _is_usable(part: str, *, windows: bool) -> bool:
    if part == ".." or _RESERVED.match(part):
        return False
    if windows and (part[-1] in ". " or any(character in part for character in ':*?"<>|')):
        return False
    try:
        return len(part.encode()) <= _MAX_PART_BYTES
    except UnicodeEncodeError:
        return False
