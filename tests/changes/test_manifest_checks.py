"""What a manifest may name: tables over every rule, on paths as a stranger could write them."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import msgspec
import pytest

from yolobg.changes import manifest_checks
from yolobg.changes.manifest_checks import (
    check_edit,
    check_entry,
    is_label_folder,
    is_staging,
    lies_in_root,
    may_clean,
    names_image,
)
from yolobg.changes.records import Entry, ListEdit, Pending
from yolobg.dataset.dataset import Dataset
from yolobg.model import DataYaml

NAME = "bg_coco_000000000001"
ENTRY = Entry(
    image=f"images/train/{NAME}.jpg",
    label=f"labels/train/{NAME}.txt",
    split="train",
    source="coco",
    source_id=1,
    sha256="0" * 64,
    bytes=1,
)
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset with a folder split, a list split, and a folder outside it."""
    root = tmp_path / "dataset"
    for folder in ("images/train/deep", "images/val", "labels/train", ".yolobg"):
        (root / folder).mkdir(parents=True)
    (root / "list.txt").write_text("./images/val/a.jpg\n")
    (root / "notes.txt").write_text("mine\n")
    (tmp_path / "outside/images").mkdir(parents=True)
    return root


def with_homes(root: Path, *homes: Path) -> Dataset:
    return Dataset(DataYaml(root / "data.yaml", root, {0: "a"}, {}), root).also(*homes)


def of(root: Path) -> Dataset:
    return with_homes(root, root / "images/train", root / "list.txt")


# ---------------------------------------------------------------- entries

NOT_OUR_NAME = "its name is not one that yolobg gives"
OUTSIDE = "it lies outside the folders of this dataset"
NOT_ITS_LABEL = "its label is not the label of its image"
NO_SENSE = "its path is not valid"
ENTRIES: list[tuple[str, str, str | None]] = [
    (f"images/train/{NAME}.jpg", f"labels/train/{NAME}.txt", None),
    (f"images/train/deep/{NAME}.jpg", f"labels/train/deep/{NAME}.txt", None),
    (f"images/train/{NAME}.jpg", f"images/train/{NAME}.txt", None),
    (f"images/train/{NAME}.png", f"labels/train/{NAME}.txt", None),
    ("images/train/holiday.jpg", "labels/train/holiday.txt", NOT_OUR_NAME),
    ("images/train/bg_other_000000000001.jpg", "labels/train/bg_other_000000000001.txt", NOT_OUR_NAME),
    (f"images/train/{NAME}.txt", f"labels/train/{NAME}.txt", NOT_OUR_NAME),
    (f"images/train/{NAME} 2.jpg", f"labels/train/{NAME} 2.txt", NOT_OUR_NAME),
    (f"images/train/{NAME}\n.jpg", f"labels/train/{NAME}\n.txt", NOT_OUR_NAME),
    (f"images/train/x/../{NAME}.jpg", f"labels/train/x/../{NAME}.txt", OUTSIDE),
    (f"images/val/{NAME}.jpg", f"labels/val/{NAME}.txt", OUTSIDE),
    (f"{NAME}.jpg", f"{NAME}.txt", OUTSIDE),
    (f"images/train/{NAME}.jpg", f"labels/train/{NAME}.jpg", NOT_ITS_LABEL),
    (f"images/train/{NAME}.jpg", f"labels/val/{NAME}.txt", NOT_ITS_LABEL),
    (f"images/train/{NAME}.jpg", "data.yaml", NOT_ITS_LABEL),
    (f"images/train\0/{NAME}.jpg", f"labels/train\0/{NAME}.txt", NO_SENSE),
    ("", "", NOT_OUR_NAME),
]


@pytest.mark.parametrize(("image", "label", "why"), ENTRIES)
def test_check_entry(image: str, label: str, why: str | None, root: Path) -> None:
    entry = msgspec.structs.replace(ENTRY, image=image, label=label)
    assert check_entry(entry, with_homes(root, root / "images/train")) == why


@pytest.mark.skipif(sys.platform == "win32", reason="there a backslash does separate")
@pytest.mark.parametrize("image", [f"images\\train\\{NAME}.jpg", f"C:\\images\\train\\{NAME}.jpg", f"..\\{NAME}.jpg"])
def test_check_entry__a_backslash_is_no_separator_and_no_part_of_our_names(image: str, root: Path) -> None:
    entry = msgspec.structs.replace(ENTRY, image=image, label=image.replace(".jpg", ".txt"))
    assert check_entry(entry, with_homes(root, root)) == NOT_OUR_NAME


def test_check_entry__outside_the_root_only_in_a_folder_of_the_dataset(root: Path) -> None:
    away = root.parent / "outside/images"
    label = str(root.parent / "outside/labels" / f"{NAME}.txt")
    entry = msgspec.structs.replace(ENTRY, image=str(away / f"{NAME}.jpg"), label=label)
    assert check_entry(entry, with_homes(root, root / "images/train", root)) == OUTSIDE
    assert check_entry(entry, with_homes(root, away)) is None


@needs_links
def test_check_entry__a_link_does_not_lead_out(root: Path) -> None:
    (root / "images/train/away").symlink_to(root.parent / "outside/images")
    (root / "images/train/loop").symlink_to("loop")
    for folder, why in (("away", OUTSIDE), ("loop", None)):
        image, label = f"images/train/{folder}/{NAME}.jpg", f"labels/train/{folder}/{NAME}.txt"
        entry = msgspec.structs.replace(ENTRY, image=image, label=label)
        found = check_entry(entry, with_homes(root, root / "images/train"))
        # What a loop of links is taken for differs between releases of Python; nothing is behind it.
        assert found == why or (folder == "loop" and found == NO_SENSE)


def test_lies_in_root__only_where_data_yaml_has_moved_away_from_a_folder_of_the_root(root: Path) -> None:
    def pending(*images: str) -> Pending:
        labels = (image.replace("images/", "labels/").replace(".jpg", ".txt") for image in images)
        pairs = zip(images, labels, strict=True)
        return Pending("add", tuple(msgspec.structs.replace(ENTRY, image=i, label=label) for i, label in pairs))

    there, moved, strange = ENTRY.image, f"images/val/{NAME}.jpg", "images/train/holiday.jpg"
    table = {
        (there,): False,
        (moved,): True,
        (there, moved): True,
        (moved, strange): False,
        (strange,): False,
        (): False,
    }
    for images, expected in table.items():
        assert lies_in_root(pending(*images), of(root)) == expected, images


# ---------------------------------------------------------------- list files

NOT_A_LIST = "it is not a list file of this dataset"
FILES: list[tuple[str, str | None, bool]] = [
    # The file, why no lines of ours can be in it, and whether our very lines may be taken out of it.
    ("list.txt", None, True),
    ("./images/../list.txt", None, True),
    ("notes.txt", NOT_A_LIST, True),
    ("images/train", NOT_A_LIST, False),
    (".yolobg", NOT_A_LIST, False),
    (".yolobg/manifest.json", NOT_A_LIST, False),
    ("../outside/keys", NOT_A_LIST, False),
    ("gone.txt", None, False),
    ("../gone.txt", None, False),
    ("\0", NO_SENSE, False),
]


@pytest.mark.parametrize(("file", "why", "cleaned"), FILES)
def test_check_edit_and_may_clean(file: str, why: str | None, cleaned: bool, root: Path) -> None:
    (root / ".yolobg/manifest.json").write_text("{}")
    (root.parent / "outside/keys").write_text("secret\n")
    edit = ListEdit(file, {})
    assert check_edit(edit, of(root)) == why
    assert may_clean(edit, root) == cleaned


@needs_links
def test_check_edit_and_may_clean__a_link_counts_as_what_it_leads_to(root: Path) -> None:
    (root.parent / "outside/keys").write_text("secret\n")
    (root / "away.txt").symlink_to(root.parent / "outside/keys")
    (root / "again.txt").symlink_to("list.txt")
    assert check_edit(ListEdit("away.txt", {}), of(root)) == NOT_A_LIST
    assert check_edit(ListEdit("again.txt", {}), of(root)) is None
    assert [may_clean(ListEdit(name, {}), root) for name in ("away.txt", "again.txt")] == [False, True]


# The rule is about text alone, so the paths of both systems are tried on either.
SAME = [
    (PurePosixPath("/d"), "images/a.jpg", "images/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "./images/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "/d/images/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "d/images/a.jpg"),
    (PurePosixPath("/d"), "/far/a.jpg", "/far/a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "images\\a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "images/a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "./images/a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "C:\\d\\images\\a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "c:/D/Images/A.JPG"),
    (PureWindowsPath("C:/d"), "D:\\far\\a.jpg", "D:\\far\\a.jpg"),
]
ANOTHER = [
    (PurePosixPath("/d"), "images/a.jpg", "images/b.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "mages/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "/images/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "/e/images/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "x/../images/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "images\\a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "Images/A.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", ""),
    (PurePosixPath("/d"), "images/a.jpg", "."),
    (PurePosixPath("/d"), "images/a.jpg", "./"),
    (PurePosixPath("/d"), "images/a.jpg", " images/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "images/a.jpg\n"),
    (PurePosixPath("/d"), "images/a.jpg", "images/b.jpg\nimages/a.jpg"),
    (PurePosixPath("/d"), "images/a.jpg", "images/b.jpg\u2028images/a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "D:\\d\\images\\a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "x\\..\\images\\a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "\\\\host\\d\\images\\a.jpg"),
    (PureWindowsPath("C:/d"), "images/a.jpg", "images\\b.jpg"),
]


@pytest.mark.parametrize(
    ("root", "image", "line", "expected"), [*((*c, True) for c in SAME), *((*c, False) for c in ANOTHER)]
)
def test_names_image(root: PurePath, image: str, line: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_checks, "Path", type(root))
    assert names_image(line, image, root) == expected  # type: ignore[arg-type]  # it asks the disk nothing


# ---------------------------------------------------------------- folders

LABEL_FOLDERS: dict[str, bool] = {
    "labels": True,
    "labels/train": True,
    "labels/train/deep": True,
    "": False,
    "labels/val": False,
    "labels/train2": False,
    "images": False,
    "images/train": False,
    "images/train/deep": False,
    ".yolobg": False,
    "../outside": False,
    "labels/train/../../images/val": False,
    "\0": False,
}


@pytest.mark.parametrize("folder", LABEL_FOLDERS)
def test_is_label_folder(folder: str, root: Path) -> None:
    assert is_label_folder(folder, of(root)) == LABEL_FOLDERS[folder]


@needs_links
def test_is_label_folder__none_that_a_link_leads_away_from(root: Path) -> None:
    (root / "labels/train/away").symlink_to(root.parent / "outside")
    assert not is_label_folder("labels/train/away", of(root))
    assert not is_label_folder("labels/train/away/images", of(root))


PART = "0123456789abcdef"
STAGING: dict[str, bool] = {
    ".yolobg/staging": True,
    f".yolobg/staging/{PART}": True,
    "images/.yolobg/staging": True,
    "images/train/.yolobg/staging": True,
    f"images/train/deep/.yolobg/staging/{PART}": True,
    "images/val/.yolobg/staging": False,
    ".yolobg": False,
    ".yolobg/rejected": False,
    f".yolobg/rejected/{PART}": False,
    ".yolobg/staging/..": False,
    f".yolobg/staging/{PART}/..": False,
    f".yolobg/staging/{PART}/more": False,
    ".yolobg/staging/0123": False,
    ".yolobg/staging/0123456789ABCDEF": False,
    "staging": False,
    f"staging/{PART}": False,
    "images/train": False,
    "../outside/.yolobg/staging": False,
    "../.yolobg/staging": False,
    "": False,
    ".": False,
    "/": False,
    "\0": False,
    "gone\0/.yolobg/staging": False,
}


@pytest.mark.parametrize("place", STAGING)
def test_is_staging(place: str, root: Path) -> None:
    assert is_staging(place, of(root)) == STAGING[place]


@needs_links
@pytest.mark.parametrize("link", [".yolobg", ".yolobg/staging", f".yolobg/staging/{PART}"])
def test_is_staging__none_of_its_folders_is_a_link(link: str, root: Path) -> None:
    (root / ".yolobg").rmdir()
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(root.parent / "outside")
    assert not is_staging(f".yolobg/staging/{PART}", of(root))
