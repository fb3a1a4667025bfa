"""What a review has decided so far: `.yolobg/review.json`, written whole after every action.

Where several data.yaml share the root, each has a file of its own. Owns the file's form.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from yolobg.changes.manifest import FOLDER
from yolobg.changes.proposals import MARKS
from yolobg.changes.records import read_records
from yolobg.errors import DatasetError
from yolobg.files import step, write_bytes

__all__ = ["State", "Step", "read_state", "state_path", "write_state"]

VERSION = 1
USUAL = "data.yaml"


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
