"""What a dataset has or had, in any split: an image that models are measured on must be none of it."""

from __future__ import annotations

from pathlib import Path

from yolobg.dataset.all_splits import read_all_images
from yolobg.dataset.dataset import Dataset
from yolobg.dataset.layout import public_id_in
from yolobg.files import hash_file
from yolobg.flow.derived import rejected_in
from yolobg.flow.duplicates import Known
from yolobg.flow.planning import recorded
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.kinds import kind_of

__all__ = ["Seen"]

_HEAD_BYTES = 4096


class Seen:
    """The images of all splits, of the manifest and of the rejected ones: by content, and by `public_id_in`.

    Attributes:
        warnings: What could not be looked at.
    """

    def __init__(self, dataset: Dataset) -> None:
        everything = read_all_images(dataset.data)
        rejected = rejected_in(dataset.data)
        manifest = recorded(dataset)
        self.warnings = everything.warnings
        self._known = Known(everything.images, manifest, rejected)
        self._added = {entry.sha256 for entry in manifest.known}
        held = (*everything.images, *(e.image for e in manifest.known), *(r.image for r in rejected))
        self._numbers = {public_id_in(image) for image in held} - {None}

    def has_number(self, number: int | None) -> bool:
        """Whether an image of this number (`public_id_in`) is or was there; False for None."""
        return number in self._numbers

    def fresh(self) -> Fresh:
        """Begin a new choice, in which no content may come twice."""
        return Fresh(self)

    def has_content(self, size_bytes: int, sha256: str) -> bool:
        """Whether an image of this content is or was there."""
        return sha256 in self._added or self._known.why_not(size_bytes, sha256) is not None


class Fresh:
    """Tells of one image after the other whether it may be held out."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._chosen: set[str] = set()

    def why(self, image: str) -> str | None:
        """Why an image cannot be held out, `in_dataset`, `repeated` or `unreadable`; None if it can.

        The number in its name counts whatever the content, which may have been written anew. One that is not on this
        machine is judged by it alone.
        """
        path = Path(image)
        if self._seen.has_number(public_id_in(image)):
            return "in_dataset"
        try:
            size = path.stat().st_size
        except OSError:
            return None
        try:
            _check_head(path)
            sha256 = hash_file(path)
        except (OSError, BadImageError):
            return "unreadable"
        if self._seen.has_content(size, sha256):
            return "in_dataset"
        if sha256 in self._chosen:
            return "repeated"
        self._chosen.add(sha256)
        return None


def _check_head(path: Path) -> None:
    with path.open("rb") as file:
        kind_of(file.read(_HEAD_BYTES), path.suffix.lower())
