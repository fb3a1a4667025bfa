"""Options as people read and write them: what `help` says of them in Python, and what the command line is given."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from yolobg.errors import UsageError
from yolobg.flow.options import Request

__all__ = ["describe_options", "parse_evidence_options", "parse_map_options"]

F = TypeVar("F", bound=Callable[..., Any])


def describe_options(*, only: Collection[str] | None = None) -> Callable[[F], F]:
    """Give a function that takes `**options` the signature and the documentation of each option.

    Args:
        only: The options that mean something there; None for all.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        shown = [
            option
            for option in fields(Request)
            if (only is None or option.name in only) and option.name not in signature.parameters
        ]
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        more = [
            inspect.Parameter(
                option.name,
                inspect.Parameter.KEYWORD_ONLY,
                default={} if callable(option.default_factory) else option.default,
                annotation=option.type,
            )
            for option in shown
        ]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        lines = "\n".join(
            _described(option.name, option.metadata) for option in shown if option.name not in signature.parameters
        )
        function.__doc__ = (function.__doc__ or "").replace("        **options: The options.\n", lines + "\n")
        return function

    return decorate


def _described(name: str, about: Mapping[str, str]) -> str:
    default = f" Default: {about['shown']}." if about["shown"] else ""
    text = f"{name}: {about['help'].replace(' Repeatable.', '')}{default}"
    return textwrap.fill(text, 110, initial_indent=" " * 8, subsequent_indent=" " * 12)


def parse_evidence_options(options: Sequence[str]) -> tuple[str, ...]:
    """`captions,FILE` as places; a file whose own name has a comma stays whole."""
    parts = ([option] if Path(option).exists() else option.split(",") for option in options)
    return tuple(dict.fromkeys(part.strip() for listed in parts for part in listed))


def parse_map_options(options: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`NAME=CLASS[,CLASS]` and `NAME=none` as a map; a name may itself hold `=`.

    Raises:
        UsageError: An option has no `=`, or nothing on one side of it.
    """
    answers: dict[str, tuple[str, ...]] = {}
    for option in options:
        name, equals, value = option.rpartition("=")
        classes = tuple(part.strip() for part in value.split(",") if part.strip())
        # A class may have an empty name: `=none` is about that one.
        if not equals or not classes:
            raise UsageError(f"--map {option}: expected NAME=CLASS, NAME=CLASS,CLASS or NAME=none")
        answers[name.strip()] = () if [c.casefold() for c in classes] == ["none"] else classes
    return answers
