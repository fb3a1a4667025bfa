"""The index that ships with yolobg: the categories that each image of COCO train2017 holds, crowds included.

With it `--fast` starts without COCO's annotations. It says nothing of captions, licences, sizes or authors.
Derived from COCO's annotations (CC BY 4.0, COCO Consortium) by `tools/build_category_index.py`.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.read import ImageRow, Instances
from yolobg.sources.catalog.gaps import decode_gaps
from yolobg.sources.catalog.store import content_key

__all__ = ["CATEGORIES", "END", "FILE", "MAGIC", "Index", "index_key", "load_index", "read_index"]

FILE = Path(__file__).parent / "train2017_categories.bin"
MAGIC = b"ybgi1"
# Between the images' lists of category codes, which are below it.
END = b"\xff"

# COCO 2017's categories by id, as in its instances files.
CATEGORIES = {
    1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 5: "airplane", 6: "bus", 7: "train", 8: "truck", 9: "boat",
    10: "traffic light", 11: "fire hydrant", 13: "stop sign", 14: "parking meter", 15: "bench", 16: "bird", 17: "cat",
    18: "dog", 19: "horse", 20: "sheep", 21: "cow", 22: "elephant", 23: "bear", 24: "zebra", 25: "giraffe",
    27: "backpack", 28: "umbrella", 31: "handbag", 32: "tie", 33: "suitcase", 34: "frisbee", 35: "skis",
    36: "snowboard", 37: "sports ball", 38: "kite", 39: "baseball bat", 40: "baseball glove", 41: "skateboard",
    42: "surfboard", 43: "tennis racket", 44: "bottle", 46: "wine glass", 47: "cup", 48: "fork", 49: "knife",
    50: "spoon", 51: "bowl", 52: "banana", 53: "apple", 54: "sandwich", 55: "orange", 56: "broccoli", 57: "carrot",
    58: "hot dog", 59: "pizza", 60: "donut", 61: "cake", 62: "chair", 63: "couch", 64: "potted plant", 65: "bed",
    67: "dining table", 70: "toilet", 72: "tv", 73: "laptop", 74: "mouse", 75: "remote", 76: "keyboard",
    77: "cell phone", 78: "microwave", 79: "oven", 80: "toaster", 81: "sink", 82: "refrigerator", 84: "book",
    85: "clock", 86: "vase", 87: "scissors", 88: "teddy bear", 89: "hair drier", 90: "toothbrush",
}  # fmt: skip


def index_key() -> str:
    """The key of the catalog made from the index."""
    return content_key(hashlib.sha256(FILE.read_bytes()).hexdigest(), None)


@dataclass(frozen=True, slots=True)
class Index:
    """What the file holds.

    Attributes:
        order: The category of each code, which is its place.
        ids: Each image's id, ascending.
        codes: Each image's category codes, one byte each and each once, in the order of `ids`.
    """

    order: bytes
    ids: list[int]
    codes: list[bytes]


def load_index() -> Index:
    """Unpack the index.

    Raises:
        AnnotationsError: The file is damaged.
    """
    data = FILE.read_bytes()
    if not data.startswith(MAGIC):
        raise AnnotationsError(f"{FILE}: not an index of this version; install yolobg again")
    try:
        body = zlib.decompress(data[len(MAGIC) :])
    except zlib.error as error:
        raise AnnotationsError(f"{FILE}: damaged ({error}); install yolobg again") from error
    number = body[0]
    order, rest = body[1 : 1 + number], body[1 + number :]
    size = int.from_bytes(rest[:4], "little")
    return Index(order, list(accumulate(decode_gaps(rest[4 : 4 + size]))), rest[4 + size :].split(END))


def read_index() -> Instances:
    """The index as an instances file would say it: no sizes, no licences, no addresses but COCO's file names.

    Raises:
        AnnotationsError: The file is damaged.
    """
    index = load_index()
    holders: list[list[int]] = [[] for _ in index.order]
    for position, codes in enumerate(index.codes):
        for code in codes:
            holders[code].append(position)
    by_id = {category: frozenset(holders[code]) for code, category in enumerate(index.order)}
    images = tuple(ImageRow(image_id, f"{image_id:012d}.jpg", 0, 0, None, "", "") for image_id in index.ids)
    return Instances(images, CATEGORIES, {category: by_id[category] for category in CATEGORIES}, ())
