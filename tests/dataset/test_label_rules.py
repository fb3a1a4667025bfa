"""What label files hold: the fast rules against a plain reference, and the reasons given."""

from __future__ import annotations

import ctypes
import errno
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.dataset.label_rules import label_checker

ODD = [
    "1.01",
    "1.0100001",
    "1.02",
    "-0.01",
    "-0.0100001",
    "-0.005",
    "-0",
    "-1e-9",
    "nan",
    "inf",
    "-inf",
    "1e39",
    "x",
    "1_0",
]
NUMBERS = st.sampled_from(["0", "1", "0.5", ".25", "1.", "0.333333", "1e-3", *ODD])
GOOD = st.sampled_from(["0", "1", "0.5", ".25", "1.", "0.333333", "0.75"])
CLASSES = st.sampled_from(["0", "1", "2", "9", "10", "11", "00", "-1", "1.5", "1e0", "c", "0.99999999999"])
COUNTS = st.sampled_from([1, 2, 10, 11, 80])
GAPS = st.sampled_from([" ", " ", " ", "\t", "  ", "\u00a0"])
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", " \n", "\n\n", "", "\x0b"])


def rounded(text: str) -> float:
    return ctypes.c_float(float(text)).value


def reference(content: str, class_count: int) -> str:
    """The rules as one looks at a whole file, written without any thought of speed."""
    rows = [line.split() for line in content.removeprefix("\ufeff").splitlines() if line.strip()]
    if not rows:
        return "empty"
    lengths = {len(row) for row in rows}
    polygons = max(lengths) > 6
    if (5 in lengths) if polygons else (lengths != {5}):
        return "corrupt"
    if polygons and any(length < 3 or length % 2 == 0 for length in lengths):
        return "corrupt"
    try:
        table = [[rounded(text) for text in row] for row in rows]
    except ValueError:
        return "corrupt"
    if not all(math.isfinite(value) for row in table for value in row):
        return "corrupt"
    if polygons:
        table = [[row[0], *around(row[1::2], row[2::2])] for row in table]
    most, least = rounded("1.01"), rounded("-0.01")
    good = (
        max(max(row[1:]) for row in table) <= most
        and min(min(row) for row in table) >= least
        and min(min(row[3:]) for row in table) >= 0
        and all(row[0] == int(row[0]) and row[0] < class_count for row in table)
    )
    return "found" if good else "corrupt"


def around(xs: list[float], ys: list[float]) -> list[float]:
    def one(value: float) -> float:
        return ctypes.c_float(value).value

    return [
        one(one(min(xs) + max(xs)) / 2),
        one(one(min(ys) + max(ys)) / 2),
        one(max(xs) - min(xs)),
        one(max(ys) - min(ys)),
    ]


@st.composite
def label_texts(draw: st.DrawFn) -> str:
    width = draw(st.sampled_from([5, 5, 5, 7, 9, 4, 6]))
    numbers = draw(st.sampled_from([GOOD, GOOD, NUMBERS]))
    text = ""
    for _ in range(draw(st.integers(0, 4))):
        columns = draw(st.sampled_from([width, width, width, 3, 5, 8]))
        row = [draw(CLASSES), *draw(st.lists(numbers, min_size=columns - 1, max_size=columns - 1))]
        text += draw(GAPS).join(row) + draw(ENDS)
    return draw(st.sampled_from(["", "", "\ufeff"])) + text


@given(label_texts(), COUNTS)
def test_label_check__agrees_with_the_plain_reference(content: str, class_count: int) -> None:
    verdict = label_checker(class_count)(content.encode())
    assert verdict.state == reference(content, class_count)
    assert (verdict.reason != "") is (verdict.state == "corrupt")


@given(st.binary(max_size=60), COUNTS, st.sampled_from([None, (2, 3), (0, 3), (1, 2)]))
def test_label_check__any_bytes_have_a_verdict(content: bytes, class_count: int, shape: tuple[int, int] | None) -> None:
    verdict = label_checker(class_count, shape)(content)
    assert verdict.state in ("found", "empty", "corrupt")
    assert verdict.state != "found" or content.split()


@given(st.integers(1, 12_000), st.data())
def test_label_check__ordinary_rows_know_the_class_range(class_count: int, data: st.DataObject) -> None:
    """The fast pattern is made from the class count; around every power of ten it must be exact."""
    class_id = data.draw(
        st.one_of(st.integers(0, 20_000), st.sampled_from([0, class_count - 1, class_count, class_count + 1]))
    )
    verdict = label_checker(class_count)(b"%d 0.5 0.5 0.1 0.1\n" % class_id)
    assert (verdict.state == "found") is (class_id < class_count)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"0 0.5 0.5 0.1 0.1\n\n0 0.5 0.5 0.1\n", 3, "expected 5 columns, found 4"),
        (b"0 0.5 0.5 0.1 0.1\n2 0.5 0.5 0.1 0.1\n", 2, "class 2 is not in data.yaml, which has 2"),
        (b"0 320 240 10 10\n", 1, "a coordinate is above 1 (320)"),
        (b"\n\n0 0.5 0.5 -0.1 0.1\n", 3, "a value is negative (-0.1)"),
        (b"-1 0.5 0.5 0.1 0.1\n", 1, "the class must be a whole number from 0, found -1"),
        (b"0 0.5 0.5 0.1 wide\n", 1, "not a number: 'wide'"),
        (b"0 0.5 nan 0.1 0.1\n", 1, "a value is not finite"),
        (b"0 .1 .1 .5 .1 .5 .5\n0 0.5 0.5 0.1 0.1\n", 2, "a box among polygons"),
        (b"0 .1 .1 .5 .1 .5 .5\n0 .1 .1 .5 .1 .5 .5 .9\n", 2, "pairs of coordinates, found 8 columns"),
        (b"0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 \xff\n", 2, "not UTF-8 text"),
        (b"# cat\n", 1, "expected 5 columns, found 2"),
    ],
)
def test_label_check__says_where_and_why(content: bytes, line: int, reason: str) -> None:
    verdict = label_checker(2)(content)
    assert (verdict.state, verdict.line) == ("corrupt", line)
    assert reason in verdict.reason


def test_label_check__a_hostile_token_does_not_flood_the_message() -> None:
    assert len(label_checker(2)(b"0 0.5 0.5 0.1 " + b"x" * 100_000).reason) < 100


# ---------------------------------------------------------------- folders that cannot be read


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
@pytest.mark.parametrize(
    ("where", "rights", "told"),
    [
        ("labels", 0o000, None),
        pytest.param("labels", 0o666, None, marks=pytest.mark.slow),
        pytest.param("labels/train", 0o000, None, marks=pytest.mark.slow),
        pytest.param("labels", 0o333, (1, 0, 1), marks=pytest.mark.slow),
        ("labels/train", 0o333, (1, 0, 1)),
        pytest.param("labels/train", 0o666, (0, 1, 1), marks=pytest.mark.slow),
    ],
)
def test_scan__a_label_folder_that_cannot_be_read(
    tmp_path: Path, where: str, rights: int, told: tuple[int, int, int] | None
) -> None:
    """Its labels must not count as missing; a folder that can be entered but not listed has its labels all the same."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("as root this needs setpriv")
        # Root may read anything, so it gives that right away for this one command.
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    for name in ("images/train/a.jpg", "images/train/b.jpg", "labels/train/a.txt", "data.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "labels/train/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: images/train\nval: images/train\n")
    (tmp_path / where).chmod(rights)
    try:
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "yolobg", "status", str(tmp_path), "--json"],
            capture_output=True, encoding="utf-8", check=False, timeout=100,
        )  # fmt: skip
    finally:
        (tmp_path / where).chmod(0o755)
    if told is None:
        assert done.returncode == 3, done.stderr
        assert re.search(r"a\.txt: cannot check whether this label exists: " + os.strerror(errno.EACCES), done.stderr)
        return
    after = json.loads(done.stdout)["after"]
    assert (after["labelled"], after["corrupt"], after["missing"]) == told
