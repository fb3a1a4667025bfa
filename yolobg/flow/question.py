"""What the choice of a run's backgrounds rested on, and the cheap question whether that still stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yolobg.changes.records import Run
    from yolobg.flow.options import Request

__all__ = ["Question", "question_of", "still_stands"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the backgrounds of one run today."""

    names: tuple[str, ...]
    map: Mapping[str, tuple[str, ...]]
    exclude: tuple[str, ...]
    license: str
    unmapped: str
    lean: bool
    captions: bool


def question_of(run: Run, names: Iterable[str], request: Request | None, *, same_source: bool = True) -> Question:
    """What today's class names and options ask of a run's backgrounds; without options, the run's own.

    What was said then of a class holds until something else is said. Licence ids mean nothing in another source.

    Args:
        run: The run.
        names: The class names of today.
        request: The options of today; None where there are none.
        same_source: Whether the request names the source of the run.
    """
    if request is None:
        return Question(
            tuple(names), run.map, run.exclude, run.license, run.unmapped, lean=run.lean, captions=run.captions
        )
    text = request.license.strip().lower()
    exclude = tuple(request.exclude) if same_source else (*run.exclude, *request.exclude)
    return Question(
        names=tuple(names),
        map={**run.map, **{name: tuple(listed) for name, listed in request.map.items()}},
        exclude=exclude,
        license=request.license if same_source or text in ("any", "commercial") else run.license,
        unmapped=request.unmapped,
        lean=request.lean,
        captions=request.captions,
    )


def still_stands(run: Run, question: Question) -> bool:
    """Whether a run was asked the same, so that all its backgrounds meet it: no word list and no catalog is needed."""
    if run.basis is None or run.license != question.license:
        return False
    if run.basis.plain:
        return True
    asked = (set(question.names), dict(question.map), set(question.exclude), question.lean, question.captions)
    return asked == (set(run.basis.names), dict(run.map), set(run.exclude), run.lean, run.captions)
