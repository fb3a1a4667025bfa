"""Whatever a file holds, only errors of ours come out: the corpus that atheris left, its findings, and fresh changes.

`fuzz/targets.py` says what is read how; `fuzz/run.py` makes the corpus. CONTRIBUTING.md tells how to run it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import tally
import yaml
from examples import examples
from fuzz.mutate import ODD, mutate
from fuzz.seeds import SEEDS
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import HELPERS

FUZZ = HELPERS / "fuzz"
FINDINGS = sorted((FUZZ / "findings").iterdir())
UNHURRIED = settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))


def corpus(name: str) -> list[bytes]:
    return [base64.b64decode(text) for text in json.loads((FUZZ / "corpus" / f"{name}.json").read_text("utf-8"))]


@pytest.mark.parametrize("name", TARGETS)
def test_seeds__are_good(name: str) -> None:
    """A target whose seeds were refused at once would fuzz nothing."""
    TARGETS[name].__wrapped__(SEEDS[name][0])  # type: ignore[attr-defined]  # what `functools.wraps` leaves


@pytest.mark.parametrize("name", TARGETS)
def test_corpus__is_answered(name: str) -> None:
    inputs = corpus(name)
    assert inputs
    for data in inputs:
        TARGETS[name](data)
    tally.tried("bad inputs", len(inputs))


@pytest.mark.parametrize("file", FINDINGS, ids=[file.name for file in FINDINGS])
def test_findings__stay_repaired(file: Path) -> None:
    """Each made something else than an error of ours come out once."""
    TARGETS[file.name.partition("-")[0]](file.read_bytes())
    tally.tried("bad inputs")


@pytest.mark.parametrize("name", TARGETS)
@given(random=st.randoms(use_true_random=False))
@UNHURRIED
def test_changed_seeds__are_answered(name: str, random: Random) -> None:
    TARGETS[name](mutate(random.choice(SEEDS[name]), random, others=SEEDS[name]))
    tally.tried("bad inputs")


SCALARS = st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=8) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


def entries(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists of objects that have mostly the right keys and mostly the right values."""
    one = st.fixed_dictionaries({}, optional={key: value | VALUES for key, value in known.items()})
    return st.lists(one | one | VALUES, max_size=4)


IDS = st.integers(0, 3)


def blocks(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists as `yolobg.changes.table` stores them, most of them damaged somewhere."""
    counts = st.lists(st.integers(-1, 3), max_size=3)
    columns = {
        name: st.lists(values, max_size=3)
        | st.fixed_dictionaries({"all": values})
        | st.fixed_dictionaries({"values": st.lists(values, max_size=3), "at": counts})
        | st.fixed_dictionaries({"start": st.text(max_size=3), "end": VALUES, "rest": st.lists(VALUES, max_size=3)})
        | st.fixed_dictionaries({"start": st.text(max_size=3), "end": st.just(""), "like": st.just("image") | VALUES})
        for name, values in known.items()
    }
    return st.lists(st.fixed_dictionaries({}, optional=columns), max_size=2)


DOCUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "instances": st.fixed_dictionaries(
        {
            "images": entries(id=IDS, file_name=st.text(max_size=5), width=IDS, height=IDS, license=IDS),
            "annotations": entries(image_id=IDS, category_id=IDS),
            "categories": entries(id=IDS, name=st.text(max_size=5)),
        },
        optional={"licenses": entries(id=IDS, name=st.text(max_size=5), url=SCALARS) | VALUES},
    ),
    "convert": st.fixed_dictionaries(
        {
            "images": st.lists(
                st.fixed_dictionaries(
                    {"id": IDS, "file_name": st.text(max_size=5), "width": IDS | SCALARS, "height": IDS}
                ),
                max_size=3,
            ),
            "annotations": entries(
                image_id=IDS, category_id=IDS, bbox=st.lists(SCALARS, max_size=5), segmentation=VALUES, keypoints=VALUES
            ),
            "categories": st.just([{"id": number, "name": "x"} for number in range(4)]),
        }
    ),
    "captions": st.fixed_dictionaries({"annotations": entries(image_id=IDS, caption=st.text(max_size=20))}),
    "manifest": st.fixed_dictionaries(
        {"version": st.just(2)},
        optional={
            "entries": blocks(
                image=st.sampled_from(["images/train/bg_coco2017_000000000042.jpg", "/x.jpg", "../bg_x_1.jpg", "\0"]),
                label=st.sampled_from(["labels/train/bg_coco2017_000000000042.txt", ""]),
                split=st.just("train"),
                source=st.just("coco2017"),
                source_id=IDS,
                sha256=st.text(max_size=3),
                bytes=IDS,
            ),
            "folders": st.lists(st.text(max_size=5), max_size=3) | VALUES,
            "pending": VALUES,
        },
    ),
    "settings": st.dictionaries(st.sampled_from(["datasets_dir", "x"]), VALUES),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
@UNHURRIED
def test_generated_json__is_answered(name: str, data: st.DataObject) -> None:
    tree = data.draw(DOCUMENTS[name])
    try:
        document = json.dumps(tree, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    except ValueError:  # a number with more digits than Python writes
        return
    TARGETS[name](document)
    tally.tried("bad inputs")


KEYS = st.sampled_from(
    ["path", "train", "val", "test", "names", "nc", "kpt_shape", "flip_idx", "download", "cat", "dog"]
)
PLACES = st.sampled_from(["images", "images/train", ".", "train.txt", "", "\0", "a" * 300, "~", None, "None"])


@pytest.mark.parametrize("name", ["data_yaml", "map"])
@given(
    tree=st.dictionaries(
        KEYS | st.integers(-3, 3) | st.booleans(), PLACES | st.lists(PLACES, max_size=3) | VALUES, max_size=8
    )
)
@UNHURRIED
def test_generated_yaml__is_answered(name: str, tree: dict[Any, Any]) -> None:
    good = {"train": "images", "val": "images", "names": ["a", "b"]} if name == "data_yaml" else {}
    try:
        document = yaml.safe_dump({**good, **tree}, allow_unicode=True).encode("utf-8", "surrogatepass")
    except ValueError:
        return
    TARGETS[name](document)
    tally.tried("bad inputs")


COLUMNS = st.sampled_from(
    ["0", "1", "63", "0.5", "1.0", "1.005", "1.02", "-0.001", "1e-3", "nan", "inf", "1e39", "x", "٣", "1_0", ""]
)
BLANKS = st.sampled_from([" ", "  ", "\t", "\xa0", "\x0b"])
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\u2028", "\x85", "\n\n"])


@given(
    rows=st.lists(st.tuples(st.lists(COLUMNS, min_size=1, max_size=12), BLANKS, ENDS), max_size=5),
    kind=st.integers(0, 255),
    mark=st.sampled_from(["", "\ufeff"]),
)
@UNHURRIED
def test_generated_labels__are_answered(rows: list[tuple[list[str], str, str]], kind: int, mark: str) -> None:
    text = mark + "".join(blank.join(columns) + end for columns, blank, end in rows)
    TARGETS["label"](bytes([kind]) + text.encode("utf-8"))
    tally.tried("bad inputs")
