"""The figures of how often a model fires on what is chosen: their arithmetic, and on the real images what must hold."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from places import REPOSITORY

from benchmarks.chosen import CONFIDENCES, RANDOM, WHOLE, Choice, Pool, main, table

POOL = Pool({1: 0.9, 2: 0.6, 3: 0.3, 4: 0.0}, {1: frozenset({"cat"}), 2: frozenset(), 3: frozenset(), 4: frozenset()})
STUDY = os.environ.get("YOLOBG_STUDY", "")
ROW = re.compile(r"^\| (?P<choice>[^|]+) \| (?P<images>\d+) \|(?P<cells>.*) \|$", re.MULTILINE)


def rows(text: str) -> dict[str, tuple[int, list[int]]]:
    """Each choice to how many images it has and the percentages."""
    return {
        row["choice"]: (int(row["images"]), [int(one) for one in re.findall(r"(\d+) ?%", row["cells"])])
        for row in ROW.finditer(text)
    }


def test_table__means_multiples_and_the_most_that_can_be() -> None:
    shown = table(POOL, [Choice(WHOLE, [[1, 2, 3, 4]]), Choice(RANDOM, [[1, 4], [3, 4]]), Choice("best", [[1, 2]])])
    assert CONFIDENCES == (0.25, 0.5, 0.7)
    assert shown.splitlines()[2:] == [
        "| the whole pool | 4 | 75 %, 1.5 × | 50 %, 2.0 × | 25 %, 1.0 × |",
        "| random | 2 | 50 %, 1.0 × | 25 %, 1.0 × | 25 %, 1.0 × |",
        "| best | 2 | 100 %, 2.0 × | 100 %, 4.0 × | 50 %, 2.0 × |",
        "| any choice, at most | 2 | 100 %, 2.0 × | 100 %, 4.0 × | 50 %, 2.0 × |",
    ]
    assert Choice("best", [[1, 2], [1, 3]]).with_any({"cat"}, POOL) == 2


def test_table__where_random_never_fires_has_no_multiple() -> None:
    shown = table(POOL, [Choice(WHOLE, [[1, 4]]), Choice(RANDOM, [[4]])])
    assert "| the whole pool | 2 | 50 % | 50 % | 50 % |" in shown


def test_command__says_what_the_material_lacks(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"expected coco/images\.json and "):
        main([str(tmp_path)])


def test_page__says_below_the_table_what_the_table_says() -> None:
    page = (REPOSITORY / "docs/choosing.md").read_text("utf-8")
    multiples = {row["choice"]: re.findall(r"[\d.]+(?= ×)", row["cells"]) for row in ROW.finditer(page)}
    said = " ".join(page.split())
    assert "reach {}, {} and {} times, ".format(*multiples["of these, with a look-alike"]) in said
    assert "the choice as a whole {0} to {2} times".format(*multiples["`--prefer lookalikes`"]) in said
    assert "reach {1} and {2} times".format(*multiples["any choice, at most"]) in said
    assert f"these fire on {rows(page)[RANDOM][1][0]} %" in said


# Needs onnxruntime and OpenCV, which are installed where Ultralytics is asked.
@pytest.mark.ultralytics
@pytest.mark.timeout(600)
def test_command__on_real_images(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if not STUDY or not (Path(STUDY) / "models").is_dir():
        pytest.skip("YOLOBG_STUDY does not name a folder with models and images")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")
    monkeypatch.setenv("YOLOBG_CACHE_DIR", "")
    main([STUDY, "--seeds", "1", "--exclude", "cat"])
    said = capsys.readouterr().out
    found = rows(said)
    assert re.search(r"^With cat: [1-9]\d* of 367 images of the pool, 0 of those chosen\.$", said, re.MULTILINE)
    assert found[RANDOM][0] == found["`--hard`"][0] == found["`--prefer lookalikes`"][0] == 76
    assert found["`--hard`"][1][0] == 50
    assert found["`--hard --hard-share 1`"][1][0] >= 90
    for choice, (_, shares) in found.items():
        assert shares[0] <= found["any choice, at most"][1][0], choice
