"""The rule on names from a source: what becomes of each, on every system, and that nothing leads out of a folder."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yolobg.dataset.layout import background_name
from yolobg.safe_names import folded, inner_parts, is_safe, safe_name, safe_part

ORDINARY = [
    "a.jpg",
    "sub/dir/pic 1.jpg",
    "ünï/日本.jpg",
    "a&b (1), it's #2;.v1.jpg",
    "-x/%41/b -1.jpg",
    "console/com10.jpg",
    "a/~b.jpg",
    " a/b..c.jpg",
    "x" * 251 + ".jpg",
    "/".join(["deep"] * 40) + "/a.jpg",
]
CHANGED = {
    "../../.bashrc": "_.bashrc",
    "a/../../b.jpg": "a/b.jpg",
    "./a//b.jpg": "a/b.jpg",
    "/etc/passwd": "etc/passwd",
    "\\\\server\\share\\a.jpg": "server/share/a.jpg",
    "a\\..\\..\\b.jpg": "a/b.jpg",
    "C:\\a\\b.jpg": "C_/a/b.jpg",
    "C:x": "C_x",
    "~/a.jpg": "_/a.jpg",
    "~root/a.jpg": "_root/a.jpg",
    "x:stream": "x_stream",
    "a.jpg::$DATA": "a.jpg__$DATA",
    "CON": "CON_",
    "nul.txt": "nul_.txt",
    "x/LPT1.tar.jpg": "x/LPT1_.tar.jpg",
    "aux .jpg": "aux_ .jpg",
    "com¹": "com¹_",
    "a.": "a",
    "a ": "a",
    "dir. /b.jpg . ": "dir/b.jpg",
    "...": "_",
    ".git/config": "_.git/config",
    ".jpg": "_.jpg",
    "a\0\n\x1b[31m\x85\u2028.jpg": "a___[31m__.jpg",
    'a*?"<>|.jpg': "a______.jpg",
    "\ud800.jpg": "_.jpg",
    "": "image.jpg",
    "..": "image.jpg",
    "a/b.jpg/": "a/b.jpg",
}
PIECES = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "a",
        "b.jpg",
        "C:",
        "~",
        "con",
        "NUL",
        "lpt1",
        " ",
        "é",
        "\0",
        "\n",
        ":x",
        "x" * 300,
        "\ud800",
    ]
)
HOSTILE = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=40)


@pytest.mark.parametrize("name", ORDINARY)
def test_safe_name__ordinary_names_stay_as_they_are(name: str) -> None:
    assert safe_name(name) == name
    assert is_safe(name)


@pytest.mark.parametrize("name", CHANGED)
def test_safe_name__what_becomes_of_others(name: str) -> None:
    assert safe_name(name) == CHANGED[name]
    assert not is_safe(name)


@given(HOSTILE)
@example("a./.. /b")
def test_safe_name__leads_nowhere_else_on_any_system(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    for flavour, root in ((PurePosixPath, "/data/images"), (PureWindowsPath, "D:\\data\\images")):
        path = flavour(root) / safe
        assert path.parts[: len(flavour(root).parts)] == flavour(root).parts
        assert path.parts[len(flavour(root).parts) :] == tuple(safe.split("/"))
    for part in safe.split("/"):
        assert part == part.rstrip(". ")
        assert part.partition(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}
        assert not set(part) & set('\0\n\r\\:*?"<>|')
        assert len(part.encode()) <= 255
    assert not safe.startswith(("~", "."))


@given(HOSTILE)
def test_safe_part__is_one_part(name: str) -> None:
    part = safe_part(name)
    assert is_safe(part)
    assert "/" not in part


def test_safe_name__long_names_stay_apart_and_keep_their_suffix() -> None:
    one, other = safe_name("é" * 200 + "1.jpg"), safe_name("é" * 200 + "2.jpg")
    assert one != other
    assert one.endswith(".jpg")
    assert len(one.encode()) <= 255


def test_folded__is_one_for_names_that_are_one_on_some_disk() -> None:
    assert folded("Straße/É.jpg") == folded("STRASSE/e\u0301.JPG")
    assert folded("a.jpg") != folded("b.jpg")


@given(HOSTILE, st.booleans())
def test_inner_parts__never_lead_out(name: str, windows: bool) -> None:
    parts = inner_parts(name, windows=windows)
    assert not {"", ".", ".."} & set(parts)
    assert not any(set(part) & set("/\\") for part in parts)
    if windows:
        assert len(PureWindowsPath("D:\\data").joinpath(*parts).parts) == 2 + len(parts)


@given(HOSTILE, HOSTILE)
def test_background_name__is_safe_whatever_the_source_says(source: str, name: str) -> None:
    made = background_name(source, name)
    assert is_safe(made)
    assert "/" not in made
    assert made.isascii()
