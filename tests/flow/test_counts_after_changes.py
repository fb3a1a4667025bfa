"""What is counted as added by yolobg after a person has worked on it: what still is a background, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from download_pictures import picture
from rich.console import Console

import yolobg
from yolobg.cli.text import RatioBar

BOX = "0 0.5 0.5 0.1 0.1\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "ds"
    for i in range(12):
        for place, content in (("images/train/{}.jpg", picture(i)), ("labels/train/{}.txt", BOX.encode())):
            file = root / place.format(i)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    (root / "data.yaml").write_text("names: [dog]\ntrain: images/train\nval: images/train\n")
    pool = tmp_path / "pool"
    pool.mkdir()
    for i in range(9):
        (pool / f"p{i}.jpg").write_bytes(picture(100 + i))
    yolobg.augment(root, source=str(pool), count=6, report=False)
    return root


def gone(image: Path, label: Path) -> None:
    image.unlink()
    label.unlink()


CHANGES: dict[str, tuple[Callable[[Path, Path], object], int, int]] = {
    "nothing": (lambda image, label: None, 6, 6),
    "a box": (lambda image, label: label.write_text(BOX), 5, 5),
    "a polygon": (lambda image, label: label.write_text("0 .1 .1 .9 .1 .5 .9\n"), 5, 5),
    "a broken label": (lambda image, label: label.write_text("7 7 7\n"), 5, 5),
    "blank lines": (lambda image, label: label.write_text("\n\n"), 6, 6),
    "no label file": (lambda image, label: label.unlink(), 6, 6),
    "both deleted": (gone, 5, 5),
}


@pytest.mark.parametrize("change", CHANGES)
def test_status__counts_as_ours_only_what_still_is_a_background(dataset: Path, tmp_path: Path, change: str) -> None:
    act, backgrounds, ours = CHANGES[change]
    image = min((dataset / "images/train").glob("bg_*"))
    act(image, dataset / "labels/train" / f"{image.stem}.txt")
    report = yolobg.status(dataset)
    assert (report.after.backgrounds, report.after.ours, len(report.added)) == (backgrounds, ours, ours)
    plan = yolobg.plan(dataset, source=str(tmp_path / "pool"), count=7).report
    assert (plan.before.ours, plan.after.ours) == (ours, ours + 7 - backgrounds)


@pytest.mark.parametrize("labelled", range(7))
def test_bar__shows_no_background_that_is_none(dataset: Path, labelled: int) -> None:
    for image in sorted((dataset / "images/train").glob("bg_*"))[:labelled]:
        (dataset / "labels/train" / f"{image.stem}.txt").write_text(BOX)
    counts = yolobg.status(dataset).after
    console = Console(width=60, record=True, file=None, force_terminal=False)
    with console.capture() as drawn:
        console.print(RatioBar(counts))
    assert "existing backgrounds" not in drawn.get()
    assert ("added by yolobg" in drawn.get()) == (labelled < 6)
