"""How often a class is there although the evidence says nothing of it: `python -m benchmarks.wrong_absences`.

Real records in YOLOBG_COCO_REAL (166 images of COCO train2017, 80 of them with captions) are asked for images without
a class; `wrong_absences.tsv` has what is to be seen in them. Prints the table of docs/evidence.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from yolobg.evaluation.intervals import wilson
from yolobg.matching.caption_terms import caption_terms
from yolobg.matching.matcher import match_classes
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.open import open_catalog
from yolobg.sources.location import parse_source

JUDGED = Path(__file__).with_suffix(".tsv")
CLASSES = ("person", "chair", "dining table")


def verdicts() -> dict[tuple[str, str], set[int]]:
    """Class and verdict to the images."""
    found: dict[tuple[str, str], set[int]] = {}
    for line in JUDGED.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            image, name, verdict = line.split("\t")
            found.setdefault((name, verdict), set()).add(int(image))
    return found


def left(catalog: Catalog, name: str, *, captions: bool) -> frozenset[int]:
    """The images that nothing says to show a class."""
    matches = match_classes([name], categories=catalog.categories)
    vetoes = caption_terms(matches, lean=False) if captions else ()
    return frozenset(catalog.eligible([name], vetoes=vetoes).ids)


def row(name: str, by: str, images: Collection[int], judged: dict[tuple[str, str], set[int]]) -> str:
    """One row of the table."""
    there = len(judged.get((name, "there"), set()) & set(images))
    arguable = len(judged.get((name, "arguable"), set()) & set(images))
    low, high = wilson(there, len(images))
    return f"| {name} | {by} | {len(images)} | {there} | {low:.1%} to {high:.1%} | {arguable} |"


def main() -> None:
    """Print the table."""
    if not (place := os.environ.get("YOLOBG_COCO_REAL")):
        sys.exit("set YOLOBG_COCO_REAL to a folder with real COCO records (CONTRIBUTING.md)")
    annotations = Path(place) / "annotations"
    judged = verdicts()
    head = "| class | absent by | images | surely there | 95 % interval | arguable |"
    rows = [head, "| --- | --- | ---: | ---: | --- | ---: |"]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["YOLOBG_CACHE_DIR"] = cache
        with open_catalog(parse_source(str(annotations / "instances_train2017.json"))) as catalog:
            captioned = {image for image, (_, said) in catalog.describe(catalog.ids).items() if said}
            for name in CLASSES:
                boxes, both = left(catalog, name, captions=False), left(catalog, name, captions=True)
                rows.append(row(name, "boxes", boxes, judged))
                rows.append(row(name, "boxes, those with captions", boxes & captioned, judged))
                rows.append(row(name, "boxes and captions", both & captioned, judged))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
