"""Where images of a source cannot be used, the message names the file, where it was looked for, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from download_pictures import picture
from one_image import one_image_dataset

import yolobg
from yolobg.errors import YolobgError
from yolobg.flow import presence
from yolobg.images.kinds import HEAD_BYTES, check_start


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return one_image_dataset(tmp_path / "ds")


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


NO_PICTURES = {
    "page.jpg": (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML page"),
    "lfs.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
    "nothing.jpg": (b"", "it is empty"),
    "late.jpg": (bytes(4096), "zero bytes"),
    "called.jpg": (b"GIF89a", "a GIF"),
    "notes.jpg": (b"to do", "none of the formats"),
}


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    (tmp_path / "pool").mkdir()
    for name, (content, _) in NO_PICTURES.items():
        (tmp_path / "pool" / name).write_bytes(content)
    for i in range(6):
        (tmp_path / "pool" / f"p{i}.jpg").write_bytes(picture(20 + i))
    return tmp_path / "pool"


def test_dry_run__takes_what_the_run_takes_and_says_why_not_the_others(dataset: Path, pool: Path) -> None:
    """The run brings in each of those that were named, in that order, and names the same others."""
    met = set()
    for seed in range(3):
        said = yolobg.plan(dataset, source=str(pool), count=4, seed=seed).report
        done = yolobg.augment(dataset, source=str(pool), count=4, seed=seed)
        assert [one.source_id for one in said.planned] == [one.source_id for one in done.added]
        assert {(f.file_name, f.reason) for f in said.failed} <= {(f.file_name, f.reason) for f in done.failed}
        for failed in said.failed:
            assert NO_PICTURES[failed.file_name][1] in failed.reason
        met |= {failed.file_name for failed in said.failed}
        yolobg.remove(dataset)
    assert len(met) > 2, "too few were met for this to show anything"


def test_dry_run__with_too_few_pictures_says_so(dataset: Path, pool: Path) -> None:
    assert yolobg.plan(dataset, source=str(pool), count=6).target.needed == 6
    with pytest.raises(YolobgError, match=r"7 backgrounds are needed, and only 6 of 12 .*: it ") as caught:
        yolobg.plan(dataset, source=str(pool), count=7)
    assert not (dataset / ".yolobg").exists()
    assert "Nothing was added" in str(caught.value)


def test_download__a_dry_run_tells_each_of_them_once(tmp_path: Path, pool: Path) -> None:
    said = yolobg.download(tmp_path / "out", exclude=["dog"], source=str(pool), count=6, val=0.5, dry_run=True)
    names = [failed.file_name for failed in said.failed]
    assert sorted(names) == sorted(set(names) & set(NO_PICTURES))
    assert names
    assert len({one.source_id for one in said.planned}) == 6


def test_dry_run__reads_the_beginning_of_the_chosen_alone(
    dataset: Path, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool of photographs on a slow disk is not read for a plan."""
    read = []

    def noting(head: bytes, suffix: str) -> None:
        read.append(len(head))
        check_start(head, suffix)

    monkeypatch.setattr(presence, "check_start", noting)
    (pool / "late.jpg").write_bytes(bytes(100_000))
    said = yolobg.plan(dataset, source=str(pool), count=5).report
    assert len(read) == len(said.failed) + len(said.planned) < 12
    assert max(read) == HEAD_BYTES


@pytest.mark.parametrize("name", NO_PICTURES)
def test_augment__says_the_same_of_a_file_as_the_dry_run(dataset: Path, pool: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "one").mkdir()
    (pool / name).rename(tmp_path / "one" / name)
    (tmp_path / "one" / "good.jpg").write_bytes(picture(1))
    with pytest.raises(YolobgError) as caught:
        yolobg.augment(dataset, source=str(tmp_path / "one"), count=2)
    assert NO_PICTURES[name][1] in str(caught.value)
    assert name in str(caught.value)
