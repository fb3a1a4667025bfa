"""The report as a page: a pure function from what is known to HTML that needs nothing from anywhere."""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from yolobg.model import ClassMatch, Counts
from yolobg.report.cards import Card
from yolobg.report.html import Html, document, el, link, static_text
from yolobg.report.tables import classes_table, contamination, left_out, percent, split_bars
from yolobg.results import SourceInfo
from yolobg.version import __version__

__all__ = ["Facts", "Thumb", "report_html"]


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


@dataclass(frozen=True, slots=True)
class Thumb:
    """A small JPEG and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def report_html(facts: Facts, thumb: Callable[[Card], Thumb | None]) -> str:
    """The report, whole.

    Args:
        facts: What it tells.
        thumb: The small picture of a background; None where there is none to show.
    """
    body = el(
        "main", _head(facts), _splits(facts), _classes(facts), _licences(facts), _grid(facts, thumb), _foot(facts)
    )
    return document(title=f"Backgrounds of {facts.name}", style=static_text("tokens.css", "report.css"), body=[body])


def _head(facts: Facts) -> Html:
    ours = sum(counts.ours for counts in facts.splits.values())
    told = f"yolobg added {ours:,} background image{'' if ours == 1 else 's'}"
    if facts.new and len(facts.new) != ours:
        told += f", {len(facts.new):,} of them in the last run"
    return el(
        "header",
        el("h1", f"Backgrounds of {facts.name}"),
        el("p", el("code", facts.data_yaml)),
        el("p", f"Written {facts.written} by yolobg {__version__}"),
        el("p", f"{told}. {_expected(facts.source, ours)}", class_="lead"),
        (el("p", warning, class_="warning") for warning in facts.warnings),
    )


def _expected(source: SourceInfo | None, ours: int) -> str:
    doubt = source.expected_contamination if source else None
    if doubt is None:
        return "Look at them before you train."
    most = math.ceil(doubt.high * ours)
    if doubt.point * ours < 1:
        return f"Probably none of them shows one of your classes after all; up to {most:,} might: look at them."
    return (
        f"About {doubt.point * ours:,.0f} of them ({math.floor(doubt.low * ours):,} to {most:,}) are expected to show "
        "one of your classes after all: look at them."
    )


def _splits(facts: Facts) -> Html:
    key = (("labelled", "labelled"), ("theirs", "existing backgrounds"), ("ours", "backgrounds added by yolobg"))
    return el(
        "section",
        el("h2", "Before and after"),
        (split_bars(name, counts) for name, counts in facts.splits.items()),
        el("ul", (el("li", el("i", class_=kind, aria_hidden="true"), text) for kind, text in key), class_="key"),
        aria_label="Before and after",
    )


def _classes(facts: Facts) -> Iterator[Html]:
    if facts.classes:
        yield el(
            "section",
            el("h2", "What each class excludes, and what that costs"),
            el(
                "p",
                "An image that contains one of these categories cannot be background for the class. The cost is the "
                "number of images of the source that this leaves out.",
                class_="note",
            ),
            classes_table(facts.classes),
            left_out(facts.source),
        )
        yield contamination(facts.classes, facts.source, sum(counts.ours for counts in facts.splits.values()))


def _licences(facts: Facts) -> Html | None:
    told = [card for card in facts.cards if card.entry]
    if not told:
        return None
    counts = Counter(
        (e.license_name or "not recorded", e.license_url, card.commercial) for card in told if (e := card.entry)
    )
    rows = (
        el(
            "tr",
            el("th", link(address, name), scope="row"),
            el("td", f"{number:,}", class_="number"),
            el("td", _use(commercial)),
        )
        for (name, address, commercial), number in counts.most_common()
    )
    heads = (el("th", "licence", scope="col"), el("th", "images", scope="col", class_="number"))
    return el(
        "section",
        el("h2", "Licences and credits"),
        el(
            "p",
            "The images belong to their photographers. Licences are as the source recorded them; each image below "
            "links to its photographer's page, and ATTRIBUTION.csv beside this file lists all of them.",
            class_="note",
        ),
        el(
            "div",
            el(
                "table",
                el("thead", el("tr", heads, el("th", "use", scope="col"))),
                el("tbody", rows),
            ),
            class_="scroll", tabindex="0", role="region", aria_label="Licences",
        ),
    )  # fmt: skip


def _use(commercial: bool | None) -> Html:  # noqa: FBT001 - a fact of the licence, not a switch
    if commercial is None:
        return el("span", "not known", class_="soft")
    return el("span", "commercial use allowed") if commercial else el("span", "non-commercial only", class_="nc")


def _grid(facts: Facts, thumb: Callable[[Card], Thumb | None]) -> Html:
    some_new = len(facts.new) < len(facts.cards)
    cards = el(
        "ul",
        (_card(card, thumb(card), new=some_new and card.image in facts.new) for card in facts.cards),
        class_="grid",
    )
    return el(
        "section",
        el("h2", f"The images that were added ({len(facts.cards):,})"),
        cards if facts.cards else el("p", "None: yolobg has added nothing, or it was removed.", class_="note"),
    )


def _card(card: Card, small: Thumb | None, *, new: bool) -> Html:
    seen = _seen(card)
    picture: Html = el("p", "This picture cannot be shown.", class_="note")
    if small:
        data = base64.b64encode(small.jpeg).decode("ascii")
        picture = el(
            "img", src=f"data:image/jpeg;base64,{data}", alt=f"{card.title}: {seen}", width=small.width,
            height=small.height, loading="lazy", decoding="async",
        )  # fmt: skip
    entry = card.entry
    licence = (entry.license_name or "licence not recorded") if entry else ""
    return el(
        "li",
        el(
            "figure",
            picture,
            el(
                "figcaption",
                el("span", "new", class_="new") if new else None,
                el("b", card.title),
                el("p", seen),
                el(
                    "p",
                    link(entry.flickr_url, licence) if entry else licence,
                    el("span", " · NC", class_="nc", title="non-commercial only") if card.commercial is False else None,
                    f" · {card.split}",
                    class_="soft",
                ),
                _captions(card.captions),
            ),
        ),
    )


def _seen(card: Card) -> str:
    if card.contains is None:
        return "its content is not known here"
    return ", ".join(card.contains) or "no annotated object"


def _captions(captions: Iterable[str]) -> Html | None:
    lines = [el("li", caption) for caption in captions]
    if not lines:
        return None
    return el("details", el("summary", f"{len(lines)} caption{'' if len(lines) == 1 else 's'}"), el("ul", lines))


def _foot(facts: Facts) -> Html:
    shares = ", ".join(f"{name} {percent(counts.ratio)}" for name, counts in facts.splits.items())
    return el(
        "section",
        el("h2", "What next"),
        el("p", "Reject wrong ones with the keyboard, and replace them with the next candidates:"),
        el("pre", el("code", f"yolobg review {_quoted(facts.data_yaml)}")),
        el("p", "Undo everything, byte for byte:"),
        el("pre", el("code", f"yolobg remove {_quoted(facts.data_yaml)}")),
        el("footer", f"Share of backgrounds: {shares}. This file needs no network and is not part of the dataset."),
    )


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path
