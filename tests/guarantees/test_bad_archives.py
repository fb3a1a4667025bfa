"""Zip and gzip files that are damaged, cut anywhere, odd, or bombs."""

from __future__ import annotations

import contextlib
import gzip
import re
import struct
import zipfile
from pathlib import Path

import pytest
import tally
from bad_files import MEMBER, TEXT, cuts, unpacked
from fuzz.seeds import SEEDS, make_zip

from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.read import parse_instances, read_instances


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
        (patched(PLAIN, CENTRAL, 16, b"\0\0\0\0"), "damaged"),
        (patched(patched(PLAIN, CENTRAL, 8, b"\1\0"), LOCAL, 6, b"\1\0"), "encrypted"),
        (patched(PLAIN, CENTRAL, 10, b"\x63\0"), "damaged"),
        (patched(PLAIN, CENTRAL, 24, struct.pack("<L", 0xFFFFFFF0)), "claim to inflate"),
        (patched(PLAIN, CENTRAL, 24, struct.pack("<L", 10)), "damaged"),
        (patched(PLAIN, CENTRAL, 42, struct.pack("<L", 0xFFFFFFF0)), "damaged"),
        (patched(PLAIN, END, 12, struct.pack("<L", 0x7FFFFFFF)), "damaged|not valid"),
        (patched(PLAIN, END, 16, struct.pack("<L", 0x7FFFFFFF)), "damaged"),
        (patched(PLAIN, LOCAL, 0, b"XXXX"), "damaged"),  # no signature of a local header
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


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SEEDS["zip"])))
def test_zip__cut_at_any_byte_is_refused(tmp_path: Path, number: int) -> None:
    file = tmp_path / "a.zip"
    for cut in cuts(SEEDS["zip"][number].removesuffix(b"a comment")):
        file.write_bytes(cut)
        with pytest.raises(AnnotationsError):
            read_instances(unpacked(file).instances.path)


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
