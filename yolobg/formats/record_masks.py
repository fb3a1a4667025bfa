"""Pictures that are records of other pictures: masks, which mark pixel by pixel what an image shows."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence

__all__ = ["OTHER_PICTURES", "find_masks"]

_FOLDER = re.compile(
    r"(?:^|[ ._-])(?:masks?|segmentationclass(?:raw|aug)?|segmentationobject|segmentations?|segmaps?|gtfine|gtcoarse|"
    r"labelids|trimaps?|stuffthingmaps|panoptic|pixelmaps?|groundtruths?|ground[ _-]truth|mattes?)(?:$|[ ._-])"
)
_NAME = re.compile(
    r"(.+?)[ ._-](?:gt[A-Za-z]+[ ._-])?(?:masks?|seg|segmentation|segmap|labels?|labelids|labeltrainids|instanceids|gt|"
    r"groundtruth|matte|trimap|annotation|color|l)(?:[ ._-]?\d+)?"
)
_LOSSLESS = {".png": ("PNG",), ".bmp": ("BMP",), ".tif": ("TIFF",), ".tiff": ("TIFF",), ".webp": ("WEBP",)}
OTHER_PICTURES = (".gif", ".pbm", ".pgm", ".pnm", ".ppm", ".tga")
"""Pictures that trainers do not read, and masks may be kept in."""
_FEW_COLOURS = 64
_MOST_PIXELS = 40_000_000
_SAMPLE = 6
_MOST_FOLDERS = 500


def find_masks(images: Sequence[str], root: str) -> list[str]:
    """The pictures among the images of a folder that mark others, in the order given.

    Told by a folder's name (`masks`, `SegmentationClass`), by a file's name (`a_mask.png` beside `a.jpg`), or by
    content: a picture without loss and of few colours that is called like another one. Where all pictures would be
    masks, none is: they are what the folder is about.

    Args:
        images: Absolute paths.
        root: The folder that they lie below.
    """
    by_stem: dict[str, list[str]] = defaultdict(list)
    for image in images:
        by_stem[_stem(image)].append(image)
    found = {image for image in images if _named_so(image, root, by_stem)}
    found |= _drawn_so(by_stem, found)
    return [image for image in images if image in found] if len(found) < len(images) else []


def _named_so(image: str, root: str, by_stem: dict[str, list[str]]) -> bool:
    below = re.split(r"[/\\]", image[len(root) :].casefold())[:-1]
    if any(_FOLDER.search(folder) for folder in below):
        return True
    name = _NAME.fullmatch(_stem(image))
    # Cityscapes tells the two apart by what follows the common part.
    return name is not None and any(base in by_stem for base in (name[1], f"{name[1]}_leftimg8bit"))


def _drawn_so(by_stem: dict[str, list[str]], known: set[str]) -> set[str]:
    """Pictures of a folder that look drawn, as far as a sample tells, and whose partners of the same name do not."""
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for alike in by_stem.values():
        if len(alike) > 1:
            for image in alike:
                suffix = _suffix(image)
                partner = next((one for one in alike if one != image and one not in known), None)
                if suffix in _LOSSLESS and image not in known and partner is not None:
                    pairs[image.rpartition(os.sep)[0], suffix].append((image, partner))
    found: set[str] = set()
    for group in list(pairs.values())[:_MOST_FOLDERS]:
        sample = group[:: max(1, len(group) // _SAMPLE)][:_SAMPLE]
        if all(_marks(image, partner) for image, partner in sample):
            found.update(image for image, _ in group)
    return found


def _marks(image: str, partner: str) -> bool:
    colours = _colours(image)
    if colours is None:
        return False
    theirs = _colours(partner) if _suffix(partner) in _LOSSLESS else None
    return theirs is None or theirs > 2 * colours


def _colours(image: str) -> int | None:
    """How many colours a picture has; None where these are many, or it cannot be looked at."""
    from PIL import Image  # noqa: PLC0415 - for folders with pictures of equal names only

    try:
        with Image.open(image, formats=_LOSSLESS[_suffix(image)]) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                return None
            found = picture.getcolors(_FEW_COLOURS)
    except Exception:  # noqa: BLE001 - a decoder may raise anything on damaged bytes
        return None
    return None if found is None else len(found)


def _stem(image: str) -> str:
    return image.rpartition(os.sep)[2].rpartition(".")[0].casefold()


def _suffix(image: str) -> str:
    return "." + image.rpartition(".")[2].casefold()
