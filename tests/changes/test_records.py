"""The files of `.yolobg` are read by one rule: missing, damaged, not readable, of another version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from yolobg.changes.manifest import read_manifest
from yolobg.changes.records import Manifest
from yolobg.changes.rejections import Rejections, read_rejections
from yolobg.changes.review_state import State, read_state
from yolobg.errors import DatasetError

FILES: dict[str, tuple[Callable[[Path], object], object]] = {
    "manifest.json": (read_manifest, Manifest()),
    "rejected.json": (read_rejections, Rejections()),
    "review.json": (read_state, State()),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not "),
        (b"nonsense", "not "),
        (b"[]", "expected an object"),
        (b"\xff", "not "),
        (b"[" * 100_000, "not "),
        (b'{"strange": 1}', "unknown field `strange`"),
        (b'{"version": "1"}', "version"),
        (b'{"version": 99, "unheard_of": 1}', "version 99, .* use a newer yolobg"),
        (b'{"version": 0}', "version 0, .* older yolobg"),
    ],
)
def test_records__say_what_is_wrong_and_which_file(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    read, _ = FILES[name]
    file = tmp_path / ".yolobg" / name
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=said) as error:
        read(tmp_path)
    assert str(file) in str(error.value)
    assert file.read_bytes() == content


@pytest.mark.parametrize("name", FILES)
def test_records__that_are_missing_are_empty_and_a_folder_cannot_be_read(tmp_path: Path, name: str) -> None:
    read, empty = FILES[name]
    assert read(tmp_path) == empty
    (tmp_path / ".yolobg" / name).mkdir(parents=True)
    with pytest.raises(DatasetError, match="cannot be read"):
        read(tmp_path)
