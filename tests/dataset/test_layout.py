"""Path rules: label paths, list-file lines, names that we make. Both separators, hostile input."""

from __future__ import annotations

import ntpath
import posixpath
import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.dataset.layout import (
    IMAGE_SUFFIXES,
    NAME_LIMIT,
    background_name,
    coco_id,
    is_image,
    label_key,
    label_path,
    list_line,
    parse_list,
    public_id,
    source_slug,
)
from yolobg.errors import DatasetError

SEPS = st.sampled_from(["/", "\\"])
PARTS = st.sampled_from(["images", "labels", "Images", "images_640", "train", "a.b", "ä", "x y", "..", ""])
# What may stand in one name of a path on both kinds of system and in a line of a list file.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\:\0"), min_size=1, max_size=12).filter(
    lambda name: len(name.splitlines()) == 1 and name == name.strip() and not name.startswith(".")
)
SUFFIXES = st.sampled_from(sorted(IMAGE_SUFFIXES)).flatmap(lambda suffix: st.sampled_from([suffix, suffix.upper()]))


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("/d/images/train/a.jpg", "/d/labels/train/a.txt"),
        ("/d/images/images/a.b.JPG", "/d/images/labels/a.b.txt"),
        ("/d/images/x/images/a.jpg", "/d/images/x/labels/a.txt"),
        ("/d/Images/a.jpg", "/d/Images/a.txt"),
        ("/d/images_640/a.jpg", "/d/images_640/a.txt"),
        ("images/train/a.jpg", "images/train/a.txt"),
        ("/images/a.jpg", "/labels/a.txt"),
        ("/d/images.jpg", "/d/images.txt"),
        ("jpg", "jpg.txt"),
    ],
)
def test_label_path__swaps_the_last_images_folder(image: str, label: str) -> None:
    assert label_path(image, "/") == label
    assert label_path(image.replace("/", "\\"), "\\") == label.replace("/", "\\")


@given(st.text(max_size=40), SEPS)
def test_label_path__any_text(image: str, sep: str) -> None:
    """The last /images/ is replaced, then what follows the last dot."""
    mark = re.escape(sep)
    swapped = re.sub(f"^(.*{mark})images{mark}", lambda match: f"{match[1]}labels{sep}", image, flags=re.DOTALL)
    assert label_path(image, sep) == re.sub(r"\.[^.]*\Z|\Z", ".txt", swapped, count=1, flags=re.DOTALL)


@given(st.lists(PARTS, max_size=6), NAMES, SUFFIXES, SEPS)
def test_label_path__keeps_folders_and_stem(parts: list[str], stem: str, suffix: str, sep: str) -> None:
    image = sep.join([*parts, stem + suffix])
    label = label_path(image, sep)
    assert label.endswith(stem + ".txt")
    assert label.count(sep) == image.count(sep)
    changed = [(old, new) for old, new in zip(parts, label.split(sep), strict=False) if old != new]
    assert changed in ([], [("images", "labels")])


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("/d/images/a.jpg", "/d/images/a.png", True),
        ("/d/images/a.jpg", "/d/images/A.JPG", True),
        ("/d/images/\u00e4.jpg", "/d/images/a\u0308.jpg", True),
        ("/d/images/STRASSE.jpg", "/d/images/straße.jpg", True),
        ("/d/images/a.jpg", "/d/images/b.jpg", False),
        ("/d/images/a.jpg", "/d/images/x/a.jpg", False),
    ],
)
def test_label_key__is_what_two_images_must_not_share(one: str, other: str, clash: bool) -> None:
    assert (label_key(one, "/") == label_key(other, "/")) is clash


@given(st.text(max_size=20))
def test_label_key__does_not_depend_on_case_or_form(stem: str) -> None:
    image = f"/d/images/{stem}.jpg"
    assert label_key(image, "/") == label_key(unicodedata.normalize("NFD", image), "/")
    if stem.isascii():
        assert label_key(image, "/") == label_key(f"/d/images/{stem.swapcase()}.PNG", "/")


@given(NAMES, SUFFIXES)
def test_is_image__goes_by_suffix_in_any_case(stem: str, suffix: str) -> None:
    assert is_image(stem + suffix)
    assert not is_image(stem + suffix + "x")
    assert not is_image(f"{stem}{suffix}/a")


@pytest.mark.parametrize("name", ["a.gif", "a.txt", "a.npy", "a.jpg.part", "a", "", ".", "a.jfif", "a.pfm", "a.jpg "])
def test_is_image__others_are_none(name: str) -> None:
    assert not is_image(name)


# ---------------------------------------------------------------- list files


def test_parse_list__reads_lines_as_a_trainer_does() -> None:
    text = "\n ./a.jpg\n# no\n./b.JPG\nimages/c.png\n/abs/d.webp\n./e.jpg \n././f.jpg\n./b.JPG\n\n"
    read = parse_list(text, list_file="/d/sets/train.txt", sep="/")
    # The blank before the first line goes, as the text as a whole is stripped; one behind a line drops it.
    assert read == (
        "/d/sets/a.jpg",
        "/d/sets/b.JPG",
        "images/c.png",
        "/abs/d.webp",
        "/d/sets/./f.jpg",
        "/d/sets/b.JPG",
    )


def test_parse_list__on_windows() -> None:
    text = "./images/a.jpg\nC:/x/images/b.jpg\nC:\\x\\c.jpg\n"
    read = parse_list(text, list_file="C:\\d\\train.txt", sep="\\")
    assert read == ("C:\\d\\images\\a.jpg", "C:\\x\\images\\b.jpg", "C:\\x\\c.jpg")


FOLDERS = {"/": ("/data/set", "/home/me"), "\\": ("C:\\data\\set", "D:\\home")}


@given(
    st.lists(NAMES, max_size=3), NAMES, SUFFIXES, SEPS, st.sampled_from(["beside", "cwd", "absolute", "mixed", "none"])
)
def test_list_line__is_read_back_as_the_same_image(
    folders: list[str], stem: str, suffix: str, sep: str, style: str
) -> None:
    """Whatever the style of the list, a trainer reads the new line as exactly our image."""
    root, elsewhere = FOLDERS[sep]
    image = sep.join([root, *folders, stem + suffix])
    lines = {
        "beside": ["./a.jpg", "# remark", "./b/c.png"],
        "cwd": ["a.jpg", "set/b.jpg"],
        "absolute": [root + sep + "a.jpg"],
        "mixed": ["./a.jpg", root + sep + "b.jpg"],
        "none": ["", "# nothing"],
    }[style]
    list_file = root + sep + "train.txt"
    flavour = posixpath if sep == "/" else ntpath
    for cwd in (root, elsewhere):
        line = list_line(image, existing_lines=lines, list_file=list_file, cwd=cwd, sep=sep)
        (read,) = parse_list("\n".join([*lines, line, "end.txt"]), list_file=list_file, sep=sep)[-1:]
        assert flavour.join(cwd, read) == image
        if style in ("beside", "none"):
            assert line == "./" + "/".join([*folders, stem + suffix])
        if style in ("absolute", "mixed"):
            assert line == image
        if style == "cwd":
            assert flavour.isabs(line) is (cwd == elsewhere)


def test_list_line__image_outside_is_absolute() -> None:
    for lines in (["./a.jpg"], ["a.jpg"], []):
        line = list_line("/other/a.jpg", existing_lines=lines, list_file="/d/t.txt", cwd="/d", sep="/")
        assert line == "/other/a.jpg"


@pytest.mark.parametrize("image", ["/d/a\nb.jpg", "/d/a\u2028b.jpg", "/d/a\x0bb.jpg", "/d/\udcff.jpg"])
def test_list_line__refuses_what_a_line_cannot_hold(image: str) -> None:
    with pytest.raises(DatasetError, match=re.escape("t.txt")):
        list_line(image, existing_lines=[], list_file="/d/t.txt", cwd="/d", sep="/")


# ---------------------------------------------------------------- names that we make

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='./\\:*?"<>|\0 \n\tCON.jpgä\ud800', max_size=40),
    st.sampled_from(
        ["../../etc/passwd", "C:\\x.jpg", "a" * 10_000 + ".png", "", "..", ".jpg", "\0.jpg", "CON", "nul.jpg"]
    ),
)


@given(HOSTILE, HOSTILE)
def test_background_name__is_safe_whatever_comes(source: str, file_name: str) -> None:
    """Flat, plain ASCII, bounded, an image's suffix, not hidden, and the same each time."""
    name = background_name(source, file_name)
    assert re.fullmatch(r"bg_[A-Za-z0-9_-]{1,40}_[A-Za-z0-9._-]+\.[a-z0-9]+", name)
    assert len(name) <= NAME_LIMIT
    assert is_image(name)
    assert name == background_name(source, file_name)
    wanted = "." + file_name.rpartition(".")[2].lower() if "." in file_name else ""
    assert name.endswith(wanted if wanted in IMAGE_SUFFIXES else ".jpg")
    # Windows knows reserved names by what stands before the first dot, and drops trailing dots and blanks.
    assert name.split(".")[0].startswith("bg_")
    assert posixpath.basename(name) == ntpath.basename(name) == name


@given(st.integers(0, 999_999_999_999), st.sampled_from(["", "train2017/", "COCO_train2014_", "a\\b\\"]))
def test_background_name__keeps_coco_names(number: int, before: str) -> None:
    name = background_name("coco2017", f"{before}{number:012d}.jpg")
    prefix = before if before.startswith("COCO") else ""
    assert name == f"bg_coco2017_{prefix}{number:012d}.jpg"
    assert coco_id(name.removesuffix(".jpg")) == number


@given(st.sets(st.text(alphabet=string.ascii_lowercase + "/ ä.", min_size=1, max_size=8), min_size=2, max_size=8))
def test_background_name__different_files_have_different_names(stems: set[str]) -> None:
    assert len({background_name("s", stem + ".jpg") for stem in stems}) == len(stems)


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("street-01.jpg", "bg_mine_street-01.jpg"),
        ("a.b.JPEG", "bg_mine_a.b.jpeg"),
        ("photo.gif", "bg_mine_photo.gif.jpg"),
        ("photo", "bg_mine_photo.jpg"),
    ],
)
def test_background_name__plain_names_stay(file_name: str, name: str) -> None:
    assert background_name("mine", file_name) == name


@given(HOSTILE)
def test_source_slug__is_safe_and_settled(name: str) -> None:
    slug = source_slug(name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", slug)
    assert source_slug(slug) == slug


def test_source_slug__keeps_what_is_safe_and_tells_others_apart() -> None:
    assert source_slug("instances_val2017") == "instances_val2017"
    assert source_slug("my set (2)") == "my-set-2"
    assert source_slug("背景") != source_slug("猫")
    assert source_slug("x" * 41) != source_slug("x" * 42)


@pytest.mark.parametrize(
    ("stem", "number"),
    [
        ("000000123456", 123456),
        ("COCO_train2014_000000123456", 123456),
        ("COCO_val2014_000000000042", 42),
        ("bg_coco2017_000000123456", 123456),
        ("bg_instances_val2017_000000000139", 139),
        ("000000123456_jpg.rf.0123456789abcdef0123456789abcdef", 123456),
        ("COCO_train2014_000000000009_jpg.rf.a1B2", 9),
        ("000000123456_jpg", 123456),
        ("00000123456", None),
        ("0000000123456", None),
        ("x000000123456", None),
        ("000000123456x", None),
        ("IMG_000000123456", None),
        ("\u0660" * 12, None),
        ("", None),
    ],
)
def test_coco_id__reads_known_forms_only(stem: str, number: int | None) -> None:
    assert coco_id(stem) == public_id(stem) == number


@pytest.mark.parametrize(
    "stem",
    [
        "00a1b2c3d4e5f607",
        "bg_openimages_00a1b2c3d4e5f607",
        "00a1b2c3d4e5f607_jpg.rf.0123abcd0123abcd0123abcd0123abcd",
    ],
)
def test_public_id__knows_an_image_of_open_images(stem: str) -> None:
    assert public_id(stem) == 10**12 + 0x00A1B2C3D4E5F607
    assert coco_id(stem) is None
    assert public_id(stem.replace("00a1", "00A1")) is None
