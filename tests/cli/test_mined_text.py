"""What the terminal says of images that a model chooses: before a run, after it, and where a review opens next."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from reviewing import make_sample, source_of
from rich.console import Console, RenderableType

import yolobg
from yolobg.cli.mined_text import mined_parts
from yolobg.cli.plan_text import planned_text
from yolobg.mining_results import Mined

MINED = Mined("m.pt", "0" * 64, 64, 0.25, 9, 5, 0, 1, reviewed=False, images=())


def said(*parts: RenderableType) -> str:
    """What a wide terminal shows."""
    console = Console(file=io.StringIO(), width=1000)
    console.print(*parts)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("waits", "reviewed"), [(True, False), (False, True), (False, False)])
def test_mined__is_to_be_looked_at_only_where_nobody_is_asked_to(*, waits: bool, reviewed: bool) -> None:
    text = said(*mined_parts(replace(MINED, reviewed=reviewed), model="m.pt", waits=waits))
    assert ("Nobody has looked at these images yet" in text) is not (waits or reviewed)


@pytest.mark.parametrize(("fired", "words"), [(1, "1 of them fires at 0.25"), (2, "2 of them fire at 0.25")])
def test_mined__counts_in_words(fired: int, words: str) -> None:
    assert words in said(*mined_parts(replace(MINED, fired=fired), model="m.pt", waits=True))


def test_dry_run__says_why_it_does_not_list_what_a_model_would_choose(tmp_path: Path) -> None:
    model = tmp_path / "best.pt"
    model.touch()
    data = make_sample(tmp_path / "s")
    for count, told in ((4, True), (0, False)):
        report = yolobg.plan(data, count=count, hard=model, **source_of(data)).report
        assert report.planned == ()
        assert ("Which     your model chooses while the run" in said(planned_text(report, by_model=True))) is told
