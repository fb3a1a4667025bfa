"""Compares the index that ships with yolobg with a catalog of the same images."""

from __future__ import annotations

from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.shipped_index import CATEGORIES, read_index
from yolobg.wording import counted

__all__ = ["index_differences"]


def index_differences(catalog: Catalog) -> str:
    """In which images, and in which categories of these, the index differs from a catalog; empty where in none.

    Args:
        catalog: Made from COCO 2017's annotations.

    Raises:
        AnnotationsError: The index or the catalog is damaged.
    """
    index = read_index()
    ids = [image.id for image in index.images]
    listed, there = set(ids), set(catalog.ids)
    if listed != there:
        return (
            f"it has {counted(len(listed - there), 'image')} that they lack, and lacks {len(there - listed):,} "
            "that they have"
        )
    names = {category.name for category in catalog.categories}
    if names != set(CATEGORIES.values()):
        return f"other categories: {', '.join(sorted(names ^ set(CATEGORIES.values())))}"
    differing: dict[int, str] = {}
    for category, places in index.holders.items():
        for image in {ids[place] for place in places} ^ catalog.holding([CATEGORIES[category]]):
            differing.setdefault(image, CATEGORIES[category])
    if not differing:
        return ""
    first = min(differing)
    return f"{counted(len(differing), 'image')} with other categories, for example {first:012d} ({differing[first]})"
