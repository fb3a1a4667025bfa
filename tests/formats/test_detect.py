"""Which format a folder is in: other files in it never break that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import run
from format_data import make_yolo, picture

from yolobg.errors import DatasetError
from yolobg.formats import datumaro_bridge as bridge
from yolobg.formats.convert import convert
from yolobg.formats.registry import all_formats, detect_format

pytestmark = pytest.mark.datumaro

BRIDGED = tuple(name for name, format_ in all_formats().items() if not format_.own)
# Each has detectors in datumaro that ask for its suffix, some of which need libraries that datumaro does not bring.
STRAYS = {
    "table.csv": b"a,b\n1,2\n",
    "annotations/table.csv": b"a,b\n",
    "data.mat": b"a,b\n",
    "matlab.mat": b"MATLAB 5.0 MAT-file" + bytes(200),
    "map.pbtxt": b"item {",
    "records.tfrecord": bytes(range(64)),
    "table.parquet": b"PAR1",
    "rows.arrow": b"ARROW1",
    "list.txt": b"\xff\xfe\x00",
    "tree.xml": b"<a><",
    "values.json": b"{",
    "annotations/values.json": b"[[[[",
    "deep.json": b"[" * 100_000,
    "archive.npz": b"PK\x03\x04",
    "train/a.csv": b"x",
}


def strays(root: Path, names: list[str]) -> Path:
    for number in range(3):
        (root / "images").mkdir(parents=True, exist_ok=True)
        picture(root / "images" / f"{number}.jpg", number)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(STRAYS[name])
    return root


@pytest.mark.parametrize("names", [*([name] for name in STRAYS), list(STRAYS)], ids=lambda names: names[0])
def test_detect__a_detector_that_fails_has_detected_nothing(tmp_path: Path, names: list[str]) -> None:
    folder = strays(tmp_path / "folder", names)
    assert bridge.detect(folder, BRIDGED) is None
    with pytest.raises(DatasetError):
        detect_format(folder)
    with pytest.raises(DatasetError):
        convert(folder, tmp_path / "out", to="yolo")
    assert not (tmp_path / "out").exists()


def test_detect__knows_a_format_beside_files_that_break_other_detectors(tmp_path: Path) -> None:
    make_yolo(tmp_path / "yolo", polygons=False)
    convert(tmp_path / "yolo", tmp_path / "cvat", to="cvat")
    (tmp_path / "cvat" / "table.csv").write_bytes(STRAYS["table.csv"])
    (tmp_path / "cvat" / "data.mat").write_bytes(STRAYS["data.mat"])
    assert detect_format(tmp_path / "cvat").name == "cvat"


def test_detect__datumaro_that_fails_as_a_whole_has_detected_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        importers: Any = None

        def detect_dataset(self, _folder: str) -> list[str]:
            raise MemoryError

    monkeypatch.setattr(bridge, "environment", Broken)
    assert bridge.detect(tmp_path, BRIDGED) is None


def test_command__convert_of_a_folder_with_a_table_has_no_traceback(tmp_path: Path) -> None:
    folder = strays(tmp_path / "folder", ["table.csv", "data.mat"])
    ended = run("convert", folder, tmp_path / "out", "--to", "yolo")
    assert (ended.returncode, "Traceback" in ended.stderr) == (3, False)
    assert "cannot tell which format this is" in ended.stderr
