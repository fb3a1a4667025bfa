"""When backgrounds cannot be had: the training goes on or ends before its first epoch, and the dataset is valid."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from image_server import ImageServer
from merging import tree
from places import HELPERS
from ultra import LABELLED, Ground, Said, check_trained, copy_ground, draw_ground, environment, python_with_ultralytics

from yolobg.changes.lock import hold

pytestmark = [pytest.mark.ultralytics, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return draw_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def ground(drawn: Ground, tmp_path: Path) -> Ground:
    return copy_ground(drawn, tmp_path)


@pytest.fixture
def server(ground: Ground) -> Iterator[ImageServer]:
    with ImageServer(ground.demo.images_dir) as running:
        yield running


def trained_tree(ground: Ground) -> dict[str, bytes | None]:
    """The dataset without the caches that Ultralytics writes beside labels."""
    return {name: content for name, content in tree(ground.dataset).items() if not name.endswith(".cache")}


def test_host__up_then_down(ground: Ground, server: ImageServer) -> None:
    """A host that is there is used; one that is down costs a warning, and training goes on with what is there."""
    server.die()
    before = trained_tree(ground)
    said = ground.play("by_attach", options={"images": [server.url]})
    check_trained(said, ground, added=0)
    (warned,) = [line for line in said.ours if line.startswith("no backgrounds were added: ")]
    assert server.url.removeprefix("http://") in warned
    assert warned.endswith("Training continues with the dataset as it is.")
    assert trained_tree(ground) == before
    server.revive()
    said = ground.play("by_attach", options={"images": [server.url]})
    check_trained(said, ground)
    assert said.announced == said.scans


def test_host_down__raises_where_that_is_asked_for(ground: Ground, server: ImageServer) -> None:
    server.die()
    before = trained_tree(ground)
    said = ground.play("by_attach", options={"images": [server.url], "on_error": "raise"}, code=1)
    assert "DownloadError" in said.output
    assert not said.scans
    assert trained_tree(ground) == before


@pytest.fixture
def no_rights(ground: Ground) -> Iterator[Sequence[str]]:
    """The dataset cannot be written; yields what a command is begun with so that this holds for root too."""
    if sys.platform == "win32":
        pytest.skip("permissions are told otherwise there")
    prefix: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("as root this needs setpriv")
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
    folders = [ground.dataset, *(path for path in ground.dataset.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield prefix
    for folder in folders:
        folder.chmod(0o755)


def test_read_only_dataset__warns_or_raises(ground: Ground, no_rights: Sequence[str]) -> None:
    before = tree(ground.dataset)
    said = ground.play("by_attach", prefix=no_rights)
    check_trained(said, ground, added=0)
    assert str(ground.dataset) in said.ours[0]
    said = ground.play("by_attach", prefix=no_rights, options={"on_error": "raise"}, code=1)
    assert "MergeError" in said.output
    assert not said.scans
    assert tree(ground.dataset) == before


def test_unresolved_class__ends_the_training_and_tells_the_map(ground: Ground) -> None:
    """By default too: a background that shows an unknown class would teach the model to miss it."""
    text = ground.demo.data_yaml.read_text(encoding="utf-8")
    ground.demo.data_yaml.write_text(text.replace("Pedestrian", "xqzzvw"), encoding="utf-8")
    said = ground.play("by_attach", code=1)
    assert "UnresolvedClassError" in said.output
    assert "pass map={'xqzzvw': [" in said.output
    assert not said.scans
    said = ground.play("by_attach", options={"map": {"xqzzvw": ["person"]}})
    check_trained(said, ground)


def test_resumed_training__goes_on_with_what_it_had(ground: Ground) -> None:
    said = ground.play("resume")
    assert said.told == [{"dataset": LABELLED, "epoch": 1}]
    assert said.ours == ["a resumed training continues with the images it started with; nothing was added"]
    assert not ground.backgrounds()


def test_classify__knows_no_backgrounds(ground: Ground) -> None:
    for split in ("train", "val"):
        for number, image in enumerate(sorted((ground.dataset / "images" / split).iterdir())):
            folder = ground.root / "sorted" / split / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image, folder / image.name)
    said = ground.play("classify", data=str(ground.root / "sorted"))
    assert said.told == [{"dataset": LABELLED}]
    assert said.ours == ["task 'classify' does not use background images; nothing was added"]


def test_another_at_work__is_waited_for(ground: Ground) -> None:
    """Two trainings of a sweep begin at once: the second must not train on half of what the first one adds."""
    driver = HELPERS / "ultra_driver.py"
    held = contextlib.ExitStack()
    held.enter_context(hold(ground.dataset))
    with (
        held,
        subprocess.Popen(
            [python_with_ultralytics(), driver, "by_attach", json.dumps(ground.job())],
            cwd=ground.root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        waits = next((line for line in process.stdout if "another yolobg is running" in line), "")
        assert waits.rstrip().endswith("waiting")
        assert not ground.backgrounds()
        held.close()
        output = process.communicate(timeout=280)[0]
    check_trained(Said(process.returncode, output), ground)
