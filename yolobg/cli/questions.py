"""Questions about class names, asked on a terminal only; the answers can be saved as a map file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from yolobg.api import plan
from yolobg.cli.progress import bars, fetch_notes
from yolobg.cli.text import clean
from yolobg.errors import UnresolvedClassError, UsageError
from yolobg.flow.option_texts import parse_map_options
from yolobg.flow.options import Options
from yolobg.matching.map_file import save_map
from yolobg.matching.questions import Question, listed_names, questions

if TYPE_CHECKING:
    from rich.console import Console

    from yolobg.flow.planning import Plan
    from yolobg.model import ClassMatch

__all__ = ["Answers", "plan_with_answers"]

T = TypeVar("T")

MOST_SHOWN = 40
"""So many names of a group are listed."""


def plan_with_answers(data_yaml: Path, options: Options, *, console: Console, may_ask: bool, quiet: bool) -> Plan:
    """Plan; where class names stay unresolved, ask and plan again.

    Args:
        data_yaml: The dataset's.
        options: What is asked for; its map holds the answers given in options.
        console: Where to ask, and where the bars are drawn.
        may_ask: As for `Answers`.
        quiet: Draw no bars.

    Raises:
        YolobgError: As `plan`; and names stay unresolved.
    """

    def decide(answers: Mapping[str, Sequence[str]]) -> Plan:
        # Bars of their own for each try: a question must not be drawn over.
        with bars(console, wanted=not quiet, notes=fetch_notes(options)) as progress:
            return plan(data_yaml, progress=progress, **(options | Options(map=answers)))

    answers = Answers(options.get("map", {}), console=console, may_ask=may_ask)
    return answers.ask_until_clear(decide, lambda made: made.choice.matches if made.choice else ())


class Answers:
    """What the user said about class names so far, in options or when asked.

    Args:
        told: The answers given in options.
        console: Where to ask.
        may_ask: False where the user wants no questions; without a terminal none are asked anyway.
    """

    def __init__(self, told: Mapping[str, Sequence[str]], *, console: Console, may_ask: bool) -> None:
        self._map: dict[str, Sequence[str]] = dict(told)
        self._console = console
        self._may_ask = may_ask and console.is_terminal and sys.stdin is not None and sys.stdin.isatty()
        self._asked = False
        self._fresh: set[str] = set()

    def ask_until_clear(
        self, run: Callable[[Mapping[str, Sequence[str]]], T], matches_of: Callable[[T], Sequence[ClassMatch]]
    ) -> T:
        """Run with the answers there are; where names stay unresolved, ask and run again.

        Args:
            run: What needs the answers.
            matches_of: What it understood, to be saved if the user wants that.

        Raises:
            UnresolvedClassError: Nobody can be asked, or the user gave no answer.
        """
        while True:
            try:
                result = run(self._map)
            except UnresolvedClassError as error:
                if not (self._may_ask and error.matches):
                    raise
                self._ask_all(error)
            except UsageError as error:
                self._forget_slips(error)
            else:
                if self._asked and (matches := matches_of(result)):
                    self._offer_to_save(matches)
                return result

    def _forget_slips(self, error: UsageError) -> None:
        """A slip of the fingers in an answer is asked again; what was given in options stops the run."""
        if not self._fresh:
            raise error
        self._console.print(f"  {clean(error)}")
        for name in self._fresh:
            del self._map[name]
        self._fresh.clear()

    def _ask_all(self, error: UnresolvedClassError) -> None:
        """Show all questions as one page, then take one answer for each group of names."""
        asked = questions(error.matches)
        self._console.print(
            "Some class names are not known. Images of a class must not become its backgrounds.\n"
            "Answer each group with COCO classes separated by commas, or none; "
            "type y to accept what is suggested, each to answer name by name, or press Enter to stop.\n"
        )
        for number, question in enumerate(asked, 1):
            self._console.print(
                f" {number}. {_headline(question)}: {clean(listed_names(question, most=MOST_SHOWN), 2_000)}"
            )
        self._console.print()
        self._fresh.clear()
        for number, question in enumerate(asked, 1):
            self._ask(f" {number}. {_headline(question)}", question, error)

    def _ask(self, prompt: str, question: Question, error: UnresolvedClassError) -> None:
        """Ask until an answer can be read.

        Raises:
            UnresolvedClassError: The user gave no answer.
        """
        hint = f" [y: {question.likely_answer}]" if question.likely_answer else ""
        while True:
            answer = click.prompt(f"{prompt}{hint}", default="", show_default=False, err=True).strip()
            if not answer:
                raise error
            if answer == "each" and len(question.matches) > 1:
                for match in question.matches:
                    alone = replace(question, matches=(match,))
                    self._ask(f"    {clean(listed_names(alone, most=1), 200)}", alone, error)
                return
            answer = question.likely_answer or answer if answer == "y" else answer
            try:
                told = parse_map_options([f"{match.name}={answer}" for match in question.matches])
            except UsageError as problem:
                self._console.print(f"  {clean(problem)}")
                continue
            self._map.update(told)
            self._fresh.update(told)
            self._asked = True
            return

    def _offer_to_save(self, matches: Sequence[ClassMatch]) -> None:
        while True:
            place = click.prompt(
                "Save these answers as a --map-file? Path, or Enter to skip", default="", show_default=False, err=True
            )
            try:
                if place.strip():
                    save_map(matches, Path(place.strip()))
            except UsageError as problem:
                self._console.print(f"  {clean(problem)}")
            else:
                return


def _headline(question: Question) -> str:
    number = len(question.matches)
    return f"{number:,} name{'s' if number > 1 else ''} ({question.why})"
