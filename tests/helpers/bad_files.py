"""What the tests of bad files share."""

from __future__ import annotations

import json
from pathlib import Path

import tally
from fuzz.seeds import INSTANCES, make_zip

from yolobg.sources.annotations.local_files import JsonFiles, unpack_local
from yolobg.sources.location import parse_source

GOOD_YAML = "train: images/train\nval: images/train\nnames: [cat, dog]\n"
TEXT = json.dumps(INSTANCES).encode()
MEMBER = "annotations/instances_x.json"
YAML_BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))


def make_dataset(root: Path) -> Path:
    """A small dataset with one labelled image, and a folder for what yolobg keeps."""
    for folder in ("images/train", "labels/train", ".yolobg"):
        (root / folder).mkdir(parents=True)
    (root / "images/train/a.jpg").write_bytes(b"an image")
    (root / "labels/train/a.txt").write_bytes(b"0 0.5 0.5 0.5 0.5\n")
    (root / "data.yaml").write_text(GOOD_YAML, encoding="utf-8")
    return root


def unpacked(path: Path) -> JsonFiles:
    """A local source made plain, its digests included."""
    folder = path.parent / "work"
    folder.mkdir(exist_ok=True)
    files = unpack_local(parse_source(str(path)), folder)
    assert files.instances.sha256
    return files


def cuts(data: bytes) -> list[bytes]:
    """Every beginning of a file but the whole."""
    tally.tried("bad inputs", len(data))
    return [data[:length] for length in range(len(data))]


def _damaged_zip() -> bytes:
    """A zip whose directory has another CRC-32 than its member."""
    data = bytearray(make_zip({MEMBER: TEXT}))
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    return bytes(data)


DAMAGED_ZIP = _damaged_zip()
