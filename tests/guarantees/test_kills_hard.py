"""`--hard`, killed before changes to the disk all along its way: one batch at most is looked at twice, same choice.

The model is a program in the place of the user's Ultralytics; the images are fetched from a server on this machine.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from image_server import ImageServer
from killing import KillServer, Ran, check_valid
from killing_data import LABELLED, THEIRS, make_dataset, make_source
from merging import tree, visible
from mining_data import stand_in_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # The kill server forks a warm interpreter for each point, and Windows has no fork.
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

NEEDED, SIZE = 8, 60
BATCH = NEEDED // 4
# Of the points, in hundredths of their number.
WHERE = [pytest.param(50, marks=pytest.mark.sample), 1, 10, 20, 30, 40, 60, 70, 80, 85, 90, 93, 96, 98, 99]


@pytest.mark.parametrize("where", WHERE)
def test_hard__killed_anywhere_ends_in_the_same_choice(scratch: Path, kill_server: KillServer, where: int) -> None:
    dataset, source = make_dataset(scratch / "template", "folder"), make_source(scratch / "source", SIZE)
    before, root, model, asked = tree(dataset.template), scratch / "data", scratch / "model.pt", scratch / "asked"
    model.write_bytes(b"a model")
    env = {"YOLOBG_ULTRALYTICS_PYTHON": stand_in_model(scratch, asked), "YOLOBG_CACHE_DIR": str(scratch / "cache")}
    with ImageServer({f"/x/{name}": content for name, content in source.images.items()}) as server:
        images = ("--annotations", source.instances, "--images", f"{server.url}/x", "--count", str(THEIRS + NEEDED))
        command = ("augment", root / "data.yaml", *images, "--hard", model, "--min-score", "0.8", "--yes", "--json")

        def run(kill_at: int | None) -> Ran:
            return kill_server.run(*command, kill_at=kill_at, watch=(root, scratch / "cache"), env=env)

        def begin() -> None:
            for folder in (root, scratch / "cache"):
                shutil.rmtree(folder, ignore_errors=True)
            asked.unlink(missing_ok=True)
            dataset.copy(root)

        begin()
        ran = run(None)
        assert ran.code == 0, ran.err
        whole, looked = visible(root), len(asked.read_text().splitlines())
        begin()
        killed = run(max(1, len(ran.points) * where // 100))
        assert killed.killed
        check_valid(root, dataset.entries, before, source.images)
        again = run(None)
        assert again.code == 0, again.err
        counts = again.json["after"]
        assert (counts["labelled"], counts["backgrounds"], counts["ours"]) == (LABELLED, THEIRS + NEEDED, NEEDED)
        assert visible(root) == whole
        times = Counter(asked.read_text().splitlines())
        assert sum(times.values()) - len(times) <= BATCH
        assert len(times) <= looked + BATCH
        assert kill_server.run("remove", root / "data.yaml").code == 0
        assert tree(root) == before
