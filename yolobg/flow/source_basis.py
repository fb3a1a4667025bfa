"""On what the choice of images rests: does anything say what they show, and do the figures of COCO hold for them."""

from __future__ import annotations

from collections.abc import Sequence

from yolobg.dataset.layout import coco_id, file_stem
from yolobg.matching.lexicon import coco_categories
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.resolve import Source
from yolobg.wording import counted

__all__ = ["basis_notes", "is_coco"]

_LOOKED_AT = 50


def is_coco(source: Source, catalog: Catalog, ids: Sequence[int]) -> bool:
    """Whether the images are COCO's, so that the figures of its human re-checks hold for them.

    They are if the source is COCO's own, or if its categories are COCO's, some image has one of them, and its files
    have COCO's names, as in a part of it or a copy. Another's annotations may be better or worse, whatever their
    categories are called.
    """
    if source.annotations.open_images:
        return False
    if source.annotations.official:
        return True
    names = {category.name for category in catalog.categories}
    if source.plain or not any(category.images for category in catalog.categories):
        return False
    if not names <= {category.name for category in coco_categories()}:
        return False
    files = catalog.file_names(ids[:_LOOKED_AT])
    return bool(files) and all(coco_id(file_stem(name)) is not None for name in files)


def basis_notes(source: Source, catalog: Catalog, *, verified: bool) -> tuple[str, ...]:
    """What to say first of how little is known of a source's images; `verified` where only verified ones come in."""
    return _labels_note(source, verified=verified) + _nothing_known(source, catalog)


def _labels_note(source: Source, *, verified: bool) -> tuple[str, ...]:
    """What to say of a source in which people looked for a few classes in each image, where unknown images come in."""
    if not source.annotations.open_images or verified:
        return ()
    return (
        f"{source.name}: people looked for only a few classes in each image, so an image in which a class is unknown "
        "may show it. --verified takes only images that are verified to be free of every class",
    )


def _nothing_known(source: Source, catalog: Catalog) -> tuple[str, ...]:
    """What to say first of a source in which nothing says what its images show."""
    silent = source.silent if source.silent is not None else not any(c.images for c in catalog.categories)
    if not silent or not catalog.images or (source.silent is None and catalog.has_captions):
        return ()
    return (
        f"{source.name}: none of its {counted(catalog.images, 'image')} has an annotation, so nothing is known of what "
        "they show and none is left out for it. Review the added images (yolobg review)",
    )
