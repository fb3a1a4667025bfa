"""What a person reads: reports as rich renderables. Nothing here prints; `cli` does.

All texts that come from outside (names, paths, reasons) pass `clean`, so that none of them can drive a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from yolobg.cli.class_table import ClassRow, ClassTexts
from yolobg.cli.mined_text import mined_parts
from yolobg.cli.process import program_name
from yolobg.matching.words import key
from yolobg.model import ClassMatch, Contamination, Counts, Failed
from yolobg.results import ClassesReport, RemoveReport, Report, SourceInfo
from yolobg.wording import agreeing, counted, percent
from yolobg.wording import quoted as as_argument

__all__ = [
    "LONGEST_PATH",
    "SHOWN_PROBLEMS",
    "RatioBar",
    "augment_text",
    "both_readings",
    "classes_text",
    "clean",
    "linked_path",
    "page_line",
    "quoted",
    "remove_text",
    "warning_lines",
    "whole",
]

SHOWN_PROBLEMS = 10
_SHOWN_FAILED = 3
THIRD = 1 / 3
LONGEST_PATH = 4096
_LONGEST_WARNING = 2000


def clean(text: object, limit: int = 300) -> str:
    """A text without control characters (terminal escapes, line breaks), shortened in the middle where too long."""
    safe = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", "�", str(text))
    return safe if len(safe) <= limit else f"{safe[: limit // 2]} … {safe[-limit // 2 :]}"


def augment_text(report: Report) -> RenderableType:
    """What `augment` (or its dry run) found, decided and did."""
    return Group(*_augment_parts(report))


def _augment_parts(report: Report) -> Iterator[RenderableType]:
    yield from warning_lines(report.warnings)
    if report.target.needed:
        yield from _classes_parts(report.classes, report.source)
        if report.source:
            yield _source_table(report, report.source)
    yield _before_after(report)
    if report.mined:
        yield from mined_parts(report.mined, model=clean(report.mined.model), waits=bool(report.proposed))
    yield Text(_what_happened(report), style="bold")
    yield from _failed_lines(report.failed)
    if report.added and report.manifest:
        yield whole(f"Files     {clean(report.dataset.images_dir, LONGEST_PATH)}")
        yield whole(f"          {clean(report.dataset.labels_dir, LONGEST_PATH)} (empty label files)")
        yield whole(f"Manifest  {clean(report.manifest, LONGEST_PATH)} (credits beside it)")
        yield whole(f"Undo      {program_name()} remove {quoted(report.dataset.data_yaml)}")
        if report.page:
            yield page_line(report.page)
        yield whole(f"Next      {program_name()} review {quoted(report.dataset.data_yaml)}")
    if report.dataset.original:
        yield whole(f"Train on  {clean(report.dataset.data_yaml, LONGEST_PATH)}")
        yield whole(f"          ({clean(report.dataset.original, LONGEST_PATH)} and its images are left as they are)")


def _failed_lines(failed: Sequence[Failed]) -> Iterator[Text]:
    """The images that others take the place of, and why: one for each reason first."""
    by_reason = {one.reason: one for one in reversed(failed)}
    shown = [*reversed(by_reason.values())][:_SHOWN_FAILED]
    for one in shown:
        yield whole(f"  not used  {clean(one)}")
    if len(failed) > len(shown):
        yield Text(f"  not used  {len(failed) - len(shown):,} more (--json lists all)")


def page_line(page: str) -> Text:
    """The line that says where a page is."""
    return whole("Look at   ").append(linked_path(Text(clean(page, LONGEST_PATH)), page))


def _what_happened(report: Report) -> str:
    needed, split, out = report.target.needed, report.dataset.split, len(report.stale.replaced)
    if out:
        verbs = ("Would remove", "would add") if report.dry_run else ("Removed", "added")
        came = needed if report.dry_run else len(report.added)
        dry = " (dry run)" if report.dry_run else ""
        qualify = "qualifies" if out == 1 else "qualify"
        return (
            f"{verbs[0]} {counted(out, 'background')} that no longer {qualify} from {split} and {verbs[1]} "
            f"{counted(came, 'other')}{dry}: {both_readings(report.after)}."
        )
    if report.trimmed:
        verb, dry = ("Would remove", " (dry run)") if report.dry_run else ("Removed", "")
        return (
            f"{verb} {counted(len(report.trimmed), 'background')} beyond what was asked for from {split}{dry}: "
            f"{both_readings(report.after)}."
        )
    if not needed:
        return f"Nothing to do: {both_readings(report.after)}."
    replaced = f" Images that could not be used and were replaced: {len(report.failed):,}." if report.failed else ""
    if report.dry_run:
        skipped = f" Images that cannot be used and were skipped: {len(report.failed):,}." if report.failed else ""
        return (
            f"Would add {counted(needed, 'background')} to {split} (dry run): {both_readings(report.after)}.{skipped}"
        )
    if report.proposed:
        return f"{counted(report.proposed, 'image')} proposed for {split}: none is in it before you apply."
    return f"Added {counted(len(report.added), 'background')} to {split}: {both_readings(report.after)}.{replaced}"


def both_readings(counts: Counts) -> str:
    """The share of backgrounds, of all images and of the labelled ones."""
    total = counts.labelled + counts.backgrounds
    text = f"{counts.backgrounds:,} of {total:,} images = {percent(counts.ratio)}"
    return f"{text}; {percent(counts.backgrounds / counts.labelled)} of the labelled" if counts.labelled else text


def _before_after(report: Report) -> Table:
    table = Table(title=f"Split {clean(report.dataset.split)}", title_justify="left", title_style="bold", box=None)
    table.add_column("")
    table.add_column("before", justify="right")
    table.add_column("would be" if report.dry_run else "after", justify="right")
    before, after = report.before, report.after
    rows: list[tuple[str, str, str]] = [
        ("labelled images", f"{before.labelled:,}", f"{after.labelled:,}"),
        ("backgrounds", f"{before.backgrounds:,}", f"{after.backgrounds:,}"),
        ("  without a label file", f"{before.missing:,}", f"{after.missing:,}"),
        ("  with an empty one", f"{before.empty:,}", f"{after.empty:,}"),
        ("  added by yolobg", f"{before.ours:,}", f"{after.ours:,}"),
        ("ratio", percent(before.ratio), percent(after.ratio)),
    ]
    if before.corrupt or after.corrupt:
        rows.append(("corrupt labels (not trained on)", f"{before.corrupt:,}", f"{after.corrupt:,}"))
    for row in rows:
        table.add_row(*row)
    return table


def _source_table(report: Report, source: SourceInfo) -> Table:
    table = Table(title="Candidates", title_justify="left", title_style="bold", box=None, show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    left = source.left_out
    rows = [
        (f"images in {clean(source.name)}", source.images),
        ("  contain an excluded class", -left.class_),
        ("  a caption names one", -left.caption),
        ("  the evidence finds one", -left.evidence),
        ("  not verified to be free of all", -left.unverified),
        ("  outside the licence filter", -left.license),
        ("  in the dataset already", -left.in_dataset),
        ("  the same as another one", -left.repeated),
        ("  record cannot be used", -left.unusable),
        ("eligible", source.eligible),
    ]
    for name, number in rows:
        if number or not name.startswith(" "):
            table.add_row(name, f"{number:,}")
    chosen = report.target.needed if report.dry_run else len(report.added) or report.proposed
    table.add_row("chosen", f"{chosen:,}")
    unknown = source.non_commercial is None
    table.add_row("  of these non-commercial", "not known" if unknown else f"{source.non_commercial:,}")
    if source.expected_contamination:
        table.add_row("expected to contain a class anyway", _chance(source.expected_contamination))
    return table


def _chance(expected: Contamination) -> str:
    return f"{percent(expected.point)} ({percent(expected.low)} to {percent(expected.high)})"


def _classes_parts(
    matches: Sequence[ClassMatch], source: SourceInfo | None, *, everything: bool = False
) -> Iterator[RenderableType]:
    """What each class excludes: the categories' own names in one line, a table of those that a person should check."""
    settled = [] if everything else [match for match in matches if _is_settled(match)]
    yield from _settled_lines(settled)
    rows = [row for match in matches if match not in settled for row in _class_rows(match)]
    if rows:
        yield ClassTexts(rows)
    yield from _evidence_table(matches)
    total = source.images if source else 0
    for match in matches:
        yield from warning_lines(match.warnings, about=match.name)
        cost = max((e.images for e in match.exclude), default=0)
        if total and cost > total * THIRD:
            yield Text(
                f"! {clean(match.name)}: excludes {cost:,} of {total:,} images ({percent(cost / total)})",
                style="yellow",
            )


def _evidence_table(matches: Sequence[ClassMatch]) -> Iterator[Table]:
    """What evidence says of each class, where any was asked for."""
    table = Table(title="Evidence, in images", title_justify="left", title_style="bold", box=None)
    for name in ("class", "verified", "unknown", "vetoed"):
        table.add_column(name, justify="left" if name == "class" else "right", overflow="fold")
    for match in matches:
        if (said := match.evidence) is not None:
            numbers = (said.verified, said.unknown, said.vetoed)
            table.add_row(f"{match.id} {clean(match.name, 40)}", *(f"{number:,}" for number in numbers))
    if table.row_count:
        yield table


def _is_settled(match: ClassMatch) -> bool:
    """Whether nothing is to check: the class is a category's own name."""
    found = (*match.exclude, *match.maybe)
    # What is only "maybe" by its own name was doubted because of the other names, which a person should see.
    return bool(match.exclude) and all(
        e.rule in ("exact", "confusable") or key(e.coco) == key(match.name) for e in found
    )


def _settled_lines(settled: Sequence[ClassMatch]) -> Iterator[Text]:
    if not settled:
        return
    names = ", ".join(clean(match.name, 40) for match in settled)
    beside = {e.coco: None for match in settled for e in match.maybe}
    also = [name for name in beside if all(name != e.coco for match in settled for e in match.exclude)]
    more = f"; also excluded, because easily confused: {', '.join(map(clean, also))} (maybe)" if also else ""
    yield Text(f"Matched to a category by name, and excluded: {names}{more}")


def _class_rows(match: ClassMatch) -> Iterator[ClassRow]:
    name = f"{match.id} {clean(match.name, 40)}"
    if not match.exclude and not match.maybe:
        told = {"none": "nothing", "opaque": "?", "unknown": "?", "mapped": "nothing"}[match.status]
        hint = f"nearest: {', '.join(match.suggestions)}" if match.suggestions else ""
        yield name, told, match.status, "", "", clean(hint)
    said = ""
    for mark, exclusions in (("", match.exclude), (" (maybe)", match.maybe)):
        for e in exclusions:
            # A reason that holds for several categories is said once.
            why = "" if e.reason == said else clean(e.reason)
            yield name, f"{clean(e.coco, 40)}{mark}", e.relation, f"{e.confidence:.2f}", f"{e.images:,}", why
            name, said = "", e.reason


def classes_text(report: ClassesReport, *, everything: bool = False) -> RenderableType:
    """What each class name excludes, and what all of them leave.

    Args:
        report: What `classes` returned.
        everything: Show categories' own names in the table too.
    """
    parts: list[RenderableType] = [*warning_lines(report.warnings)]
    parts += _classes_parts(report.classes, report.source, everything=everything) if report.classes else ()
    source = report.source
    if source:
        share = source.eligible / source.images if source.images else 0.0
        parts.append(
            Text(
                f"{source.eligible:,} of {counted(source.images, 'image')} {agreeing(source.eligible, 'stay')} "
                f"eligible ({percent(share)})",
                style="bold",
            )
        )
        parts += [
            Text(f"  {clean(match.name)}: expected in {_chance(match.expected_contamination)} of them")
            for match in report.classes
            if match.expected_contamination and (everything or not _is_settled(match))
        ]
    return Group(*parts)


def remove_text(report: RemoveReport) -> RenderableType:
    """What `remove` took back."""
    parts: list[RenderableType] = []
    verb = "Would remove" if report.dry_run else "Removed"
    if report.removed or not report.proposed:
        parts.append(Text(f"{verb} {counted(len(report.removed), 'background')} that yolobg added.", style="bold"))
    if report.proposed:
        parts.append(Text(f"{verb} {counted(report.proposed, 'proposed image')} that waited for a review."))
    if report.gone:
        parts.append(Text(f"{len(report.gone):,} {agreeing(len(report.gone), 'were')} already gone."))
    if report.data_yaml and not report.data_yaml.kept:
        parts.append(Text(f"{verb} {clean(report.data_yaml.path)}, which was made with --to."))
    elif report.data_yaml:
        parts.append(Text(f"! kept {clean(report.data_yaml.path)}: {report.data_yaml.kept}", style="yellow"))
    parts += [
        Text(f"{number:,} more added for {clean(name)} {agreeing(number, 'stay')}.")
        for name, number in report.others.items()
    ]
    parts += [
        Text(f"! kept {clean(kept.image)}: {clean(kept.reason)}", style="yellow")
        for kept in report.kept[:SHOWN_PROBLEMS]
    ]
    if len(report.kept) > SHOWN_PROBLEMS:
        parts.append(Text(f"! kept {len(report.kept) - SHOWN_PROBLEMS:,} more (--json lists all)", style="yellow"))
    return Group(*parts)


def warning_lines(warnings: Sequence[str], about: str = "") -> Iterator[Text]:
    """A line for each warning."""
    for warning in warnings:
        start = f"{about}: " if about and not warning.startswith(f"{about}: ") else ""
        yield Text(f"! {clean(start)}{clean(warning, _LONGEST_WARNING)}", style="yellow")


def whole(line: str) -> Text:
    """A line that is not wrapped, so that a path or command in it can be copied."""
    return Text(line, no_wrap=True, overflow="ignore")


def quoted(path: str) -> str:
    """A path as an argument of a command that can be copied, fit for a terminal."""
    return as_argument(clean(path, LONGEST_PATH))


MOST_CELLS = 60
PIECES = (("labelled", "░", "."), ("existing backgrounds", "▒", "o"), ("added by yolobg", "█", "#"))


@dataclass(frozen=True, slots=True)
class RatioBar:
    """The images of a split as one bar; the pieces differ by their sign, not by colour alone."""

    counts: Counts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw it as wide as the window allows, in ASCII where the terminal has no more."""
        counts = self.counts
        numbers = (counts.labelled, counts.backgrounds - counts.ours, counts.ours)
        if not sum(numbers):
            return
        signs = [piece[2 if options.ascii_only else 1] for piece in PIECES]
        cells = _cells(numbers, min(options.max_width, MOST_CELLS))
        styles = ("dim", "yellow", "green")
        yield Text.assemble(*((sign * n, style) for sign, n, style in zip(signs, cells, styles, strict=True)))
        words = [f"{sign} {name}" for sign, (name, _, _), n in zip(signs, PIECES, numbers, strict=True) if n]
        yield Text("  ".join(words))


def _cells(numbers: tuple[int, ...], width: int) -> list[int]:
    """Share out the cells of a bar by largest remainders; what is there gets one cell at least."""
    total = sum(numbers)
    exact = [width * number / total for number in numbers]
    cells = [max(int(share), 1) if number else 0 for share, number in zip(exact, numbers, strict=True)]
    order = sorted(range(len(numbers)), key=lambda place: exact[place] - cells[place], reverse=True)
    for place in order:
        if sum(cells) < width and numbers[place]:
            cells[place] += 1
    while sum(cells) > width:
        cells[cells.index(max(cells))] -= 1
    return cells


def linked_path(text: Text, path: str) -> Text:
    """The text as a link to a file, where the terminal can; the text itself stays as it is."""
    try:
        address = Path(path).absolute().as_uri()
    except ValueError:
        return text
    text.stylize(Style(link=address))
    return text
