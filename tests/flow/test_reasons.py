"""Where images of a source cannot be used, the message names the file, where it was looked for, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from download_pictures import picture

import yolobg
from yolobg.errors import YolobgError


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "ds"
    for place, content in (("images/train/a.jpg", picture(1)), ("labels/train/a.txt", b"0 .5 .5 .1 .1\n")):
        (root / place).parent.mkdir(parents=True)
        (root / place).write_bytes(content)
    (root / "data.yaml").write_text("names: [dog]\ntrain: images/train\nval: images/train\n")
    return root


def write_source(root: Path, names: list[str], **size: int) -> Path:
    """Four images; the first holds a dog. `names` are the file names in the records."""
    (root / "images").mkdir(parents=True)
    for i in range(4):
        (root / "images" / f"s{i}.jpg").write_bytes(picture(10 + i))
    (root / "source.json").write_text(
        json.dumps(
            {
                "images": [{"id": i, "file_name": name, **size} for i, name in enumerate(names)],
                "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 1, 5, 5]}],
                "categories": [{"id": 1, "name": "dog"}],
            }
        )
    )
    return root / "source.json"


def failure(dataset: Path, source: Path, *, dry: bool) -> str:
    run = yolobg.plan if dry else yolobg.augment
    with pytest.raises(YolobgError) as caught:
        run(dataset, annotations=source, images=[source.parent / "images"], count=2)
    assert not list((dataset / "images/train").glob("bg_*"))
    return str(caught.value)


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/s{}.jpg", ["absolute path", "/s1.jpg"]),
        ("C:s{}.jpg", ["absolute path", "s1.jpg"]),
        ("/home/me/{}/s1.jpg", ["1/s1.jpg", "does not exist"]),
        ("..\\label\\s{}.jpg", ["leads out of the folder", "s1.jpg"]),
        ("s{}.gif", ["no image suffix", "s1.gif"]),
        ("s{}", ["no image suffix", "s1"]),
        ("images\\1/s{}.jpg", ["images", "does not exist", "which the folder lacks", "s1.jpg"]),
        ("other{}.jpg", ["other", "does not exist"]),
        ("upload/7/s{}.jpg", ["upload/7/", "does not exist", "which the folder lacks"]),
        ("same.jpg", ["several records have this file_name", "same.jpg"]),
    ],
)
def test_augment__names_the_file_and_why(
    dataset: Path, tmp_path: Path, name: str, words: list[str], *, dry: bool
) -> None:
    source = write_source(tmp_path / "src", [name.format(i) for i in range(4)])
    said = failure(dataset, source, dry=dry)
    assert [word for word in words if word not in said] == []
    assert "licences" not in said


def test_augment__a_size_too_small_is_told(dataset: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", [f"s{i}.jpg" for i in range(4)], width=8, height=64)
    assert "smaller than 10 px a side: 's1.jpg'" in failure(dataset, source, dry=True)


def test_augment__licences_are_named_where_they_are_the_reason(dataset: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", [f"s{i}.jpg" for i in range(4)])
    with pytest.raises(YolobgError, match="allow more licences"):
        yolobg.plan(dataset, annotations=source, images=[source.parent / "images"], count=2, license="commercial")


@pytest.mark.parametrize("content", [b"no picture", b"", b"GIF89a"])
def test_augment__from_a_folder_names_the_file_that_cannot_be_used(
    dataset: Path, tmp_path: Path, content: bytes
) -> None:
    """Its id is a hash of the name, which says nothing to anybody."""
    (tmp_path / "pool" / "sub").mkdir(parents=True)
    (tmp_path / "pool" / "sub" / "wall.jpg").write_bytes(content)
    with pytest.raises(YolobgError, match=r"sub/wall\.jpg: it"):
        yolobg.augment(dataset, source=str(tmp_path / "pool"), count=1)
