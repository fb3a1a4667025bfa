"""Which images somebody has to look at before they come in: those that a model chose, and frames of videos."""

from __future__ import annotations

from yolobg.flow.planning import Plan

__all__ = ["model_chooses", "why_look_first"]


def model_chooses(option: str) -> str:
    """Why somebody has to look at what a model chose."""
    return f"{option} chooses images that your model fires on, and some of them may hold your classes"


def why_look_first(plan: Plan) -> str | None:
    """Why somebody has to look at the images of a plan before they come in; None where that can be done later.

    Nobody has picked the single frames of a video, whereas a person put the images of a folder there. What a recheck
    brings in takes the place of images that leave in the same run, so it cannot wait.
    """
    if plan.choice is None or plan.request.recheck:
        return None
    if option := plan.request.model_option:
        return model_chooses(option)
    if not plan.choice.source.origin.frames:
        return None
    return f"--source {plan.request.source}: nobody has checked that its frames show none of your classes"
