"""Show what each caption term of each category is worth, for any captions and instances files in COCO's format.

Usage: python tools/caption_terms.py CAPTIONS INSTANCES [--category NAME]...

For each term: `support`, the images whose captions have the term but not the category's name; `precision`, the share
of them that have the category by instances; `base`, the share of all captioned images that have it; `cost`, the share
of the images without the category that the term alone would drop. A term whose precision is near the base rate is
noise. `keep?` is the rule: at least max(25 %, 3 x base), for person 80 %; below 8 images `few`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from yolobg.matching.caption_terms import category_terms, written_out  # noqa: E402 - the tool runs from a checkout
from yolobg.matching.words import words  # noqa: E402

FEW, AT_LEAST, TIMES_BASE, PERSON_AT_LEAST = 8, 0.25, 3.0, 0.8


@dataclass(frozen=True)
class Worth:
    """What a term is worth; shares are 0-1, `precision` is None without support."""

    support: int
    precision: float | None
    base: float
    cost: float

    def verdict(self, category: str) -> str:
        """Return `keep`, `drop` or `few` by the precision rule."""
        if self.support < FEW or self.precision is None:
            return "few"
        needed = PERSON_AT_LEAST if category == "person" else max(AT_LEAST, TIMES_BASE * self.base)
        return "keep" if self.precision >= needed else "drop"


def read_captions(path: Path) -> dict[int, list[str]]:
    """Return image id to its captions, each as words between single spaces, with a space at either end."""
    captions: dict[int, list[str]] = defaultdict(list)
    for annotation in _read(path)["annotations"]:
        captions[annotation["image_id"]].append(f" {' '.join(words(annotation['caption']))} ")
    return dict(captions)


def read_presence(path: Path) -> dict[str, set[int]]:
    """Return category name to the ids of the images with at least one annotation of it."""
    raw = _read(path)
    names = {category["id"]: category["name"] for category in raw["categories"]}
    present: dict[str, set[int]] = {name: set() for name in names.values()}
    for annotation in raw["annotations"]:
        present[names[annotation["category_id"]]].add(annotation["image_id"])
    return present


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def naming(term: str, captions: Mapping[int, Sequence[str]]) -> set[int]:
    """Return the images of which a caption has the term as whole words."""
    return {image for image, texts in captions.items() if any(f" {term} " in text for text in texts)}


def excused(phrases: Iterable[str], captions: Mapping[int, Sequence[str]], named: set[int], term: str) -> set[int]:
    """Return the named images all of whose naming captions hold one of the excusing phrases."""
    listed = [f" {phrase} " for phrase in phrases]
    return {
        image
        for image in named
        if all(any(p in text for p in listed) for text in captions[image] if f" {term} " in text)
    }


def worth(named: set[int], own: set[int], present: set[int], images: set[int]) -> Worth:
    """Return what a term is worth that names `named` images, for a category whose own name is in captions of `own`."""
    alone, absent = named - own, images - present
    precision = len(alone & present) / len(alone) if alone else None
    return Worth(len(alone), precision, len(present & images) / len(images), len(named & absent) / max(1, len(absent)))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What each caption term is worth.")
    parser.add_argument("captions", type=Path)
    parser.add_argument("instances", type=Path)
    parser.add_argument("--category", action="append", default=[])
    options = parser.parse_args(argv)
    captions, presence = read_captions(options.captions), read_presence(options.instances)
    images = set(captions)
    print(f"{len(images):,} captioned images")
    print(f"{'category':16}{'term':24}{'support':>8}{'precision':>10}{'base':>8}{'cost':>8}")
    for category, terms in category_terms().items():
        if category not in presence or (options.category and category not in options.category):
            continue
        own = set().union(*(naming(form, captions) for form in written_out(category)))
        for term in terms.terms:
            named = naming(term, captions)
            named -= excused(terms.but_not, captions, named, term)
            row = worth(named, own, presence[category], images)
            precision = "-" if row.precision is None else f"{row.precision:.2f}"
            print(
                f"{category:16}{term:24}{row.support:8,}{precision:>10}{row.base:8.3f}{row.cost:8.4f}  "
                f"{row.verdict(category)}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
