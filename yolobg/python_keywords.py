"""Options that a message names, as the keywords of Python's functions: `--map "a=none"` is `map={"a": None}`.

A message is written once, in the words of the command line; whoever gets it from a function is told the keywords too.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator

__all__ = ["FLAGS", "VALUES", "answering_commands", "keywords", "with_keywords"]

FLAGS = frozenset({
    "all_splits", "drop_unused", "dry_run", "fast", "fetch", "files", "lean", "proposed", "recheck", "skip_corrupt",
    "trim", "unlabelled", "verified",
})  # fmt: skip
"""What a command sets by naming it."""

VALUES = frozenset({
    "after", "annotations", "backgrounds", "batch", "before", "bootstrap", "categories", "class_order",
    "classes", "conf", "count", "crowds", "device", "every", "evidence", "exclude", "from_", "hard", "hard_share",
    "images", "images_dir", "images_in", "imgsz", "into", "jobs", "key_points", "license", "link", "map",
    "min_score", "output", "polygons", "pool", "prefer", "ratio", "scores", "seed", "source", "split", "splits",
    "to", "unmapped", "val",
})  # fmt: skip
"""What takes a value."""

OFF = {"captions": "captions=False", "report": "report=False"}
"""What a command sets by `--no-…`."""

# A command to type is not about the call: it is shown as it stands.
_COMMAND = re.compile(r"`[^`\n]* [^`\n]*`|\b(?:yolobg|pip|uvx|docker) [a-z][^;,()\n]*")
_OPTION = re.compile(
    r"""(?<![\w-])--(?P<name>[a-z][a-z-]*)
    (?:[ ](?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<number>\d+(?:\.\d+)?)(?![\w.]*\w)|(?P<word>[A-Z][A-Z_]*(?:[=.|][\w|]+)*)
    |(?P<choice>any|commercial|captions|lvis|lookalikes|none|stop|copy|hard|symlink|drop|lose|keep|as-objects|to-boxes
    |outline|parts|openimages-val)\b))?""",
    re.VERBOSE,
)

_LEAD = "In Python: "
_commands = 0


@contextlib.contextmanager
def answering_commands() -> Iterator[None]:
    """While this lasts, messages are for the command line, which this process then is, in each of its threads."""
    global _commands  # noqa: PLW0603 - the process is a command or it is not; a review answers from other threads
    _commands += 1
    try:
        yield
    finally:
        _commands -= 1


def with_keywords(message: str) -> str:
    """A message with the keywords for the options that it names; as it is for a command, and where it names none."""
    if _commands or _LEAD in message or not (known := keywords(message)):
        return message
    return f"{message}\n{_LEAD}{', '.join(known)}"


def keywords(message: str) -> list[str]:
    """The keyword for each option that a message names, each once, in their order."""
    found: dict[str, str] = {}
    answers: dict[str, list[str] | str | None] = {}
    for match in _OPTION.finditer(_COMMAND.sub("", message)):
        name = match["name"].replace("-", "_")
        name = f"{name}_" if name == "from" else name
        if name.startswith("no_") and name[3:] in OFF:
            found[name] = OFF[name[3:]]
        elif name in FLAGS:
            found[name] = f"{name}=True"
        elif name == "map" and (match["quoted"] or match["word"]):
            _answer(answers, match["quoted"] or match["word"])
            found[name] = f"map={_literal(answers)}"
        elif name == "split" and match["word"] and "=" in match["word"]:
            old, _, new = match["word"].partition("=")
            found["splits"] = f"splits={json.dumps({old: new})}"
        elif name in VALUES and found.get(name, "…").endswith("…"):
            found[name] = f"{name}={_value(match)}"
    return list(found.values())


def _answer(answers: dict[str, list[str] | str | None], text: str) -> None:
    """Note `NAME=CLASS` as an answer; the first one for a name counts."""
    name, _, given = re.sub(r"\\(.)", r"\1", text).rpartition("=")
    classes = [one.strip() for one in given.split(",")]
    answers.setdefault(name, None if given == "none" else classes[0] if len(classes) == 1 else classes)


def _literal(answers: dict[str, list[str] | str | None]) -> str:
    return json.dumps(answers, ensure_ascii=False).replace(": null", ": None")


def _value(match: re.Match[str]) -> str:
    if match["number"]:
        return match["number"]
    text = match["quoted"] or match["word"] or match["choice"]
    return json.dumps(text, ensure_ascii=False) if text else "…"
