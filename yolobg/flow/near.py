"""Near-duplicates: nearly the same picture as one of the dataset, or as one that came in before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from yolobg.images.picture_hash import NearHashes, picture_hash
from yolobg.model import Failed, Progress, Staged
from yolobg.threads import Pool

__all__ = ["NEAR", "NEAR_REJECTED", "hashes_of", "is_near", "pictures_of", "refuse_near"]

NEAR = "nearly the same picture as one in the dataset"
NEAR_REJECTED = "nearly the same picture as one rejected in a review"
_BEFORE = "nearly the same picture as one chosen before it"
_WORKERS = 4


def is_near(failed: Failed) -> bool:
    """Whether an image did not come in because it is a near-duplicate."""
    return failed.reason in (NEAR, NEAR_REJECTED, _BEFORE)


def hashes_of(images: Iterable[str], progress: Progress) -> NearHashes:
    """The difference hashes of all images of a dataset."""
    listed = tuple(images)
    near = NearHashes()
    with Pool(max_workers=_WORKERS) as pool:
        for done, one in enumerate(pool.map(picture_hash, map(Path, listed)), 1):
            if one is not None:
                near.add(one)
            progress("compare", done, len(listed))
    return near


def pictures_of(images: Mapping[str, Path]) -> dict[str, str]:
    """The difference hashes of images as `Rejection` records them; an image that has none is left out."""
    found = {image: picture_hash(path) for image, path in images.items()}
    return {image: f"{picture:016x}" for image, picture in found.items() if picture is not None}


def refuse_near(
    refuse: Callable[[Staged], str | None], images: Iterable[str], progress: Progress
) -> Callable[[Staged], str | None]:
    """A judge of staged images that refuses near-duplicates too.

    Args:
        refuse: Tells the other reasons why a staged image must not come in.
        images: Those of the dataset, of all splits.
        progress: Called with how far each stage is.
    """
    dataset = hashes_of(images, progress)
    chosen = NearHashes()

    def judge(staged: Staged) -> str | None:
        why = refuse(staged)
        picture = picture_hash(staged.path) if why is None else None
        if picture is None:
            return why
        if dataset.has_near(picture):
            return NEAR
        if chosen.has_near(picture):
            return _BEFORE
        chosen.add(picture)
        return None

    return judge
