"""What may be said of a comparison: rules, not taste."""

from __future__ import annotations

from collections.abc import Sequence

from yolobg.evaluation.bootstrap import RUNS_FOR_NOISE
from yolobg.evaluation_results import Estimate, Verdict

__all__ = ["AP_MAY_FALL", "verdict_of", "verdict_words"]

AP_MAY_FALL = 0.01
"""AP at IoU 0.5 may be this much lower; more means that backgrounds cost objects."""


def verdict_of(
    recall: Estimate | None, ap50: Estimate | None, *, before: int, after: int, doubts: Sequence[str] = ()
) -> Verdict:
    """The verdict on a comparison.

    Args:
        recall: Difference of the mean recall at equal image false-alarm rates; None where there are too few
            backgrounds for one.
        ap50: Difference of AP at IoU 0.5.
        before: Runs of the first side.
        after: Runs of the second side; 0 where there is none.
        doubts: Why the difference cannot be believed, whatever its interval; a sentence each.
    """
    if not after:
        return "one_side"
    if min(before, after) < RUNS_FOR_NOISE:
        return "single_runs"
    better = recall is not None and recall.low > 0 and not doubts
    return "shown" if better and ap50 is not None and ap50.point >= -AP_MAY_FALL else "not_shown"


def verdict_words(verdict: Verdict, recall: Estimate | None, ap50: Estimate | None, doubts: Sequence[str] = ()) -> str:
    """The sentence for a verdict; nothing for one side.

    Args:
        verdict: What `verdict_of` gave.
        recall: As there.
        ap50: As there.
        doubts: As there.
    """
    if verdict == "one_side":
        return ""
    return " ".join([_sentence(verdict, recall, ap50), *doubts])


def _sentence(verdict: Verdict, recall: Estimate | None, ap50: Estimate | None) -> str:
    if recall is None:
        return "Too few backgrounds to compare recall at equal false-alarm rates."
    change = (
        f"recall at equal false-alarm rates {recall.point * 100:+.1f} points "
        f"(95 % interval {recall.low * 100:+.1f} to {recall.high * 100:+.1f})"
    )
    fallen = ap50 is not None and ap50.point < -AP_MAY_FALL
    note = f"; AP50 fell by {-ap50.point * 100:.1f} points" if ap50 is not None and fallen else ""
    if verdict == "shown":
        return f"Fewer false alarms at the same recall: {change}."
    if verdict == "single_runs":
        return (
            f"On these weights: {change}{note}; run-to-run noise not measured. Give at least {RUNS_FOR_NOISE} runs "
            "(seeds) a side to measure it."
        )
    return f"Not shown: {change}{note}."
