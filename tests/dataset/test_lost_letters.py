"""A data.yaml that is not UTF-8: what is said of it, and what its names were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.lost_letters import readings_of, where_not_utf8
from yolobg.errors import DatasetError
from yolobg.matching import match_classes
from yolobg.model import DataYaml


def write(folder: Path, names: list[str], encoding: str, *, first: str = "") -> Path:
    text = f"{first}train: images\nval: images\nnames: {json.dumps(names, ensure_ascii=False)}\n"
    (folder / "images").mkdir()
    (folder / "data.yaml").write_bytes(text.encode(encoding))
    return folder / "data.yaml"


def in_encoding(data: DataYaml, encoding: str) -> list[str]:
    return [reading.name for listed in data.readings.values() for reading in listed if reading.encoding == encoding]


@pytest.mark.parametrize(
    ("names", "encoding", "categories"),
    [
        (["piéton", "vélo"], "cp1252", ["person", "bicycle"]),
        (["行人", "狗", "汽车", "猫"], "gb18030", ["person", "dog", "car", "cat"]),
        (["犬", "車", "歩行者"], "shift_jis", ["dog", "car", "person"]),
        (["машина", "пешеход"], "cp1251", ["car", "person"]),
        (["samochód", "człowiek"], "cp1250", ["car", "person"]),
        (["行人", "狗"], "big5", ["person", "dog"]),
        (["사람", "자동차"], "cp949", ["person", "car"]),
        (["piéton", "狗"], "utf-16", ["person", "dog"]),
        (["piéton", "狗"], "utf-16-le", ["person", "dog"]),
        (["piéton", "狗"], "utf-32", ["person", "dog"]),
        (["piéton", "狗"], "utf-16-be", ["person", "dog"]),
    ],
)
def test_names_in_a_likely_encoding_are_asked_about_with_what_they_were(
    tmp_path: Path, names: list[str], encoding: str, categories: list[str]
) -> None:
    data = read_data_yaml(write(tmp_path, names, encoding))
    assert in_encoding(data, encoding.removesuffix("-le").removesuffix("-be")) == names
    matches = match_classes(data.names, readings=data.readings)
    assert [m.status for m in matches] == ["opaque"] * len(names)
    assert [m.suggestions[0] for m in matches] == categories


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"a: x\nb: caf\xe9\n", "line 2, byte 7 (0xE9)"),
        (b"a: x\r\nb: \xb9\xb7\r\n", "line 2, byte 4 (0xB9)"),
        (b"\xe9", "line 1, byte 1 (0xE9)"),
        ("names: [a]".encode("utf-16"), "UTF-16"),
        ("names: [a]".encode("utf-32"), "UTF-32"),
        ("names: [a]".encode("utf-16-be"), "UTF-16"),
        (b"", ""),
        ("names: [piéton]".encode(), ""),
        (b"\xef\xbb\xbfnames: [a]", ""),
    ],
)
def test_the_first_wrong_byte_is_named(raw: bytes, where: str) -> None:
    said = where_not_utf8(raw)
    assert where in said
    assert bool(where) == bool(said)


def test_the_warning_names_the_file_and_says_what_to_do(tmp_path: Path) -> None:
    file = write(tmp_path, ["piéton"], "cp1252")
    assert read_data_yaml(file).warnings[0].startswith(f"{file}: line 3, byte 12 (0xE9)")
    assert "save the file as UTF-8" in read_data_yaml(file).warnings[0]


def test_names_that_lost_nothing_are_not_asked_about(tmp_path: Path) -> None:
    data = read_data_yaml(write(tmp_path, ["car", "dog"], "cp1252", first="# café\n"))
    assert data.readings == {}
    assert "line 1" in data.warnings[0]


def test_utf8_has_no_readings(tmp_path: Path) -> None:
    assert read_data_yaml(write(tmp_path, ["piéton", "狗"], "utf-8")).readings == {}


def test_an_error_says_that_the_encoding_may_be_the_cause(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_bytes(b"train: images\nnames: [pi\xe9ton\n")
    with pytest.raises(DatasetError, match=r"line 2, byte 11 \(0xE9\) is not UTF-8"):
        read_data_yaml(tmp_path / "data.yaml")


@given(st.binary(max_size=60))
def test_any_bytes_have_readings_or_none(raw: bytes) -> None:
    content = b"names: ['" + raw + b"', car]\n"
    where_not_utf8(content)
    assert set(readings_of(content, {0: "a", 1: "car"})) <= {0, 1}
