"""The images that a plan chose as a COCO object, for what else reads those."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from yolobg.flow.candidates import Choice
from yolobg.flow.option_values import CocoObject
from yolobg.model import Progress
from yolobg.sources.catalog.open import open_catalog

__all__ = ["Records", "as_coco"]


@dataclass(frozen=True)
class Records:
    """Records of a COCO file in memory, where pycocotools is not installed.

    Attributes:
        dataset: What `json.load` would give.
    """

    dataset: Any


def as_coco(choice: Choice | None, needed: int, *, progress: Progress) -> CocoObject:
    """The first `needed` images of a choice.

    Args:
        choice: The choice; None for no images.
        needed: How many images the plan brings in.
        progress: As for `open_catalog`.

    Raises:
        YolobgError: The catalog of the source is gone and cannot be made again.
    """
    dataset: dict[str, Any] = {"images": [], "annotations": [], "categories": [], "licenses": []}
    if choice is None:
        return _object(dataset)
    ids = [one.source_id for one in choice.planned[:needed]]
    with open_catalog(choice.source.annotations, progress=progress) as catalog:
        dataset["images"] = [asdict(record) for record in catalog.records(ids)]
        dataset["categories"] = [{"id": c.id, "name": c.name} for c in catalog.categories]
        dataset["licenses"] = [{"id": row.id, "name": row.name, "url": row.url} for row in catalog.licenses]
        held = catalog.describe(ids)
    number = {category["name"]: category["id"] for category in reversed(dataset["categories"])}
    pairs = [(image_id, number[name]) for image_id in ids for name in dict.fromkeys(held[image_id][0])]
    dataset["annotations"] = [
        {"id": place, "image_id": image_id, "category_id": category_id}
        for place, (image_id, category_id) in enumerate(pairs, start=1)
    ]
    return _object(dataset)


def _object(dataset: dict[str, Any]) -> CocoObject:
    try:
        from pycocotools.coco import COCO  # noqa: PLC0415 - used where the user has it
    except ImportError:
        return Records(dataset)
    coco = COCO()
    coco.dataset = dataset
    # What `createIndex` makes, which prints.
    coco.imgs = {image["id"]: image for image in dataset["images"]}
    coco.cats = {category["id"]: category for category in dataset["categories"]}
    coco.anns = {annotation["id"]: annotation for annotation in dataset["annotations"]}
    coco.imgToAnns, coco.catToImgs = defaultdict(list), defaultdict(list)
    for annotation in dataset["annotations"]:
        coco.imgToAnns[annotation["image_id"]].append(annotation)
        coco.catToImgs[annotation["category_id"]].append(annotation["image_id"])
    return coco  # type: ignore[no-any-return]
