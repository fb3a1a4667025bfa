"""Which images of a source models may be measured on: what `augment` asks of one, and that the dataset never had it.

The source is COCO val2017, from which no dataset gets an image, Open Images without what the dataset has of it, or
annotations of the user's own. Reads only; the images are brought by `held_out_images`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yolobg.dataset.layout import public_id_in
from yolobg.errors import PoolError
from yolobg.flow.candidates import Judged, check_names, judge, naming_bad_bytes
from yolobg.flow.evidence import find_evidence
from yolobg.flow.options import Request
from yolobg.flow.seen import Seen
from yolobg.flow.selection import rank_images
from yolobg.matching.lexicon import supercategories
from yolobg.model import DataYaml, Progress, no_progress
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.open import open_catalog, open_index
from yolobg.sources.location import COCO2017_VAL
from yolobg.sources.resolve import Source, resolve_held_out
from yolobg.wording import counted

__all__ = ["HeldOut", "choose_held_out", "contents_of", "too_few_held_out", "train2017"]

_SHOWN = 8


@dataclass(frozen=True)
class HeldOut:
    """The images of a source that may be held out, in the order in which they are tried.

    Attributes:
        source: The source.
        judged: What the class names rule out in it.
        ranked: Ids of the images that may be used; their order depends on the seed alone.
        catalog: The key of the source's catalog.
        images: How many images the source has.
        left_out: Reason to number of images.
        warnings: For a person to read.
    """

    source: Source
    judged: Judged
    ranked: tuple[int, ...]
    catalog: str
    images: int
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]


def choose_held_out(
    data: DataYaml,
    request: Request,
    seen: Seen,
    *,
    source: str = COCO2017_VAL.name,
    least: int,
    progress: Progress = no_progress,
) -> HeldOut:
    """Choose the images that models may be measured on.

    Promises that none holds an excluded category or one that is in doubt, none has a caption that names a class, and
    none is or was in the dataset by its number, and none has a number of train2017, whatever the categories.

    Args:
        data: The dataset.
        request: The options that say what is left out, and where annotations and images are.
        seen: What the dataset has or had.
        source: The named source, where the request has no annotations.
        least: With fewer images, nothing can be measured.
        progress: Called with how far each stage is.

    Raises:
        YolobgError: The source cannot be read, a class name is not understood, or too few images are left.
    """
    held = resolve_held_out(annotations=request.annotations_place, images=request.images, source=source)
    check_names(request, data, held)
    evidence = find_evidence(request.evidence, progress=progress)
    with open_catalog(held.annotations, progress=progress) as catalog, naming_bad_bytes(data):
        judged = judge(catalog, held, data.names, request, readings=data.readings, evidence=evidence, strict=True)
        found = judged.eligibility
        numbers = dict(zip(found.ids, map(public_id_in, catalog.file_names(found.ids)), strict=True))
        new = [image_id for image_id in found.ids if not seen.has_number(numbers[image_id])]
        train = frozenset() if held.annotations.official else train2017()
        kept = [image_id for image_id in new if numbers[image_id] not in train]
        left_out = {
            "with_an_excluded_class": found.by_class,
            "named_in_a_caption": found.by_caption,
            "ruled_out_by_evidence": found.by_evidence,
            "not_verified": found.unverified,
            "unusable": found.unusable,
            "in_dataset": len(found.ids) - len(new),
            "in_train2017": len(new) - len(kept),
        }
        warnings = _warnings(judged, catalog)
        key = catalog.key
    if len(kept) < least:
        raise too_few_held_out(held, least, len(kept), found.images, left_out)
    return HeldOut(held, judged, tuple(rank_images(kept, seed=request.seed)), key, found.images, left_out, warnings)


def contents_of(held: HeldOut, ids: Sequence[int]) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """The categories of each image, and COCO's supercategory of each category that is one of COCO's."""
    with open_catalog(held.source.annotations) as catalog:
        found = catalog.describe(ids)
        names = {category.name for category in catalog.categories}
    groups = supercategories()
    return [found[image_id][0] for image_id in ids], {name: groups[name] for name in names if name in groups}


def too_few_held_out(source: Source, least: int, left: int, images: int, left_out: Mapping[str, int]) -> PoolError:
    """The error for a source that has too few images that may be held out."""
    reasons = ", ".join(f"{number:,} {why.replace('_', ' ')}" for why, number in left_out.items() if number)
    return PoolError(
        f"{source.name}: {counted(least, 'background', 'are')} needed to measure on, and only {left:,} of "
        f"{counted(images, 'image')} may be "
        f"used (left out: {reasons}). Give images of your own without your objects: --backgrounds FOLDER"
    )


def train2017() -> frozenset[int]:
    """The numbers of COCO train2017, from which `augment` draws: models may have been trained on them."""
    with open_index() as index:
        return frozenset(index.eligible(()).ids)


def _warnings(judged: Judged, catalog: Catalog) -> tuple[str, ...]:
    found = [warning for match in judged.matches for warning in match.warnings]
    if not judged.criteria.excluded:
        ours = ", ".join(match.name for match in judged.matches[:_SHOWN])
        found.append(
            f"{judged.source.name}: none of the dataset's classes ({ours}) is known there, so no image is left out for "
            "showing one of them. Look at the images with the most false alarms: some may show your objects"
        )
    if not catalog.has_captions:
        found.append(f"{judged.source.name}: it has no captions, so these were not searched for your classes")
    return tuple(found)
