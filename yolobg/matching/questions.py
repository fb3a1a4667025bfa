"""The questions about class names that nothing answers, in groups that can be answered together; and as a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yolobg.matching.garbled import LOST, is_lost
from yolobg.matching.words import key
from yolobg.model import ClassMatch
from yolobg.wording import counted, first_of

__all__ = ["Question", "listed_names", "map_option", "message", "questions"]

MOST_LINES = 4
"""For more names than that the message shows no lines to paste but how to answer all of them on one page."""

MOST_NAMES = 20
"""So many names of a question are listed."""

WHY = {
    "lost": "letters lost",
    "opaque": "too general to say what is in the box",
    "unknown": "not in any word list",
}
"""The kinds of questions, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """Names that are asked about for the same reason and with the same suggestion.

    Attributes:
        kind: A key of `WHY`.
        matches: The names, each once (those that differ only in case and separators have one answer).
        suggestions: Categories that are near to all of them, best first.
    """

    kind: str
    matches: tuple[ClassMatch, ...]
    suggestions: tuple[str, ...]

    @property
    def why(self) -> str:
        """Why they are asked about."""
        return WHY[self.kind]

    @property
    def likely_answer(self) -> str:
        """The answer to suggest, as `--map` takes it: what a name may have been with all of that, else the nearest."""
        return ",".join(self.suggestions if self.kind != "unknown" else self.suggestions[:1])


def questions(matches: Sequence[ClassMatch]) -> tuple[Question, ...]:
    """Return the questions about the unresolved ones among the matches, those with a suggestion first in each kind."""
    groups: dict[tuple[str, tuple[str, ...]], dict[str, ClassMatch]] = {}
    offered: dict[str, tuple[str, ...]] = {}
    stuck = [match for match in matches if match.status in ("opaque", "unknown")]
    for match in stuck:
        offered[key(match.name)] = tuple(dict.fromkeys((*offered.get(key(match.name), ()), *match.suggestions)))
    for match in stuck:
        near = offered[key(match.name)]
        groups.setdefault((_kind(match), near), {}).setdefault(key(match.name), match)
    kinds = list(WHY)
    ordered = sorted(groups.items(), key=lambda pair: (kinds.index(pair[0][0]), not pair[0][1]))
    return tuple(Question(kind, tuple(named.values()), near) for (kind, near), named in ordered)


def _kind(match: ClassMatch) -> str:
    return "lost" if is_lost(match) else match.status


def message(stuck: Sequence[ClassMatch]) -> str:
    """Return what stops a run with unresolved names: the questions, and how to answer them."""
    asked = questions(stuck)
    names = [match for question in asked for match in question.matches]
    lines = [f"{counted(len(stuck), 'class name')} cannot be resolved, so no image can be used as background:"]
    lines += [line for question in asked for line in _lines(question)]
    if len(names) <= MOST_LINES:
        lines.append("Say what each stands for (a category, several separated by commas, or none), for example:")
        for question in asked:
            for match in question.matches:
                lines += [f"  {map_option(match.name, question.likely_answer or 'CATEGORY')}"]
                lines += [f"  {map_option(match.name, 'none')}"]
    else:
        lines.append(
            "Answer all of them on one page: yolobg classes DATA_YAML --save map.yaml; edit it; --map-file map.yaml"
        )
        lines.append(f"or one by one: {map_option(names[0].name, asked[0].likely_answer or 'CATEGORY')}")
    if all(match.status == "unknown" for match in stuck):
        lines.append("or pass --unmapped none to let unknown names pass.")
    return "\n".join(lines)


def _lines(question: Question) -> Iterator[str]:
    near = f" (nearest: {', '.join(question.suggestions)})" if question.suggestions else ""
    yield f"  {question.why[0].upper()}{question.why[1:]}{near}:"
    yield f"    {listed_names(question, most=MOST_NAMES)}"


def listed_names(question: Question, *, most: int) -> str:
    """Return the names of a question with their class ids and, where letters are lost, what they may be."""
    return first_of([f"{match.id} {match.name!r}{_reading(match)}" for match in question.matches], most)


def _reading(match: ClassMatch) -> str:
    told = next((warning for warning in match.warnings if warning.startswith(LOST)), "")
    return f" ({told.partition(': ')[2]})" if told else ""


def map_option(name: str, category: str) -> str:
    """Return the `--map` option that says what a name stands for, as a shell line to paste."""
    text = "".join(c if c.isprintable() else " " for c in f"{name}={category}")
    for mark in ("\\", '"', "$", "`"):
        text = text.replace(mark, "\\" + mark)
    return f'--map "{text}"'
