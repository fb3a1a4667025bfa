"""Files that are damaged, absurd or no files at all: an error of ours in bounded time and memory, each case by name.

`test_fuzz.py` tries what nobody thought of. Cases that need gigabytes use sparse files and run in children, whose
memory is measured.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tally
from fuzz.mutate import ODD, odd_at_every_place
from fuzz.seeds import CAPTIONS, INSTANCES, MANIFEST, SEEDS, make_zip
from fuzz.targets import TARGETS

from yolobg import remove, status
from yolobg.coco.annotation_files import JsonFiles, unpack_local
from yolobg.coco.annotation_source import parse_source
from yolobg.coco.annotations import parse_instances, read_captions, read_instances
from yolobg.dataset.data_yaml import load_yaml, parse_data_yaml, read_data_yaml
from yolobg.dataset.label_check import label_checker
from yolobg.dataset.manifest import read_manifest
from yolobg.dataset.rejected import read_rejections
from yolobg.dataset.settings import datasets_dirs
from yolobg.errors import AnnotationsError, DatasetError, UsageError, YolobgError
from yolobg.formats.coco_read import read_coco
from yolobg.formats.voc import read_voc
from yolobg.formats.yolo_folders import read_darknet, read_plain
from yolobg.pipeline import read_map
from yolobg.pool import _says_something
from yolobg.review.state import read_state

GOOD_YAML = "train: images/train\nval: images/train\nnames: [cat, dog]\n"
TEXT = json.dumps(INSTANCES).encode()
MEMBER = "annotations/instances_x.json"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A small dataset with one labelled image, and a folder for what yolobg keeps."""
    for folder in ("images/train", "labels/train", ".yolobg"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "images/train/a.jpg").write_bytes(b"an image")
    (tmp_path / "labels/train/a.txt").write_bytes(b"0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text(GOOD_YAML, encoding="utf-8")
    return tmp_path


def unpacked(path: Path) -> JsonFiles:
    """A local source made plain, its digests included."""
    folder = path.parent / "work"
    folder.mkdir(exist_ok=True)
    files = unpack_local(parse_source(str(path)), folder)
    assert files.instances.sha256
    return files


def told(call: Callable[[], object]) -> str | None:
    """What an error of ours says; None where there is none."""
    try:
        call()
    except YolobgError as error:
        return str(error)
    return None


# ---------------------------------------------------------------- every file: not UTF-8, marks, NUL, nesting

STRANGE = {
    "nothing": b"",
    "blanks": b" \n\t\r\n",
    "NUL bytes": b"\0" * 1000,
    "not UTF-8": b"\xff\xfe\xfa caf\xe9 \x80",
    "UTF-16": "\ufeff{}".encode("utf-16-le"),
    "UTF-16, big end first": "\ufeffnames: [a]".encode("utf-16-be"),
    "UTF-32": "{}".encode("utf-32"),
    "a byte-order mark": b"\xef\xbb\xbf",
    "two byte-order marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "overlong UTF-8": b"\xc0\xaf\xe0\x80\xaf",
    "surrogates as UTF-8": b'{"a": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"images": [{"id": 1, "file_name": "\\ud800"}], "annotations": [], "categories": []}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 braces": b'{"a":' * 100_000,
    "100,000 closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 brackets in a key": b'{"info": ' + b"[" * 100_000 + b"]" * 100_000 + b', "images": []}',
    "100,000 brackets in an entry": b'{"annotations": [{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    "100,000 dashes": b"- " * 100_000,
    "NaN": b"NaN",
    "Infinity": b'{"version": Infinity, "images": [{"id": -Infinity}]}',
    "1e400": b'{"version": 1e400, "images": [{"id": 1e400, "file_name": "a"}], "annotations": [], "categories": []}',
    "5,000 digits": b'{"version": ' + b"9" * 5000 + b', "nc": ' + b"9" * 5000 + b"}",
    "a million digits": b"9" * 1_000_000,
    "a text that never ends": b'{"images": "' + b"x" * 1_000_000,
    "a million quotes": b'"' * 1_000_000,
    "a million commas": b"{" + b"," * 1_000_000,
    "a megabyte in a line": b"x" * (1 << 20) + b"\n",
    "250,000 line ends": b"\n" * 250_000,
    "web page": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "terminal": b"\x1b[2J\x1b]0;x\x07",
    "zip": SEEDS["zip"][0],
    "gzip": gzip.compress(b"{}"),
    "entities": b"<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
    + b"]><annotation><filename>&j;</filename></annotation>",
}


@pytest.mark.parametrize("what", STRANGE)
def test_any_file__of_strange_content_is_answered(what: str) -> None:
    for target in TARGETS.values():
        target(STRANGE[what])
    tally.tried("bad inputs", len(TARGETS))


@pytest.mark.parametrize("what", STRANGE)
def test_source__of_strange_content_is_refused(tmp_path: Path, what: str) -> None:
    """None of these is a file that anything could be taken from."""
    (tmp_path / "instances_x.json").write_bytes(STRANGE[what])
    with pytest.raises(AnnotationsError, match=r"instances_x\.json"):
        read_instances(tmp_path / "instances_x.json")


# ---------------------------------------------------------------- every place and every byte

# One of each is enough.
ONE_EACH = {key: value[:1] if isinstance(value, list) else value for key, value in INSTANCES.items()}
TREES: dict[str, list[Any]] = {
    "instances": [ONE_EACH],
    "convert": [ONE_EACH],
    "captions": [CAPTIONS],
    "manifest": [MANIFEST, {"version": 1, "pending": {"kind": "remove", "entries": [], "folders": ["x"]}}],
    "records": [json.loads(seed) for seed in SEEDS["records"]],
    "settings": [json.loads(seed) for seed in SEEDS["settings"]],
    "map": [json.loads(SEEDS["map"][2]), {"cat": "cat", "dog": ["dog"], "x": None}],
    "data_yaml": [
        {
            "path": ".",
            "train": ["images"],
            "val": "images",
            "names": ["a", "b"],
            "nc": 2,
            "kpt_shape": [2, 3],
            "flip_idx": [1, 0],
        },
        {"train": "images", "val": "images", "names": {"0": "a"}},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES)
def test_wrong_types__at_every_place_are_answered(name: str) -> None:
    tried = 0
    for tree in TREES[name]:
        for document in odd_at_every_place(tree):
            TARGETS[name](document)
            tried += 1
    assert tried > 2 * len(ODD)
    tally.tried("bad inputs", tried)


def cuts(data: bytes) -> list[bytes]:
    """Every beginning of a file but the whole."""
    tally.tried("bad inputs", len(data))
    return [data[:length] for length in range(len(data))]


@pytest.mark.slow
@pytest.mark.parametrize("indent", [None, 1])
def test_instances__cut_at_any_byte_are_refused(tmp_path: Path, indent: int | None) -> None:
    file = tmp_path / "instances_x.json"
    for cut in cuts(json.dumps(INSTANCES, indent=indent).encode()):
        file.write_bytes(cut)
        with pytest.raises(AnnotationsError, match=r"cut short|empty|not valid JSON"):
            read_instances(file)
        with pytest.raises(DatasetError):
            read_coco(file)


def test_captions__cut_at_any_byte_are_refused(tmp_path: Path) -> None:
    instances = parse_instances(TEXT, source="x")
    file = tmp_path / "captions_x.json"
    for cut in cuts(SEEDS["captions"][1]):
        file.write_bytes(cut)
        with pytest.raises(AnnotationsError, match=r"cut short|empty|not valid JSON"):
            read_captions(file, instances)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SEEDS["zip"])))
def test_zip__cut_at_any_byte_is_refused(tmp_path: Path, number: int) -> None:
    file = tmp_path / "a.zip"
    for cut in cuts(SEEDS["zip"][number].removesuffix(b"a comment")):
        file.write_bytes(cut)
        with pytest.raises(AnnotationsError):
            read_instances(unpacked(file).instances.path)


@pytest.mark.parametrize("seed", SEEDS["manifest"][:2])
def test_manifest__cut_at_any_byte_is_refused(dataset: Path, seed: bytes) -> None:
    file = dataset / ".yolobg/manifest.json"
    for cut in cuts(seed):
        file.write_bytes(cut)
        with pytest.raises(DatasetError, match="not a manifest of yolobg"):
            read_manifest(dataset)
    assert file.read_bytes() == seed[:-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["data_yaml", "label", "list", "map", "settings", "records", "voc"])
def test_others__cut_at_any_byte_are_answered(name: str) -> None:
    for seed in SEEDS[name]:
        for cut in cuts(seed):
            TARGETS[name](cut)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 6])
def test_zip__with_any_byte_changed_is_refused_or_the_same(tmp_path: Path, number: int) -> None:
    """CRC-32 sees what changes the content; what is left is dates, attributes and the like."""
    whole = SEEDS["zip"][number]
    file = tmp_path / "a.zip"
    right = parse_instances(TEXT, source="x")
    same = 0
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with contextlib.suppress(AnnotationsError):
            assert read_instances(unpacked(file).instances.path) == right
            same += 1
    assert 0 < same < 300
    tally.tried("bad inputs", len(whole))


# ---------------------------------------------------------------- the annotations


@pytest.mark.parametrize("value", [True, "1", None, [1], {}, 1.5, 2**64, -(2**64), 1e300])
@pytest.mark.parametrize(("array", "key"), [("images", "id"), ("categories", "id"), ("annotations", "image_id")])
def test_ids__that_are_no_whole_numbers_are_refused(tmp_path: Path, array: str, key: str, value: object) -> None:
    tree = json.loads(TEXT)
    tree[array][0][key] = value
    (tmp_path / "instances_x.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(AnnotationsError, match=rf"{array}|{key}"):
        read_instances(tmp_path / "instances_x.json")
    tally.tried("bad inputs")


def test_ids__that_pandas_wrote_as_floats_are_taken(tmp_path: Path) -> None:
    tree = json.loads(TEXT)
    for entry in tree["images"] + tree["categories"]:
        entry["id"] = float(entry["id"])
    for entry in tree["annotations"]:
        entry["image_id"], entry["category_id"] = float(entry["image_id"]), float(entry["category_id"])
    assert parse_instances(json.dumps(tree).encode(), source="x") == parse_instances(TEXT, source="x")


@pytest.mark.parametrize(
    "value", ["9" * 5000, 10**400, 1e308, -1, True, "x", "1" * 31, "-1", "٣", 2**63], ids=range(10)
)
@pytest.mark.parametrize("key", ["width", "height", "license", "coco_url", "flickr_url"])
def test_records__with_nonsense_beside_the_id_are_taken(tmp_path: Path, key: str, value: object) -> None:
    tree = json.loads(TEXT)
    tree["images"][0][key] = value
    file = tmp_path / "instances_x.json"
    file.write_text(json.dumps(tree), encoding="utf-8")
    record = read_instances(file).images[0]
    assert 0 <= record.width < 2**63
    assert 0 <= record.height < 2**63
    assert record.license in {None, 1, -1, 3} if key == "license" else record.license == 1
    tally.tried("bad inputs")


def test_repeated_keys__the_last_one_counts_as_for_python(tmp_path: Path) -> None:
    """In the top level, where the file is otherwise read array by array, and in an entry."""
    file = tmp_path / "instances_x.json"
    for text in (
        b'{"images": [{"id": 5, "file_name": "old"}], ' + TEXT[1:],
        TEXT.replace(b'"id": 1, "file_name"', b'"id": 8, "id": 1, "file_name"'),
    ):
        file.write_bytes(text)
        names = {record.id: record.file_name for record in read_instances(file).images}
        assert names == {entry["id"]: entry["file_name"] for entry in json.loads(text)["images"]}


@pytest.mark.parametrize("blank", [b" ", b"\n", b"\t", b"\r", b" \n"])
def test_instances__a_row_of_blanks_takes_no_quadratic_time(tmp_path: Path, blank: bytes) -> None:
    """In a value that is passed over, between values and within a text: 3 MiB would have taken hours."""
    row = blank * ((3 << 20) // len(blank))
    file = tmp_path / "instances_x.json"
    right = parse_instances(TEXT, source="x")
    for text in (
        b'{"note": ' + row + b"1, " + TEXT[1:],
        b'{"note": 1' + row + b", " + TEXT[1:],
        b'{"note": ["x' + (b" " * len(row)) + b'"], ' + TEXT[1:],
        TEXT[:-1] + row + b"}",
        TEXT + row,
        TEXT.replace(b'"annotations": [', b'"annotations": [' + row),
        TEXT.replace(b'"iscrowd": 0', b'"iscrowd":' + row + b" 0"),
    ):
        file.write_bytes(text)
        assert read_instances(file) == right
    tally.tried("bad inputs", 7)


@pytest.mark.parametrize("blank", ["\x0b", "\x0c", "\xa0", "\x1f", "\x85", "\u2028"])
def test_instances__what_only_python_calls_blank_is_no_json(tmp_path: Path, blank: str) -> None:
    file = tmp_path / "instances_x.json"
    text = json.dumps({key: INSTANCES[key] for key in ("images", "annotations", "categories")}).encode()
    for place in (b"{", b'"images": ', b"[", b"}, ", b"]"):
        file.write_bytes(text.replace(place, place + blank.encode(), 1))
        with pytest.raises(AnnotationsError, match="not valid JSON"):
            read_instances(file)
    file.write_bytes(text + blank.encode())
    with pytest.raises(AnnotationsError, match="not valid JSON"):
        read_instances(file)


# ---------------------------------------------------------------- containers


def zipped(folder: Path, data: bytes) -> Path:
    path = folder / "a.zip"
    path.write_bytes(data)
    tally.tried("bad inputs")
    return path


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """A zip with some bytes of each header of a kind replaced."""
    out = bytearray(data)
    for match in re.finditer(re.escape(signature), data):
        out[match.start() + offset : match.start() + offset + len(value)] = value
    return bytes(out)


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
PLAIN = make_zip({MEMBER: TEXT})


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no such|not valid|empty"),
        (PLAIN[:-22], "empty|not valid|damaged"),
        (patched(PLAIN, CENTRAL, 16, b"\0\0\0\0"), "CRC"),
        (patched(patched(PLAIN, CENTRAL, 8, b"\1\0"), LOCAL, 6, b"\1\0"), "encrypted"),
        (patched(PLAIN, CENTRAL, 10, b"\x63\0"), "damaged"),
        (patched(PLAIN, CENTRAL, 24, struct.pack("<L", 0xFFFFFFF0)), "claim to inflate"),
        (patched(PLAIN, CENTRAL, 24, struct.pack("<L", 10)), "damaged"),
        (patched(PLAIN, CENTRAL, 42, struct.pack("<L", 0xFFFFFFF0)), "damaged"),
        (patched(PLAIN, END, 12, struct.pack("<L", 0x7FFFFFFF)), "damaged|not valid"),
        (patched(PLAIN, END, 16, struct.pack("<L", 0x7FFFFFFF)), "damaged"),
        (patched(PLAIN, LOCAL, 0, b"XXXX"), "damaged"),
        (PLAIN.replace(MEMBER.encode(), b"\0" * len(MEMBER)), "damaged|no .json"),
        (make_zip({"x\xe4.json": TEXT}).replace("\xe4".encode(), b"\xff\xff"), "damaged"),
        (make_zip({MEMBER: b"\0" * 5_000_000}), "claim to inflate"),
        (make_zip({"readme.txt": b"x"}), r"no \.json"),
        (make_zip({}), r"no \.json|empty|not valid"),
        (make_zip({"a.json": TEXT, "b.json": TEXT}), "cannot tell"),
        (make_zip({"instances_a.json": TEXT, "instances_b.json": TEXT}), "cannot tell"),
        (make_zip({"instances_x.json/": b""}), r"no \.json"),
        (make_zip({MEMBER: TEXT}, zipfile.ZIP_LZMA).replace(b"\x09\x04\x05\x00]", b"\x09\x04\x05\x00\xff"), "damaged"),
        (make_zip({MEMBER: TEXT}, zipfile.ZIP_BZIP2).replace(b"BZh9", b"BZh0"), "damaged"),
        (make_zip({f"{MEMBER}.gz": b"\x1f\x8b not gzip"}), "not valid JSON|damaged"),
    ],
    ids=range(22),
)
def test_zip__that_is_damaged_or_odd_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(AnnotationsError, match=why):
        read_instances(unpacked(zipped(tmp_path, data)).instances.path)


@pytest.mark.parametrize(
    "data",
    [
        SEEDS["zip"][6],  # zip64, sizes behind the data
        b"MZ a program before it" * 100 + PLAIN,
        make_zip({MEMBER: TEXT}, comment=b"a comment " * 100),
        make_zip({"__MACOSX/instances_x.json": b"x", MEMBER: TEXT}),
        make_zip({MEMBER: TEXT, **{f"readme{number}": b"" for number in range(3000)}}),
        patched(PLAIN, CENTRAL, 20, struct.pack("<L", 0xFFFFFFF0)),
    ],
    ids=["zip64", "prefix", "comment", "macos", "many members", "packed size"],
)
def test_zip__that_is_odd_but_right_is_read(tmp_path: Path, data: bytes) -> None:
    assert read_instances(unpacked(zipped(tmp_path, data)).instances.path) == parse_instances(TEXT, source="x")


@pytest.mark.parametrize(
    "name",
    [
        "../../instances_x.json",
        "/instances_x.json",
        "C:\\instances_x.json",
        "a/" * 2000 + "instances_x.json",
        "instances_\n.json",
    ],
)
def test_zip__names_of_members_lead_nowhere(tmp_path: Path, name: str) -> None:
    home = tmp_path / "deep/home"
    home.mkdir(parents=True)
    path = zipped(home, make_zip({name: TEXT}))
    read_instances(unpacked(path).instances.path)
    files = {file for file in tmp_path.rglob("*") if file.is_file()}
    assert {file.parent for file in files} <= {home, home / "work"}
    assert len(files) == 2


def overlapping() -> bytes:
    """A directory that names one member's bytes a hundred times over."""
    single = make_zip({"instances_x.json": TEXT})
    start = single.index(CENTRAL)
    end = single.index(END)
    record = single[start:end]
    records = record + b"".join(record.replace(b"instances_x.json", b"other_%06d.txt" % i) for i in range(99))
    tail = END + struct.pack("<4H2LH", 0, 0, 100, 100, len(records), start, 0)
    return single[:start] + records + tail


def test_zip__overlapping_members_cost_no_more_than_the_one_that_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path, overlapping())
    assert len(zipfile.ZipFile(path).namelist()) == 100
    assert read_instances(unpacked(path).instances.path) == parse_instances(TEXT, source="x")
    assert sum(file.stat().st_size for file in (tmp_path / "work").iterdir()) == len(TEXT)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (gzip.compress(TEXT)[:-9], "damaged"),
        (gzip.compress(TEXT)[:-4] + b"\0\0\0\0", "damaged"),
        (gzip.compress(TEXT)[:-8] + b"\0" * 8, "damaged"),
        (b"\x1f\x8b", "damaged"),
        (b"\x1f\x8b\x08\0" + b"\xff" * 50, "damaged"),
        (gzip.compress(b" " * 30_000_000), "inflates to more than"),
        (gzip.compress(TEXT) + gzip.compress(TEXT), "not valid JSON"),
    ],
    ids=range(7),
)
def test_gzip__that_is_damaged_or_a_bomb_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "instances_x.json.gz").write_bytes(data)
    with pytest.raises(AnnotationsError, match=why):
        read_instances(unpacked(tmp_path / "instances_x.json.gz").instances.path)
    assert sum(file.stat().st_size for file in (tmp_path / "work").iterdir()) < 200 * len(data) + (2 << 20)
    tally.tried("bad inputs")


# ---------------------------------------------------------------- data.yaml, map file, labels

BOMBS = {
    "billion laughs": "a0: &a0 [x, x]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
    "merged laughs": "a0: &a0 {k: v}\n"
    + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], k{i}: v}}\n" for i in range(1, 12)),
    "aliases piled up": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 1200)),
    "an alias in itself": "a: &a [*a]\n",
    "one text 300,000 times": "a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 300_000 + "]\nc: [*b, *b, *b, *b]\n",
    "to base 60": "nc: 1" + ":59" * 300_000 + "\n",
    "hexadecimal": "nc: 0x" + "f" * 1_000_000 + "\n",
    "binary": "nc: 0b" + "1" * 1_000_000 + "\n",
    "deep flow": "a: " + "[" * 100_000 + "\n",
    "deep blocks": "".join(" " * i + "- \n" for i in range(2000)),
    "a line of 5 MiB": "a: " + "x" * (5 << 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BOMBS)
def test_yaml__bombs_are_refused_or_harmless(dataset: Path, what: str) -> None:
    (dataset / "data.yaml").write_text(BOMBS[what] + GOOD_YAML, encoding="utf-8")
    (dataset / "map.yaml").write_text(BOMBS[what], encoding="utf-8")
    with pytest.raises(DatasetError, match=r"data\.yaml"):
        read_data_yaml(dataset / "data.yaml")
    with pytest.raises(YolobgError, match=r"map\.yaml"):
        read_map(dataset / "map.yaml")
    tally.tried("bad inputs", 2)


@pytest.mark.parametrize("key", ["path", "train", "val", "names", "nc", "kpt_shape"])
@pytest.mark.parametrize(
    "value",
    ["0x" + "f" * 900, "-" + "9" * 900, ".nan", "-.inf", "2024-02-30", "!!binary YQ==", "!!set {a}", "[[[[[]]]]]"],
)
def test_data_yaml__odd_values_are_told_by_key(dataset: Path, key: str, value: str) -> None:
    tree = {"train": "images/train", "val": "images/train", "names": "[a]", key: value}
    text = "".join(f"{name}: {said}\n" for name, said in tree.items())
    said = told(lambda: parse_data_yaml(load_yaml(text, source="data.yaml"), file=dataset / "data.yaml"))
    assert said is None or re.search(rf"'{key}'|not valid YAML", said)
    assert len(said or "") < 2000
    tally.tried("bad inputs")


@pytest.mark.parametrize(
    "text",
    [
        b'{"schema": 1, "classes": [{"name": [], "status": "mapped", "exclude": [], "maybe": []}]}',
        b'{"schema": 1, "classes": [{"name": "a", "status": "mapped", "exclude": 1.0, "maybe": []}]}',
        b'{"schema": 1, "classes": [{"name": "a", "status": "mapped", "exclude": [{}], "maybe": []}]}',
        b'{"schema": 1, "classes": [{"name": "a", "status": "mapped", "exclude": ["x"], "maybe": []}]}',
        b'{"schema": 1, "classes": [{"name": "a", "status": "mapped", "exclude": [{"coco": 1}], "maybe": []}]}',
        b"? [a]\n: b\n",
        b"true: cat\n",
        b"2024-01-01: cat\n",
        b"cat: 1\n",
        b"cat: [1]\n",
        b"cat: {a: b}\n",
        b"cat: [[dog]]\n",
        b"[cat]\n",
        b"cat: dog\ncat: bird\n",
    ],
)
def test_map_file__that_is_none_is_a_usage_error(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "map.yaml").write_bytes(text)
    with pytest.raises((UsageError, DatasetError), match=r"map\.yaml"):
        read_map(tmp_path / "map.yaml")
    tally.tried("bad inputs")


@pytest.mark.parametrize(
    "cell", ["1" * 5000, "1e400", "-1e400", "nan", "0x1", "1_0", "١", "", "1\0", "½", "True", "1e-400", "+1"]
)
@pytest.mark.parametrize("column", range(5))
def test_labels__odd_numbers_are_judged(cell: str, column: int) -> None:
    row = ["0", "0.5", "0.5", "0.5", "0.5"]
    row[column] = cell
    verdict = label_checker(80)(" ".join(row).encode())
    # What Python and so Ultralytics takes for a number from 0 to 1.
    fine = {"1_0": False, "١": True, "1e-400": True, "+1": True}.get(cell, False) or (cell == "1_0" and column == 0)
    assert verdict.state == ("found" if fine else "corrupt"), (cell, column, verdict)
    tally.tried("bad inputs")


# ---------------------------------------------------------------- what is no file


def voc(root: Path) -> object:
    """Read a VOC dataset of one image."""
    (root / "ImageSets/Main").mkdir(parents=True)
    (root / "ImageSets/Main/train.txt").write_bytes(b"a\n")
    return list(read_voc(root).items())


Reader = Callable[[Path], object]
# Where each file lies in a dataset, and what reads it.
READERS: dict[str, tuple[str, Reader, type[YolobgError] | None]] = {
    "data.yaml": ("data.yaml", lambda root: read_data_yaml(root / "data.yaml"), DatasetError),
    "data.yaml in its folder": ("data.yaml", read_data_yaml, DatasetError),
    "manifest": (".yolobg/manifest.json", read_manifest, DatasetError),
    "status": (".yolobg/manifest.json", lambda root: status(root / "data.yaml"), DatasetError),
    "remove": (".yolobg/manifest.json", lambda root: remove(root / "data.yaml"), DatasetError),
    "rejected": (".yolobg/rejected.json", read_rejections, DatasetError),
    "review": (".yolobg/review.json", read_state, DatasetError),
    "map file": ("map.yaml", lambda root: read_map(root / "map.yaml"), UsageError),
    "list file": ("images/train", lambda root: status(root / "data.yaml"), DatasetError),
    "label": ("labels/train/a.txt", lambda root: status(root / "data.yaml"), None),
    "image": ("images/train/a.jpg", lambda root: status(root / "data.yaml"), None),
    "annotations": ("instances_x.json", lambda root: unpacked(root / "instances_x.json"), AnnotationsError),
    "zip": ("a.zip", lambda root: unpacked(root / "a.zip"), AnnotationsError),
    "settings": ("Ultralytics/settings.json", datasets_dirs, None),
    "COCO to convert": ("annotations/instances_train.json", read_coco, DatasetError),
    "VOC list": ("ImageSets/Main/train.txt", read_voc, DatasetError),
    "VOC record": ("Annotations/a.xml", voc, None),
    "VOC classes": ("labelmap.txt", voc, None),
    "darknet": ("obj.data", read_darknet, DatasetError),
    "plain classes": ("classes.txt", read_plain, None),
    "label of a pool": ("labels/train/a.txt", lambda root: _says_something(str(root / "labels/train/a.txt")), None),
}


def put(path: Path, kind: str) -> None:
    """Put something at a path that is no ordinary file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to("nowhere")
    elif kind == "link in a circle":
        path.symlink_to(path.name)
    else:
        path.symlink_to(kind)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes and devices in folders")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "kind", ["pipe", "folder", "/dev/zero", "/dev/full", "/dev/null", "broken link", "link in a circle"]
)
@pytest.mark.parametrize("what", READERS)
def test_no_file__is_neither_waited_for_nor_read(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, what: str, kind: str
) -> None:
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(dataset))
    place, read, error = READERS[what]
    put(dataset / place, kind)
    if (what, kind) == ("list file", "folder"):
        error = DatasetError  # a split without images
    absent = kind == "broken link" and place.startswith(".yolobg")
    if error is None or absent or (what, kind) == ("annotations", "folder"):
        with contextlib.suppress(YolobgError):
            read(dataset)
    else:
        with pytest.raises(error):
            read(dataset)
    tally.tried("bad inputs")


# ---------------------------------------------------------------- gigabytes

CHILD = """
import json, os, resource, struct, sys
from pathlib import Path
from yolobg.errors import YolobgError
from yolobg.coco.annotation_files import unpack_local
from yolobg.coco.annotation_source import parse_source
from yolobg.coco.annotations import read_instances
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.label_check import label_checker
from yolobg.dataset.label_files import _judge
from yolobg.dataset.listing import read_list
from yolobg.dataset.manifest import read_manifest
from yolobg.formats.voc import read_voc
from yolobg.formats.yolo_folders import read_darknet, read_plain
from yolobg.pipeline import read_map
from yolobg.pool import _says_something

GIB = 1 << 30
# A run that would take far more must not take the machine down.
resource.setrlimit(resource.RLIMIT_AS, (6 * GIB, 6 * GIB))
root = Path(sys.argv[1])

def sparse(name, size, head=b"", tail=b""):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        handle.write(head)
        handle.truncate(size - len(tail))
        handle.seek(0, os.SEEK_END)
        handle.write(tail)
    return path

def label_of(path):
    return _judge(str(path), label_checker(80))

def zip_of(size):
    return sparse("a.zip", size, b"", b"PK\\x05\\x06" + struct.pack("<4H2LH", 0, 0, 60000, 60000, size - 22, 0, 0))

TEXT_OPEN, ARRAY_OPEN = b'{"info": "', b'{"images": ['
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = repr(CODE)
except YolobgError as error:
    said = f"{type(error).__name__}: {error}"
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([said[:1000], grown >> (20 if sys.platform == "darwin" else 10)]))
"""


def in_child(folder: Path, code: str) -> tuple[str, int]:
    """Evaluate an expression in a process of its own; what came out, and by how many MiB its memory grew."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD.replace("CODE", code), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said, grown = json.loads(done.stdout)
    tally.tried("bad inputs")
    return said, grown


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measures with the module resource")
@pytest.mark.parametrize(
    ("code", "why", "most_mib"),
    [
        ("read_data_yaml(sparse('data.yaml', GIB))", "DatasetError: .*larger than 4 MiB", 50),
        ("read_map(sparse('map.yaml', GIB))", "UsageError: .*larger than 4 MiB", 50),
        (
            "read_manifest(sparse('.yolobg/manifest.json', GIB).parent.parent)",
            "DatasetError: .*larger than 512 MiB",
            50,
        ),
        ("read_list(str(sparse('train.txt', GIB)))", "DatasetError: .*without a line end|larger than", 50),
        ("label_of(sparse('labels/train/a.txt', GIB))", "larger than 16 MiB", 100),
        ("read_instances(sparse('instances_x.json', GIB))", "AnnotationsError: .*not valid JSON", 100),
        ("read_instances(sparse('instances_x.json', GIB, TEXT_OPEN))", "AnnotationsError: .*not valid JSON", 100),
        ("read_instances(sparse('instances_x.json', GIB, ARRAY_OPEN))", "AnnotationsError: .*not valid JSON", 100),
        ("unpack_local(parse_source(str(zip_of(700 << 20))), root)", "AnnotationsError: .*directory is longer", 100),
        ("label_checker(80)(b'0 0.5 0.5 0.5 0.5\\n' * 300_000)", "found", 150),
        ("label_checker(80)(b'0 0.5 ' * 2_700_000)", "corrupt", 1500),
    ],
    ids=[
        "data.yaml",
        "map file",
        "manifest",
        "list",
        "label",
        "NUL bytes",
        "a text",
        "an array",
        "directory",
        "rows",
        "columns",
    ],
)
def test_a_gigabyte__is_refused_without_being_held(tmp_path: Path, code: str, why: str, most_mib: int) -> None:
    said, grown = in_child(tmp_path, code)
    assert re.search(why, said), said
    assert grown < most_mib


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measures with the module resource")
@pytest.mark.parametrize(
    ("classes", "why"), [(250_000, "^250000$"), (1_200_000, "DatasetError: .*more than 1,000,000 values")]
)
def test_names__with_a_million_entries(tmp_path: Path, classes: int, why: str) -> None:
    (tmp_path / "data.yaml").write_bytes(b"train: images\nval: images\nnames: [" + b"a, " * classes + b"]\n")
    said, grown = in_child(tmp_path, "len(read_data_yaml(root / 'data.yaml').names)")
    assert re.search(why, said), said
    assert grown < 1000


# ---------------------------------------------------------------- the whole command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "content", "arguments"),
    [
        ("data.yaml", BOMBS["billion laughs"].encode(), ["status"]),
        ("data.yaml", b"train: 0x" + b"f" * 5000 + b"\n", ["status"]),
        (".yolobg/manifest.json", b"[" * 100_000, ["status"]),
        (".yolobg/manifest.json", SEEDS["manifest"][0][:-5], ["remove"]),
        (
            "instances_x.json",
            TEXT[:-20],
            ["augment", "--annotations", "instances_x.json", "--images", "images", "--yes"],
        ),
        (
            "a.zip",
            patched(PLAIN, CENTRAL, 16, b"\0\0\0\0"),
            ["augment", "--annotations", "a.zip", "--images", "images", "--yes"],
        ),
    ],
    ids=["yaml bomb", "endless number", "deep manifest", "cut manifest", "cut annotations", "damaged zip"],
)
def test_command__tells_it_in_words_and_changes_nothing(
    dataset: Path, file: str, content: bytes, arguments: list[str]
) -> None:
    (dataset / file).write_bytes(content)
    (dataset / ".yolobg/lock").touch()
    before = {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    command, *options = arguments
    done = subprocess.run(
        [sys.executable, "-m", "yolobg", command, "data.yaml", *options],
        cwd=dataset,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert Path(file).name in done.stderr.replace("\n", "")
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before
    tally.tried("bad inputs")
