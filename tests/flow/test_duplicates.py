"""What is in a dataset already is not chosen again: by the record, by COCO's ids, by what a person rejected."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from yolobg.changes.records import Entry, Manifest, Pending
from yolobg.changes.rejections import Rejection
from yolobg.flow.duplicates import Known
from yolobg.model import ImageRecord, Staged

NAMES = {1: "000000000001.jpg", 2: "deep/000000000002.png", 3: "a\\000000000003.jpg", 4: "plain.jpg", 5: "5.jpg"}


def names(ids: Sequence[int]) -> list[str]:
    return [NAMES[image_id] for image_id in ids]


def no_names(ids: Sequence[int]) -> list[str]:
    raise AssertionError(f"asked for the names of {ids}")


def entry(source_id: int, source: str = "mine") -> Entry:
    return Entry(f"images/train/bg_mine_{source_id}.jpg", "labels/train/x.txt", "train", source, source_id, "0" * 64, 1)


def test_recorded__by_id_whatever_the_name_of_the_source() -> None:
    """Merged or begun; a dataset without COCO's ids needs no file name of the source."""
    pending = Pending(kind="add", entries=(entry(4),), edit=None, folders=(), staging=".yolobg/staging")
    known = Known((), Manifest(entries=(entry(1), entry(5, source="another"), entry(9)), pending=pending))
    assert list(known.recorded([1, 2, 3, 4, 5])) == [1, 4, 5]
    assert known.not_held([1, 2, 3, 4, 5], no_names) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "image",
    [
        "/d/images/val/000000000002.jpg",
        "C:\\d\\images\\COCO_train2014_000000000002.jpg",
        "/d/bg_coco2017_000000000002.jpg",
    ],
)
def test_not_held__by_the_id_in_a_name_of_any_split(image: str) -> None:
    known = Known(("/d/images/train/plain.jpg", image), Manifest())
    assert known.not_held([1, 2, 3, 4, 5], names) == [1, 3, 4, 5]


def test_not_held__by_what_a_person_rejected() -> None:
    told: Any = {
        "image": "images/train/bg_x_000000000003.jpg",
        "split": "train",
        "sha256": "0" * 64,
        "reason": "",
        "at": "",
    }
    rejected = (Rejection(source="mine", source_id=1, **told), Rejection(source="another", source_id=5, **told))
    known = Known((), Manifest(), rejected)
    assert list(known.recorded([1, 2, 3, 4, 5])) == [1, 5]
    assert known.not_held([1, 2, 3, 4, 5], names) == [1, 2, 4, 5]


def staged(content: bytes) -> Staged:
    record = ImageRecord(id=1, file_name="1.jpg", width=1, height=1)
    return Staged(record, Path(), len(content), sha256(content).hexdigest(), "http://x/1.jpg")


def test_holds_content__by_the_bytes_whatever_the_name(tmp_path: Path) -> None:
    for name, content in (("same", b"twelve bytes"), ("alike", b"twelve bYtes"), ("longer", b"thirteen byte")):
        (tmp_path / f"{name}.jpg").write_bytes(content)
    known = Known([str(path) for path in tmp_path.iterdir()], Manifest())
    assert known.holds_content(staged(b"twelve bytes")) == f"already in the dataset as {tmp_path / 'same.jpg'}"
    assert known.holds_content(staged(b"Twelve bytes")) is None
    assert known.holds_content(staged(b"other")) is None


def test_holds_content__not_where_one_of_its_size_cannot_be_read(tmp_path: Path) -> None:
    """A folder stands for what cannot be read, since root may read every file."""
    folder = tmp_path / "image.jpg"
    folder.mkdir()
    known = Known([str(folder), str(tmp_path / "gone.jpg")], Manifest())
    size = folder.stat().st_size
    assert known.holds_content(staged(bytes(size))) == f"it may be {folder}, which cannot be read"
    assert known.holds_content(staged(bytes(size + 1))) is None
