"""One annotation file of Pascal VOC: its text in any encoding that Python knows, read once, in bounded size and time.

expat knows four encodings and takes quadratic time for a long token that comes in pieces. So a file is read whole, up
to a limit, brought to UTF-8 and parsed in one go; of its elements only those are kept that VOC has.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from yolobg.errors import DatasetError
from yolobg.files import read_ordinary

__all__ = ["LARGEST_XML_BYTES", "Annotation", "VocObject", "parse_xml", "read_annotation"]

LARGEST_XML_BYTES = 16 << 20
"""The largest annotation file read. One with 10,000 objects takes some 4 MB."""

CORNERS = ("xmin", "ymin", "xmax", "ymax")
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,60})[\"']")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0?\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
)
# Files that name the one often hold what only the other, which contains it, can say.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs"}
# Text encodings to Python, but no encodings of files; punycode takes quadratic time.
_NONE_OF_FILES = {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
_WANTED = {
    "filename",
    "size/width",
    "size/height",
    "object/name",
    "object/part/name",
    *(f"object/bndbox/{side}" for side in CORNERS),
}
_DEEPEST = 4


@dataclass(slots=True)
class VocObject:
    """One object as it stands there.

    Attributes:
        name: Its class; empty where none is given.
        corners: The texts of `CORNERS`; empty ones where none are given.
        parts: The names of the parts that are marked in it (a person's head, hands and feet); empty as `name` is.
    """

    name: str = ""
    corners: list[str] = field(default_factory=lambda: [""] * len(CORNERS))
    parts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Annotation:
    """An annotation file. Texts as they stand there, empty where there are none."""

    filename: str = ""
    width: str = ""
    height: str = ""
    objects: list[VocObject] = field(default_factory=list)


def read_annotation(xml: Path) -> Annotation:
    """Read an annotation file.

    Raises:
        DatasetError: It cannot be read, is too large, is no XML, declares entities, or its encoding is not known.
    """
    builder = _Builder()
    parse_xml(xml, builder, largest=LARGEST_XML_BYTES)
    return builder.read


def parse_xml(xml: Path, builder: object, *, largest: int) -> None:
    """Have a file parsed in one go.

    Args:
        xml: The file.
        builder: A target for `ElementTree.XMLParser`.
        largest: The most bytes that are read.

    Raises:
        DatasetError: As `read_annotation`.
    """
    try:
        content = read_ordinary(xml, largest)
    except OSError as error:
        raise DatasetError(f"{xml}: cannot be read: {error.strerror or error}") from error
    text = _as_utf8(xml, content)
    if b"<!ENTITY" in text:
        raise DatasetError(f"{xml}: declares entities, which can expand without limit; replace them with their text")
    # S314: what is dangerous in XML are entities, and there are none.
    parser = ElementTree.XMLParser(target=builder, encoding="utf-8")  # noqa: S314
    try:
        parser.feed(text)
        parser.close()
    except ElementTree.ParseError as error:
        raise DatasetError(f"{xml}: cannot be read: {error}") from error


def _as_utf8(xml: Path, content: bytes) -> bytes:
    """The content in UTF-8, whatever it is in."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    declared = _DECLARED.match(content)
    encoding = encoding or (declared[1].decode("ascii") if declared else "utf-8")
    try:
        known = _look_up(encoding)
        # What is no UTF-8 after all, expat tells with its line.
        return content if known == "utf-8" else _decode(content, known).encode()
    except LookupError as error:
        raise DatasetError(
            f"{xml}: declares the encoding '{encoding}', which Python does not know; save it as UTF-8"
        ) from error
    except UnicodeError as error:
        raise DatasetError(f"{xml}: is not in the encoding '{encoding}' that it declares; save it as UTF-8") from error


def _look_up(encoding: str) -> str:
    """Python's name of it; a LookupError where it has none, or where it is no encoding of files."""
    known = codecs.lookup(encoding).name
    if known in _NONE_OF_FILES:
        raise LookupError(encoding)
    return known


def _decode(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        if encoding not in _WIDER:
            raise
        return content.decode(_WIDER[encoding])


class _Builder:
    """Takes what an XML parser meets, and keeps the first of each that is wanted.

    Attributes:
        read: What was found.
    """

    def __init__(self) -> None:
        self.read = Annotation()
        self._path: list[str] = []
        self._depth = 0
        self._wanted = ""
        self._pieces: list[str] = []
        self._there: set[str] = set()

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        """An element begins; the text of the one around it ends where it has a child."""
        self._keep()
        self._depth += 1
        if self._depth > _DEEPEST:
            return
        self._path.append(tag)
        path = "/".join(self._path[1:])
        if path == "object":
            self.read.objects.append(VocObject())
            self._there = {known for known in self._there if not known.startswith("object/")}
        elif path == "object/part":
            self.read.objects[-1].parts.append("")
            self._there.discard("object/part/name")
        self._wanted = path if path in _WANTED and path not in self._there else ""

    def data(self, text: str) -> None:
        """Text, in pieces."""
        if self._wanted:
            self._pieces.append(text)

    def end(self, _tag: str) -> None:
        """An element ends."""
        self._keep()
        if self._depth <= _DEEPEST:
            self._path.pop()
        self._depth -= 1

    def close(self) -> None:
        """All is there."""

    def _keep(self) -> None:
        if not self._wanted:
            return
        text, (above, _, last) = "".join(self._pieces), self._wanted.rpartition("/")
        self._there.add(self._wanted)
        self._wanted, self._pieces = "", []
        if last in CORNERS:
            self.read.objects[-1].corners[CORNERS.index(last)] = text
        elif above == "object/part":
            self.read.objects[-1].parts[-1] = text.strip()
        elif last == "name":
            self.read.objects[-1].name = text.strip()
        else:
            setattr(self.read, last, text)
