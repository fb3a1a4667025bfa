"""The order in which the images of a source are tried: random, and frames of videos spread in time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import compress

from yolobg.flow.duplicates import Known
from yolobg.flow.same_pictures import same_pictures
from yolobg.flow.selection import rank_images
from yolobg.images.frame_names import parse
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.resolve import Source

__all__ = ["ranked_images", "spread"]


def ranked_images(ids: Sequence[int], source: Source, known: Known, catalog: Catalog, seed: int) -> list[int]:
    """The images that are not in the dataset yet, best first.

    Of those that are there already the others keep their order, so that asking for more adds to what is there.

    Args:
        ids: The eligible images.
        source: The source.
        known: What is in the dataset.
        catalog: That of the source.
        seed: Which of the orders.
    """
    left = known.not_held(ids, catalog.file_names)
    recorded = known.recorded(left)
    same = same_pictures(catalog.records(list(recorded)), recorded, source.origin, catalog=catalog.key)
    free = {image_id for image_id in left if image_id not in same}
    if not source.origin.frames:
        return rank_images(free, seed=seed)
    return [image_id for image_id in _with_frames(ids, catalog, seed) if image_id in free]


def _with_frames(ids: Sequence[int], catalog: Catalog, seed: int) -> list[int]:
    """Frames spread over all videos, with the images in between as many as their share."""
    frames: list[tuple[str, int, int]] = []
    images: list[int] = []
    for image_id, name in zip(ids, catalog.file_names(list(ids)), strict=True):
        frame = parse(name)
        if frame is None:
            images.append(image_id)
        else:
            frames.append((*frame, image_id))
    ordered = [image_id for _, _, image_id in sorted(frames)]
    return _merged(rank_images(images, seed=seed), [ordered[place] for place in spread(len(ordered), seed=seed)])


def spread(number: int, *, seed: int) -> Iterator[int]:
    """The places 0 to number - 1, each once, so that any of them in a row lie far apart, however many are taken.

    The van der Corput sequence of base 2 (J. G. van der Corput, 1935), begun at a place that depends on the seed: of
    the first n places, no stretch is left empty that is longer than twice the mean distance. It is one of a power of
    two; the places that are left, which lie evenly too, come after these in the same way.
    """
    digest = hashlib.blake2b(digest_size=8, key=seed.to_bytes(16, "little", signed=True)).digest()
    start = int.from_bytes(digest, "little")
    left: Sequence[int] = range(number)
    while left:
        bits = len(left).bit_length() - 1
        free = bytearray(b"\1") * len(left)
        for count in range(1 << bits):
            turned = int(f"{count:0{bits}b}"[::-1], 2)
            place = turned * len(left) >> bits
            free[place] = 0
            yield (left[place] + start) % number
        left = list(compress(left, free))


def _merged(some: Sequence[int], others: Sequence[int]) -> list[int]:
    """Both in their order, evenly mixed."""
    places = [((place + 0.5) / len(some), 0, one) for place, one in enumerate(some)]
    places += [((place + 0.5) / len(others), 1, one) for place, one in enumerate(others)]
    return [one for *_, one in sorted(places)]
