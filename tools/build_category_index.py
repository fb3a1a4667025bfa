"""Build the index of COCO train2017 that ships with yolobg: which categories each image holds.

The input has a line for each image, `image_id<TAB>category_id,category_id,…`, crowds counted, with a header; it is
derived from COCO's `instances_train2017.json` (CC BY 4.0, COCO Consortium).

Usage: python tools/build_category_index.py TABLE.tsv.gz
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import sys
import zlib
from collections import Counter
from pathlib import Path

from yolobg.sources.catalog.gaps import encode_gaps
from yolobg.sources.catalog.shipped_index import END, FILE, MAGIC


def main() -> int:
    """Read the table and write the index beside the module that reads it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    with gzip.open(parser.parse_args().table, "rt", encoding="ascii") as file:
        lines = [line.rstrip("\n").partition("\t") for line in file][1:]
    rows = sorted(
        (int(image), tuple(map(int, categories.split(",") if categories else ()))) for image, _, categories in lines
    )
    FILE.write_bytes(packed(rows))
    print(f"{FILE}: {len(rows):,} images, {FILE.stat().st_size:,} bytes")
    return 0


def packed(rows: list[tuple[int, tuple[int, ...]]]) -> bytes:
    """The index of `rows` (image id and category ids, ascending by image): the frequent categories first, deflated."""
    counts = Counter(category for _, categories in rows for category in categories)
    order = [category for category, _ in counts.most_common()]
    code = {category: number for number, category in enumerate(order)}
    lists = END.join(bytes(sorted(code[category] for category in categories)) for _, categories in rows)
    ids = [image for image, _ in rows]
    gaps = encode_gaps(after - before for before, after in itertools.pairwise([0, *ids]))
    return MAGIC + zlib.compress(bytes([len(order), *order]) + len(gaps).to_bytes(4, "little") + gaps + lists, 9)


if __name__ == "__main__":
    sys.exit(main())
