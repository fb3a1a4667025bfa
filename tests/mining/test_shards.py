"""`yolobg mine` and `augment --scores`: shards, workers that die, engines, the choice, what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from killing_data import Source, make_dataset, make_source
from merging import tree
from mining_data import score_of, stand_in_model
from places import REPOSITORY

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.errors import UsageError, YolobgError
from yolobg.files import hash_file, read_ordinary

pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra `scale`)")

from yolobg.mining.shards import open_work, read_shard_rows
from yolobg.mining.work import mine, plan_mining

pytestmark = pytest.mark.slow  # .ci/run has pyarrow and Ray where slow tests run

THEIRS, NEEDED, MIN = 2, 12, 0.9


class Place:
    """A dataset, a source and a model whose score for an image follows from its content, in any process."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.root, self.work = folder, folder / "data", folder / "scored"
        make_dataset(self.root, "folder")
        self.source: Source = make_source(folder / "source", size)
        self.model, self.asked = folder / "model.pt", folder / "asked"
        self.model.write_bytes(b"a model")

    def options(self, **more: Any) -> Any:
        return {
            "annotations": self.source.instances,
            "images": [self.source.folder],
            "count": THEIRS + NEEDED,
            **more,
        }

    def plan(self, work: Path | None = None, *, shard_size: int = 16, **more: Any) -> Path:
        work = work or self.work
        plan_mining(self.root, work, shard_size=shard_size, **self.options(hard=self.model, **more))
        return work

    def augment(self, **more: Any) -> Any:
        return yolobg.augment(self.root, **self.options(scores=self.work, min_score=MIN, **more))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    """With a source of so many images as a test asks for."""
    made = Place(tmp_path, getattr(request, "param", 120))
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", stand_in_model(tmp_path, made.asked))
    return made


def outputs(work: Path) -> dict[str, str]:
    assert not list(work.rglob("*.part"))
    return {path.name: hash_file(path) for path in sorted((work / "out").iterdir())}


def scored_ids(work: Path) -> list[int]:
    made, plan = open_work(work)
    return [row.source_id for number in range(len(made.shards)) for row in read_shard_rows(work, made, plan, number)]


def ranking(place: Place, ids: list[int]) -> list[int]:
    """The choice, worked out from all images that were scored."""
    scores = {number: score_of(place.source.images[f"{number:012}.jpg"]) for number in ids}
    firing = sorted((one for one in ids if scores[one] >= MIN), key=lambda one: -scores[one])[: NEEDED // 2]
    return firing + [one for one in ids if scores[one] < MIN][: NEEDED - len(firing)]


def test_scores__the_choice_is_the_ranking_of_all_that_was_scored(place: Place) -> None:
    before = tree(place.root)
    report = mine(place.plan(), workers=1)
    assert (report.images, report.shards, report.scored) == (100, 7, 7)
    assert tree(place.root) == before
    ids = scored_ids(place.work)
    candidates = yolobg.plan(place.root, **place.options())
    assert candidates.choice
    assert ids == list(candidates.choice.ranked), "every candidate once, in their order; excluded ones are none"
    done = place.augment()
    assert [one.source_id for one in done.added] == ranking(place, ids)
    assert done.mined is not None
    assert (done.mined.scored, done.mined.reviewed, done.mined.round) == (100, False, 1)
    assert (done.mined.sha256, done.mined.imgsz) == (hash_file(place.model), 64)
    assert [image.rank for image in done.mined.images] == [1, 2, 3, 4, 5, 6, *[None] * 6]
    assert mine(place.work).scored == 7
    assert len(place.asked.read_text().splitlines()) == 100
    again = place.augment(count=THEIRS + NEEDED + 4)
    assert len(again.added) == 4
    assert not {one.source_id for one in again.added} & {one.source_id for one in done.added}
    assert [run.mining.round for run in read_manifest(place.root).runs if run.mining] == [1, 2]
    yolobg.remove(place.root)
    assert tree(place.root) == before


def test_scores__where_too_few_fire_it_is_the_choice_of_hard(place: Place) -> None:
    mine(place.plan(pool=30), workers=1)
    by_scores = place.augment()
    yolobg.remove(place.root)
    by_hard = yolobg.augment(place.root, **place.options(hard=place.model, pool=30, min_score=MIN))
    assert [(one.source_id, one.sha256) for one in by_scores.added] == [(o.source_id, o.sha256) for o in by_hard.added]
    assert by_scores.mined is not None
    assert by_hard.mined is not None
    assert by_scores.mined.images == by_hard.mined.images


def test_mine__parts_and_processes_write_the_same_files(place: Place) -> None:
    mine(place.plan(), workers=1)
    parts = place.plan(place.folder / "parts")
    for part, done in (("3/3", 2), ("1/3", 5), ("2/3", 7)):
        assert mine(parts, shard=part).scored == done
    assert outputs(parts) == outputs(place.work)
    together = place.plan(place.folder / "together")
    mine(together, workers=2)
    assert outputs(together) == outputs(place.work)


def test_mine__what_cannot_be_fetched_or_read_is_a_row_with_the_reason(place: Place) -> None:
    gone = place.source.folder / "000000000002.jpg"
    gone.unlink()
    mine(place.plan(), workers=1)
    assert len(scored_ids(place.work)) == 100
    report = place.augment()
    assert len(report.added) == NEEDED
    assert [one.source_id for one in report.failed] == [2]


def test_scores__an_image_that_has_changed_is_replaced(place: Place) -> None:
    mine(place.plan(), workers=1)
    first = ranking(place, scored_ids(place.work))[0]
    (place.source.folder / f"{first:012}.jpg").write_bytes(place.source.images[f"{first + 1:012}.jpg"])
    report = place.augment()
    assert len(report.added) == NEEDED
    assert [(one.source_id, one.reason.split()[-1]) for one in report.failed] == [(first, "it")]


# ---------------------------------------------------------------- what is refused


def edit_score(place: Place) -> None:
    """Raise a score, and write the file as any tool would: with all that it said of itself."""
    import pyarrow as pa  # noqa: PLC0415 - may be missing
    import pyarrow.parquet as pq  # noqa: PLC0415 - may be missing

    path = place.work / "out/00000.parquet"
    table = pq.read_table(path)
    scores = [0.99, *table["score"].to_pylist()[1:]]
    at = table.schema.get_field_index("score")
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(scores, pa.float64())), path)


def swap(place: Place) -> None:
    one, other = place.work / "out/00000.parquet", place.work / "out/00001.parquet"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def cut(place: Place) -> None:
    path = place.work / "out/00002.parquet"
    path.write_bytes(path.read_bytes()[:-40])


def empty(place: Place) -> None:
    (place.work / "out/00004.parquet").write_bytes(b"")


def other_plan(place: Place) -> None:
    work = place.plan(place.folder / "other", pool=40)
    mine(work, workers=1)
    (place.work / "out/00000.parquet").write_bytes((work / "out/00000.parquet").read_bytes())


def other_model(place: Place) -> None:
    place.model.write_bytes(b"another model")
    work = place.plan(place.folder / "other")
    mine(work, workers=1)
    (place.work / "out/00000.parquet").write_bytes((work / "out/00000.parquet").read_bytes())


def edit_plan(place: Place) -> None:
    path = place.work / "plan.json"
    path.write_text(path.read_text().replace("person", "zebra"))


def other_class(place: Place) -> None:
    path = place.root / "data.yaml"
    path.write_text(path.read_text().replace("[person]", "[car]"))
    place.source.instances.write_text(place.source.instances.read_text().replace('"person"', '"car"'))


def more_records(place: Place) -> None:
    read = json.loads(place.source.instances.read_text())
    read["images"].append({"id": 999, "file_name": "000000000001.jpg", "width": 40, "height": 30})
    place.source.instances.write_text(json.dumps(read))


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        (edit_score, {}, r"00000\.parquet: was changed after it was written"),
        (swap, {}, r"00000\.parquet: was changed after it was written, or is of another shard"),
        (cut, {}, r"00002\.parquet: cannot be read as scores"),
        (other_plan, {}, r"00000\.parquet: is of another plan"),
        (other_model, {}, r"00000\.parquet: was scored with another model"),
        (edit_plan, {}, r"plan\.json: was changed after it was written"),
        (other_class, {}, r"its classes \(car\) are not those"),
        (more_records, {}, r"planned for instances_x, or its records or videos have changed"),
        (lambda place: (place.work / "out/00003.parquet").unlink(), {}, "1 of 7 shards has no scores yet"),
        (lambda place: place.model.write_bytes(b"other"), {"hard": "model.pt"}, "was scored with another model"),
        (lambda _: None, {"pool": 5}, "--pool can't be combined with --scores"),
        (lambda _: None, {"recheck": True}, "--scores can't be combined with --recheck"),
        (lambda _: None, {"scores": "nowhere"}, "expected a folder that `yolobg mine --plan` made"),
    ],
)
def test_scores__what_was_changed_or_is_of_something_else_is_refused(
    change: Any, more: dict[str, Any], said: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    mine(place.plan(), workers=1)
    change(place)
    before = {name: content for name, content in tree(place.root).items() if not name.startswith(".yolobg")}
    with pytest.raises(YolobgError, match=said):
        yolobg.augment(place.root, **{**place.options(scores=place.work, min_score=MIN), **more})
    assert {name: c for name, c in tree(place.root).items() if not name.startswith(".yolobg")} == before


@pytest.mark.parametrize("change", [edit_score, swap, cut, empty])
@pytest.mark.parametrize("workers", [1, 2])
def test_mine__a_score_file_that_is_damaged_is_told_and_its_shard_scored_again(
    change: Any, workers: int, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    mine(place.plan(), workers=1)
    before = outputs(place.work)
    change(place)
    told = {name for name, digest in outputs(place.work).items() if digest != before[name]}
    assert mine(place.work, workers=workers).scored == 7
    assert outputs(place.work) == before
    assert {Path(line.split(": ")[0]).name for line in caplog.messages} == told, "each by its path, and no other"


def test_mine__only_the_score_files_of_its_part_are_looked_at(place: Place) -> None:
    mine(place.plan(), workers=1)
    before = outputs(place.work)
    cut(place)
    mine(place.work, shard="1/3")
    assert outputs(place.work) != before
    mine(place.work, shard="3/3")
    assert outputs(place.work) == before


@pytest.mark.parametrize(
    ("change", "said"), [(other_plan, "is of another plan"), (other_model, "was scored with another model")]
)
def test_mine__a_score_file_of_another_plan_or_model_is_refused_and_stays(change: Any, said: str, place: Place) -> None:
    mine(place.plan(), workers=1)
    change(place)
    before = outputs(place.work)
    with pytest.raises(UsageError, match=rf"00000\.parquet: {said}.*; delete this file and run `yolobg mine --work"):
        mine(place.work, workers=1)
    assert outputs(place.work) == before


def test_mine__a_score_file_that_cannot_be_read_is_refused_and_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine(place.plan(), workers=1)
    before = outputs(place.work)

    def denied(path: Path, limit_bytes: int) -> bytes:
        if path.parent.name == "out":
            raise PermissionError(13, "Permission denied", str(path))
        return read_ordinary(path, limit_bytes)

    monkeypatch.setattr("yolobg.mining.shards.read_ordinary", denied)
    with pytest.raises(UsageError, match=r"00000\.parquet: cannot be read: Permission denied; "):
        mine(place.work, workers=1)
    assert outputs(place.work) == before


def test_mine__a_damaged_score_file_that_another_worker_takes_away_meanwhile_is_scored_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine(place.plan(), workers=1)
    before = outputs(place.work)

    def gone(path: Path, limit_bytes: int) -> bytes:
        if path.parent.name == "out" and path.name == "00002.parquet":
            path.unlink()
        return read_ordinary(path, limit_bytes)

    with monkeypatch.context() as patch:
        patch.setattr("yolobg.mining.shards.read_ordinary", gone)
        assert mine(place.work, workers=1).scored == 7
    assert outputs(place.work) == before


def test_mine__refuses_another_model_records_that_were_changed_and_a_wrong_part(place: Place) -> None:
    place.plan()
    for part in ("0/3", "4/3", "a/b", "1"):
        with pytest.raises(YolobgError, match="expected i/n"):
            mine(place.work, shard=part)
    with pytest.raises(YolobgError, match="is not empty"):
        place.plan()
    shard = place.work / "in/00001.parquet"
    shard.write_bytes((place.work / "in/00002.parquet").read_bytes())
    with pytest.raises(YolobgError, match="is not the file of the plan"):
        mine(place.work, workers=1)
    (place.work / "model.pt").write_bytes(b"retrained")
    with pytest.raises(YolobgError, match="is not the model that the plan was made with"):
        mine(place.work, workers=2)
    assert list(outputs(place.work)) == ["00000.parquet"]


# ---------------------------------------------------------------- workers and drivers that die

# In the place of Ultralytics: kills the worker that it answers, or the driver, once so many images have been looked at.
KILLS = """
import os, signal
from pathlib import Path
def kill_if_due(count):
    for token in sorted(Path("KILLS").iterdir(), key=lambda token: int(token.name.split("-")[1])):
        kind, at = token.name.split("-")
        if int(at) > count:
            return
        try:
            token.unlink()
        except FileNotFoundError:
            continue
        with open("KILLED", "a") as killed:
            killed.write(kind + chr(10))
        victim = os.getppid() if kind == "worker" else int(Path("DRIVER").read_text())
        os.kill(victim, signal.SIGKILL)
        return
"""


class Killing:
    """Has workers and drivers killed at given numbers of images that have been looked at."""

    def __init__(self, place: Place) -> None:
        self.tokens, self.driver, self.killed = (place.folder / name for name in ("kills", "driver", "killed"))
        self.tokens.mkdir()
        script = place.folder / "stand-in-python"
        head, body = script.read_text("utf-8").split("\n", 1)
        killing = KILLS
        for name, path in (("KILLS", self.tokens), ("KILLED", self.killed), ("DRIVER", self.driver)):
            killing = killing.replace(f'"{name}"', f'"{path}"')
        due = f'    kill_if_due(len(open("{place.asked}").readlines()))\n    print('
        script.write_text(f"{head}\n{killing}\n{body.replace('    print(', due)}", "utf-8")

    def at(self, kind: str, counts: Iterable[int]) -> None:
        for count in counts:
            (self.tokens / f"{kind}-{count}").touch()

    def run(self, work: Path, *more: str) -> tuple[int, str]:
        """`yolobg mine --work` as a process of its own; its exit code, and what it said."""
        command = [sys.executable, "-m", "yolobg", "mine", "--work", str(work), "--json", *more]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            self.driver.write_text(str(process.pid))
            said, _ = process.communicate(timeout=100)
        return process.returncode, said

    def until_done(self, work: Path, *more: str) -> int:
        """Run it again after each kill of the driver; how often that was."""
        for times in range(20):
            code, said = self.run(work, *more)
            if code == 0:
                return times
            assert code == -signal.SIGKILL, said
        raise AssertionError("it does not come to an end")


@pytest.fixture
def killing(place: Place) -> Killing:
    return Killing(place)


@pytest.fixture
def whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that was scored with no kill; what was found is not in the cache of what comes after."""
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(place.folder / "cache"))
    mine(place.plan(shard_size=4), workers=1)
    place.asked.unlink()
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(place.folder / "another-cache"))
    return place.work


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", [240], indirect=True)
def test_mine__twenty_workers_and_five_drivers_that_are_killed_lose_no_image_and_double_none(
    place: Place, whole: Path, killing: Killing
) -> None:
    work = place.plan(place.folder / "work", shard_size=4)
    killing.at("worker", range(5, 5 + 8 * 20, 8))
    killing.at("driver", range(9, 9 + 32 * 5, 32))
    assert killing.until_done(work, "--workers", "2") == 5
    assert Counter(killing.killed.read_text().split()) == {"worker": 20, "driver": 5}
    assert outputs(work) == outputs(whole)
    ids = scored_ids(work)
    assert ids == scored_ids(whole)
    assert len(ids) == len(set(ids)) == 200
    # Of a shard that was cut off only what is in the cache is not looked at again; whole ones never are.
    assert len(place.asked.read_text().splitlines()) <= 200 + 25 * 2 * 4


@pytest.mark.timeout(300)
def test_mine__ray_writes_the_same_files_and_survives_kills(
    place: Place, whole: Path, killing: Killing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="ray is not installed (extra `scale`)")
    for name, value in {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}.items():
        monkeypatch.setenv(name, value)
    work = place.plan(place.folder / "work", shard_size=4)
    killing.at("worker", (10, 30, 50))
    killing.at("driver", (40,))
    assert killing.until_done(work, "--engine", "ray", "--workers", "2") == 1
    assert Counter(killing.killed.read_text().split()) == {"worker": 3, "driver": 1}
    assert outputs(work) == outputs(whole)


def test_mine__workers_that_always_die_are_an_error_that_says_so(place: Place, killing: Killing) -> None:
    work = place.plan(shard_size=4)
    killing.at("worker", range(1, 40))
    code, said = killing.run(work, "--workers", "2")
    assert code == 1
    assert "the workers died 3 times with no shard done" in said


# ---------------------------------------------------------------- the recipes of docs/mine.md

PYSPARK = """
class SparkSession:
    class builder:
        @staticmethod
        def getOrCreate():
            return SparkSession()
    @property
    def sparkContext(self):
        return self
    def parallelize(self, values, parts):
        self.values = list(values)
        return self
    def mapPartitions(self, function):
        self.values = [one for value in self.values for one in function(iter([value]))]
        return self
    def collect(self):
        return self.values
"""


@pytest.mark.parametrize("name", ["slurm", "parallel", "spark"])
def test_recipes__end_with_all_scores(name: str, place: Place) -> None:
    page = (REPOSITORY / "docs/mine.md").read_text("utf-8")
    found = re.search(rf"<!-- recipe:mine-{name} -->\n```\w+\n(.*?)```", page, re.DOTALL)
    assert found
    if name == "parallel" and shutil.which("parallel") is None:
        pytest.skip("GNU parallel is not installed")
    place.plan(shard_size=10)
    (place.folder / "pyspark").mkdir()
    (place.folder / "pyspark/sql.py").write_text(PYSPARK)
    script = place.folder / "recipe"
    script.write_text(found[1].replace("yolobg mine", f"{sys.executable} -m yolobg mine"))
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for task in range(1, 4) if name == "slurm" else (1,):
        environment = {
            "PATH": programs, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "3",
            "PYTHONPATH": str(place.folder),
        }  # fmt: skip
        subprocess.run(
            [sys.executable if name == "spark" else "bash", str(script)],
            cwd=place.folder, env={**os.environ, **environment}, check=True, timeout=100,
        )  # fmt: skip
    assert mine(place.work, workers=1).scored == 10
    assert sorted(scored_ids(place.work)) == sorted({*scored_ids(place.work)})
    assert len(place.asked.read_text().splitlines()) == 100, "none was left for the last call"
