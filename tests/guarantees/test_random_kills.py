"""The real command, killed at random moments of a real download, again and again on the same dataset.

Where `test_kills` goes through all points one by one, here nothing is chosen: threads are at work, answers are under
way, a recovery is cut short by the next kill. The moments are drawn evenly over the time that a command takes.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tally
from image_server import ImageServer
from killing import KillServer, Ran, check_cache, check_valid
from killing_data import LABELLED, THEIRS, Dataset, Source, make_dataset, make_source
from merging import tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

KILLS, KILLS_ALONE = 30, 10
RUNS_FOR_A_KILL = 12
POOL, MOST = 80, 40
LATENCY_S = 0.005
COLD = 0.3


Run = Callable[[tuple[str | Path, ...], float | None], Ran]


@dataclass
class Story:
    """What happens to one dataset, and what may be there after it.

    Attributes:
        earliest: Share (0-1) of a command's time before which it is not killed.
        most: The largest number of our images asked for since `remove` came to its end: a begun run is finished.
        times: How long each command took when nobody killed it, in seconds.
        caught: Kills that hit a process while it held the dataset.
    """

    run: Run
    dataset: Dataset
    sources: tuple[Source, Source]
    images: str
    draw: random.Random
    cache: Path
    earliest: float = 0.0
    before: dict[str, bytes | None] = field(default_factory=dict)
    there: int = 0
    most: int = 0
    killed: int = 0
    caught: int = 0
    times: dict[str, float] = field(default_factory=dict)

    @property
    def pictures(self) -> dict[str, bytes]:
        return self.sources[0].images | self.sources[1].images

    @property
    def root(self) -> Path:
        return self.dataset.template

    def augment(self, ours: int, kill_after_s: float | None = None) -> Ran:
        source, seed = self.draw.choice(self.sources), self.draw.randint(0, 2)
        options = (
            "--annotations",
            source.instances,
            "--seed",
            str(seed),
            "--images",
            self.images,
            "--jobs",
            "4",
            "--json",
        )
        ran = self.run(("augment", self.root / "data.yaml", *options, "--count", str(THEIRS + ours)), kill_after_s)
        self.most = max(self.most, ours)
        self.look(ran)
        if not ran.killed:
            assert ran.code == 0, ran.err
            # One that finds nothing to do takes no time, and says nothing of the others.
            self.times["augment"] = max(ran.seconds, self.times.get("augment", 0.0) * 0.8)
            assert ours <= self.there <= self.most
            counts = ran.json["after"]
            told = (counts["labelled"], counts["backgrounds"], counts["ours"])
            assert told == (LABELLED, THEIRS + self.there, self.there)
        return ran

    def remove(self, kill_after_s: float | None = None) -> Ran:
        ran = self.run(("remove", self.root / "data.yaml", "--json"), kill_after_s)
        self.look(ran)
        if not ran.killed:
            self.times["remove"] = max(ran.seconds, self.times.get("remove", 0.0) * 0.8)
            assert ran.code == 0, ran.err
            assert tree(self.root) == self.before
            self.most = 0
        return ran

    def look(self, ran: Ran) -> None:
        """Whatever happened: valid."""
        self.there = len(check_valid(self.root, self.dataset.entries, self.before, self.pictures))
        check_cache(self.cache)
        self.killed += ran.killed
        self.caught += ran.killed and (self.root / ".yolobg/holder.json").exists()

    def go_on(self) -> None:
        """One more command, which may or may not live to its end."""
        name = "remove" if self.draw.random() < self.there / MOST else "augment"
        moment = self.draw.uniform(self.earliest, 1.0) * self.times[name]
        if self.draw.random() < COLD:
            # The source has to be read anew then, too.
            shutil.rmtree(self.cache, ignore_errors=True)
        if name == "remove":
            self.remove(moment)
        else:
            self.augment(self.draw.randint(1, MOST), moment)


def tell(story: Story, kills: int) -> None:
    """Run undisturbed once, then be killed so often, then end well."""
    story.before = tree(story.root)
    story.augment(MOST)
    assert story.there == MOST
    story.remove()
    for _ in range(RUNS_FOR_A_KILL * kills):
        story.go_on()
        if story.killed == kills:
            break
    tally.tried("random kills", story.killed)
    assert story.killed == kills
    assert story.caught, "the kills came before or after all work"
    story.augment(MOST)
    assert story.there == MOST
    story.remove()


def make_sources(scratch: Path) -> tuple[Source, Source]:
    """Two, so that what a killed run has fetched of one is there when the next run asks for the other."""
    return make_source(scratch / "one", POOL), make_source(scratch / "two", POOL, first=1001)


def serving(sources: tuple[Source, Source]) -> ImageServer:
    pictures = sources[0].images | sources[1].images
    return ImageServer({f"/all/{name}": image for name, image in pictures.items()}, latency_s=LATENCY_S)


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.sample), *range(1, 9)])
def test_augment_and_remove__killed_at_random_moments(scratch: Path, kill_server: KillServer, seed: int) -> None:
    dataset = make_dataset(scratch / "data", ("folder", "list", "folders")[seed % 3])
    sources = make_sources(scratch)

    def run(arguments: tuple[str | Path, ...], kill_after_s: float | None) -> Ran:
        return kill_server.run(*arguments, kill_after_s=kill_after_s)

    with serving(sources) as images:
        tell(Story(run, dataset, sources, f"{images.url}/all", random.Random(seed), scratch / "cache"), KILLS)


def run_alone(arguments: tuple[str | Path, ...], kill_after_s: float | None) -> Ran:
    """`python -m yolobg` in an interpreter of its own, which spends half of its time on imports."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        command = [sys.executable, "-m", "yolobg", *map(str, arguments)]
        with subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL) as process:
            try:
                process.wait(kill_after_s if kill_after_s is not None else 120)
            except subprocess.TimeoutExpired:
                process.kill()
            code = process.wait()
        seconds = time.monotonic() - began
        for stream in (out, err):
            stream.seek(0)
        told, complaints = (stream.read().decode("utf-8", "replace") for stream in (out, err))
    return Ran(code == -9, code, told, complaints, seconds, (), ())


def test_python_m_yolobg__killed_at_random_moments(scratch: Path) -> None:
    dataset, sources = make_dataset(scratch / "data", "list"), make_sources(scratch)
    with serving(sources) as images:
        tell(
            Story(run_alone, dataset, sources, f"{images.url}/all", random.Random(9), scratch / "cache", 0.5),
            KILLS_ALONE,
        )
