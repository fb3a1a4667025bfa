"""The rules of a review's actions (pure); `session` says which images there are. Nothing here changes the dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from yolobg.changes.review_state import State, Step

__all__ = ["Act", "act", "path_list", "undo", "without_images"]

UNDO_STEPS = 500

Act = Literal["look", "accept", "reject", "keep"]


def act(state: State, kind: Act, images: Iterable[str], *, reason: str = "") -> State:
    """Carry out one action; the same state comes back where it changes nothing.

    `look` and `accept` mark as looked at (an accepted image may still be rejected later), `reject` also marks for
    removal, `keep` takes a rejection back. `look` alone is no step that `undo` would stop at.
    """
    named = list(dict.fromkeys(images))
    seen = set(state.looked)
    looked = tuple(image for image in named if image not in seen)
    rejected = dict(state.rejected)
    for image in named:
        if kind == "reject":
            rejected[image] = reason
        elif kind == "keep":
            rejected.pop(image, None)
    before = {image: state.rejected.get(image) for image in named if rejected.get(image) != state.rejected.get(image)}
    if not looked and not before:
        return state
    changed: State = msgspec.structs.replace(state, looked=state.looked + looked, rejected=rejected)
    if kind == "look":
        return changed
    return msgspec.structs.replace(changed, steps=(*state.steps, Step(looked, before))[-UNDO_STEPS:])


def undo(state: State) -> tuple[State, tuple[str, ...]]:
    """Take the last step back; returns the images it was about, none where there was no step."""
    if not state.steps:
        return state, ()
    last = state.steps[-1]
    rejected = dict(state.rejected)
    for image, reason in last.before.items():
        if reason is None:
            rejected.pop(image, None)
        else:
            rejected[image] = reason
    gone = set(last.looked)
    looked = tuple(image for image in state.looked if image not in gone)
    back: State = msgspec.structs.replace(state, looked=looked, rejected=rejected, steps=state.steps[:-1])
    return back, tuple(dict.fromkeys((*last.before, *last.looked)))


def without_images(state: State, there: Collection[str]) -> State:
    """The state less what it says of images that are not `there` any more."""
    keep = set(there)
    steps = (
        Step(tuple(i for i in s.looked if i in keep), {i: r for i, r in s.before.items() if i in keep})
        for s in state.steps
    )
    return msgspec.structs.replace(
        state,
        looked=tuple(image for image in state.looked if image in keep),
        rejected={image: reason for image, reason in state.rejected.items() if image in keep},
        steps=tuple(step for step in steps if step.looked or step.before),
    )


def path_list(paths: Iterable[Path]) -> tuple[str, int]:
    """One absolute path per line, sorted; and how many are left out, since a line of UTF-8 text cannot hold them."""
    lines: list[str] = []
    left_out = 0
    for path in sorted(paths):
        name = str(path.absolute())
        if name.splitlines() == [name] and name.encode(errors="ignore").decode() == name:
            lines.append(f"{name}\n")
        else:
            left_out += 1
    return "".join(lines), left_out
