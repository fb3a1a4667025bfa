"""The JSON of COCO-format annotation files: which fields are read, and what is said when they cannot be.

A typed `msgspec` decode over a memory map: what is not named here (masks, boxes, areas, annotation ids, `iscrowd`) is
skipped without being built.
"""

from __future__ import annotations

import contextlib
import mmap
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from yolobg.coco_json import decode_loosely, has_text_ids, number_ids
from yolobg.errors import AnnotationsError, DatasetError
from yolobg.export_kinds import HEAD_BYTES, kind_of_export
from yolobg.files import map_file

__all__ = [
    "AnnotationEntry",
    "CaptionEntry",
    "CaptionsFile",
    "CategoryEntry",
    "EvidenceEntries",
    "ImageEntry",
    "InstancesFile",
    "LicenseEntry",
    "Number",
    "decode",
    "mapped_file",
]

Number = int | float
_Loose = Any  # cleaned up by `read`, since a wrong width must not cost the file


class ImageEntry(msgspec.Struct, gc=False):
    """One of `images`. Only the id and what names the file must be right; LVIS has an address in place of the name."""

    id: Number
    file_name: str | None = None
    width: _Loose = None
    height: _Loose = None
    license: _Loose = None
    coco_url: _Loose = None
    flickr_url: _Loose = None


class AnnotationEntry(msgspec.Struct, gc=False):
    """One of `annotations`: this image holds this category."""

    image_id: Number
    category_id: Number


class CategoryEntry(msgspec.Struct, gc=False):
    """One of `categories`."""

    id: Number
    name: str


class LicenseEntry(msgspec.Struct, gc=False):
    """One of `licenses`."""

    id: _Loose = None
    name: _Loose = None
    url: _Loose = None


class InstancesFile(msgspec.Struct):
    """An instances file."""

    images: list[ImageEntry]
    annotations: list[AnnotationEntry]
    categories: list[CategoryEntry]
    licenses: list[LicenseEntry] | None = None


class EvidenceImage(msgspec.Struct, gc=False):
    """One of `images` of a file of evidence; LVIS v1 has no file names, others no verified negatives."""

    id: Number
    file_name: _Loose = None
    coco_url: _Loose = None
    neg_category_ids: list[Number] | None = None
    not_exhaustive_category_ids: list[Number] | None = None


class EvidenceCategory(msgspec.Struct, gc=False):
    """One of `categories` of a file of evidence; the synset is LVIS'."""

    id: Number
    name: str
    synset: _Loose = None


class EvidenceEntries(msgspec.Struct):
    """A file of evidence: an instances file, maybe with what people verified to be absent."""

    images: list[EvidenceImage]
    annotations: list[AnnotationEntry]
    categories: list[EvidenceCategory]


class CaptionEntry(msgspec.Struct, gc=False):
    """One of a captions file's `annotations`."""

    image_id: Number
    caption: str


class CaptionsFile(msgspec.Struct):
    """A captions file."""

    annotations: list[CaptionEntry]


_File = TypeVar("_File", InstancesFile, CaptionsFile, EvidenceEntries)


@contextlib.contextmanager
def mapped_file(path: Path) -> Iterator[bytes | mmap.mmap]:
    """Map a file into memory for the length of the block (or read it, where mapping is not available).

    Raises:
        AnnotationsError: It cannot be read.
    """
    try:
        with map_file(path) as data:
            yield data
    except OSError as error:
        raise AnnotationsError(f"{path}: cannot read the annotations: {error.strerror or error}") from error


def decode(data: bytes | mmap.mmap, kind: type[_File], source: str) -> _File:
    """Decode a whole file as `kind`.

    Raises:
        AnnotationsError: It is no JSON, was cut short, or is a file of another kind; says what and where in `source`.
    """
    buffer = memoryview(data)
    try:
        start = len(BOM_UTF8) if buffer[: len(BOM_UTF8)] == BOM_UTF8 else 0
        with buffer[start:] as text:
            return _with_numbers(text, kind, source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnnotationsError(_explain(buffer, kind, source, error)) from error
    finally:
        buffer.release()


def _with_numbers(text: memoryview, kind: type[_File], source: str) -> _File:
    """The JSON as `kind`, with numbers for ids that are texts; those files are decoded as a whole for it."""
    try:
        return decode_loosely(text, kind)
    except msgspec.ValidationError as error:
        if not has_text_ids(str(error)):
            raise
    try:
        return msgspec.convert(number_ids(decode_loosely(text, dict)), kind)
    except DatasetError as error:
        raise AnnotationsError(f"{source}: {error}") from error


def _explain(buffer: memoryview, kind: type[object], source: str, error: Exception) -> str:
    has_objects = kind is not CaptionsFile
    wanted = "instances" if has_objects else "captions"
    if len(buffer) == 0:
        return f"{source}: the file is empty; expected a COCO {wanted} file"
    found = kind_of_export(bytes(buffer[:HEAD_BYTES]))
    if found is not None:
        return f"{source}: this is {found.name}, and a COCO {wanted} file is expected; {found.way}"
    if isinstance(error, msgspec.ValidationError):
        if has_objects and _holds_captions(buffer):
            return f"{source}: this is a captions file; expected the instances file (instances_….json) beside it"
        return (
            f"{source}: not a COCO {wanted} file: {error}. Expected an object with "
            + ("images, annotations and categories" if has_objects else "annotations that hold captions")
            + "; ids must be whole numbers or texts (NaN and Infinity count as null)"
        )
    if "truncated" in str(error):
        return f"{source}: the JSON ends too early after {len(buffer):,} bytes; the file was cut short, get it again"
    return f"{source}: not valid JSON: {error}"


def _holds_captions(buffer: memoryview) -> bool:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return bool(msgspec.json.decode(buffer, type=CaptionsFile).annotations)
    return False
