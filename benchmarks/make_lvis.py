"""Write LVIS v1's two files in their true size and shape, without LVIS.

    python -m benchmarks.make_lvis OUT [--scale 1.0] [--seed 0]

writes `OUT/annotations/lvis_v1_train.json` (about 1.0 GB) and `lvis_v1_val.json` (about 0.2 GB). Numbers of images,
annotations and pairs of image and class are LVIS'; its 1,203 synsets are the real ones. The images are those that
`make_coco` gives with the same scale and seed, and others. The same seed writes the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.make_coco import IMAGES, coordinate_pool, draw_image_categories, image_ids
from yolobg.matching.lexicon.class_tables import lvis

TRAIN_IMAGES, VAL_IMAGES = 100_170, 19_809
TRAIN_ANNOTATIONS, VAL_ANNOTATIONS = 1_270_141, 244_707
# Pairs of an image and a class that is in it, and classes that were verified to be absent from an image.
TRAIN_PAIRS, ABSENT = 360_952, 9.42
# Frequent, common and rare classes, and the most images that one of each has.
KINDS = ((405, 1_940), (461, 100), (337, 10))
# Of the images with a class, how many have more of it than is marked.
PARTIAL = 0.02
# As in `make_coco`: chosen so that an annotation takes the 790 bytes that it takes on average.
MEAN_LOG_POINTS = 3.35


def class_counts(rng: random.Random, pairs: int) -> list[int]:
    """In how many images each class is, the frequent ones first; they come to about `pairs`."""
    drawn = [most * rng.uniform(0.1, 1) for number, most in KINDS for _ in range(number)]
    return [max(1, round(count * pairs / sum(drawn))) for count in drawn]


def image_json(rng: random.Random, image_id: int, absent: Sequence[int], partial: Sequence[int]) -> str:
    """One image record; v1 has addresses and no file names."""
    return (
        f'{{"date_captured": "2013-11-14 16:28:13", "neg_category_ids": {json.dumps(absent)}, "id": {image_id}, '
        f'"license": {rng.randint(1, 8)}, "height": 427, "width": 640, "flickr_url": '
        f'"http://farm{rng.randint(1, 9)}.staticflickr.com/8186/{rng.randint(10**9, 10**10 - 1)}_93e225b3c9_z.jpg", '
        f'"coco_url": "http://images.cocodataset.org/train2017/{image_id:012d}.jpg", '
        f'"not_exhaustive_category_ids": {json.dumps(partial)}}}'
    )


def annotations_json(rng: random.Random, pairs: Sequence[tuple[int, int]], total: int) -> Iterator[str]:
    """Annotation records: one for each pair, the rest repeated at random."""
    pool = coordinate_pool(rng, MEAN_LOG_POINTS)
    order = list(pairs) + [pairs[int(rng.random() * len(pairs))] for _ in range(total - len(pairs))]
    rng.shuffle(order)
    for number, (image_id, category) in enumerate(order, 1):
        box = f"{rng.random() * 500:.2f}, {rng.random() * 400:.2f}, {rng.random() * 140:.2f}, {rng.random() * 80:.2f}"
        yield (
            f'{{"area": {rng.random() * 90_000:.2f}, "id": {number}, "segmentation": '
            f'[[{pool[int(rng.random() * len(pool))]}]], "image_id": {image_id}, "bbox": [{box}], '
            f'"category_id": {category}}}'
        )


def categories_json() -> str:
    """The classes, with words of the usual length around their synsets."""
    return json.dumps(
        [
            {
                "image_count": 64,
                "synonyms": [synset.partition(".")[0]],
                "def": "a thing of which somebody wrote down in a sentence or two what it is good for",
                "id": number,
                "synset": synset,
                "name": synset.partition(".")[0],
                "frequency": "c",
                "instance_count": 109,
            }
            for number, synset in enumerate(lvis().coco, 1)
        ]
    )


def write_lvis(path: Path, rng: random.Random, ids: Sequence[int], pairs: int, annotations: int) -> None:
    """Write one file piece by piece."""
    found = [
        (ids[place], category)
        for category, count in enumerate(class_counts(rng, pairs), 1)
        for place in rng.sample(range(len(ids)), min(count, len(ids)))
    ]
    partial: dict[int, list[int]] = {}
    for image_id, category in found:
        if rng.random() < PARTIAL:
            partial.setdefault(image_id, []).append(category)
    with path.open("w", encoding="ascii", newline="") as out:
        out.write('{"info": {"description": "LVIS v1"}, "annotations": [')
        for index, text in enumerate(annotations_json(rng, found, max(annotations, len(found)))):
            out.write((", " if index else "") + text)
        out.write('], "images": [')
        for index, image_id in enumerate(ids):
            absent = rng.sample(range(1, len(lvis().coco) + 1), int(ABSENT) + (rng.random() < ABSENT % 1))
            out.write((", " if index else "") + image_json(rng, image_id, absent, partial.get(image_id, [])))
        out.write('], "licenses": [], "categories": ' + categories_json() + "}")


def make_lvis(out: Path, *, scale: float = 1.0, seed: int = 0) -> tuple[Path, Path]:
    """Write the two files below `out` and return their paths."""
    rng = random.Random(seed)
    images = max(1, round(IMAGES * scale))
    draw_image_categories(rng, images)
    ids = image_ids(rng, images)
    number = min(images, round(TRAIN_IMAGES * scale))
    # Its val split has the rest of COCO's train images, and some of COCO's val images.
    others = range(600_000, 600_000 + max(0, round((TRAIN_IMAGES + VAL_IMAGES) * scale) - images))
    folder = out / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    train, val = folder / "lvis_v1_train.json", folder / "lvis_v1_val.json"
    share = VAL_ANNOTATIONS / TRAIN_ANNOTATIONS
    write_lvis(train, rng, ids[:number], round(TRAIN_PAIRS * scale), round(TRAIN_ANNOTATIONS * scale))
    rest = [*ids[number:], *others]
    write_lvis(val, rng, rest, round(TRAIN_PAIRS * scale * share), round(VAL_ANNOTATIONS * scale))
    return train, val


def main() -> None:
    """Read the arguments and say what was written."""
    parser = argparse.ArgumentParser(description="Write LVIS' files in true size and shape.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for path in make_lvis(options.out, scale=options.scale, seed=options.seed):
        sys.stdout.write(f"{path.stat().st_size:>13,} {path}\n")


if __name__ == "__main__":
    main()
