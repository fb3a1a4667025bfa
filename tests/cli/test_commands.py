"""The command line as a person and as a script meet it: text, JSON, exit codes, questions, hostile names."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import run, source
from image_server import ImageServer
from merging import tree
from places import SAMPLE

import yolobg
from yolobg.cli import app as app_module
from yolobg.cli.text import clean
from yolobg.yaml_text import load_yaml

KEYS = {
    "schema", "dry_run", "dataset", "before", "target", "classes", "source", "added", "failed", "after", "manifest",
    "warnings", "problems", "interrupted", "page", "stale",
}  # fmt: skip


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the sample data."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample"))


def test_augment_status_remove__text_and_json(sample: Path) -> None:
    data = sample / "dataset"
    before = tree(data)
    done = run("augment", data, *source(sample))
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "results belong on stdout"
    assert "Added 2 backgrounds to train: 2 of 20 images = 10.0%; 11.1% of the labelled." in done.stdout
    assert "yolobg remove" in done.stdout
    assert "\x1b" not in done.stdout, "no colour and no progress bar in a pipe"
    told = json.loads(run("status", data, "--files", "--json").stdout)
    assert set(told) == KEYS | {"files", "splits"}
    assert told["schema"] == 1
    assert told["after"] == {
        "images": 20, "labelled": 18, "backgrounds": 2, "missing": 0, "empty": 2, "corrupt": 0, "ours": 2, "ratio": 0.1,
    }  # fmt: skip
    assert len(told["files"]) == 20
    assert set(told["files"][0]) == {"image", "label", "state"}
    assert "2 of 20 images = 10.0%" in run("status", data / "data.yaml").stdout
    assert "Would remove 2" in run("remove", data, "--dry-run").stdout
    assert json.loads(run("remove", data, "--json").stdout)["kept"] == []
    assert tree(data) == before
    assert "Removed 0" in run("remove", data).stdout


def test_augment__json_is_the_contract(sample: Path) -> None:
    report = json.loads(run("augment", sample / "dataset", *source(sample), "--ratio", "0.3", "--json").stdout)
    assert set(report) == KEYS
    assert set(report["source"]["left_out"]) == {
        "class", "caption", "evidence", "unverified", "license", "in_dataset", "repeated", "unusable",
    }  # fmt: skip
    assert set(report["source"]["left_out"]) | {"eligible"} <= {*report["source"]["left_out"], *report["source"]}
    left_out = report["source"]["left_out"]
    assert report["source"]["images"] == 60 == report["source"]["eligible"] + sum(left_out.values())
    assert set(report["added"][0]) == {
        "image", "label", "source_id", "url", "license", "flickr_url", "sha256", "bytes",
    }  # fmt: skip
    assert {"id", "name", "status", "exclude", "maybe"} <= set(report["classes"][0])
    assert {"coco", "relation", "confidence", "rule", "reason", "images"} == set(report["classes"][0]["exclude"][0])
    assert report["target"] == {"ratio": 0.3, "count": None, "needed": 8}
    assert Path(report["manifest"]).is_file()


def test_augment__into_and_lists_of_folders(sample: Path) -> None:
    data = sample / "dataset"
    shutil.copytree(data / "images/train", data / "images/more")
    shutil.copytree(data / "labels/train", data / "labels/more")
    yaml = (data / "data.yaml").read_text().replace("train: images/train", "train: [images/train, images/more]")
    (data / "data.yaml").write_text(yaml)
    before = tree(data)
    assert run("augment", data, *source(sample), "--count", "1").returncode == 0
    assert len(list((data / "images/train").glob("bg_*"))) == 1
    into = run("augment", data, *source(sample), "--count", "3", "--into", data / "images/more")
    assert into.returncode == 0, into.stderr
    assert len(list((data / "images/more").glob("bg_*"))) == 2
    assert run("augment", data, *source(sample), "--count", "4", "--into", sample / "source").returncode == 3
    assert run("remove", data).returncode == 0
    assert tree(data) == before


def test_augment__a_list_file_with_lines_relative_to_the_current_folder(sample: Path, tmp_path: Path) -> None:
    """Such lines begin with images/, so a trainer seeks the labels beside the images; so must we."""
    data = sample / "dataset"
    for label in (data / "labels/train").iterdir():
        shutil.copyfile(label, data / "images/train" / label.name)
    lines = [f"images/train/{image.name}" for image in sorted((data / "images/train").glob("*.jpg"))]
    (data / "train.txt").write_text("\n".join(lines) + "\n")
    (data / "data.yaml").write_text((data / "data.yaml").read_text().replace("train: images/train", "train: train.txt"))
    before = tree(data)
    done = run("augment", "data.yaml", *source(sample), "--json", cwd=data)
    assert done.returncode == 0, done.stderr
    for added in json.loads(done.stdout)["added"]:
        assert added["image"] in (data / "train.txt").read_text().splitlines()
        assert Path(added["label"]) == Path(added["image"]).with_suffix(".txt")
    assert json.loads(run("status", "data.yaml", "--json", cwd=data).stdout)["after"]["empty"] == 2
    assert run("remove", "data.yaml", cwd=data).returncode == 0
    assert tree(data) == before


def test_augment__other_splits_and_count(sample: Path) -> None:
    data = sample / "dataset"
    report = json.loads(run("augment", data, *source(sample), "--split", "val", "--count", "2", "--json").stdout)
    assert [Path(added["image"]).parent.as_posix() for added in report["added"]] == ["images/val"] * 2
    assert json.loads(run("augment", data, *source(sample), "--json").stdout)["target"]["needed"] == 2
    names = [p.name for p in data.glob("images/*/bg_*")]
    assert len(names) == len(set(names)) == 4, "an image leaked from one split into another"
    assert run("augment", data, *source(sample), "--split", "test").returncode == 3


def test_augment__leaves_out_what_the_dataset_has_under_another_name(sample: Path) -> None:
    data = sample / "dataset"
    pool = json.loads(run("augment", data, *source(sample), "--count", "1", "--dry-run", "--json").stdout)["source"]
    shutil.copytree(data, sample / "other")
    everything = run("augment", sample / "other", *source(sample), "--count", str(pool["eligible"]), "--json")
    twins = [sample / "other" / added["image"] for added in json.loads(everything.stdout)["added"][:3]]
    for number, twin in enumerate(twins):
        # In another split, under a name that tells nothing, labelled or not.
        shutil.copyfile(twin, data / f"images/val/holiday{number}.jpg")
    most = run("augment", data, *source(sample), "--count", str(pool["eligible"] - 3), "--json")
    assert most.returncode == 0, most.stderr
    report = json.loads(most.stdout)
    assert report["source"]["left_out"]["in_dataset"] == 3
    assert report["failed"] == []
    added = {(data / added["image"]).read_bytes() for added in report["added"]}
    assert added.isdisjoint(twin.read_bytes() for twin in twins)
    one_more = run("augment", data, *source(sample), "--count", str(pool["eligible"] - 2))
    assert one_more.returncode == 4, one_more.stderr
    assert "already" in one_more.stderr


def test_interrupted__says_so_and_the_next_run_goes_on(sample: Path) -> None:
    data = sample / "dataset"
    before = tree(data)
    images = {f"/{p.name}": p.read_bytes() for p in (sample / "source/images").iterdir()}
    with ImageServer(images, hangs_after=8) as server:
        command = [sys.executable, "-m", "yolobg", "augment", str(data), *source(sample, server.url), "--count", "20"]
        with subprocess.Popen([*command, "--jobs", "2"], stderr=subprocess.PIPE, text=True) as running:
            while len(server.log) < 8 + 2:
                assert running.poll() is None, running.communicate()
                time.sleep(0.02)  # until both wait; there is nothing to wait on but the server's log
            running.send_signal(signal.SIGINT)
            _, told = running.communicate(timeout=60)
        assert running.returncode == 130, told
        assert "interrupted" in told
        assert "Traceback" not in told
        assert {k: v for k, v in tree(data).items() if not k.startswith(".yolobg")} == before
        had = len(list((data / ".yolobg/staging").rglob("*.staged")))
        assert had > 0
        assert not list((data / ".yolobg").rglob("*.part"))
        asked, server.hangs_after = len(server.log), None
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
        assert len(server.log) - asked == 20 - had, "what was fetched before was fetched again"
    assert len(list(data.glob("images/train/bg_*"))) == 20


def test_interrupted__while_a_command_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_module: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app_module, "import_module", interrupted)
    with pytest.raises(SystemExit) as ended:
        app_module.run(["status"])
    assert ended.value.code == 130
    assert "yolobg: interrupted; the dataset is valid" in capsys.readouterr().err


def test_two_at_once__one_waits_and_nothing_is_added_twice(sample: Path) -> None:
    data = sample / "dataset"
    command = [sys.executable, "-m", "yolobg", "augment", str(data), *source(sample), "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert sorted(len(json.loads(out)["added"]) for out, _ in answers) == [0, 2]
    assert len(list(data.glob("images/train/bg_*"))) == 2


def test_carry_out__makes_a_plan_anew_that_is_out_of_date(sample: Path) -> None:
    annotations, images = sample / "source/annotations/instances_sample.json", [sample / "source/images"]
    plan = yolobg.plan(sample / "dataset", annotations=annotations, images=images, ratio=0.3)
    assert len(yolobg.augment(sample / "dataset", annotations=annotations, images=images).added) == 2
    report = yolobg.carry_out(plan)
    assert (len(report.added), report.after.backgrounds) == (6, 8)
    assert yolobg.carry_out(plan).added == ()
    assert len({added.sha256 for added in yolobg.status(sample / "dataset").added}) == 8


# ---------------------------------------------------------------- classes, maps, questions


def test_classes__names_cost_and_saved_map(sample: Path, tmp_path: Path) -> None:
    saved = tmp_path / "map.yaml"
    told = run("classes", sample / "dataset", *source(sample), "--save", saved, "--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert [match["exclude"][0]["coco"] for match in report["classes"]] == ["person", "car", "traffic light", "dog"]
    assert report["source"]["eligible"] > 0
    again = run("classes", sample / "dataset", *source(sample), "--map-file", saved, "--json")
    assert json.loads(again.stdout)["excluded"] == report["excluded"]
    assert {match["exclude"][0]["relation"] for match in json.loads(again.stdout)["classes"]} == {"user"}
    assert run("classes", sample / "dataset", *source(sample), "--save", saved).returncode == 2, "it would be replaced"
    (tmp_path / "map.json").write_text(told.stdout)
    as_json = run("classes", sample / "dataset", *source(sample), "--map-file", tmp_path / "map.json", "--json")
    assert json.loads(as_json.stdout)["excluded"] == report["excluded"], as_json.stderr


def test_classes__of_names_needs_no_network_and_no_dataset() -> None:
    told = json.loads(run("classes", "--names", "person,dog", "--license", "commercial", "--json").stdout)
    assert (told["source"]["images"], told["source"]["left_out"]["class"]) == (118287, 66451)
    assert told["source"]["left_out"]["license"] == 0, "the index knows no licences"
    assert "captions and licences are counted too" in told["warnings"][0]
    assert told["excluded"] == ["dog", "person"]
    assert [match["exclude"][0]["images"] for match in told["classes"]] == [64115, 4385]
    assert run("classes").returncode == 2
    assert run("classes", "x.yaml", "--names", "a").returncode == 2


def test_classes__without_a_cache_folder_matches_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "file" / "cache"))
    told = json.loads(run("classes", "--names", "person", "--json").stdout)
    assert told["source"] is None
    assert told["excluded"] == ["person"]
    assert "images are not counted" in told["warnings"][0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_augment__asks_on_a_terminal_and_saves_the_answer(sample: Path, tmp_path: Path) -> None:
    data = sample / "dataset"
    (data / "data.yaml").write_text((data / "data.yaml").read_text().replace("dog", "qqzzdog"))
    saved = tmp_path / "answers.yaml"
    told, code = on_terminal(["augment", str(data), *source(sample)], ["dog", str(saved)])
    assert code == 0, told
    assert "qqzzdog" in told
    assert "Added 2 backgrounds" in told
    assert "qqzzdog" in saved.read_text()
    run("remove", data)
    assert run("augment", data, *source(sample), "--map-file", saved).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("answers", "meant"),
    [
        (["none", "y"], ["none", "none", ["traffic light"]]),
        (["each", "dog", "none", "kite"], [["dog"], "none", ["kite"]]),
        (["dog,horsee", "y", "dog", "y"], [["dog"], ["dog"], ["traffic light"]]),  # a slip is asked again
    ],
)
def test_augment__asks_for_groups_of_names_on_one_page(
    sample: Path, tmp_path: Path, answers: list[str], meant: list[object]
) -> None:
    data = sample / "dataset" / "data.yaml"
    data.write_text("train: images/train\nval: images/val\nnames: [A1, dog, trafik lite, A2]\n")
    saved = tmp_path / "map.yaml"
    told, code = on_terminal(["augment", str(data), *source(sample)], [*answers, str(saved)])
    assert code == 0, told
    assert "2 names (too general to say what is in the box): 0 'A1', 3 'A2'" in " ".join(told.split())
    written = load_yaml(saved.read_bytes(), source="map.yaml")
    assert isinstance(written, dict)
    assert [written[name] for name in ("A1", "A2", "trafik lite")] == meant


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_augment__no_answer_stops(sample: Path) -> None:
    data = sample / "dataset"
    (data / "data.yaml").write_text((data / "data.yaml").read_text().replace("dog", "qqzzdog"))
    before = tree(data)
    told, code = on_terminal(["augment", str(data), *source(sample)], [""])
    assert code == 4, told
    assert tree(data) == before
    _, code = on_terminal(["augment", str(data), *source(sample), "--yes"], [])
    assert code == 4


def on_terminal(arguments: list[str], answers: list[str]) -> tuple[str, int]:
    """Run the command on a pseudo-terminal and type an answer at each question."""
    import pty  # noqa: PLC0415 - POSIX only

    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "yolobg", *arguments])
    told, waiting, until = "", list(answers), time.monotonic() + 60
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                told += os.read(terminal, 65536).decode("utf-8", "replace")
            except OSError:
                break
        elif waiting and told.rstrip().endswith(":"):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
            told += "\n"
    os.close(terminal)
    return told[-20_000:], os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# ---------------------------------------------------------------- hostile texts


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "a\rb", "\x9b2J", "\u202egnp", "\x00"])
def test_clean__leaves_nothing_that_drives_a_terminal(text: str) -> None:
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in clean(text))


def test_clean__shortens_in_the_middle() -> None:
    assert len(clean("x" * 10_000, 100)) < 110


def test_names_that_drive_a_terminal__are_shown_harmless(sample: Path) -> None:
    data = sample / "dataset"
    yaml = (data / "data.yaml").read_text().replace("dog", '"\\e[2J\\e]0;owned\\a[red]dog[/red]"')
    (data / "data.yaml").write_text(yaml)
    told = run("augment", data, *source(sample))
    assert told.returncode in (0, 4)
    assert "\x1b" not in told.stderr
    assert "\x07" not in told.stderr
    assert "Traceback" not in told.stderr


def test_ascii_terminal__does_not_fail(sample: Path) -> None:
    told = run("augment", sample / "dataset", *source(sample), PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert told.returncode == 0, told.stderr


def test_closed_stdout__ends_quietly(sample: Path) -> None:
    command = [sys.executable, "-m", "yolobg", "status", str(sample / "dataset"), "--files", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        running.stdout.close()
        assert running.stderr
        assert "Traceback" not in running.stderr.read()


@pytest.mark.parametrize("command", ["augment", "status", "remove", "classes", "demo", "cache"])
def test_help__of_every_command(command: str) -> None:
    told = run(command, "--help")
    assert told.returncode == 0
    assert "Usage:" in told.stdout


def test_version_and_no_arguments() -> None:
    assert run("--version").stdout.strip() == f"yolobg {yolobg.__version__}"
    assert "augment" in run().stdout + run().stderr


def test_demo__runs_the_main_job_offline(tmp_path: Path) -> None:
    told = run("demo", tmp_path / "demo")
    assert told.returncode == 0, told.stderr
    assert "Added 2 backgrounds to train: 2 of 20 images = 10.0%" in told.stdout
    assert run("demo", tmp_path / "demo").returncode == 2, "the folder is not empty"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["text", "json"])
def test_status__into_a_full_file_says_so(sample: Path, more: list[str]) -> None:
    command = [sys.executable, "-m", "yolobg", "status", str(sample / "dataset"), *more]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("yolobg: error: standard output: cannot be written")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell with head")
def test_status__whose_reader_goes_away_ends_quietly(sample: Path) -> None:
    command = f"{sys.executable} -m yolobg status {sample / 'dataset'} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
