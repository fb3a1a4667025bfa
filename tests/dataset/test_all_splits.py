"""The images of all splits together, against which leaks are looked for."""

from __future__ import annotations

from pathlib import Path

from inventories import make

from yolobg.dataset.all_splits import read_all_images
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.inventory import scan_split


def test_read_all_images__an_entry_that_is_missing_hides_no_other(tmp_path: Path) -> None:
    make(tmp_path, images=["images/train/a.jpg", "images/val/b.jpg", "images/more/c.jpg"])
    (tmp_path / "data.yaml").write_text(
        "names: [cat]\ntrain: images/train\nval: [images/gone, images/val, bad.txt]\ntest: images/more\n"
    )
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    data = read_data_yaml(tmp_path, cwd=tmp_path)
    found = read_all_images(data)
    assert {Path(image).name for image in found.images} == {"a.jpg", "b.jpg", "c.jpg"}
    gone, bad = found.warnings
    assert "key 'val': '" in gone
    assert "gone' does not exist" in gone
    assert "bad.txt: not a list file" in bad
    assert all(warning.endswith("one of them could be added to another split") for warning in found.warnings)


def test_read_all_images__says_nothing_where_all_can_be_read(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/a.jpg"])
    assert read_all_images(data).warnings == ()


def test_read_all_images__takes_what_was_scanned_just_now(tmp_path: Path) -> None:
    make(tmp_path, images=["images/train/a.jpg", "images/train/b.jpg", "images/val/c.jpg"])
    (tmp_path / "list.txt").write_text("./images/train/a.jpg\n")
    (tmp_path / "data.yaml").write_text(
        "names: [cat]\ntrain: [images/train, list.txt]\nval: images/val\ntest: images/val\n"
    )
    data = read_data_yaml(tmp_path, cwd=tmp_path)
    everything = read_all_images(data)
    for split in ("train", "val"):
        found = read_all_images(data, scan_split(data, split, cwd=tmp_path))
        assert sorted(found.images) == sorted(everything.images)
        assert found.warnings == ()
    scanned = scan_split(data, "val", cwd=tmp_path)
    (tmp_path / "images/val/c.jpg").unlink()
    assert len(read_all_images(data, scanned).images) == len(everything.images)
    assert len(read_all_images(data).images) == len(everything.images) - 2


def test_read_all_images__lists_again_what_could_not_all_be_scanned(tmp_path: Path) -> None:
    """The words about it are others there, and an entry that fails hides no other here."""
    make(tmp_path, images=["images/train/a.jpg"])
    (tmp_path / "images/train/round").symlink_to(tmp_path / "images/train", target_is_directory=True)
    data = read_data_yaml(tmp_path, cwd=tmp_path)
    scanned = scan_split(data, "train", cwd=tmp_path)
    assert scanned.warnings
    assert read_all_images(data, scanned) == read_all_images(data)
