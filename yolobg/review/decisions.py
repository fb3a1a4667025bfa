"""What a review has decided so far: `.yolobg/review.json`, written whole after every action.

Where several data.yaml share the root, each has a file of its own.

Owns the file's form and the rules of the actions (pure); `session` says which images there are. Nothing here changes
the dataset.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from yolobg.changes.manifest import FOLDER
from yolobg.changes.proposals import MARKS
from yolobg.changes.records import read_records
from yolobg.errors import DatasetError
from yolobg.files import step, write_bytes

__all__ = ["Act", "State", "act", "path_list", "read_state", "state_path", "undo", "without_images", "write_state"]

VERSION = 1
USUAL = "data.yaml"
UNDO_STEPS = 500

Act = Literal["look", "accept", "reject", "keep"]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one action changed, as it was before: images newly looked at, and images with their former reason."""

    looked: tuple[str, ...] = ()
    before: dict[str, str | None] = {}


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decisions about images, by their path as the manifest writes it.

    Attributes:
        looked: Images that a person has looked at.
        rejected: Images to take out, each with the reason.
        steps: What can be undone, the latest last.
        base: Split to the number of backgrounds it had when an `apply` began that has not ended.
    """

    version: int = VERSION
    looked: tuple[str, ...] = ()
    rejected: dict[str, str] = {}
    steps: tuple[Step, ...] = ()
    base: dict[str, int] = {}


def state_path(root: Path, data: str | None = USUAL) -> Path:
    """Where the state of the review of a data.yaml lies, by its name in the manifest; None for proposed images."""
    if data is None:
        return root / FOLDER / MARKS
    name = "review.json" if data == USUAL else f"review-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}.json"
    return root / FOLDER / name


def read_state(root: Path, data: str | None = USUAL) -> State:
    """The state of the review; an empty one where there is none.

    Raises:
        DatasetError: The file is there but cannot be read or is damaged.
    """
    return read_records(
        state_path(root, data),
        lambda raw: msgspec.convert(raw, State),
        version=VERSION,
        missing=State(),
        what="the state of a review",
        damaged="Delete it to start the review again.",
    )


def write_state(root: Path, state: State, data: str | None = USUAL) -> None:
    """Replace the state, whole or not at all; an empty one is no file."""
    path = state_path(root, data)
    if state == State():
        step("unlink", path)
        path.unlink(missing_ok=True)
        return
    step("mkdir", path.parent)
    path.parent.mkdir(exist_ok=True)
    if path.parent.is_symlink():
        raise DatasetError(f"{path.parent}: is a link, so yolobg will not write there; remove it and run again")
    write_bytes(path, msgspec.json.encode(state))


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
