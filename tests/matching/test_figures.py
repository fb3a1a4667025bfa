"""The figures of the class matcher on judged names of our own, which no list was written for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from places import DATA

from yolobg.matching.matcher import match_classes
from yolobg.model import ClassMatch

ROWS = DATA / "class_rows"


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROWS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def certain(match: ClassMatch) -> set[str]:
    return {exclusion.coco for exclusion in match.exclude}


def covered_and_precise(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """The share of rows with all required categories, and of returned categories that are right."""
    covered = right = returned = wanted = 0
    for row in rows:
        if row["coco"]:
            found = certain(match_classes([row["name"]])[0])
            wanted += 1
            covered += set(row["coco"]) <= found
            returned += len(found)
            right += len(found & {*row["coco"], *row.get("accept", ())})
    return covered / wanted, right / returned


@pytest.mark.parametrize(
    ("name", "at_least_rows", "coverage"), [("kinds", 150, 0.96), ("carriers_and_groups", 150, 0.95)]
)
def test_names_of_things_and_their_parts_are_covered(name: str, at_least_rows: int, coverage: float) -> None:
    rows = read(name)
    covered, precise = covered_and_precise(rows)
    assert len(rows) >= at_least_rows
    assert covered >= coverage
    assert precise >= 0.95


def test_other_languages_are_covered_each_name_by_itself() -> None:
    rows = read("languages")
    covered, precise = covered_and_precise(rows)
    assert len({row["lang"] for row in rows}) >= 16
    assert covered >= 0.85
    assert precise >= 0.93


def test_names_that_need_nothing_lose_nothing() -> None:
    rows = read("nothing")
    alarms = [r["name"] for r in rows if certain(match_classes([r["name"]])[0]) - set(r.get("accept", ()))]
    assert len(rows) >= 150
    assert len(alarms) <= 0.025 * len(rows), alarms


def test_no_opaque_name_is_mapped() -> None:
    for row in read("opaque"):
        (match,) = match_classes([row["name"]])
        assert match.status in ("opaque", "unknown"), row["name"]
        assert not match.exclude
        assert not match.maybe


@pytest.mark.parametrize("language", ["de", "fr", "es", "it", "nl", "sv", "tr", "id"])
def test_a_list_in_another_language_is_read_in_it(language: str) -> None:
    rows = [row for row in read("languages") if row["lang"] == language]
    matches = match_classes([row["name"] for row in rows])
    right = [set(row["coco"]) <= certain(match) for row, match in zip(rows, matches, strict=True) if row["coco"]]
    assert sum(right) >= 0.9 * len(right)


def fresh_rows() -> list[dict[str, Any]]:
    """The names that were frozen before the matcher was run on them, but those of other languages and opaque ones."""
    files = sorted(path.stem for path in ROWS.glob("fresh_*.jsonl"))
    return [row for file in files if "languages" not in file and "opaque" not in file for row in read(file)]


def test_fresh_names_are_covered() -> None:
    rows = [row for row in fresh_rows() if row["coco"]]
    covered, precise = covered_and_precise(rows)
    assert len(rows) >= 2500
    assert covered >= 0.95
    assert precise >= 0.98


def test_fresh_names_that_need_nothing_lose_nothing() -> None:
    rows = [row for row in fresh_rows() if not row["coco"]]
    alarms = [r["name"] for r in rows if certain(match_classes([r["name"]])[0]) - set(r.get("accept", ()))]
    assert len(rows) >= 1000
    assert len(alarms) <= 0.02 * len(rows), alarms


def test_fresh_names_of_other_languages_are_covered_in_their_lists() -> None:
    rows = read("fresh_languages") + read("fresh_more_languages")
    covered = wanted = 0
    for language in sorted({row["lang"] for row in rows}):
        listed = [row for row in rows if row["lang"] == language]
        for row, match in zip(listed, match_classes([row["name"] for row in listed]), strict=True):
            wanted += bool(row["coco"])
            covered += bool(row["coco"]) and set(row["coco"]) <= certain(match)
    assert wanted >= 700
    assert covered / wanted >= 0.97
