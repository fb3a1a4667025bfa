"""How files and columns that hold records of images are called, and those that do not.

The words are those of `record_words.ini`; nothing that a user has is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from configparser import ConfigParser
from dataclasses import dataclass
from importlib.resources import files

__all__ = [
    "ABOUT_IMAGES",
    "BINARY",
    "CAPTIONS",
    "GENERIC",
    "JSON",
    "JSON_LINES",
    "LABEL_KEYS",
    "NEUTRAL",
    "YAML",
    "YAML_KEYS",
    "ImageNames",
    "is_document",
    "is_harmless",
    "is_label_column",
    "is_list_name",
    "plain",
]

_TABLE = ConfigParser(delimiters=("=",), interpolation=None)
_TABLE.read_string(files("yolobg.formats").joinpath("record_words.ini").read_text(encoding="utf-8"))


def _words(name: str) -> frozenset[str]:
    return frozenset(_TABLE["words"][name].split())


BINARY = dict(_TABLE["binary"])
"""What a file with such a suffix is when its content is no text; none is read here."""

JSON_LINES = (".jsonl", ".ndjson")
JSON = (".json", ".jsonl", ".ndjson", ".geojson")
YAML = (".yaml", ".yml")

_HARMLESS_SUFFIXES = _words("harmless_suffixes")
_HARMLESS_NAMES = frozenset({"desktop.ini", "ehthumbs.db", "iconcache.db", "thumbs.db", "sha256sums", "md5sums"})
_DOCUMENT = re.compile(
    r"(?:read[ _-]?me|licen[cs]e|copying|copyright|notice|citation|changelog|changes|contributing|authors|credits|"
    r"attribution|requirements|classes|obj|labelmap|label_map)(?:[ ._-].*)?"
)

_LIST = re.compile(
    r"(?:^|[^a-z])(?:train|val|valid|validation|test|trainval|minival|default|all|list|files?|filenames?|images?|imgs?|"
    r"img|names|index|manifest|splits?|subset|set|fold|paths?|photos|pictures|data|urls?|backgrounds?|bg|negatives?)"
    r"(?![a-z])"
)

LABEL_KEYS = _words("label_keys")
"""Keys of JSON objects and XML elements, without separators and in lower case, under which objects are told."""

YAML_KEYS = LABEL_KEYS - _words("not_in_yaml")
"""The same for YAML, where lists of classes and settings of trainers (`box: 7.5`) are common."""

_LABEL_COLUMN = re.compile(
    r"(?:label|class(?!ifier)|categor|xmin|xmax|ymin|ymax|[xy][12]$|bbox|bndbox|box|boundingbox|polygon|segment|mask|"
    r"keypoint|object|region|annot|rle$|encodedpixels|groundtruth|target$|species|tags?$)"
)
CAPTIONS, ABOUT_IMAGES = _words("captions"), _words("about_images")
GENERIC = _words("generic")
"""Of the latter, those that other tables have too: whether they are about images shows in what stands there."""
NEUTRAL = ABOUT_IMAGES | _words("neutral")
"""Columns and keys that tell where, when, by whom and how a picture was taken, and nothing of what it shows."""


_SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class ImageNames:
    """How the images of a folder are called, in lower case and without their folders."""

    names: frozenset[str]
    stems: frozenset[str]

    @classmethod
    def of(cls, images: Iterable[str], sep: str) -> ImageNames:
        """The names of images that are given by their paths."""
        names = frozenset(image.rpartition(sep)[2].casefold() for image in images)
        return cls(names, frozenset(name.rpartition(".")[0] for name in names))

    def of_image(self, text: str) -> bool:
        """Whether a text is the name or the path of one of the images, on any system."""
        return text.strip().strip("\"'").replace("\\", "/").rpartition("/")[2].casefold() in self.names

    def mean(self, text: str) -> bool:
        """Whether a text is the name, the path or the stem of one of the images; a short word is no stem."""
        stem = text.strip().casefold()
        telling = len(stem) >= _SHORTEST_STEM and any(c.isdigit() for c in stem)
        return self.of_image(text) or (telling and stem in self.stems)

    def own(self, file: str) -> bool:
        """Whether a file is called like one of the images: `a.txt`, `a.jpg.json`, `a.labels.json`."""
        first = file.casefold().rpartition(".")[0] or file.casefold()
        second = first.rpartition(".")[0]
        return bool({first, second} & self.stems) or first in self.names


def plain(key: str) -> str:
    """A key or a column as it is compared: letters and digits only, in lower case."""
    return "".join(c for c in key.casefold() if c.isalnum())


def is_label_column(column: str) -> bool:
    """Whether a table's column is called as one that tells what an image shows or where."""
    return _LABEL_COLUMN.match(plain(column)) is not None


def is_harmless(file: str) -> bool:
    """Whether a file's name alone says that it holds no records of images: documents, programs, films, caches."""
    name = file.casefold()
    _, dot, suffix = name.rpartition(".")
    return name in _HARMLESS_NAMES or (bool(dot) and f".{suffix}" in _HARMLESS_SUFFIXES)


def is_list_name(name: str) -> bool:
    """Whether a list of images under this name only says which ones there are, or which split they are for."""
    return _LIST.search(name.casefold()) is not None


def is_document(file: str) -> bool:
    """Whether a file is called like a text for people or a list of classes: an image of the same name means nothing."""
    return _DOCUMENT.fullmatch(file.casefold()) is not None
