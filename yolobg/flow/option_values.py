"""Option values as people write them in Python: what is clearly meant becomes the field's value, the rest is refused.

The command line gives texts only; in Python a number, a list or None may stand where the field holds something else.
"""

from __future__ import annotations

import difflib
import operator
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin

from yolobg.errors import UsageError
from yolobg.flow.every import every_text, parse_every

__all__ = ["AUTO", "LOOKALIKES", "CocoObject", "check_known", "check_prefer", "settle", "settle_names", "settle_path"]

LOOKALIKES = "lookalikes"
MOST_WORDS = 100
AUTO = ("jobs", "pool")
"""Options that are a number or `auto`."""

_MAP = "expected a mapping of class name to category names, as {'car': 'truck'}, {'car': ['truck', 'bus']} or, for "
_MAP_NONE = "a class without a counterpart, {'car': None}"


class CocoObject(Protocol):
    """What holds the records of a COCO file as `dataset`: a `pycocotools.coco.COCO`, for example."""

    @property
    def dataset(self) -> Any:
        """What `json.load` gives for a COCO file."""


def check_known(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse option names that mean nothing.

    Args:
        given: The names of the options that were given.
        known: Those that mean something here.

    Raises:
        UsageError: One is not known; the message names the nearest.
    """
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"{name}: no such option; {meant}the options here are {', '.join(sorted(known))}")


def settle(name: str, value: Any, hint: Any, default: Any) -> Any:
    """The value of an option as its field holds it.

    Args:
        name: The option's name, for messages.
        value: What was given.
        hint: The field's type; values of a type that is not handled here are given back as they are.
        default: What None stands for.

    Raises:
        UsageError: It is of another kind; the message has the forms that are accepted.
    """
    if value is None:
        return default
    kind = _NAMED.get(name) or _kind(hint)
    return value if kind is None else kind(name, value)


def _kind(hint: Any) -> Callable[[str, Any], Any] | None:
    if hint in _KINDS:
        return _KINDS[hint]
    return _text if _is_words(hint) else _KINDS.get(get_origin(hint))


def settle_names(names: Any) -> Sequence[str] | Mapping[int, str]:
    """Class names as a list or, with their ids, a mapping; a text has them with commas between.

    Raises:
        UsageError: It is something else.
    """
    if isinstance(names, str):
        return [name.strip() for name in names.split(",") if name.strip()]
    held: Any = names.values() if isinstance(names, Mapping) else names
    if isinstance(held, (bytes, bytearray)) or not isinstance(held, Iterable):
        raise UsageError(f"names: {names!r}: expected a list of class names, as ['car', 'dog']")
    listed = list(held)
    if not all(isinstance(name, str) for name in listed):
        raise UsageError(f"names: {names!r}: expected a list of class names, as ['car', 'dog']")
    return names if isinstance(names, Mapping) else listed


def _is_words(hint: Any) -> bool:
    return bool(get_args(hint)) and all(isinstance(word, str) for word in get_args(hint))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, (str, Path)):
        raise UsageError(f"{name}: {value!r}: expected text, not {type(value).__name__}")
    return str(value)


def _whole(name: str, value: Any) -> int | None:
    if name in AUTO and value == "auto":
        return None
    try:
        whole = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None:
        raise UsageError(f"{name}: {value!r} is not a whole number")
    return whole


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name}: {value!r}: expected True or False")
    return value


def _place(name: str, value: Any) -> str | Path:
    return value if isinstance(value, str) else settle_path(name, value)


def _new_folder(name: str, value: Any) -> str | Path:
    if value == "":
        raise UsageError(f"--{name}: is empty; expected a folder")
    return _place(name, value)


def _preferred(_name: str, value: Any) -> Any:
    return LOOKALIKES if isinstance(value, str) and value.strip().lower() == LOOKALIKES else value


def settle_path(name: str, value: Any) -> Path:
    """A path that was given as text or as a path.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise UsageError(f"{name}: {value!r}: expected a path, not {type(value).__name__}")
    return Path(value)


def _several(name: str, value: Any) -> tuple[Any, ...]:
    # A single text is a sequence of letters, which is never what was meant.
    if isinstance(value, (str, os.PathLike)):
        return (value,)
    items = None if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable) else tuple(value)
    if items is None or not all(isinstance(item, (str, os.PathLike)) for item in items):
        raise UsageError(f"{name}: {value!r}: expected text or a list of texts, as ['a', 'b']")
    return items


def _license(name: str, value: Any) -> str:
    parts = [value] if isinstance(value, (str, int)) else value
    listed = [] if isinstance(parts, (bytes, Mapping)) or not isinstance(parts, Iterable) else list(parts)
    if not listed or not all(isinstance(part, (str, int)) and not isinstance(part, bool) for part in listed):
        raise UsageError(f"{name}: {value!r}: expected 'any', 'commercial', a licence id (4) or several ([4, 5])")
    return ",".join(map(str, listed))


def _map(name: str, value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name}: {value!r}: {_MAP}{_MAP_NONE}")
    return {_class_name(name, key): _categories(name, key, answer) for key, answer in value.items()}


def _class_name(name: str, key: Any) -> str:
    if not isinstance(key, str):
        raise UsageError(f"{name}: {key!r}: the keys are class names as data.yaml has them; {_MAP}{_MAP_NONE}")
    return key


def _categories(name: str, key: Any, answer: Any) -> tuple[str, ...]:
    if answer is None:
        return ()
    if isinstance(answer, str):
        answer = [part.strip() for part in answer.split(",") if part.strip()]
        if not answer:
            raise UsageError(f"{name}: {key!r}: an empty text says nothing; {_MAP}{_MAP_NONE}")
        return () if [part.casefold() for part in answer] == ["none"] else tuple(answer)
    if isinstance(answer, (bytes, Mapping)) or not isinstance(answer, Iterable):
        raise UsageError(f"{name}: {key!r}: {answer!r}: {_MAP}{_MAP_NONE}")
    parts = tuple(answer)
    if not all(isinstance(part, str) for part in parts):
        raise UsageError(f"{name}: {key!r}: {answer!r}: {_MAP}{_MAP_NONE}")
    return parts


def _time(_name: str, value: Any) -> str:
    return every_text(parse_every(value))


def check_prefer(prefer: object) -> None:
    """Refuse what `--prefer` cannot mean.

    Raises:
        UsageError: It is neither `lookalikes` nor a few words.
    """
    if prefer is None or prefer == LOOKALIKES:
        return
    words = prefer.split("|") if isinstance(prefer, str) else []
    if not words or len(words) > MOST_WORDS or not all(any(map(str.isalnum, word)) for word in words):
        raise UsageError(
            f"--prefer {prefer}: give {LOOKALIKES}, or up to {MOST_WORDS} words or phrases that captions have, with | "
            "between them, in quotes: 'street|parking lot'"
        )


_NAMED: dict[str, Callable[[str, Any], Any]] = {
    "every": _time,
    "license": _license,
    "prefer": _preferred,
    "to": _new_folder,
}
_KINDS: dict[Any, Callable[[str, Any], Any]] = {
    bool: _flag,
    int: _whole,
    int | None: _whole,
    str: _text,
    str | Path | None: _place,
    Mapping: _map,
    Sequence: _several,
}
