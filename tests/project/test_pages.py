"""README and the pages are true: what they tell people to type is accepted and, where this machine can do it, run.

A sample source stands in for COCO. Recipes and the page of `evaluate` have tests of their own.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from places import REPOSITORY

import yolobg
from yolobg.cli.app import app

sys.path.insert(0, str(REPOSITORY / "tools"))

from command_reference import command_reference
from house_picture import PICTURE, house
from readme_outputs import MADE, PAGES
from readme_picture import PICTURE as BEFORE_AFTER
from readme_picture import SIZE

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# What is only read here, by a word in it and with the reason.
NOT_RUN = {
    "evaluate": "tests/project/test_evaluate_page.py runs it",
    "review": "a server that runs until somebody ends it; tests/review",
    "dataset/data.yaml": "tests/project/test_recipes.py and test_evaluate_page.py run it",
    "$data": "tests/project/test_recipes.py runs it",
    "train": "needs Ultralytics; tests/hook",
    "--hard": "needs a model; tests/mining",
    "scored": "what --hard has planned; tests/mining/test_shards.py",
    "--fast": "needs COCO's images",
    "--every": "needs a video and what reads it; tests/sources/test_frames.py",
    "lvis": "needs 415 MB from the network",
    "openimages": "needs Open Images' lists; tests/flow/test_open_images_pool.py",
    "cache": "clears or builds what the other commands use; tests/cli",
    "/kaggle": "a place of another machine; tests/flow/test_derived.py",
    "convert": "tests/formats",
    "download": "takes images of COCO; tests/flow/test_download_folder.py",
    "/data": "a place of another machine",
    "instances.json": "shown with the address of images",
}
NEEDS_SOURCE = ("augment", "plan", "classes")


def commands_of(page: Path) -> list[list[str]]:
    """The words of each line of a page's code blocks that calls yolobg, without comments and prompts."""
    text = MADE.sub("", page.read_text(encoding="utf-8"))
    lines = [
        line.strip().removeprefix("$ ")
        for language, block in FENCE.findall(text)
        if language in ("", "bash", "sh")
        for line in block.splitlines()
    ]
    called = [line.split(" > ")[0] for line in lines if line.startswith("yolobg ") and "…" not in line]
    return [shlex.split(line, comments=True) for line in called]


WITH_COMMANDS = [page for page in PAGES if commands_of(page)]


def sample_source(folder: Path) -> list[str]:
    return ["--annotations", str(folder / "source/annotations/instances_sample.json"),
            "--images", str(folder / "source/images")]  # fmt: skip


def with_sample_source(function: Callable[..., object], folder: Path) -> Callable[..., object]:
    _, annotations, _, images = sample_source(folder)
    return functools.partial(function, annotations=annotations, images=[images])


@pytest.fixture
def place(sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages speak of, as the current folder: data.yaml, a folder of backgrounds."""
    for file in (sample / "dataset").iterdir():
        file.rename(sample / file.name)
    mine = sample / "my_backgrounds"
    mine.mkdir()
    for number in ("1269", "1073", "1031"):
        shutil.copy(sample / f"source/images/00000000{number}.jpg", mine)
    (sample / "corrections.json").write_text(
        '{"images": [{"id": 1, "file_name": "000000001003.jpg"}], "annotations": [{"id": 1, "image_id": 1, '
        '"category_id": 1, "bbox": [0, 0, 9, 9]}], "categories": [{"id": 1, "name": "dog"}]}',
        encoding="utf-8",
    )
    monkeypatch.chdir(sample)
    return sample


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands__are_accepted(page: Path) -> None:
    """Each option exists, takes such a value, and none that is required is missing."""
    for words in commands_of(page):
        command: click.Command = app
        rest = words[1:]
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), rest[0])
            assert found is not None, words
            command, rest = found, rest[1:]
        command.make_context(words[1], list(rest))


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands__do_what_the_page_says(page: Path, place: Path) -> None:
    """Run one after the other, as a reader would; each ends well."""
    for words in commands_of(page):
        if any(mark in word for mark in NOT_RUN for word in words[1:]):
            continue
        given = words[1:]
        if given[0] in NEEDS_SOURCE and not {"--source", "--annotations", "--plan"} & set(given):
            given = [*given, *sample_source(place)]
        assert app.main(given, standalone_mode=False) in (0, None), words


@pytest.mark.parametrize("page", [REPOSITORY / "README.md", REPOSITORY / "docs/index.md"], ids=lambda page: page.name)
def test_python__of_the_first_screen_runs(
    page: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(yolobg, "augment", with_sample_source(yolobg.augment, place))
    first = next(block for language, block in FENCE.findall(page.read_text(encoding="utf-8")) if language == "python")
    exec(compile(first, page.name, "exec"), {})
    assert capsys.readouterr().out.split() == ["2", "0.1"]


def test_python__of_the_reference_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All examples, one after the other in one session."""
    for name in ("augment", "plan", "classes"):
        monkeypatch.setattr(yolobg, name, with_sample_source(getattr(yolobg, name), place))
    text = (REPOSITORY / "docs/reference.md").read_text(encoding="utf-8")
    blocks = [block for language, block in FENCE.findall(text) if language == "python"]
    session: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "reference.md", "exec"), session)
    assert len(blocks) == 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python__on_every_page_compiles(page: Path) -> None:
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            compile(block, page.name, "exec")


def test_commands_page__is_made_from_the_commands() -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    assert page.endswith(f"<!-- commands -->\n\n{command_reference()}\n"), "run tools/readme_outputs.py"


def test_commands_page__has_every_option_of_the_printed_help() -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    section = page[page.index("## yolobg augment") : page.index("## yolobg status")]
    flags = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
    command = app.get_command(click.Context(app), "augment")
    assert command is not None
    printed = command.get_help(click.Context(command, info_name="augment"))
    assert set(flags.findall(printed)) - {"--help"} <= set(flags.findall(section))


def test_commands_page__names_every_environment_variable() -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    files = Path(yolobg.__file__).parent.rglob("*.py")
    used = {name for file in files for name in re.findall(r'"(YOLOBG_[A-Z_]+)"', file.read_text(encoding="utf-8"))}
    assert used
    assert used == set(re.findall(r"^\| `(YOLOBG_[A-Z_]+)` \|", page, re.MULTILINE))


def test_picture_of_the_house__is_that_of_the_layers() -> None:
    assert PICTURE.read_text(encoding="utf-8") == house(), "run tools/readme_outputs.py"


def test_picture_before_and_after__is_small_and_of_the_size_that_the_tool_draws() -> None:
    data = BEFORE_AFTER.read_bytes()
    assert len(data) < 60_000
    # PNG: width and height follow the first chunk's name.
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == SIZE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links__lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[\w-]+)?\)", text):
        assert (page.parent / target).is_file(), target


SYMPTOM = re.compile(r'^### "(.+)"\n\n<!-- symptom: (.+) -->$', re.MULTILINE)
TROUBLES = (REPOSITORY / "docs/troubleshooting.md").read_text(encoding="utf-8")


def with_troubles(place: Path) -> None:
    """Datasets in the current folder with what people meet."""
    data = (place / "data.yaml").read_text(encoding="utf-8")
    (place / "odd.yaml").write_text(data.replace("dog", "wheelie_bin_xq"), encoding="utf-8")
    (place / "empty").mkdir()
    for folder in ("two", "dots/frames", "orphan"):
        shutil.copytree(place / "images", place / folder / "images")
        shutil.copytree(place / "labels", place / folder / "labels")
    for name in ("two/data.yaml", "two/other.yaml", "orphan/data.yaml"):
        (place / name).write_text(data, encoding="utf-8")
    text = f"path: ./\n{data}".replace("images/", "frames/images/")
    (place / "dots/data.yaml").write_text(text, encoding="utf-8")
    unlisted = {
        "images": [],
        "annotations": [{"image_id": 1, "category_id": 1}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    (place / "unlisted.json").write_text(json.dumps(unlisted), encoding="utf-8")
    shutil.copytree(place / "images", place / "strays")
    (place / "strays" / "breeds.csv").write_text("filename,breed\nframe_train_001.jpg,poodle\n", encoding="utf-8")
    for number in ("001", "002"):
        file = place / f"orphan/labels/train/frame_train_{number}.txt"
        file.rename(file.with_name(f"frame_{number}.txt"))


@pytest.mark.parametrize(("message", "command"), SYMPTOM.findall(TROUBLES))
def test_symptom__is_what_the_command_prints(
    message: str, command: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    with_troubles(place)
    given = command.split()
    if given[0] in NEEDS_SOURCE and not {"--source", "--annotations"} & set(given):
        given += sample_source(place)
    app.main(given, standalone_mode=False)
    printed = capsys.readouterr()
    assert message in " ".join(f"{printed.out} {printed.err}".split())


def test_symptoms__that_are_not_run_are_messages_of_the_package() -> None:
    ran = {message for message, _ in SYMPTOM.findall(TROUBLES)}
    others = set(re.findall(r'^### "(.+)"$', TROUBLES, re.MULTILINE)) - ran
    files = Path(yolobg.__file__).parent.rglob("*.py")
    texts = " ".join(file.read_text(encoding="utf-8") for file in files)
    # Where the name of a file is filled in.
    assert [told for told in others if told.removesuffix("annotations_trainval2017.zip") not in texts] == []
    assert len(others) < len(ran)
