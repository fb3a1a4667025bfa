"""Tell by its content whether a file looks like records of what images show. Reads the beginning of a file, no more.

What is not understood counts as records; what passes is evidently something else: a text for people, a list of files,
checksums, settings, a table of sizes or licences.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from yolobg.files import open_ordinary
from yolobg.formats.record_json import WHOLE_BYTES, judge_json
from yolobg.formats.record_names import (
    BINARY,
    JSON,
    JSON_LINES,
    LABEL_KEYS,
    NEUTRAL,
    YAML,
    YAML_KEYS,
    ImageNames,
    is_document,
    plain,
)
from yolobg.formats.record_rows import judge_lines, judge_table

__all__ = ["HARMLESS", "FileVerdict", "judge_file"]

_HEAD_BYTES = 1 << 18
_NUMPY_HEAD = re.compile(rb"'descr': '\|u1'.*'shape': \(\d+, \d+, 3\)", re.DOTALL)
_TEXTS = (
    ("version https://git-lfs.github.com/", "a Git LFS pointer, whose file was not fetched"),
    ("# Created by Octave", "an Octave file, whose content is not read"),
)
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]{0,60})")
_YAML_LINE = re.compile(r"""^\s*(?:-\s+)?["']?([\w -]{1,40})["']?\s*:\s*(?:[\[{&|>].*)?$""", re.MULTILINE)
_FOREIGN_XML = frozenset({"pamdataset", "svg", "x:xmpmeta", "html", "gpx", "kml", "plist", "rss", "project"})
_XML_KEYS = LABEL_KEYS | frozenset({"image", "images", "polyline", "points", "mask", "track", "attribute"})


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What was made of a file.

    Attributes:
        why: Why it looks like records that were not understood; empty where it does not.
        captions: Whether it holds captions of images, which nobody has looked at.
    """

    why: str = ""
    captions: bool = False


HARMLESS = FileVerdict()


def judge_file(path: str, names: ImageNames) -> FileVerdict:
    """Look at a file.

    Args:
        path: A file that the name alone does not clear.
        names: How the images are called.
    """
    file = re.split(r"[/\\]", path)[-1]
    # Shards are called `train.tfrecord-00000-of-00010`.
    suffix = "." + file.casefold().rpartition(".")[2].partition("-")[0]
    try:
        with open_ordinary(path, 1 << 62) as handle:
            head = handle.read(_HEAD_BYTES)
            whole = len(head) < _HEAD_BYTES
            if not whole and suffix in JSON:
                head += handle.read(WHOLE_BYTES - len(head))
                whole = len(head) < WHOLE_BYTES
    except OSError as error:
        return FileVerdict(f"cannot be read: {error.strerror or error}")
    if not head.strip():
        return HARMLESS
    own = names.own(file) and not is_document(file)
    text = None if head.startswith(_STARTS) else _text(head)
    if text is None:
        return _judge_binary(head, suffix, own=own)
    found = _judge_text(text, suffix, names, whole=whole, file=file)
    if own and not found.why and _says_something(text):
        return FileVerdict("is named like an image, and its content is not understood")
    return found


def _says_something(text: str) -> bool:
    """Whether there is more than an empty object, list or element in it."""
    stripped = text.strip()
    if stripped in ("{}", "[]", "null"):
        return False
    root = _ELEMENT.search(stripped)
    return not (stripped.startswith("<") and root is not None and root[1].casefold() in _FOREIGN_XML)


def _text(head: bytes) -> str | None:
    """The beginning of a text file; None where it is none."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            return head.decode(encoding, errors="replace")
    controls = sum(head.count(code) for code in (*range(1, 9), *range(14, 27)))
    if b"\0" in head or controls * 20 > len(head):
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Cut within a letter at the end of what was read, or one of the older encodings: their ASCII part is the same.
        cut = error.start >= len(head) - 4 and len(head) >= _HEAD_BYTES
        return head[: error.start].decode("utf-8-sig") if cut else head.decode("latin-1")


def _judge_binary(head: bytes, suffix: str, *, own: bool) -> FileVerdict:
    if head.startswith(b"\x93NUMPY") and _NUMPY_HEAD.search(head[:256]):
        # The pixels of an image, as trainers keep them beside it.
        return HARMLESS
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return FileVerdict(f"{what}, whose content is not read")
    if suffix in BINARY:
        return FileVerdict(f"{BINARY[suffix]}, whose content is not read")
    return FileVerdict("is named like an image, and its content is not understood") if own else HARMLESS


_MAGIC = (
    (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
    (b"MATLAB 7.3 MAT-file", "a MATLAB file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "a database"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\x03\x04", "an archive"),
    (b"\x1f\x8b", "an archive"),
    (b"BZh", "an archive"),
    (b"7z\xbc\xaf", "an archive"),
    (b"Rar!\x1a", "an archive"),
    (b"\xfd7zXZ", "an archive"),
    (b"\x80\x02", "pickled records"),
    (b"\x80\x03", "pickled records"),
    (b"\x80\x04", "pickled records"),
    (b"\x80\x05", "pickled records"),
)
_STARTS = tuple(magic for magic, _ in _MAGIC)


def _judge_text(text: str, suffix: str, names: ImageNames, *, whole: bool, file: str) -> FileVerdict:
    start = text.lstrip("\ufeff \t\r\n")
    if known := next((what for begins, what in _TEXTS if start.startswith(begins)), ""):
        return FileVerdict(known)
    if suffix in JSON or start.startswith(("{", "[{", "[[", '["')):
        return FileVerdict(*judge_json(text, names, whole=whole, lines=suffix in JSON_LINES, file=file))
    if suffix == ".xml" or start.startswith(("<?xml", "<annotation", "<dataset")):
        return _judge_xml(text, names)
    if suffix in YAML:
        return _judge_yaml(text, names)
    # A table under the name of another kind (`.mat`, `.xls`) is one nevertheless.
    if suffix in (".csv", ".tsv") or suffix in BINARY:
        return FileVerdict(*judge_table(text, names, whole=whole))
    return FileVerdict(judge_lines(text, names, whole=whole, file=file))


# ---------------------------------------------------------------- XML and YAML


def _judge_xml(text: str, names: ImageNames) -> FileVerdict:
    elements = [element[1].casefold() for element in _ELEMENT.finditer(text)]
    if elements and elements[0] in _FOREIGN_XML:
        return HARMLESS
    known = next((element for element in elements if plain(element) in _XML_KEYS), None)
    if known is not None:
        return FileVerdict(f"XML with <{known}>")
    named = any(names.of_image(word) for word in re.findall(r"[^<>\"'=\s]{1,400}", text))
    return FileVerdict("XML that names images") if named else HARMLESS


def _judge_yaml(text: str, names: ImageNames) -> FileVerdict:
    key = next((match[1] for match in _YAML_LINE.finditer(text) if plain(match[1]) in YAML_KEYS), None)
    if key is not None:
        return FileVerdict(f"YAML with '{key}'")
    for line in text.splitlines():
        if names.of_image(line.strip().removeprefix("- ")):
            return FileVerdict("YAML that lists images")
        left, colon, right = line.strip().removeprefix("- ").rpartition(": ")
        if (colon and names.of_image(left)) or (line.rstrip().endswith(":") and names.of_image(line.rstrip()[:-1])):
            return FileVerdict(f"YAML that describes '{(left or line.strip())[-40:]}'")
        if colon and names.of_image(right) and plain(left) not in NEUTRAL:
            return FileVerdict("YAML that names images")
    return HARMLESS
