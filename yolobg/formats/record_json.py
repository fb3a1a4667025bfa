"""JSON: does it say what images show, or something else? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from yolobg.formats.record_names import (
    ABOUT_IMAGES,
    CAPTIONS,
    GENERIC,
    LABEL_KEYS,
    NEUTRAL,
    ImageNames,
    is_list_name,
    plain,
)

__all__ = ["WHOLE_BYTES", "judge_json"]

WHOLE_BYTES = 8 << 20
"""A larger file is not decoded."""

_MOST_NODES = 50_000
_HEAD = 1 << 18
_KEY = re.compile(r'"([^"\\]{1,60})"\s*:')
_STRING = re.compile(r'"([^"\\]{1,400})"')
_CLASS_LISTS = frozenset({"categories", "classes", "labels", "classnames"})
_CLASS_KEYS = frozenset({"id", "name", "supercategory", "color", "colour", "description", "isthing", "keypoints"})
_CALLED = re.compile(
    r"(?:^|[ ._-])(?:annotations?|labels?|instances|bbox(?:es)?|boxes|ground[ _-]?truth|gt|detections|masks?|coco|via|"
    r"polygons?|predictions)(?:$|[ ._-])"
)


def judge_json(text: str, names: ImageNames, *, whole: bool, lines: bool, file: str) -> tuple[str, bool]:
    """Why a JSON file looks like records of what images show (empty where it does not), and whether it holds captions.

    Args:
        text: The file, or its beginning.
        names: How the images are called.
        whole: Whether it is all of the file.
        lines: Whether each line is a value of its own.
        file: The file's name.
    """
    if not whole and not lines:
        return _judge_part(text, names, "too large to scan"), False
    try:
        value = _decoded_lines(text, whole=whole) if lines else msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return _judge_part(text, names, str(error)), False
    captions = False
    for place, one in enumerate(_walk(value)):
        if place > _MOST_NODES:
            break
        why, told = _judge_object(one, names) if isinstance(one, dict) else (_judge_list(one, names), False)
        if why:
            return f"JSON {why}", captions
        captions |= told
    if value and not _lists_classes(value, names) and _CALLED.search(file.casefold().rpartition(".")[0]):
        return "JSON of an unknown form", captions
    return "", captions


def _decoded_lines(text: str, *, whole: bool) -> list[Any]:
    rows = text.splitlines()[: None if whole else -1]
    return [msgspec.json.decode(row) for row in rows if row.strip()]


def _walk(value: Any) -> Iterator[Any]:
    """Each object and list, breadth first."""
    waiting = [value]
    for current in waiting:
        if isinstance(current, (dict, list)):
            yield current
            inner = current.values() if isinstance(current, dict) else current
            if len(waiting) < _MOST_NODES:
                waiting += [one for one in inner if isinstance(one, (dict, list))]


def _judge_object(value: Mapping[str, Any], names: ImageNames) -> tuple[str, bool]:
    for key, inner in value.items():
        if plain(key) in LABEL_KEYS and inner not in ([], {}, "", None) and not _is_class_list(key, inner, names):
            return f"with '{key[:40]}'", False
        if isinstance(inner, list) and not is_list_name(key) and _names_images(inner, names):
            return f"that lists images under '{key[:40]}'", False
        if names.mean(key):
            return f"that describes '{key[-40:]}'", False
    keys = {plain(key): key for key in value}
    about = not keys.keys().isdisjoint(ABOUT_IMAGES - GENERIC)
    if not about and not any(isinstance(inner, str) and names.mean(inner) for inner in value.values()):
        return "", False
    strange = next((key for name, key in keys.items() if name not in NEUTRAL | CAPTIONS), None)
    if strange is not None:
        return f"that records '{strange[:40]}' of images", False
    return "", not keys.keys().isdisjoint(CAPTIONS)


def _names_images(value: list[Any], names: ImageNames) -> bool:
    return any(isinstance(one, str) and names.mean(one) for one in value[:_MOST_NODES])


def _judge_list(value: list[Any], names: ImageNames) -> str:
    """A list of images says nothing of them; one of an image and something else does."""
    images = sum(isinstance(one, str) and names.mean(one) for one in value)
    others = sum(isinstance(one, (str, int, float)) for one in value) - images
    return "with lists that name images" if images and others else ""


def _is_class_list(key: str, value: Any, names: ImageNames) -> bool:
    return plain(key) in _CLASS_LISTS and _lists_classes(value, names)


def _lists_classes(value: Any, names: ImageNames) -> bool:
    """Whether a value only lists names, such as the classes that there are, or numbers with names."""
    if isinstance(value, list):
        if all(isinstance(entry, dict) for entry in value):
            return all(plain(inner) in _CLASS_KEYS for entry in value for inner in entry)
        return all(isinstance(entry, str) for entry in value)
    if isinstance(value, dict):
        numbered = all(k.isdecimal() for k in value) or all(isinstance(v, int) for v in value.values())
        scalar = all(isinstance(v, (str, int)) for v in value.values())
        return numbered and scalar and not any(k.casefold() in names.stems for k in value)
    return False


def _judge_part(text: str, names: ImageNames, why: str) -> str:
    """Of what cannot be decoded; it is not understood in any case, and the reason says as much as can be told."""
    head = text[:_HEAD]
    key = next((key[1] for key in _KEY.finditer(head) if plain(key[1]) in LABEL_KEYS), None)
    if key is not None:
        return f"JSON with '{key[:40]}', {why}"
    if any(names.of_image(string[1]) for string in _STRING.finditer(head)):
        return f"JSON that names images, {why}"
    return f"JSON that cannot be read: {why}"
