"""What lies at the paths of an entry, and what follows from it: tables over every state."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from yolobg.changes.disk_state import Action, ImageThere, LabelThere, decide, look_image, look_label, looks_staged
from yolobg.changes.records import Entry

CONTENT = b"an image"
COPIED = Entry(
    image="images/bg_coco_000000000001.jpg",
    label="labels/bg_coco_000000000001.txt",
    split="train",
    source="coco",
    source_id=1,
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
)
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")

DECISIONS: dict[tuple[ImageThere, LabelThere, bool], Action] = {
    ("absent", "absent", True): "publish",
    ("absent", "absent", False): "drop",
    ("absent", "blank", True): "publish",
    ("absent", "blank", False): "drop",
    ("absent", "filled", True): "conflict",
    ("absent", "filled", False): "conflict",
    ("ours", "absent", True): "done",
    ("ours", "absent", False): "done",
    ("ours", "blank", True): "done",
    ("ours", "blank", False): "done",
    ("ours", "filled", True): "conflict",
    ("ours", "filled", False): "conflict",
    ("other", "absent", True): "conflict",
    ("other", "absent", False): "conflict",
    ("other", "blank", True): "conflict",
    ("other", "blank", False): "conflict",
    ("other", "filled", True): "conflict",
    ("other", "filled", False): "conflict",
}


def test_decide__every_case_is_in_the_table() -> None:
    assert set(DECISIONS) == set(
        itertools.product(("absent", "ours", "other"), ("absent", "blank", "filled"), (True, False))
    )


@pytest.mark.parametrize(("image", "label", "staged"), DECISIONS)
def test_decide__what_is_done_for_an_entry(image: ImageThere, label: LabelThere, staged: bool) -> None:
    assert decide(image=image, label=label, staged=staged) == DECISIONS[image, label, staged]


def linked(target: Path) -> Entry:
    return msgspec.structs.replace(COPIED, link="symlink", url=str(target))


# ---------------------------------------------------------------- images

IMAGES: dict[str, tuple[Callable[[Path], object], ImageThere]] = {
    "nothing": (lambda _image: None, "absent"),
    "our content": (lambda image: image.write_bytes(CONTENT), "ours"),
    "as many other bytes": (lambda image: image.write_bytes(CONTENT[::-1]), "other"),
    "more bytes": (lambda image: image.write_bytes(CONTENT * 2), "other"),
    "no bytes": (lambda image: image.write_bytes(b""), "other"),
    "a folder": (lambda image: image.mkdir(), "other"),
}
LINKS: dict[str, tuple[Callable[[Path, Path], object], ImageThere, ImageThere]] = {
    # What lies there, as an entry that was copied and as one that was linked to `target` sees it.
    "a link to our content": (lambda image, target: image.symlink_to(target), "other", "ours"),
    "a link to itself": (lambda image, _target: image.symlink_to(image), "other", "other"),
    "a dead link elsewhere": (lambda image, target: image.symlink_to(target.with_name("gone")), "other", "other"),
    "our content": (lambda image, _target: image.write_bytes(CONTENT), "ours", "other"),
    "nothing": (lambda _image, _target: None, "absent", "absent"),
}


@pytest.mark.parametrize("case", IMAGES)
def test_look_image__that_was_copied(case: str, tmp_path: Path) -> None:
    make, expected = IMAGES[case]
    make(tmp_path / "a.jpg")
    assert look_image(tmp_path / "a.jpg", COPIED) == expected


@needs_links
@pytest.mark.parametrize("case", LINKS)
def test_look_image__that_is_or_was_a_link(case: str, tmp_path: Path) -> None:
    make, copied, was_linked = LINKS[case]
    target = tmp_path / "target.jpg"
    target.write_bytes(CONTENT)
    make(tmp_path / "a.jpg", target)
    assert look_image(tmp_path / "a.jpg", COPIED) == copied
    assert look_image(tmp_path / "a.jpg", linked(target)) == was_linked


@needs_links
def test_look_image__a_link_whose_target_is_gone_is_ours_only_if_it_leads_there(tmp_path: Path) -> None:
    image, target = tmp_path / "a.jpg", tmp_path / "gone.jpg"
    image.symlink_to(target)
    assert look_image(image, linked(target)) == "ours"
    assert look_image(image, linked(tmp_path / "other.jpg")) == "other"


def test_look_image__below_a_file_is_absent(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert look_image(tmp_path / "file" / "a.jpg", COPIED) == "absent"


def test_looks_staged__by_kind_and_size_alone(tmp_path: Path) -> None:
    staged = tmp_path / "1.staged"
    assert not looks_staged(staged, COPIED)
    staged.write_bytes(CONTENT[::-1])
    assert looks_staged(staged, COPIED)
    assert not looks_staged(staged, linked(tmp_path / "target.jpg"))
    staged.write_bytes(CONTENT * 2)
    assert not looks_staged(staged, COPIED)


@needs_links
def test_looks_staged__a_link_by_where_it_leads(tmp_path: Path) -> None:
    staged, target = tmp_path / "1.staged", tmp_path / "target.jpg"
    staged.symlink_to(target)
    assert looks_staged(staged, linked(target))
    assert not looks_staged(staged, linked(tmp_path / "other.jpg"))
    assert not looks_staged(staged, COPIED)


# ---------------------------------------------------------------- labels

LABELS: dict[str, tuple[Callable[[Path], object], LabelThere]] = {
    "nothing": (lambda _label: None, "absent"),
    "no bytes": (lambda label: label.write_bytes(b""), "blank"),
    "white space": (lambda label: label.write_bytes(b" \t\r\n\n"), "blank"),
    "a line": (lambda label: label.write_bytes(b"0 .5 .5 .1 .1\n"), "filled"),
    "bytes that are no text": (lambda label: label.write_bytes(b"\xff"), "filled"),
    "more white space than is read": (lambda label: label.write_bytes(b" " * ((1 << 20) + 1)), "filled"),
    "a folder": (lambda label: label.mkdir(), "filled"),
}


@pytest.mark.parametrize("case", LABELS)
def test_look_label(case: str, tmp_path: Path) -> None:
    make, expected = LABELS[case]
    make(tmp_path / "a.txt")
    assert look_label(tmp_path / "a.txt") == expected


@needs_links
def test_look_label__a_link_or_a_pipe_says_something(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "alive.txt").symlink_to(tmp_path / "empty")
    (tmp_path / "dead.txt").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.txt")
    assert {look_label(tmp_path / f"{name}.txt") for name in ("alive", "dead", "pipe")} == {"filled"}
