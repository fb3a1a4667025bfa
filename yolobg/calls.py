"""What all public functions have in common when they are called from Python: a bar in a notebook."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from yolobg.notebook.bar import notebook_bar

__all__ = ["public"]

P = ParamSpec("P")
R = TypeVar("R")

PROGRESS = "progress"


class _Shown:
    """What `help` shows as the default of `progress`."""

    def __repr__(self) -> str:
        return "<a bar in a notebook, else nothing>"


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function public: without `progress`, it shows a bar in a notebook and nothing anywhere else."""
    signature = inspect.signature(function)
    if PROGRESS not in signature.parameters:
        return function

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if PROGRESS in kwargs:
            return function(*args, **kwargs)
        with notebook_bar(function.__qualname__) as bar:
            if bar is not None:
                kwargs[PROGRESS] = bar
            return function(*args, **kwargs)

    parameters = [p.replace(default=_Shown()) if p.name == PROGRESS else p for p in signature.parameters.values()]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # functions have any
    return called
