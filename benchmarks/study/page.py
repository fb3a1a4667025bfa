"""What docs/study.md says in figures: the sentence, the tables, the state; written between marks, the rest by hand."""

from __future__ import annotations

from pathlib import Path

from benchmarks.study.analysis import Analysis, ArmFigures, Difference
from benchmarks.study.figure import draw
from benchmarks.study.protocol import Protocol, StudyError
from yolobg.evaluation_results import Estimate

__all__ = ["BEGIN", "END", "figures", "sentence", "write_page"]

BEGIN = "<!-- figures: written by `python -m benchmarks.study --report` -->"
END = "<!-- end of figures -->"
FEWEST_SEEDS = 3
"""With fewer, the noise between runs is not in the intervals."""


def sentence(found: Analysis, protocol: Protocol) -> str:
    """The answer in one sentence: the primary contrast with its interval, whatever it is."""
    one = found.differences[0]
    backgrounds = protocol.arm(one.contrast.arm).backgrounds
    return (
        f"Adding {backgrounds} random COCO images to {protocol.labelled} labelled ones changed mean recall at equal "
        f"false-alarm rates by {_points(one.primary)}, {_seeds(len(found.seeds))}, one small dataset: "
        f"{_verdict(one, found, protocol)}."
    )


def _verdict(one: Difference, found: Analysis, protocol: Protocol) -> str:
    if len(found.seeds) < FEWEST_SEEDS:
        return "run-to-run noise not measured"
    if one.adjusted > protocol.alpha or one.primary.low <= 0 <= one.primary.high:
        return "no effect shown"
    return "a gain" if one.primary.point > 0 else "a loss"


def _seeds(number: int) -> str:
    return f"{number} seed" if number == 1 else f"{number} seeds"


def _number(value: float) -> str:
    return f"{value * 100:+.1f}".replace("-", "−")


def _points(one: Estimate) -> str:
    return f"{_number(one.point)} points (95 % interval {_number(one.low)} to {_number(one.high)})"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def figures(found: Analysis, protocol: Protocol) -> str:
    """The part between the marks."""
    wanted, done = len(protocol.seeds), len(found.seeds)
    state = "all that the protocol asks for" if done == wanted else f"of the {wanted} that the protocol asks for"
    lines = [
        f"{sentence(found, protocol)}",
        "",
        f"{_seeds(done)}, {state}, so {done * len(protocol.arms)} runs; measured on {found.images} labelled images "
        f"with {found.objects} objects and on {found.backgrounds} held-out backgrounds. Protocol `{protocol.hash}`.",
        "",
        "| contrast | mean recall at equal false-alarm rates, points | p | p, Holm | AP50, points |",
        "| --- | --- | ---: | ---: | --- |",
        *(_row(one) for one in found.differences),
        "",
        "Each arm, mean over seeds:",
        "",
        "| arm | mean recall | of each seed | false alarms at 0.25 | recall at 0.25 | AP50 |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
        *(_arm(one) for one in found.arms),
    ]
    return "\n".join(lines)


def _row(one: Difference) -> str:
    recall, ap50 = (
        f"{_number(value.point)} [{_number(value.low)}, {_number(value.high)}]" for value in (one.primary, one.ap50)
    )
    return f"| {one.contrast.name} | {recall} | {_p(one.p)} | {_p(one.adjusted)} | {ap50} |"


def _arm(one: ArmFigures) -> str:
    seeds = ", ".join(f"{value:.3f}" for value in one.of_seeds)
    at = f"{one.false_alarm_rate * 100:.1f} % | {one.recall * 100:.1f} %"
    return f"| {one.arm} | {one.primary:.3f} | {seeds} | {at} | {one.ap50:.3f} |"


def write_page(found: Analysis, protocol: Protocol, page: Path) -> None:
    """Put the figures between the marks of the page, and the drawing beside it.

    Raises:
        StudyError: The page cannot be read or has no marks.
    """
    try:
        text = page.read_text("utf-8")
    except OSError as error:
        raise StudyError(f"{page}: cannot be read: {error.strerror}") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise StudyError(f"{page}: has no place for the figures; expected '{BEGIN}' and '{END}'")
    page.write_text(f"{before}{BEGIN}\n\n{figures(found, protocol)}\n\n{END}{after}", "utf-8")
    first = protocol.contrasts[0]
    drawing = draw(found, protocol.rates, (first.arm, first.less))
    page.with_suffix(".svg").write_text(drawing, "utf-8")
