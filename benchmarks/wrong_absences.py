"""How often is a class there although the evidence says nothing of it: `python -m benchmarks.wrong_absences`.

Real records in YOLOBG_COCO_REAL (166 images of COCO train2017, 80 of them with captions) are asked for images without
a class; `wrong_absences.tsv` has what is to be seen in them. A file of evidence (`--evidence`, else the LVIS records in
YOLOBG_EVIDENCE) gets rows of its own where it is about any of these images. Where COCO's categories of its own images
are at hand (`--boxes`, else those of the study's images in YOLOBG_STUDY), it says how many absences it contradicts.
Prints what docs/evidence.md shows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from yolobg.dataset.layout import coco_id
from yolobg.evaluation.intervals import wilson
from yolobg.flow.evidence import Evidence, find_evidence, findings_of
from yolobg.matching.caption_terms import caption_terms
from yolobg.matching.lexicon.class_tables import lvis
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


def numbers(one: Evidence) -> list[int | None]:
    """COCO's number of each image that a file of evidence is about."""
    return [coco_id(Path(name).stem) for name in one.file.names]


def recorded(catalog: Catalog, one: Evidence) -> frozenset[int]:
    """The images of a catalog that a file of evidence is about."""
    known = set(numbers(one))
    return frozenset(number for number in catalog.ids if number in known)


def left_out(catalog: Catalog, one: Evidence, name: str, images: Collection[int]) -> frozenset[int]:
    """Those of the images that a run with this evidence leaves out for a class."""
    (finding,) = findings_of([one], catalog, [name], user_map={})
    return catalog.among(images, finding.present)


def said(one: Evidence, name: str) -> tuple[set[int | None], set[int | None]]:
    """The images in which the evidence finds this very class, and those that it verified to be free of it."""
    file, same, images = one.file, lvis().same.get(name), numbers(one)
    its_own = [c.id for c in file.categories if c.name == name or (same and file.synsets.get(c.id) == same)]
    found = {images[place] for number in its_own for place in file.found(number)}
    return found, {images[place] for number in its_own for place in file.absent(number)} - found


def judged_rows(catalog: Catalog, evidence: Sequence[Evidence]) -> Iterator[str]:
    """The table of the judged images."""
    judged = verdicts()
    captioned = {image for image, (_, texts) in catalog.describe(catalog.ids).items() if texts}
    yield "| class | absent by | images | surely there | 95 % interval | arguable |"
    yield "| --- | --- | ---: | ---: | --- | ---: |"
    for name in CLASSES:
        boxes, both = left(catalog, name, captions=False), left(catalog, name, captions=True)
        yield row(name, "boxes", boxes, judged)
        for by, images in (("boxes, those with captions", boxes), ("boxes and captions", both)):
            if images & captioned:
                yield row(name, by, images & captioned, judged)
        for one in evidence:
            if images := boxes & recorded(catalog, one):
                yield row(name, f"boxes, those in {Path(one.place).name}", images, judged)
                rest = images - left_out(catalog, one, name, images)
                yield row(name, f"boxes and {Path(one.place).name}", rest, judged)


def contradicted(catalog: Catalog, one: Evidence) -> Iterator[str]:
    """How many absences by COCO's boxes a file of evidence contradicts, and how many it confirms."""
    images, names = recorded(catalog, one), [category.name for category in catalog.categories]
    yield f"| class, in the {len(images)} images with both | absent by boxes | there | verified absent | nothing said |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    every = [0, 0, 0]
    for name in names:
        absent = left(catalog, name, captions=False) & images
        found, free = said(one, name)
        counts = (len(absent), len(absent & found), len(absent & free))
        every = [total + count for total, count in zip(every, counts, strict=True)]
        if name in CLASSES:
            yield _contradictions(name, *counts)
    yield _contradictions(f"all {len(names)}, image by image", *every)


def _contradictions(what: str, absent: int, found: int, free: int) -> str:
    return f"| {what} | {absent} | {found} | {free} | {absent - found - free} |"


def as_coco(file: Path, folder: Path) -> Path:
    """A file in COCO's format; one whose images list their categories (`category_ids`) is written in it."""
    content = json.loads(file.read_text("utf-8"))
    if "annotations" in content:
        return file
    images = [{"id": image["id"], "file_name": f"{image['id']:012d}.jpg"} for image in content["images"]]
    marks = [{"image_id": one["id"], "category_id": held} for one in content["images"] for held in one["category_ids"]]
    made = folder / "boxes.json"
    made.write_text(json.dumps({"images": images, "annotations": marks, "categories": content["categories"]}), "utf-8")
    return made


def paragraphs(coco: Path, evidence: Sequence[Path], boxes: Path | None, folder: Path) -> Iterator[str]:
    """What is printed.

    Args:
        coco: The folder with the judged images' records.
        evidence: Files of evidence.
        boxes: A file with COCO's categories of images that the evidence is about, if there is one.
        folder: Where to put what is made on the way.
    """
    files = find_evidence(evidence)
    with open_catalog(parse_source(str(coco / "annotations" / "instances_train2017.json"))) as catalog:
        yield "\n".join(judged_rows(catalog, files))
        for one in files:
            yield (
                f"{Path(one.place).name} has {len(one.file.names)} images; "
                f"{len(recorded(catalog, one))} of the {catalog.images} judged ones are among them."
            )
    if boxes is not None and files:
        with open_catalog(parse_source(str(as_coco(boxes, folder)), captions=None)) as catalog:
            for one in files:
                if recorded(catalog, one):
                    yield "\n".join(contradicted(catalog, one))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and print."""
    if not (place := os.environ.get("YOLOBG_COCO_REAL")):
        sys.exit("set YOLOBG_COCO_REAL to a folder with real COCO records (CONTRIBUTING.md)")
    parser = argparse.ArgumentParser(description="How often a class is there although the evidence says nothing of it.")
    parser.add_argument("--evidence", type=Path, action="append", help="a COCO-format file; may be repeated")
    parser.add_argument("--boxes", type=Path, help="COCO's categories of images that the evidence is about")
    options = parser.parse_args(arguments)
    records, study = os.environ.get("YOLOBG_EVIDENCE"), os.environ.get("YOLOBG_STUDY")
    evidence = options.evidence or ([Path(records) / "lvis_val_100.json"] if records else [])
    boxes = options.boxes or (Path(study) / "coco" / "images.json" if study else None)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["YOLOBG_CACHE_DIR"] = cache
        print("\n\n".join(paragraphs(Path(place), evidence, boxes, Path(cache))))


if __name__ == "__main__":
    main()
