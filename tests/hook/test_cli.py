"""`yolobg train`: real trainings through Ultralytics' own entry point, and what it keeps of the process's ending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from merging import tree
from ultra import (
    BACKGROUNDS,
    LABELLED,
    Ground,
    Said,
    copy_ground,
    draw_ground,
    environment,
    python_with_ultralytics,
    run,
)

WHOLE = (LABELLED + BACKGROUNDS, BACKGROUNDS, 0)
SHORT = (
    "model=yolov8n.yaml", "epochs=1", "imgsz=64", "batch=4", "device=cpu", "workers=0", "plots=False", "val=False",
    "amp=False", "exist_ok=True", "name=a run",
)  # fmt: skip

pytestmark = [pytest.mark.ultralytics, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return draw_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def ground(drawn: Ground, tmp_path: Path) -> Ground:
    place = tmp_path / "with blanks"
    place.mkdir()
    return copy_ground(drawn, place)


def command(ground: Ground, *options: str, arguments: tuple[str, ...] = SHORT) -> list[str]:
    source = ("--annotations", str(ground.demo.annotations), "--images", str(ground.demo.images_dir))
    return [
        "-m", "yolobg", "train", str(ground.demo.data_yaml), *source, *options,
        "--", *arguments, f"project={ground.root / 'my runs'}",
    ]  # fmt: skip


def train(ground: Ground, *options: str, arguments: tuple[str, ...] = SHORT) -> Said:
    return run(command(ground, *options, arguments=arguments), cwd=ground.root)


def without_caches(root: Path) -> dict[str, bytes | None]:
    return {name: content for name, content in tree(root).items() if not name.endswith(".cache")}


def test_train__adds_trains_and_takes_back(ground: Ground) -> None:
    """Values with blanks arrive whole; with --evict the dataset is afterwards what it was."""
    before = tree(ground.dataset)
    said = train(ground, "--evict")
    assert said.code == 0, said.output
    assert said.scans == [WHOLE]
    assert (ground.root / "my runs/a run/weights/last.pt").is_file()
    assert without_caches(ground.dataset) == before


@pytest.mark.parametrize("by", ["argument", "cfg"])
def test_train__says_what_a_fraction_leaves_of_the_backgrounds(ground: Ground, by: str) -> None:
    more = "fraction=0.2"
    if by == "cfg":
        (ground.root / "my.yaml").write_text("fraction: 0.2\n")
        more = f"cfg={ground.root / 'my.yaml'}"
    said = train(ground, arguments=(more, *SHORT))
    assert said.code == 0, said.output
    assert said.scans == [(4, 2, 0)]
    told = "fraction=0.2 trains on the first 4 images of 20 by name: 2 backgrounds (50.0%), against 10.0% of all"
    assert [line for line in said.ours if line.startswith(told)]


def test_train__keeps_the_exit_code(ground: Ground) -> None:
    """Whatever Ultralytics ends with is what the command ends with; the backgrounds stay where nobody evicts them."""
    said = train(ground, arguments=(*SHORT, "nonsense=1"))
    code = "import sys; sys.argv[:] = ['yolo', 'train', 'nonsense=1']; from ultralytics.cfg import entrypoint as e; e()"
    bare = run(["-c", code], cwd=ground.root)
    assert said.code == bare.code != 0
    assert "nonsense" in said.output
    assert len(ground.backgrounds()) == BACKGROUNDS


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent otherwise there")
def test_train__takes_back_after_an_interrupt(ground: Ground) -> None:
    before = tree(ground.dataset)
    arguments = (*SHORT[:1], "epochs=500", *SHORT[2:])
    with subprocess.Popen(
        [python_with_ultralytics(), *command(ground, "--evict", arguments=arguments)],
        cwd=ground.root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + 280
            while not (ground.root / "my runs/a run/results.csv").exists():
                assert time.monotonic() < deadline, "the first epoch never ended"
                assert process.poll() is None, "the training ended early"
                time.sleep(0.1)
            assert len(ground.backgrounds()) == BACKGROUNDS
            os.kill(process.pid, signal.SIGINT)
            output = process.communicate(timeout=200)[0]
        finally:
            process.kill()
    assert process.returncode == 130, output.decode()
    assert without_caches(ground.dataset) == before


def test_train__goes_on_without_a_source_unless_told(ground: Ground) -> None:
    ground.demo.images_dir.rename(ground.root / "gone")
    ground.demo.images_dir.mkdir()
    said = train(ground, "--on-error", "raise")
    assert said.code == 5, said.output
    assert not said.scans
    said = train(ground)
    assert said.code == 0, said.output
    assert "yolobg: warning: training on the dataset as it is" in said.lines
    assert said.scans == [(LABELLED, 0, 0)]


def test_train__stops_for_a_name_that_nothing_resolves(ground: Ground) -> None:
    text = ground.demo.data_yaml.read_text(encoding="utf-8")
    ground.demo.data_yaml.write_text(text.replace("Pedestrian", "xqzzvw"), encoding="utf-8")
    said = train(ground)
    assert said.code == 4
    assert '--map "xqzzvw=none"' in said.output
    assert not said.scans


@pytest.mark.parametrize("argument", ["data=other.yaml", "--data=other.yaml", "data"])
def test_train__refuses_a_second_dataset(ground: Ground, argument: str) -> None:
    said = train(ground, arguments=(argument,))
    assert said.code == 2
    assert "data= is given twice" in said.output
    assert not ground.backgrounds()
