"""The map file: what each class name stands for, written out for a person to edit and read back to the same result.

Text and plain values only: YAML itself is parsed in `yaml_text`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from yolobg.errors import UsageError
from yolobg.files import read_ordinary, write_bytes
from yolobg.matching.questions import Question, questions
from yolobg.model import ClassMatch, Exclusion
from yolobg.yaml_text import LARGEST_BYTES, load_yaml

__all__ = ["map_text", "parse_map", "read_map", "save_map"]

NOTHING = "none"

_HEAD = """\
# What each class of the dataset stands for. Edit it, then pass it with --map-file.
# A list names the source's categories whose images cannot be background; none says that nothing matches.
# Lines marked "maybe" were unsure: delete one to keep such images as candidates.
"""


def parse_map(raw: object, *, source: str) -> dict[str, tuple[str, ...]]:
    """Return class name to category names (empty for none) from a parsed map file.

    Args:
        raw: The parsed file: a mapping of class names to a category, a list of them, or none.
        source: What to call the file in messages.

    Raises:
        UsageError: It is no such mapping. Names of classes and categories are checked by `match_classes`.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise UsageError(f"{source}: expected `class name: [category, ...]` lines, found {type(raw).__name__}")
    return {_class_name(key, source): _categories(key, value, source) for key, value in raw.items()}


def _class_name(key: object, source: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return str(key)
    raise UsageError(f"{source}: key {key!r} is not a class name; put it in quotes")


def _categories(key: object, value: object, source: str) -> tuple[str, ...]:
    if value is None or value in (NOTHING, [], [NOTHING]):
        return ()
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise UsageError(f"{source}: {key!r}: expected a category, a list of categories or {NOTHING}, found {value!r}")
    return tuple(part.strip() for item in listed for part in item.split(",") if part.strip())


def map_text(matches: Sequence[ClassMatch]) -> str:
    """Return the matches as commented YAML which, read back as `user_map`, excludes the same categories.

    Unresolved names come first, in groups, as comments, so that they stop the next run too. Names that are equal but
    for case and separators are one key; every string is quoted, so no name can change the file's structure.
    """
    open_ones = [line for question in questions(matches) for line in _asked(question)]
    return _HEAD + "\n".join([*open_ones, *(line for match in matches for line in _entry(match))]) + "\n"


def _asked(question: Question) -> list[str]:
    """The names of a question as one block to answer."""
    found = question.likely_answer.split(",") if question.likely_answer else []
    answer = f"[{', '.join(map(yaml_quoted, found))}]" if found else NOTHING
    lines = [f"# {yaml_quoted(match.name)}: {answer}" for match in question.matches]
    return [f"# To answer ({question.why}): say what each is and remove the first #", *lines, ""]


def _entry(match: ClassMatch) -> list[str]:
    name = yaml_quoted(match.name)
    if match.status in ("opaque", "unknown"):
        return []
    found = (*match.exclude, *match.maybe)
    if not found:
        return [f"{name}: {NOTHING}"]
    return [f"{name}:", *(_line(exclusion, maybe=exclusion in match.maybe) for exclusion in found)]


def _line(exclusion: Exclusion, *, maybe: bool) -> str:
    band = "maybe, " if maybe else ""
    why = f"{band}{exclusion.relation}, {exclusion.confidence:.2f}: {exclusion.reason}"
    return f"  - {yaml_quoted(exclusion.coco)}  # {_comment(why)}"


def yaml_quoted(text: str) -> str:
    """Return text as a double-quoted YAML scalar of ASCII characters (a JSON string is one)."""
    safe = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(rf"\U{ord(c):08X}" if ord(c) > 0xFFFF else json.dumps(c)[1:-1] for c in safe).join('""')  # noqa: PLR2004


def _comment(text: str) -> str:
    return "".join(c if c.isalnum() or (c.isprintable() and c.isascii()) else " " for c in text)


def read_map(file: Path) -> dict[str, tuple[str, ...]]:
    """A map file: what the user says that class names stand for, as `save_map` or `classes --json` wrote it.

    Raises:
        YolobgError: It cannot be read, or is no map.
    """
    try:
        raw = read_ordinary(file, LARGEST_BYTES)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--map-file {file}: cannot be read: {why}") from error
    told = load_yaml(raw, source=str(file))
    return parse_map(_map_in_report(told, file) if _is_report(told) else told, source=str(file))


def _is_report(told: object) -> TypeGuard[dict[str, list[dict[str, Any]]]]:
    """Whether this is what `classes --json` prints, rather than a map; a class may well be called `classes`."""
    if not isinstance(told, dict) or "schema" not in told or not isinstance(told.get("classes"), list):
        return False
    return all(
        isinstance(match, dict) and {"name", "status", "exclude", "maybe"} <= match.keys() for match in told["classes"]
    )


def _map_in_report(told: dict[str, list[dict[str, Any]]], file: Path) -> dict[str, list[str]]:
    resolved = [match for match in told["classes"] if match["status"] in ("mapped", "none")]
    try:
        return {match["name"]: [e["coco"] for e in (*match["exclude"], *match["maybe"])] for match in resolved}
    except (TypeError, KeyError) as error:
        raise UsageError(f"--map-file {file}: not what `classes --json` printed: {error!r}; print it again") from error


def save_map(matches: Sequence[ClassMatch], file: Path) -> None:
    """Write the matches as a map file that a person can edit and `read_map` reads back to the same result.

    Raises:
        UsageError: It cannot be written, or something is there already.
    """
    if file.exists():
        raise UsageError(f"--save {file}: exists already; yolobg replaces no file, so choose another name")
    try:
        write_bytes(file, map_text(matches).encode("utf-8"))
    except OSError as error:
        raise UsageError(f"--save {file}: cannot be written: {error.strerror}") from error
