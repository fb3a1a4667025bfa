"""What today's class names and options ask of a run's backgrounds, and the cheap test whether that still stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from yolobg.changes.records import Run
from yolobg.errors import UsageError
from yolobg.flow.options import CAPTIONS, Request, stored_options
from yolobg.flow.past_runs import request_again

__all__ = ["RunQuestion", "question_of", "still_stands"]


@dataclass(frozen=True, slots=True)
class RunQuestion:
    """What is asked of the backgrounds of one run today."""

    names: tuple[str, ...]
    map: Mapping[str, tuple[str, ...]]
    exclude: tuple[str, ...]
    license: str
    unmapped: str
    lean: bool
    captions: bool
    evidence: tuple[str, ...]
    verified: bool


def question_of(
    run: Run, names: Iterable[str], request: Request | None, *, same_source: bool = True
) -> RunQuestion | None:
    """What today's class names and options ask of a run's backgrounds; without options, the run's own.

    What was said then of a class holds until something else is said. Licence ids mean nothing in another source.

    Args:
        run: The run.
        names: The class names of today.
        request: The options of today; None where there are none.
        same_source: Whether the request names the source of the run.

    Returns:
        The question; None where the record of the run cannot be used.
    """
    try:
        then = request_again(run)
    except UsageError:
        return None
    now = request or then
    text = now.license.strip().lower()
    return RunQuestion(
        names=tuple(names),
        map={**_map(then), **_map(now)},
        exclude=tuple(now.exclude) if same_source else (*then.exclude, *now.exclude),
        license=now.license if same_source or text in ("any", "commercial") else then.license,
        unmapped=now.unmapped,
        lean=now.lean,
        captions=now.captions,
        # Evidence is about the images of one source.
        evidence=_evidence(now if same_source else then),
        verified=(now if same_source else then).verified,
    )


def _evidence(request: Request) -> tuple[str, ...]:
    """Where the evidence is, as the record of a run has it."""
    return tuple(stored_options(request).get("evidence", ()))


def _map(request: Request) -> dict[str, tuple[str, ...]]:
    return {name: tuple(categories) for name, categories in request.map.items()}


def still_stands(run: Run, question: RunQuestion | None) -> bool:
    """Whether a run was asked the same, so that all its backgrounds meet it: no word list and no catalog is needed."""
    then = question_of(run, (), None)
    if run.basis is None or question is None or then is None or then.license != question.license:
        return False
    if run.basis.plain:
        return True
    asked = (set(question.names), dict(question.map), set(question.exclude), *_switches(question))
    return asked == (set(run.basis.names), dict(then.map), set(then.exclude), *_switches(then))


def _switches(question: RunQuestion) -> tuple[bool, bool, bool, frozenset[str]]:
    return question.lean, question.captions, question.verified, frozenset(question.evidence) - {CAPTIONS}
