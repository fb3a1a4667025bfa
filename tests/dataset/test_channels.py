"""`channels:` of data.yaml: what is refused before anything is fetched, and what is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import run
from format_data import picture
from merging import tree

import yolobg
from yolobg.dataset.channels import why_not_rgb
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.inventory import scan_split
from yolobg.errors import DatasetError
from yolobg.ultralytics import trainer as ultra
from yolobg.ultralytics.hook import BackgroundHook
from yolobg.ultralytics.trainer import read_resolved

FITS = ["", "channels: 3\n", "channels: 1\n"]
OTHERS = ["channels: 10\n", "channels: 2\n", "channels: 4\n"]
SENSELESS = [
    f"channels: {value}\n"
    for value in ("abc", "0", "-1", "3.0", "1.0", "true", "'3'", "null", "None", "[3]", "{a: 3}", "1e400", "x" * 500)
]


def make(root: Path, channels: str) -> Path:
    """A dataset of three labelled images, and beside it a source of six with a folder of their own."""
    for number in range(3):
        for kind in ("images", "labels"):
            (root / "data" / kind / "train").mkdir(parents=True, exist_ok=True)
        picture(root / "data" / "images" / "train" / f"{number}.jpg", 100 + number)
        (root / "data" / "labels" / "train" / f"{number}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "data" / "data.yaml").write_text(f"train: images/train\nval: images/train\n{channels}names: [zebra]\n")
    (root / "pool").mkdir()
    for number in range(6):
        picture(root / "pool" / f"{number}.jpg", number)
    return root / "data"


@pytest.mark.parametrize("channels", FITS)
def test_augment__with_channels_that_are_read_from_rgb(tmp_path: Path, channels: str) -> None:
    data = make(tmp_path, channels)
    assert len(yolobg.augment(data, source=str(tmp_path / "pool"), count=2).added) == 2
    assert not any("channels" in warning for warning in yolobg.status(data).warnings)


@pytest.mark.parametrize("channels", OTHERS + SENSELESS)
def test_augment__with_other_channels_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: str
) -> None:
    data = make(tmp_path, channels)
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "cache"))
    before = tree(data)
    said = set[str]()
    for command in (yolobg.plan, yolobg.augment):
        # COCO would have to be fetched, and no test leaves this machine: the channels come first.
        for source in ("coco2017", str(tmp_path / "pool")):
            with pytest.raises(DatasetError, match="key 'channels' is ") as refused:
                command(data, source=source, count=2)
            said.add(str(refused.value))
    assert tree(data) == before
    assert not (tmp_path / "cache").exists()
    (told,) = [warning for warning in yolobg.status(data).warnings if "'channels'" in warning]
    assert said == {told}
    assert str(data / "data.yaml") in told
    assert ("expected a whole number" in told) == (channels in SENSELESS)


def test_augment__with_other_channels_and_nothing_to_add_says_nothing(tmp_path: Path) -> None:
    data = make(tmp_path, "channels: 10\n")
    assert yolobg.augment(data, source=str(tmp_path / "pool"), count=0).added == ()
    assert yolobg.remove(data).removed == ()


def test_command__with_other_channels_ends_with_its_exit_code(tmp_path: Path) -> None:
    data = make(tmp_path, "channels: 10\n")
    for more in ([], ["--dry-run"]):
        ended = run("augment", data, "--source", tmp_path / "pool", *more)
        assert (ended.returncode, "key 'channels' is 10" in ended.stderr) == (3, True)
    ended = run("status", data)
    assert (ended.returncode, "key 'channels' is 10" in ended.stdout) == (0, True)


def test_read_data_yaml__keeps_what_is_written(tmp_path: Path) -> None:
    assert read_data_yaml(make(tmp_path, "channels: 7\n")).channels == 7


@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_hook__with_other_channels_goes_by_on_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_error: Any
) -> None:
    """The value that Ultralytics hands over; its own modules are not needed for that."""
    data = make(tmp_path, "channels: 10\n")
    said: list[str] = []
    monkeypatch.setattr(ultra, "logger", lambda: SimpleNamespace(warning=said.append, info=said.append))
    monkeypatch.setattr(ultra, "prefix", lambda: "")
    monkeypatch.setattr(ultra, "scan_as_trained", yolobg_scan)
    resolved = {"path": data, "names": {0: "zebra"}, "train": str(data / "images" / "train"), "channels": 10}
    hook = BackgroundHook(count=2, source=str(tmp_path / "pool"), on_error=on_error)
    read = read_resolved(resolved, given=str(data / "data.yaml"))
    before = tree(data)
    if on_error == "raise":
        with pytest.raises(DatasetError, match="'channels' is 10"):
            hook.top_up(read)
    else:
        assert hook.top_up(read) is None
        assert "no backgrounds were added" in said[0]
        assert "'channels' is 10" in said[0]
    assert tree(data) == before


def test_hook__without_the_key_is_not_refused(tmp_path: Path) -> None:
    """Releases before 8.3.110 resolve a dataset without it."""
    resolved = {"path": tmp_path, "names": {0: "zebra"}, "train": str(tmp_path)}
    assert why_not_rgb(read_resolved(resolved, given=str(tmp_path / "data.yaml"))) is None


def yolobg_scan(data: Any) -> Any:
    return scan_split(data, "train")
