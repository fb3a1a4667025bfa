"""`yolobg doctor`: what it finds, what it says to do, and that it leaves nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from coco_server import CocoServer
from command_line import run
from merging import tree

from yolobg.doctor import examine, version_checks
from yolobg.results import Check


def found(*, offline: bool = True) -> dict[str, Check]:
    return {check.about: check for check in examine(offline=offline).checks}


def test_doctor__of_a_sound_machine_says_so_and_leaves_nothing(private_places: Path, tmp_path: Path) -> None:
    before = tree(private_places)
    done = run("doctor", "--offline", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    told = json.loads(done.stdout)
    assert (told["schema"], told["ok"]) == (1, True)
    assert {"version", "dependencies", "cache", "disk", "locks", "to fetch", "trainer", "hook", "settings"} <= {
        check["about"] for check in told["checks"]
    }
    assert "165 MB" in next(one["text"] for one in told["checks"] if one["about"] == "to fetch")
    assert tree(private_places) == before
    assert "Nothing is wrong." in run("doctor", "--offline", cwd=tmp_path).stdout


def test_doctor__names_a_remedy_for_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    (tmp_path / "pyproject.toml").write_text("[tool.yolobg]\nratoi = 1\n", "utf-8")
    done = run("doctor", "--offline", cwd=tmp_path, YOLOBG_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 1
    assert "set YOLOBG_CACHE_DIR to a folder" in done.stdout
    assert "did you mean ratio?" in " ".join(done.stdout.split())
    assert "2 checks need attention." in done.stdout
    assert (tmp_path / "cache").read_bytes() == b"a file"


def test_hosts__are_asked_where_the_code_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with CocoServer({}) as server:
        monkeypatch.setenv("YOLOBG_COCO_URL", server.url)
        monkeypatch.setenv("YOLOBG_LVIS_URL", server.url)
        health = examine(say=said.append)
        assert len(server.hits) == 2
        assert not found()["cache"].remedy
        assert len(server.hits) == 2, "offline asks nobody"
    hosts = {check.about: check for check in health.checks if check.about.endswith("host")}
    assert hosts["COCO host"].ok
    assert f"{server.url}: answers" in hosts["COCO host"].text
    assert "unknown name" in hosts["COCO host"].text, "COCO's own hosts cannot be reached from a test"
    assert f"Asking {server.url} (up to 6 s)" in said
    gone = found(offline=False)
    assert not gone["COCO host"].ok
    assert "--source FOLDER" in gone["COCO host"].remedy
    assert gone["LVIS host"].ok, "few need it"


@pytest.mark.parametrize(
    ("asked", "remedies"),
    [
        (["pytest>=1", "pytest<9999,>=1", "certifi (>=1)"], []),
        (["pytest>=9999"], ['pip install "pytest>=9999"']),
        (["pytest<1.0", "certifi"], ['pip install "pytest<1.0"']),
        (["no-such-thing>=1"], ['pip install "no-such-thing>=1"']),
        (["no-such-thing>=1; extra == 'convert'", 'no-such-thing>=2; python_version < "3.11"'], []),
        (["pytest[all]>=9999; extra == 'dev'"], ['pip install "pytest>=9999"']),
    ],
    ids=str,
)
def test_versions__out_of_range_are_found(asked: list[str], remedies: list[str]) -> None:
    checks = list(version_checks(asked))
    assert [check.remedy for check in checks if check.remedy] == remedies
    assert all(check.ok != bool(check.remedy) for check in checks)


def test_trainer__is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ultralytics-8.3.1.dist-info").mkdir()
    (tmp_path / "ultralytics-8.3.1.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: ultralytics\nVersion: 8.3.1\n", "utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    loaded = "ultralytics" in sys.modules
    assert found()["trainer"].text == "Ultralytics 8.3.1"
    assert ("ultralytics" in sys.modules) == loaded
