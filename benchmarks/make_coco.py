"""Write COCO annotation files of the true size and shape of train2017, without COCO.

    python -m benchmarks.make_coco OUT [--scale 1.0] [--seed 0]

writes `OUT/annotations/instances_train2017.json` (about 470 MB), `captions_train2017.json` (about 92 MB) and
`OUT/annotations_trainval2017.zip` (both deflated, in the official layout). Numbers of images, annotations, crowds and
captions are those of train2017; the categories of each image are the real ones where the environment variable
`YOLOBG_COCO_REAL` names a folder with `train2017_image_categories.tsv.gz`, else drawn from the published image counts.
The same seed writes the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

IMAGES, ANNOTATIONS, CROWDS, CAPTIONS = 118_287, 860_001, 10_498, 591_753
EMPTY_IMAGES = 1_021
# Category id, name, train2017 images with it (published counts).
CATEGORIES: tuple[tuple[int, str, int], ...] = (
    (1, "person", 64115),
    (2, "bicycle", 3252),
    (3, "car", 12251),
    (4, "motorcycle", 3502),
    (5, "airplane", 2986),
    (6, "bus", 3952),
    (7, "train", 3588),
    (8, "truck", 6127),
    (9, "boat", 3025),
    (10, "traffic light", 4139),
    (11, "fire hydrant", 1711),
    (13, "stop sign", 1734),
    (14, "parking meter", 705),
    (15, "bench", 5570),
    (16, "bird", 3237),
    (17, "cat", 4114),
    (18, "dog", 4385),
    (19, "horse", 2941),
    (20, "sheep", 1529),
    (21, "cow", 1968),
    (22, "elephant", 2143),
    (23, "bear", 960),
    (24, "zebra", 1916),
    (25, "giraffe", 2546),
    (27, "backpack", 5528),
    (28, "umbrella", 3968),
    (31, "handbag", 6841),
    (32, "tie", 3810),
    (33, "suitcase", 2402),
    (34, "frisbee", 2184),
    (35, "skis", 3082),
    (36, "snowboard", 1654),
    (37, "sports ball", 4262),
    (38, "kite", 2261),
    (39, "baseball bat", 2506),
    (40, "baseball glove", 2629),
    (41, "skateboard", 3476),
    (42, "surfboard", 3486),
    (43, "tennis racket", 3394),
    (44, "bottle", 8501),
    (46, "wine glass", 2533),
    (47, "cup", 9189),
    (48, "fork", 3555),
    (49, "knife", 4326),
    (50, "spoon", 3529),
    (51, "bowl", 7111),
    (52, "banana", 2243),
    (53, "apple", 1586),
    (54, "sandwich", 2365),
    (55, "orange", 1699),
    (56, "broccoli", 1939),
    (57, "carrot", 1683),
    (58, "hot dog", 1222),
    (59, "pizza", 3166),
    (60, "donut", 1523),
    (61, "cake", 2925),
    (62, "chair", 12774),
    (63, "couch", 4423),
    (64, "potted plant", 4452),
    (65, "bed", 3682),
    (67, "dining table", 11837),
    (70, "toilet", 3353),
    (72, "tv", 4561),
    (73, "laptop", 3524),
    (74, "mouse", 1876),
    (75, "remote", 3076),
    (76, "keyboard", 2115),
    (77, "cell phone", 4803),
    (78, "microwave", 1547),
    (79, "oven", 2877),
    (80, "toaster", 217),
    (81, "sink", 4678),
    (82, "refrigerator", 2360),
    (84, "book", 5332),
    (85, "clock", 4659),
    (86, "vase", 3593),
    (87, "scissors", 947),
    (88, "teddy bear", 2140),
    (89, "hair drier", 189),
    (90, "toothbrush", 1007),
)
LICENSES = (
    (1, "Attribution-NonCommercial-ShareAlike License", "http://creativecommons.org/licenses/by-nc-sa/2.0/", 44),
    (2, "Attribution-NonCommercial License", "http://creativecommons.org/licenses/by-nc/2.0/", 16),
    (3, "Attribution-NonCommercial-NoDerivs License", "http://creativecommons.org/licenses/by-nc-nd/2.0/", 50),
    (4, "Attribution License", "http://creativecommons.org/licenses/by/2.0/", 23),
    (5, "Attribution-ShareAlike License", "http://creativecommons.org/licenses/by-sa/2.0/", 23),
    (6, "Attribution-NoDerivs License", "http://creativecommons.org/licenses/by-nd/2.0/", 9),
    (7, "No known copyright restrictions", "http://flickr.com/commons/usage/", 1),
    (8, "United States Government Work", "http://www.usa.gov/copyright.shtml", 0),
)
# fmt: off
WORDS = (
    "a", "a", "a", "a", "the", "the", "on", "on", "with", "in", "of", "and", "is", "two", "white", "black", "red",
    "young", "old", "large", "small", "street", "table", "water", "grass", "field", "snow", "beach", "kitchen",
    "room", "bathroom", "city", "park", "sky", "road", "tree", "building", "sitting", "standing", "riding",
    "holding", "playing", "eating", "walking", "next", "to", "near", "front", "side", "top", "some", "several",
    "group", "many", "looking", "parked", "filled", "covered", "green", "blue", "brown", "wooden",
)
# fmt: on
# Characters of coordinates per polygon annotation, chosen so that the whole file comes to COCO's 470 MB.
MEAN_LOG_POINTS = 2.71
MEAN_RUNS = 640


def draw_image_categories(rng: random.Random, images: int) -> list[list[int]]:
    """Category ids per image: the real lists where they are at hand, else drawn independently by image count."""
    place = os.environ.get("YOLOBG_COCO_REAL")
    table = Path(place) / "train2017_image_categories.tsv.gz" if place else None
    if table is not None and table.is_file():
        with gzip.open(table, "rt", encoding="ascii") as lines:
            next(lines)
            rows = [[int(c) for c in line.rstrip("\n").split("\t")[1].split(",") if c] for line in lines]
        return rows if images == len(rows) else [rng.choice(rows) for _ in range(images)]
    rows = [[] for _ in range(images)]
    busy = range(max(1, images * EMPTY_IMAGES // IMAGES), images)
    for category_id, _, count in CATEGORIES:
        for position in rng.sample(busy, min(len(busy), round(count * images / IMAGES))):
            rows[position].append(category_id)
    for position in busy:
        if not rows[position]:
            rows[position].append(1)
    rng.shuffle(rows)
    return rows


def image_ids(rng: random.Random, images: int) -> list[int]:
    """Sparse ids in no order, as in the real file (up to 581,929)."""
    return rng.sample(range(9, max(581_930, images * 5)), images)


def image_json(rng: random.Random, image_id: int) -> str:
    """One image record in the official key order."""
    license_id = rng.choices([row[0] for row in LICENSES], [row[3] for row in LICENSES])[0]
    width, height = rng.choice(((640, 480), (640, 427), (480, 640), (640, 426), (500, 375)))
    name = f"{image_id:012d}.jpg"
    flickr = (
        f"http://farm{rng.randint(1, 9)}.staticflickr.com/{rng.randint(1000, 9999)}/{rng.randint(10**9, 10**10 - 1)}"
    )
    url = f"http://images.cocodataset.org/train2017/{name}"
    captured = f"2013-11-{rng.randint(10, 28)} 0{rng.randint(0, 9)}:46:42"
    return (
        f'{{"license": {license_id}, "file_name": "{name}", "coco_url": "{url}", "height": {height}, "width": {width}, '
        f'"date_captured": "{captured}", "flickr_url": "{flickr}_{rng.getrandbits(40):010x}_z.jpg", "id": {image_id}}}'
    )


def coordinate_pool(rng: random.Random, mean_log_points: float = MEAN_LOG_POINTS) -> list[str]:
    """Texts of coordinate lists of many lengths; slices of random numbers are drawn once and reused."""
    numbers = [f"{rng.uniform(0, 640):.2f}" for _ in range(60_000)]
    pool = []
    for _ in range(20_000):
        points = max(3, min(400, round(rng.lognormvariate(mean_log_points, 0.82))))
        start = rng.randrange(len(numbers) - 2 * points)
        pool.append(", ".join(numbers[start : start + 2 * points]))
    return pool


def annotations_json(rng: random.Random, pairs: Sequence[tuple[int, int]], crowds: int, total: int) -> Iterator[str]:
    """Annotation records: one for each (image, category) pair, the rest repeated at random; crowds carry RLE counts."""
    pool = coordinate_pool(rng)
    order = list(pairs) + [rng.choice(pairs) for _ in range(total - len(pairs))]
    rng.shuffle(order)
    crowd_at = set(rng.sample(range(len(order)), min(crowds, len(order))))
    for index, (image_id, category_id) in enumerate(order):
        if index in crowd_at:
            counts = ", ".join(str(rng.randint(1, 600)) for _ in range(rng.randint(MEAN_RUNS // 2, MEAN_RUNS * 3 // 2)))
            shape, crowd = f'{{"counts": [{counts}], "size": [480, 640]}}', 1
        else:
            shape, crowd = f"[[{pool[int(rng.random() * len(pool))]}]]", 0
        box = f"{rng.random() * 500:.2f}, {rng.random() * 400:.2f}, {rng.random() * 140:.2f}, {rng.random() * 80:.2f}"
        yield (
            f'{{"segmentation": {shape}, "area": {rng.random() * 90_000:.5f}, "iscrowd": {crowd}, '
            f'"image_id": {image_id}, "bbox": [{box}], "category_id": {category_id}, "id": {900_000 + index}}}'
        )


def caption_text(rng: random.Random, names: Sequence[str]) -> str:
    """One sentence of a caption's usual length; it names one of the image's categories more often than not."""
    words = [WORDS[int(rng.random() * len(WORDS))] for _ in range(int(rng.gauss(7.85, 2.2)) % 20 + 1)]
    if names and rng.random() < 0.6:
        words.insert(len(words) // 2, names[int(rng.random() * len(names))])
    return " ".join(words).capitalize() + "."


def write_instances(path: Path, rng: random.Random, ids: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
    """Write the instances file piece by piece."""
    scale = len(ids) / IMAGES
    licenses = [{"url": url, "id": number, "name": name} for number, name, url, _ in LICENSES]
    categories = [{"supercategory": "thing", "id": number, "name": name} for number, name, _ in CATEGORIES]
    pairs = [(image_id, category_id) for image_id, row in zip(ids, rows, strict=True) for category_id in row]
    total = max(len(pairs), round(ANNOTATIONS * scale))
    with path.open("w", encoding="ascii", newline="") as out:
        out.write(
            '{"info": {"description": "COCO 2017 Dataset"}, "licenses": ' + json.dumps(licenses) + ', "images": ['
        )
        for index, image_id in enumerate(ids):
            out.write((", " if index else "") + image_json(rng, image_id))
        out.write('], "annotations": [')
        for index, text in enumerate(annotations_json(rng, pairs, round(CROWDS * scale), total)):
            out.write((", " if index else "") + text)
        out.write('], "categories": ' + json.dumps(categories) + "}")


def write_captions(path: Path, rng: random.Random, ids: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
    """Write the captions file piece by piece; five captions per image, a few images have six or seven."""
    scale = len(ids) / IMAGES
    name_of = {number: name for number, name, _ in CATEGORIES}
    order = [index for index in range(len(ids)) for _ in range(5)]
    order += rng.choices(range(len(ids)), k=max(0, round(CAPTIONS * scale) - len(order)))
    rng.shuffle(order)
    with path.open("w", encoding="ascii", newline="") as out:
        out.write('{"info": {"description": "COCO 2017 Dataset"}, "licenses": [], "images": [')
        for index, image_id in enumerate(ids):
            out.write((", " if index else "") + image_json(rng, image_id))
        out.write('], "annotations": [')
        for number, index in enumerate(order):
            text = caption_text(rng, [name_of[c] for c in rows[index]])
            record = f'{{"image_id": {ids[index]}, "id": {number + 37}, "caption": "{text}"}}'
            out.write((", " if number else "") + record)
        out.write("]}")


def make_coco(out: Path, *, scale: float = 1.0, seed: int = 0, archive: bool = True) -> Path:
    """Write the files below `out` and return the folder `out/annotations`."""
    rng = random.Random(seed)
    images = max(1, round(IMAGES * scale))
    rows = draw_image_categories(rng, images)
    ids = image_ids(rng, images)
    folder = out / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    write_instances(folder / "instances_train2017.json", rng, ids, rows)
    write_captions(folder / "captions_train2017.json", rng, ids, rows)
    if archive:
        with zipfile.ZipFile(out / "annotations_trainval2017.zip", "w", zipfile.ZIP_DEFLATED) as target:
            for name in ("instances_train2017.json", "captions_train2017.json"):
                target.write(folder / name, f"annotations/{name}")
    return folder


def main() -> None:
    """Read the arguments and say what was written."""
    parser = argparse.ArgumentParser(description="Write COCO annotation files of true size and shape.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = make_coco(options.out, scale=options.scale, seed=options.seed)
    for path in [*sorted(folder.iterdir()), options.out / "annotations_trainval2017.zip"]:
        sys.stdout.write(f"{path.stat().st_size:>12,} {path}\n")


if __name__ == "__main__":
    main()
