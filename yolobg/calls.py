"""What all public functions have in common when Python calls them: a bar in a notebook, keywords in messages."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from yolobg.errors import YolobgError
from yolobg.notebook.bar import notebook_bar
from yolobg.python_keywords import with_keywords

__all__ = ["public"]

P = ParamSpec("P")
R = TypeVar("R")

PROGRESS = "progress"

# What says that other annotations are fetched, or that COCO's are needed.
_NOT_FAST = frozenset({"annotations", "evidence", "fast", "license", "source"})

# What our own code calls within a public function has no bar of its own, and its errors may become part of others.
_inside: ContextVar[bool] = ContextVar("yolobg_inside", default=False)


class _Shown:
    """What `help` shows as the default of `progress`."""

    def __repr__(self) -> str:
        return "<a bar in a notebook, else nothing>"


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function public.

    Without `progress`, if it takes that, it shows a bar in a notebook and nothing anywhere else. An error that names
    options of the command line names the keywords for them too.
    """
    signature = inspect.signature(function)
    has_progress = PROGRESS in signature.parameters

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if _inside.get():
            return function(*args, **kwargs)
        token = _inside.set(True)
        try:
            if not has_progress or PROGRESS in kwargs:
                return function(*args, **kwargs)
            with notebook_bar(function.__qualname__, _notes(signature, kwargs)) as bar:
                if bar is not None:
                    kwargs[PROGRESS] = bar
                return function(*args, **kwargs)
        except YolobgError as error:
            error.args = (with_keywords(str(error)), *error.args[1:])
            raise
        finally:
            _inside.reset(token)

    parameters = [p.replace(default=_Shown()) if p.name == PROGRESS else p for p in signature.parameters.values()]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # functions have any
    return called


def _notes(signature: inspect.Signature, given: Mapping[str, object]) -> dict[str, str]:
    """What to say beside the bar while COCO's annotations are fetched, if the call could do without them."""
    if "fast" not in signature.parameters or given.keys() & _NOT_FAST:
        return {}
    return {"annotations": "once; fast=True starts without them"}
