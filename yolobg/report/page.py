"""The report as a page: a pure function from what is known to HTML that needs no network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from yolobg.html.pages import render_page
from yolobg.html.tables import bar_parts, exclusion_rows, whisker
from yolobg.html.thumbnails import Picture
from yolobg.model import ClassMatch, Counts
from yolobg.report.cards import Card
from yolobg.report.tables import figures, left_out
from yolobg.results import SourceInfo
from yolobg.version import __version__
from yolobg.wording import agreeing, quoted

__all__ = ["Facts", "expected_words", "report_html"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the report tells.

    Attributes:
        name: The dataset's name: its folder's.
        data_yaml: Its data.yaml.
        written: When, as a text.
        splits: What is in each split now.
        classes: What each class name excludes; empty where that cannot be told.
        source: What was left of the source by the last run; None where that cannot be told.
        cards: Every background that yolobg added, the newest run first.
        new: Of these, the images of the last run.
        warnings: For a person to read.
    """

    name: str
    data_yaml: str
    written: str
    splits: Mapping[str, Counts]
    classes: tuple[ClassMatch, ...]
    source: SourceInfo | None
    cards: tuple[Card, ...]
    new: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def report_html(facts: Facts, pictures: Iterator[Picture | None], *, embedded: int = 0) -> str:
    """The report, whole.

    Args:
        facts: What it tells.
        pictures: What each card shows, in their order; None where there is none to show.
        embedded: How many of them are in the page; a browser reads the others from the disk.
    """
    ours = sum(counts.ours for counts in facts.splits.values())
    known = figures(facts.classes, facts.source)
    return render_page(
        "report.html",
        "tokens.css",
        "report.css",
        facts=facts,
        pictures=pictures,
        embedded=embedded,
        next=next,
        version=__version__,
        ours=ours,
        expected=expected_words(facts.source, ours),
        bar_parts=bar_parts,
        exclusion_rows=exclusion_rows,
        left_out=left_out(facts.source),
        figures=known,
        scale=max((figure.high for _, figure in known), default=0.0) or 1.0,
        whisker=whisker,
        without_figure=[match.name for match in facts.classes if match.expected_contamination is None],
        licences=_licences(facts.cards),
        some_new=len(facts.new) < len(facts.cards),
        seen=_seen,
        command_argument=quoted,
    )


def expected_words(source: SourceInfo | None, ours: int) -> str:
    """How many of `ours` chosen images may show a class after all, in a sentence."""
    doubt = source.expected_contamination if source else None
    if doubt is None:
        return "Look at them before you train."
    most = math.ceil(doubt.high * ours)
    if doubt.point * ours < 1:
        return f"Probably none of them shows one of your classes after all; up to {most:,} might: look at them."
    point = round(doubt.point * ours)
    return (
        f"About {point:,} of them ({math.floor(doubt.low * ours):,} to {most:,}) {agreeing(point, 'are')} expected to "
        "show one of your classes after all: look at them."
    )


def _licences(cards: Iterable[Card]) -> list[tuple[tuple[str, str, bool | None], int]]:
    """Name, address and commercial use of each licence, with the number of images; the most frequent first."""
    return Counter(
        (e.license_name or "not recorded", e.license_url, card.commercial) for card in cards if (e := card.entry)
    ).most_common()


def _seen(card: Card) -> str:
    if card.contains is None:
        return "its content is not known here"
    return ", ".join(card.contains) or "no annotated object"
