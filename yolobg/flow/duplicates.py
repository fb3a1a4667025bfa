"""What is in a dataset already, so that no image comes in twice or leaks from one split into another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.changes.records import Manifest
from yolobg.changes.rejections import Rejection
from yolobg.dataset.layout import public_id_in
from yolobg.files import hash_file
from yolobg.flow.near import NEAR_REJECTED
from yolobg.images.picture_hash import NearHashes, picture_hash
from yolobg.model import Staged

__all__ = ["Doubles", "Known", "Recorded", "pictures_in"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A picture that came from some source before.

    Attributes:
        sha256: Of its content.
        size_bytes: None where that is not recorded.
        url: Where it came from in the end, redirects followed.
        catalog: The key of the catalog that it was chosen from; empty where that is not recorded.
        places: The folders and addresses of that source.
    """

    sha256: str
    size_bytes: int | None
    url: str
    catalog: str = ""
    places: tuple[str, ...] = ()


class Known:
    """The images of all splits, by the public id in the file name, by manifest, and by content.

    Args:
        images: Every image of every split.
        manifest: What yolobg added before, in any split.
        rejected: What a person rejected in a review: it counts as if it were there.
    """

    def __init__(self, images: Iterable[str], manifest: Manifest, rejected: Sequence[Rejection] = ()) -> None:
        self._images = tuple(dict.fromkeys(images))
        self._public_ids = {number for image in self._images if (number := public_id_in(image)) is not None}
        self._public_ids |= {number for r in rejected if (number := public_id_in(r.image)) is not None}
        self._recorded: dict[int, list[Recorded]] = {}
        runs = {(run.added, run.split, run.source): run for run in manifest.runs}
        for entry in manifest.known:
            run = runs.get((entry.added, entry.split, entry.source))
            catalog, places = (
                (run.basis.catalog, tuple(run.options.get("images", ()))) if run and run.basis else ("", ())
            )
            picture = Recorded(entry.sha256, entry.bytes, entry.url, catalog, places)
            self._recorded.setdefault(entry.source_id, []).append(picture)
        for r in rejected:
            self._recorded.setdefault(r.source_id, []).append(Recorded(r.sha256, None, r.url))
        self._rejected_hashes = {r.sha256 for r in rejected}
        self._rejected_pictures = pictures_in(rejected)
        self._by_size: dict[int, list[str]] | None = None
        self._hashes: dict[str, str | None] = {}

    @property
    def images(self) -> tuple[str, ...]:
        """Every image of every split, each once."""
        return self._images

    def recorded(self, ids: Iterable[int]) -> dict[int, list[Recorded]]:
        """What came before under one of these ids, from whatever source: another one gives the same ids."""
        return {image_id: self._recorded[image_id] for image_id in ids if image_id in self._recorded}

    def not_held(self, ids: Iterable[int], file_names: Callable[[Sequence[int]], Iterable[str]]) -> list[int]:
        """Those of the source's images that are not in the dataset by the id of COCO or Open Images in their name.

        Args:
            ids: Ids of the source.
            file_names: Gives the `file_name` of each id; only asked where the dataset has such ids at all.
        """
        left = list(ids)
        if not self._public_ids:
            return left
        return [i for i, name in zip(left, file_names(left), strict=True) if public_id_in(name) not in self._public_ids]

    def holds_content(self, staged: Staged) -> str | None:
        """Why a staged image must not come in: it is byte for byte one of the dataset, or rejected. None if neither.

        An image of the dataset that has its size and cannot be read may be the same, so that one must not come in.
        """
        contents = [(staged.size_bytes, staged.sha256), *([staged.before] if staged.before else ())]
        return next(filter(None, (self.why_not(*content) for content in contents)), None)

    def why_not(self, size_bytes: int, sha256: str) -> str | None:
        """The same for any content."""
        if sha256 in self._rejected_hashes:
            return "rejected in an earlier review"
        for image in self._of_size(size_bytes):
            there = self._hash(image)
            if there is None:
                return f"it may be {image}, which cannot be read"
            if there == sha256:
                return f"already in the dataset as {image}"
        return None

    def avoid(self, pictures: Iterable[str]) -> None:
        """Let no near-duplicate of these in: difference hashes of what is being rejected, as `Rejection` has them."""
        for picture in pictures:
            self._rejected_pictures.add(int(picture, 16))

    def is_near_rejected(self, staged: Staged) -> bool:
        """Whether a staged image is nearly the same picture as a rejected one: it shows the same scene."""
        picture = picture_hash(staged.path) if self._rejected_pictures else None
        return picture is not None and self._rejected_pictures.has_near(picture)

    def _of_size(self, size_bytes: int) -> list[str]:
        if self._by_size is None:
            self._by_size = {}
            for image in self._images:
                try:
                    self._by_size.setdefault(os.stat(image).st_size, []).append(image)  # noqa: PTH116 - a Path each is 5 times slower
                except OSError:
                    continue
        return self._by_size.get(size_bytes, [])

    def _hash(self, image: str) -> str | None:
        if image not in self._hashes:
            try:
                self._hashes[image] = hash_file(Path(image))
            except OSError:
                self._hashes[image] = None
        return self._hashes[image]


def pictures_in(rejected: Iterable[Rejection]) -> NearHashes:
    """The difference hashes of those rejected images that show a class: so may what is nearly the same picture."""
    near = NearHashes()
    for one in rejected:
        if one.picture and one.shows_class:
            near.add(int(one.picture, 16))
    return near


class Doubles:
    """Tells which staged images are in the dataset already, or came in before in this very run."""

    def __init__(self, known: Known) -> None:
        self.known: set[int] = set()
        """Those that are in the dataset, or were rejected."""
        self.repeated: set[int] = set()
        """Those that are the same picture as another one of the source."""
        self._known = known
        self._seen: dict[str, int] = {}

    def refuse(self, staged: Staged) -> str | None:
        """Why a staged image must not come in; None if it may."""
        first = self._seen.setdefault(staged.sha256, staged.record.id)
        if (why := self._known.holds_content(staged)) is not None:
            self.known.add(staged.record.id)
            return why
        if first != staged.record.id:
            self.repeated.add(staged.record.id)
            return f"the same picture as image {first} of the source"
        return NEAR_REJECTED if self._known.is_near_rejected(staged) else None

    def __contains__(self, source_id: int) -> bool:
        """Whether that image was refused as one of these."""
        return source_id in self.known or source_id in self.repeated
