"""Files whose content is damaged or absurd: an error of ours in bounded time, each case by name.

`test_fuzz.py` tries what nobody thought of, `test_bad_archives.py` has containers, `test_bad_places.py` what is no file
or takes gigabytes.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tally
from bad_files import GOOD_YAML, TEXT, YAML_BOMB, cuts, make_dataset
from fuzz.mutate import ODD, odd_at_every_place
from fuzz.seeds import CAPTIONS, INSTANCES, MANIFEST, PENDING, REMOVING, SEEDS
from fuzz.targets import TARGETS

from yolobg.changes.manifest import read_manifest
from yolobg.dataset.data_yaml import load_yaml, parse_data_yaml, read_data_yaml
from yolobg.dataset.label_rules import label_checker
from yolobg.errors import AnnotationsError, DatasetError, UsageError, YolobgError
from yolobg.formats.coco_read import read_coco
from yolobg.matching.map_file import read_map
from yolobg.sources.annotations.read import parse_instances, read_captions, read_instances


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path)


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
    "manifest": [MANIFEST, PENDING, REMOVING],
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
            read_captions(file, instances.images)


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


# ---------------------------------------------------------------- the annotations


@pytest.mark.parametrize("value", [True, "x", None, [1], {}, 1.5, 2**64, -(2**64), 1e300])
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


# ---------------------------------------------------------------- data.yaml, map file, labels

BOMBS = {
    "billion laughs": YAML_BOMB,
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
