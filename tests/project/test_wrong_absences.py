"""The small check of how often a class is there although no box says so: the page shows what the command prints."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from evidence_data import write_evidence
from places import REPOSITORY

from benchmarks.wrong_absences import JUDGED, main, verdicts

PAGE = (REPOSITORY / "docs" / "evidence.md").read_text("utf-8")


def test_verdicts__are_on_the_page() -> None:
    """As many as the page's first row of each class says; no image twice."""
    assert sum(map(len, verdicts().values())) == len(JUDGED.read_text("utf-8").splitlines()) - 3
    for (name, verdict), images in verdicts().items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} | boxes |"))
        assert int(row.split("|")[4 if verdict == "there" else 6]) == len(images)


def test_page__shows_what_the_command_prints(
    coco_real: Path, real_evidence: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOLOBG_COCO_REAL", str(coco_real))
    monkeypatch.setenv("YOLOBG_EVIDENCE", str(real_evidence))
    monkeypatch.setenv("YOLOBG_CACHE_DIR", "")
    main([])
    printed = capsys.readouterr().out.strip().split("\n\n")
    # The last paragraph needs COCO's categories of LVIS' images as well.
    assert len(printed) == (3 if os.environ.get("YOLOBG_STUDY") else 2)
    for paragraph in printed:
        assert paragraph in PAGE


def test_evidence__gets_rows_where_it_is_about_judged_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of three images shows dolls, by whoever looked at it; the evidence finds a person there."""
    (dolls,) = [one for one in verdicts()[("person", "arguable")] if one == 174632]
    names = [f"{number:012d}.jpg" for number in (dolls, 9, 25)]
    numbers = {"person": 1, "chair": 62, "dining table": 67}
    images = [{"id": int(name[:12]), "file_name": name} for name in names]
    held = [{"image_id": 25, "category_id": 1}]
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    (tmp_path / "annotations").mkdir()
    boxes = tmp_path / "annotations" / "instances_train2017.json"
    boxes.write_text(json.dumps({"images": images, "annotations": held, "categories": categories}))
    said: dict[str, tuple[list[str], list[str]]] = {names[0]: (["person"], []), names[1]: ([], ["person", "chair"])}
    place = write_evidence(tmp_path / "said.json", list(numbers), said)
    for variable, value in (("YOLOBG_COCO_REAL", str(tmp_path)), ("YOLOBG_CACHE_DIR", "")):
        monkeypatch.setenv(variable, value)
    main(["--evidence", str(place), "--boxes", str(boxes)])
    rows = capsys.readouterr().out.splitlines()
    assert [[*row.split(" | ")[1:3], row[-3]] for row in rows if row.startswith("| person | boxes")] == [
        ["boxes", "2", "1"],
        ["boxes, those in said.json", "2", "1"],
        ["boxes and said.json", "1", "0"],
    ]
    assert "said.json has 2 images; 2 of the 3 judged ones are among them." in rows
    assert "| person | 2 | 1 | 1 | 0 |" in rows
    assert "| chair | 2 | 0 | 1 | 1 |" in rows
    assert "| all 3, image by image | 6 | 1 | 2 | 3 |" in rows
