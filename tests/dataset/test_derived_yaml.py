"""The data.yaml of a derived dataset: the original's images, read as before, whatever the original looks like."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from battery.layout import Places, build, missing_needs, write_settings
from battery.layouts import LAYOUTS
from places import HELPERS
from ultra import environment, python_with_ultralytics

from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.derived import NAME, derived_content, is_as_written, own_folder, own_splits
from yolobg.dataset.inventory import scan_split
from yolobg.errors import DatasetError
from yolobg.model import DataYaml
from yolobg.yaml_text import load_yaml


def derive(data: DataYaml, folder: Path) -> DataYaml:
    own_folder(folder, "train").mkdir(parents=True)
    (folder / NAME).write_bytes(derived_content(data, folder, {"train"}, [folder]))
    return read_data_yaml(folder / NAME)


def scanned(data: DataYaml, split: str, cwd: Path) -> Any:
    try:
        return scan_split(data, split, cwd=cwd).files
    except DatasetError:
        return None


@pytest.mark.parametrize("name", sorted(name for name, layout in LAYOUTS.items() if not layout.key))
def test_derived__of_every_layout_has_the_same_images_and_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Path(os.path.realpath(tmp_path))
    places, layout = Places(base, name), LAYOUTS[name]
    # Some layouts need links, or names that differ by case only, which not every file system has.
    if missing := missing_needs(layout, tmp_path):
        pytest.skip(f"the file system lacks {missing}")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(write_settings(base)))
    build(layout, places)
    cwd = places.path(layout.cwd)
    monkeypatch.chdir(cwd)
    data = read_data_yaml(Path(places.fill(layout.data)))
    derived = derive(data, base / "derived")
    assert derived.root == base / "derived"
    assert derived.names == data.names
    assert (derived.kpt_shape, derived.channels) == (data.kpt_shape, data.channels)
    assert derived.splits.keys() == data.splits.keys() | {"train"}
    for split in derived.splits:
        assert scanned(derived, split, cwd) == scanned(data, split, cwd)


TEXT = """\
# What Roboflow and people write.
path: .
train: ../train/images
val: [images/a, ./images/b]
test: images/test
minival:
nc: 2
names: {1: 'yes', 0: "no: 1"}
kpt_shape: [17, 3]
flip_idx: [0, 2, 1]
channels: 3
download: bash -c "touch ran"
roboflow: {workspace: w, version: 3, url: 'https://example.org/w?x=1#y', license: CC BY 4.0}
released: 2024-05-06
ratio: 1.5
on: ~
"""


def test_content__keeps_every_key_but_path_and_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    (root / "train/images").mkdir(parents=True)
    (root / NAME).write_text(TEXT)
    monkeypatch.chdir(root)
    folder = tmp_path / "out"
    content = derived_content(read_data_yaml(Path(NAME)), folder, {"train"}, [folder])
    raw, was = load_yaml(content, source=""), load_yaml(TEXT, source="")
    assert isinstance(raw, dict)
    assert isinstance(was, dict)
    changed = {"path", "train", "val", "test", "download"}
    assert {key: value for key, value in was.items() if key not in changed}.items() <= raw.items()
    assert raw.keys() - was.keys() == {"yolobg"}
    assert was.keys() - raw.keys() == {"path", "download"}
    assert raw["train"] == [str(root / "train/images"), str(folder / "images/train")]
    assert raw["val"] == [str(root / "images/a"), str(root / "images/b")]
    assert raw["test"] == str(root / "images/test")
    assert raw["yolobg"] == {"original": str(root / NAME), "made": [str(folder)]}
    assert list(raw)[:3] == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("train", "entries"),
    [
        ("images", ["images"]),
        ("./images", ["images"]),
        ("train.txt", ["train.txt"]),
        ("[images, more]", ["images", "more"]),
        ("[train.txt, images]", ["train.txt", "images"]),
        ("{root}/images", ["images"]),
    ],
)
@pytest.mark.parametrize("path", ["", "path: .\n", "path: {root}\n", "path: data\n"])
def test_content__train_is_a_list_of_absolute_paths_and_its_own_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: str, path: str, entries: list[str]
) -> None:
    root = Path(os.path.realpath(tmp_path)) / "data"
    root.mkdir()
    text = f"{path}train: {train}\nval: images\nnames: [a]\n".replace("{root}", root.as_posix())
    (root / NAME).write_text(text)
    monkeypatch.chdir(root.parent if "data\n" in path else root)
    folder = tmp_path / "out"
    raw: Any = load_yaml(derived_content(read_data_yaml(root / NAME), folder, {"train"}, ()), source="")
    assert raw["train"] == [*(str(root / entry) for entry in entries), str(folder / "images/train")]
    assert raw["val"] == str(root / "images")


def test_content__of_the_older_key_stays_under_that_key(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("train: a\nvalidation: b\nnames: [x]\n")
    raw: Any = load_yaml(derived_content(read_data_yaml(tmp_path / NAME), tmp_path / "out", {"val"}, ()), source="")
    assert raw["validation"] == [str(tmp_path / "b"), str(tmp_path / "out/images/val")]
    assert "val" not in raw


@pytest.mark.parametrize("encoding", ["cp1252", "gb18030", "utf-16"])
def test_names__that_lost_letters_are_still_asked_about(tmp_path: Path, encoding: str) -> None:
    """The derived file is UTF-8, so nothing in it shows any more that letters are gone."""
    names = {"cp1252": "böat", "gb18030": "卡车", "utf-16": "böat"}[encoding]
    (tmp_path / NAME).write_bytes(f"train: images\nval: images\nnames:\n  0: dog\n  1: {names}\n".encode(encoding))
    data = read_data_yaml(tmp_path / NAME)
    assert data.readings[1]
    derived = derive(data, tmp_path / "out")
    assert derived.names == data.names
    assert derived.readings == data.readings
    assert str(tmp_path / NAME) in derived.warnings[0]
    body = (tmp_path / "out" / NAME).read_text(encoding="utf-8")
    mended = re.sub(r"(?m)^  1: .*$", "  1: boat", body)
    assert mended != body
    (tmp_path / "out" / NAME).write_text(mended, encoding="utf-8")
    assert 1 not in read_data_yaml(tmp_path / "out" / NAME).readings, "a name that was written anew has its letters"


def test_seal__is_broken_by_any_change(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("train: a\nval: a\nnames: [x]\n")
    content = derived_content(read_data_yaml(tmp_path / NAME), tmp_path / "out", {"train"}, ())
    assert is_as_written(content)
    for other in (content + b"\n", content.replace(b"- x", b"- y"), content[1:], b"", content.replace(b"\n", b"\r\n")):
        assert not is_as_written(other)


def test_own_splits__are_those_with_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("train: a\nval: b\ntest: c\nnames: [x]\n")
    out = tmp_path / "out"
    out.mkdir()
    (out / NAME).write_bytes(derived_content(read_data_yaml(tmp_path / NAME), out, {"train", "test"}, ()))
    assert own_splits(read_data_yaml(out / NAME), out) == {"train", "test"}


ASK = """
import json, sys
from ultralytics.data.utils import check_det_dataset
from ultralytics.data.base import BaseDataset
rows = []
for pair in json.load(sys.stdin):
    row = []
    for given in pair:
        try:
            data = check_det_dataset(given, autodownload=False)
            reader = BaseDataset.__new__(BaseDataset)
            reader.prefix, reader.fraction = "", 1.0
            row.append([reader.get_img_files(data["train"]), data["names"], str(data.get("val")), data["nc"]])
        except Exception as error:  # whatever Ultralytics raises: both files must end alike
            row.append(type(error).__name__)
    rows.append(row)
print("ROWS" + json.dumps(rows))
"""


@pytest.mark.ultralytics
def test_derived__is_read_by_ultralytics_with_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(os.path.realpath(tmp_path))
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(write_settings(base)))
    pairs, names = [], []
    for name, layout in sorted(LAYOUTS.items()):
        # Those that are read from the folder in which they all are.
        if layout.key or layout.differs or layout.cwd != "." or missing_needs(layout, tmp_path):
            continue
        places = Places(base, name)
        build(layout, places)
        given = places.path(layout.data)
        monkeypatch.chdir(places.root)
        data = read_data_yaml(given)
        if data.root == places.root and not given.is_dir():
            derive(data, base / "derived" / name)
            pairs.append([str(given), str(base / "derived" / name / NAME)])
            names.append(name)
    monkeypatch.chdir(base)
    done = subprocess.run(
        [python_with_ultralytics(), "-c", ASK], input=json.dumps(pairs), env=environment(PYTHONPATH=str(HELPERS)),
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert "ROWS" in done.stdout, done.stderr[-3000:]
    rows = json.loads(done.stdout.rpartition("ROWS")[2])
    read = {name: row for name, row in zip(names, rows, strict=True) if isinstance(row[0], list)}
    assert len(read) > 40
    for name, (original, derived) in read.items():
        assert derived == original, name
