"""The charts and tables of the report; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from yolobg.model import ClassMatch, Contamination, Counts
from yolobg.report.html import Content, Html, el
from yolobg.results import SourceInfo

__all__ = ["classes_table", "contamination", "left_out", "percent", "split_bars"]

SMALL_SHARE = 0.001
LENGTH = 1000
"""Length of a bar in its own units."""


def percent(share: float) -> str:
    """A share (0-1) as a percentage with one decimal, or more where that would show nothing."""
    return f"{share:.1%}" if share >= SMALL_SHARE or share == 0 else f"{share:.2%}"


# ---------------------------------------------------------------- before and after


def split_bars(name: str, counts: Counts) -> Html:
    """Two bars of one scale for a split: without what yolobg added, and now."""
    theirs = counts.backgrounds - counts.ours
    longest = counts.labelled + counts.backgrounds
    return el(
        "div",
        el("h3", name),
        _bar("before", counts.labelled, theirs, 0, longest),
        _bar("now", counts.labelled, theirs, counts.ours, longest),
        class_="split",
    )


def _bar(when: str, labelled: int, theirs: int, ours: int, longest: int) -> Html:
    total = labelled + theirs + ours
    share = (theirs + ours) / total if total else 0.0
    told = f"{theirs + ours:,} of {total:,} images = "
    parts, start = [], 0.0
    for kind, number in (("labelled", labelled), ("theirs", theirs), ("ours", ours)):
        width = LENGTH * number / longest if longest else 0.0
        if number:
            parts.append(el("rect", x=f"{start:.2f}", y=0, width=f"{width:.2f}", height=20, class_=kind))
        start += width
    spoken = f"{when}: {labelled:,} labelled, {theirs:,} existing backgrounds, {ours:,} added"
    svg = el(
        "svg", parts, viewBox=f"0 0 {LENGTH} 20", preserveAspectRatio="none", role="img", aria_label=spoken
    )  # fmt: skip
    return el("div", el("span", when), svg, el("span", told, el("b", percent(share))), class_="bar")


# ---------------------------------------------------------------- classes


def classes_table(classes: Sequence[ClassMatch]) -> Html:
    """What each class excludes, why, and at what cost."""
    heads = (
        ("class", None), ("excludes", None), ("relation", None), ("confidence", "number"),
        ("images left out", "number"), ("why", None),
    )  # fmt: skip
    return el(
        "div",
        el(
            "table",
            el("thead", el("tr", (el("th", head, scope="col", class_=kind) for head, kind in heads))),
            el("tbody", (_class_rows(match) for match in classes)),
        ),
        class_="scroll", tabindex="0", role="region", aria_label="What each class excludes",
    )  # fmt: skip


def _class_rows(match: ClassMatch) -> Iterator[Html]:
    rows = list(chain(_exclusions(match), _caption_row(match)))
    head = el("th", f"{match.id} {match.name}", scope="rowgroup" if len(rows) > 1 else "row", rowspan=len(rows))
    for number, row in enumerate(rows):
        yield el("tr", head if number == 0 else None, row)


def _exclusions(match: ClassMatch) -> Iterator[list[Html]]:
    for maybe, exclusions in ((False, match.exclude), (True, match.maybe)):
        for exclusion in exclusions:
            yield [
                el("td", exclusion.coco, el("span", " (maybe)", class_="soft") if maybe else None),
                el("td", exclusion.relation.replace("_", " ")),
                el("td", f"{exclusion.confidence:.2f}", class_="number"),
                el("td", f"{exclusion.images:,}", class_="number"),
                el("td", exclusion.reason, class_="why"),
            ]
    if not match.exclude and not match.maybe:
        told = "nothing" if match.status in ("none", "mapped") else "? (not resolved)"
        why = "no category of the source matches it" if match.status == "none" else match.status
        yield [el("td", told), el("td", "–"), el("td", ""), el("td", "0", class_="number"), el("td", why, class_="why")]


def _caption_row(match: ClassMatch) -> Iterator[list[Html]]:
    if match.captions:
        yield [
            el("td", "captions that name it", class_="soft"), el("td", "–"), el("td", ""),
            el("td", f"{match.captions:,}", class_="number"),
            el("td", "left out only because a caption names the class", class_="why"),
        ]  # fmt: skip


def left_out(source: SourceInfo | None) -> Html | None:
    """What remained of the source."""
    if source is None:
        return None
    left = source.left_out
    reasons = (
        (left.class_, "contain an excluded class"),
        (left.caption, "have a caption that names one"),
        (left.license, "are outside the licence filter"),
        (left.in_dataset, "were in the dataset already or rejected in a review"),
        (left.unusable, "have a record that cannot be used"),
    )
    told = "; ".join(f"{number:,} {why}" for number, why in reasons if number)
    return el(
        "p",
        f"Of the {source.images:,} images of {source.name}, {source.eligible:,} were eligible",
        f": {told}." if told else ".",
        class_="note",
    )


# ---------------------------------------------------------------- expected contamination


def contamination(classes: Sequence[ClassMatch], source: SourceInfo | None, ours: int) -> Html:
    """How many of the backgrounds are expected to show a class anyway, with what the figures mean."""
    figures = [(match, match.expected_contamination) for match in classes]
    known = [(match.name, figure) for match, figure in figures if figure is not None]
    overall = source.expected_contamination if source else None
    if overall is not None and len(known) > 1:
        known.append(("any of them", overall))
    unknown = [match.name for match, figure in figures if figure is None]
    return el(
        "section",
        el("h2", "How many may still be wrong"),
        el(
            "p",
            "“Not annotated” is not “absent”: people who checked such images again found the class in some of them. "
            "The bar is the interval in which the true share lies with 95 % probability, the mark its mean. Arguable "
            "cases, on which the checkers disagreed, come on top.",
            class_="note",
        ),
        _figures(known, ours) if known else None,
        _without_figure(unknown),
        (el("p", warning, class_="warning") for match in classes for warning in match.warnings),
    )


def _figures(known: Sequence[tuple[str, Contamination]], ours: int) -> Html:
    scale = max(figure.high for _, figure in known) or 1.0
    heads: list[Content] = [
        el("th", "class", scope="col"),
        el("th", "expected", scope="col", class_="number"),
        el("th", "95 % interval", scope="col", class_="number"),
        el("th", f"0 to {percent(scale)}", scope="col"),
        el("th", f"of these {ours:,}", scope="col", class_="number"),
        el("th", "arguable", scope="col", class_="number"),
    ]
    rows = (
        el(
            "tr",
            el("th", name, scope="row"),
            el("td", percent(figure.point), class_="number"),
            el("td", f"{percent(figure.low)} – {percent(figure.high)}", class_="number"),
            el("td", _whisker(figure, scale)),
            el("td", f"{figure.point * ours:,.1f}", class_="number"),
            el("td", percent(figure.arguable), class_="number"),
        )
        for name, figure in known
    )
    return el(
        "div",
        el("table", el("thead", el("tr", heads)), el("tbody", rows)),
        class_="scroll", tabindex="0", role="region", aria_label="Expected contamination",
    )  # fmt: skip


def _whisker(figure: Contamination, scale: float) -> Html:
    low, mid, high = (LENGTH * share / scale for share in (figure.low, figure.point, figure.high))
    return el(
        "svg",
        el("rect", x=0, y=9, width=LENGTH, height=2, class_="axis"),
        el("rect", x=f"{low:.1f}", y=5, width=f"{max(high - low, 1):.1f}", height=10, class_="range"),
        el("rect", x=f"{max(mid - 3, 0):.1f}", y=1, width=6, height=18, class_="point"),
        viewBox=f"0 0 {LENGTH} 20", preserveAspectRatio="none", class_="whisker", aria_hidden="true",
    )  # fmt: skip


def _without_figure(names: Sequence[str]) -> Html | None:
    if not names:
        return None
    told = "No human re-check covers these classes, so no share is given and backgrounds may show them: "
    return el("p", told, el("b", ", ".join(names)), ".", class_="note")
