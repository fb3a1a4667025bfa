"""The small check of how often a class is there although no box says so: the page shows what the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import REPOSITORY

from benchmarks.wrong_absences import JUDGED, main, verdicts

PAGE = (REPOSITORY / "docs" / "evidence.md").read_text("utf-8")


def test_verdicts__are_on_the_page() -> None:
    """As many as the page's first row of each class says; no image twice."""
    assert sum(map(len, verdicts().values())) == len(JUDGED.read_text("utf-8").splitlines()) - 3
    for (name, verdict), images in verdicts().items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} | boxes |"))
        assert int(row.split("|")[4 if verdict == "there" else 6]) == len(images)


def test_table__is_what_the_command_prints(
    coco_real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOLOBG_COCO_REAL", str(coco_real))
    monkeypatch.setenv("YOLOBG_CACHE_DIR", "")
    main()
    assert capsys.readouterr().out in PAGE
