"""Several GPUs, as far as that can be shown on the CPU: the generated worker file, and two processes over gloo."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from places import HELPERS
from ultra import BACKGROUNDS, LABELLED, Ground, Said, draw_ground, run

pytestmark = [pytest.mark.ultralytics, pytest.mark.timeout(600)]
TRAVELS_FROM = (8, 4, 140)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return draw_ground(tmp_path)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, ...]:
    said = run(
        ["-c", "import ultralytics; print('RELEASE', ultralytics.__version__)"], cwd=tmp_path_factory.mktemp("v")
    )
    found = re.search(r"RELEASE (\d+)\.(\d+)\.(\d+)", said.output)
    assert found, said.output
    return tuple(map(int, found.groups()))


def test_worker_file__trains_with_the_backgrounds(ground: Ground, release: tuple[int, ...]) -> None:
    """The hook travels in the file; before 8.4.140 nothing does, so `attach` is told the data and works at once."""
    travels = release >= TRAVELS_FROM
    if travels and run(["-c", "import cloudpickle"], cwd=ground.root).code:
        pytest.skip("Ultralytics installs cloudpickle when it first trains on several GPUs; it is not there yet")
    at_once = {} if travels else {"data": str(ground.demo.data_yaml)}
    said = ground.play("worker_file", options=at_once)
    assert said.told[0]["before"] == (0 if travels else BACKGROUNDS)
    worker = run([said.told[0]["file"]], cwd=ground.root)
    assert worker.code == 0, worker.output[-4000:]
    assert worker.scans == [(LABELLED + BACKGROUNDS, BACKGROUNDS, 0)]
    assert worker.announced == (worker.scans if travels else [])
    assert len(ground.backgrounds()) == BACKGROUNDS


def test_two_ranks__train_on_the_same_images(ground: Ground, release: tuple[int, ...]) -> None:
    """The first rank adds while the second waits for it; both then list the same images and share them."""
    if release < TRAVELS_FROM:
        pytest.skip("before 8.4.140 callbacks do not reach the workers")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def start(rank: int) -> Said:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "RANK": str(rank)}
        arguments: list[str | Path] = [HELPERS / "ultra_driver.py", "rank", json.dumps(ground.job())]
        return run(arguments, cwd=ground.root, LOCAL_RANK=str(rank), OMP_NUM_THREADS="1", **place)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(start, (0, 1))
    for number, said in enumerate((first, second)):
        assert said.code == 0, said.output[-4000:]
        whole = LABELLED + BACKGROUNDS
        assert said.told == [{"rank": number, "dataset": whole, "part": whole // 2}]
    assert first.announced == [(LABELLED + BACKGROUNDS, BACKGROUNDS, 0)]
    assert not second.ours, "only the first rank may add"
