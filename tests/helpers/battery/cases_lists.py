"""Layouts about the forms of a split: list files and their lines, lists of folders, mixtures, what is not there."""

from __future__ import annotations

from battery.cases_splits import AB, LABEL, LINKS, A, B, split
from battery.layout import BOX, Content, Layout


def listed(about: str, text: Content, *, cwd: str = ".", key: str = "", needs: frozenset[str] = frozenset()) -> Layout:
    """A list file beside data.yaml and two images below images/train."""
    return split(about, AB, {**LABEL, "train.txt": text}, train="train.txt", cwd=cwd, key=key, needs=needs)


LISTS: dict[str, Layout] = {
    "list_beside": listed("./ is beside the list file", "./images/train/a.jpg\n./images/train/b.jpg\n"),
    "list_beside_from_elsewhere": listed(
        "also from elsewhere", "./images/train/b.jpg\n./images/train/a.jpg\n", cwd="plain"
    ),
    "list_absolute": listed("absolute lines", "{root}/images/train/a.jpg\n{root}/images/train/b.jpg\n", cwd="plain"),
    "list_cwd": listed(
        "other relative lines mean the current folder; one that starts with images/ has its label beside it",
        "images/train/a.jpg\nimages/train/b.jpg\n",
    ),
    "list_cwd_below": listed("relative lines with images/ in the middle", "../images/train/a.jpg\n", cwd="plain"),
    "list_cwd_elsewhere": listed(
        "relative lines from the wrong folder name nothing", "images/train/a.jpg\n", cwd="plain"
    ),
    "list_mixed_lines": listed(
        "all kinds of lines are sorted as text", "{root}/images/train/a.jpg\n./images/train/b.jpg\nimages/train/a.jpg\n"
    ),
    "list_bom": listed("a byte-order mark", "\ufeff./images/train/a.jpg\n./images/train/b.jpg\n"),
    "list_crlf": listed("Windows line ends", "./images/train/a.jpg\r\n./images/train/b.jpg\r\n"),
    "list_blank_lines": listed(
        "blank lines and comments", "\n\n# mine\n./images/train/a.jpg\n   \n./images/train/b.jpg\n\n"
    ),
    "list_no_last_newline": listed("no newline at the end", "./images/train/a.jpg\n./images/train/b.jpg"),
    "list_trailing_blank": listed("a blank behind a line drops it", "./images/train/a.jpg \n./images/train/b.jpg\n"),
    "list_trailing_blank_at_end": listed("but not behind the last", "./images/train/a.jpg\n./images/train/b.jpg \t\n"),
    "list_leading_blank": listed("a blank before a line breaks it", "./images/train/a.jpg\n ./images/train/b.jpg\n"),
    "list_repeated": listed(
        "repeated lines count", "./images/train/a.jpg\n./images/train/b.jpg\n./images/train/a.jpg\n"
    ),
    "list_dots": listed("more dots", "././images/train/a.jpg\n./plain/../images/train/b.jpg\n../images/train/a.jpg\n"),
    "list_absent_image": listed("an image that is not there", "./images/train/a.jpg\n./images/train/none.jpg\n"),
    "list_other_suffixes": listed("lines that are no images", "./images/train/a.jpg\n./x.txt\n./y.gif\njpg\n./JPG\n"),
    "list_vertical_tab": listed("line ends of Unicode", "./images/train/a.jpg\x0b./images/train/b.jpg\u2028"),
    "list_empty": listed("an empty list", "", key="no images"),
    "list_comments_only": listed("a list without images", "# none\n", key="no images"),
    "list_not_utf8": listed("a list that is not UTF-8", b"./images/train/a.jpg\n./\xff.jpg\n", key="UTF-8"),
    "list_utf16": listed("a list in UTF-16", "./images/train/a.jpg\n".encode("utf-16"), key="UTF-8"),
    "list_is_an_image": split("a single image as a split", AB, LABEL, train=A, key="UTF-8"),
    "list_any_suffix": split(
        "a list called anything", AB, {**LABEL, "train.lst": "./images/train/a.jpg\n"}, train="train.lst"
    ),
    "list_in_folder": split(
        "a list file in a folder of its own",
        AB,
        {**LABEL, "sets/t.txt": "./../images/train/a.jpg\n"},
        train="sets/t.txt",
    ),
    "list_folder_called_image": split(
        "a line that names a folder",
        (A, "images/train/x.jpg/in.jpg"),
        {**LABEL, "t.txt": "./images/train/x.jpg\n./images/train/a.jpg\n"},
        train="t.txt",
    ),
    "list_link": split(
        "a link to a list: ./ is beside the real one",
        ("real/images/a.jpg", "images/a.jpg"),
        {"real/t.txt": "./images/a.jpg\n", "labels/a.txt": BOX},
        train="t.txt",
        links={"t.txt": "real/t.txt"},
        needs=LINKS,
    ),
    "list_not_there": split("a list that is not there", AB, train="train.txt", key="train.txt"),
}

FORMS: dict[str, Layout] = {
    "folders_two": split("a list of folders", (*AB, "more/images/c.jpg"), LABEL, train="[images/train, more/images]"),
    "folders_one": split("a list of one folder", AB, LABEL, train="[images/train]"),
    "folders_overlap": split("overlapping folders count twice", AB, LABEL, train="[images, images/train]"),
    "folders_repeated": split("the same folder twice", AB, LABEL, train="[images/train, images/train/]"),
    "folders_one_missing": split("one of them is missing", AB, LABEL, train="[images/train, images/none]", key="none"),
    "folders_one_empty": split("one of them is empty", AB, LABEL, train="[images/train, e]", folders=("e",)),
    "lists_two": split(
        "a list of list files", AB, {**LABEL, "1.txt": "./" + A, "2.txt": "./" + B}, train="[2.txt, 1.txt]"
    ),
    "mixed": split(
        "folder and list file", (*AB, "more/c.jpg"), {**LABEL, "t.txt": "./more/c.jpg\n"}, train="[t.txt, images/train]"
    ),
    "folder_missing": split("the folder is missing", AB, train="images/none", key="images/none"),
    "folder_empty": split("the folder is empty", (), train="e", folders=("e",), key="no images"),
    "folder_without_images": split("no images in it", (), {"e/a.txt": "", "e/b.gif": "x"}, train="e", key="no images"),
}

LISTED: dict[str, Layout] = {**LISTS, **FORMS}
