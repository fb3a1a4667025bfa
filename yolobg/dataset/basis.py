"""What the choice of a run's backgrounds rested on, and the cheap question whether that still stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yolobg.dataset.manifest import Run
    from yolobg.request import Request

__all__ = ["Basis", "Question", "question_of", "still_stands"]


class Basis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ruled images out when a run chose its own, as it was resolved then.

    Attributes:
        names: The class names of the dataset.
        categories: The categories of the source.
        excluded: Those of them that ruled an image out.
        terms: Caption term that ruled an image out to the phrases that made such a caption harmless; None where the
            source has no captions.
        commercial: The ids of the source's licences that allow commercial use.
        catalog: The key of the source's catalog, made from the content of its annotations.
        plain: The source's classes have no names, so any object ruled an image out, whatever the dataset's classes.
    """

    names: tuple[str, ...]
    categories: tuple[str, ...]
    excluded: tuple[str, ...]
    terms: dict[str, tuple[str, ...]] | None
    commercial: tuple[int, ...]
    catalog: str
    plain: bool = False


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
