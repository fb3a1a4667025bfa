"""YAML text to plain values and back, hardened: what it cannot or should not read becomes a `DatasetError`.

Ultralytics uses PyYAML's safe loader and ignores what is not UTF-8; so do we, with bounds on size, depth and aliases.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import yaml

from yolobg.errors import DatasetError

__all__ = ["LARGEST_BYTES", "dump_yaml", "load_yaml"]

LARGEST_BYTES = 4 << 20
"""The largest text read. 21,000 class names take 0.6 MB."""

_MOST_NODES = 1_000_000
_DEEPEST = 64
# Numbers to base 60 (`1:59:59`) take quadratic time, and Python refuses to show those of more than 4,300 digits.
_LONGEST_NUMBER = 1000

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

# Ultralytics drops these and tries again when the text cannot be parsed.
_UNPRINTABLE = re.compile("[^\\x09\\x0A\\x0D\\x20-\\x7E\\x85\\xA0-\\uD7FF\\uE000-\\uFFFD\\U00010000-\\U0010FFFF]+")


class _BombError(Exception):
    """The text is a bomb, not a file that a person wrote."""


# PyYAML lets several of these out of its constructors, for example ValueError for the date 2024-13-45.
_FAILURES = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)


def load_yaml(text: str | bytes, *, source: str, repeated_keys: list[str] | None = None) -> object:
    """Read one YAML document into dicts, lists, texts, numbers, booleans, dates and None.

    Args:
        text: The content. Bytes are read as UTF-8; bytes that are not UTF-8 are left out, as Ultralytics does.
        source: The file's name, for messages.
        repeated_keys: Keys that a mapping has twice are put here and the last one counts, as Ultralytics does. Without
            this list they are an error.

    Raises:
        DatasetError: It is not YAML, too large, too deep, grows by aliases, or has a repeated key.
    """
    if len(text) > LARGEST_BYTES:
        raise DatasetError(f"{source}: larger than {LARGEST_BYTES >> 20} MiB; this is not a file that a person wrote")
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="ignore")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    repeated: list[str] = []
    try:
        value = _load(text, repeated)
    except _BombError as error:
        raise DatasetError(f"{source}: {error}") from error
    except _FAILURES as error:
        value = _load_printable(text, source, error, repeated)
    if repeated and repeated_keys is None:
        raise DatasetError(f"{source}: key '{repeated[0]}' occurs more than once; keep one of them")
    if repeated_keys is not None:
        repeated_keys += repeated
    return value


def _load_printable(text: str, source: str, first: Exception, repeated: list[str]) -> object:
    """Try once more without unprintable characters; the message is that of the first try."""
    repeated.clear()
    printable = _UNPRINTABLE.sub("", text)
    if printable != text:
        with contextlib.suppress(_BombError, *_FAILURES):
            return _load(printable, repeated)
    said = " ".join(str(first).split())[:300]
    raise DatasetError(f"{source}: not valid YAML: {said}") from first


def _load(text: str, repeated: list[str]) -> object:
    _check_bounds(text)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_growth(node, {})
        _find_repeated(node, repeated, set())
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check_bounds(text: str) -> None:
    """Refuse depth and length before anything is built: the C loader recurses on the C stack."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise _BombError(f"nested more than {_DEEPEST} levels deep")
        if count > _MOST_NODES:
            raise _BombError(f"more than {_MOST_NODES:,} values")


def _check_growth(node: yaml.Node, measured: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Refuse aliases that contain themselves, multiply ("billion laughs") or pile up, and endless numbers.

    Args:
        node: Where to begin.
        measured: What is known of the collections, by their `id`; no values stand for one that is being measured.

    Returns:
        How many values the node stands for, and how many levels deep they are nested.
    """
    if isinstance(node, yaml.ScalarNode):
        if len(node.value) > _LONGEST_NUMBER and node.tag == "tag:yaml.org,2002:int":
            raise _BombError(f"a number of more than {_LONGEST_NUMBER:,} digits")
        return 1, 0
    if (known := measured.get(id(node))) is not None:
        if not known[0]:
            raise _BombError("an alias refers to something that contains it")
        return known
    measured[id(node)] = 0, 0
    below = [_check_growth(child, measured) for child in _children(node)]
    values, depth = 1 + sum(size for size, _ in below), 1 + max((levels for _, levels in below), default=0)
    if values > _MOST_NODES:
        raise _BombError(f"aliases make more than {_MOST_NODES:,} values of it")
    if depth > _DEEPEST:
        raise _BombError(f"nested more than {_DEEPEST} levels deep")
    measured[id(node)] = values, depth
    return values, depth


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _find_repeated(node: yaml.Node, repeated: list[str], seen: set[int]) -> None:
    if isinstance(node, yaml.ScalarNode) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if (key.tag, key.value) in keys:
                repeated.append(key.value)
            keys.add((key.tag, key.value))
    for child in _children(node):
        _find_repeated(child, repeated, seen)


def dump_yaml(value: object) -> str:
    """Plain values as YAML text, keys in their own order, not-ASCII letters as they are."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text
