"""Pipes, folders and devices in the place of files, files of a gigabyte, and what the whole command says of bad ones.

Large files are sparse, and read in children whose memory is measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tally
from bad_files import DAMAGED_ZIP, TEXT, YAML_BOMB, make_dataset, unpacked
from command_line import run
from fuzz.seeds import SEEDS

from yolobg import remove, status
from yolobg.changes.manifest import read_manifest
from yolobg.changes.rejections import read_rejections
from yolobg.changes.review_state import read_state
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.ultralytics_settings import datasets_dirs
from yolobg.errors import AnnotationsError, DatasetError, UsageError, YolobgError
from yolobg.formats.coco_read import read_coco
from yolobg.formats.voc import read_voc
from yolobg.formats.yolo_plain import read_darknet, read_plain
from yolobg.matching.map_file import read_map
from yolobg.sources.own_folder import _says_something


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path)


# ---------------------------------------------------------------- what is no file


def voc(root: Path) -> object:
    """Read a VOC dataset of one image."""
    (root / "ImageSets/Main").mkdir(parents=True)
    (root / "ImageSets/Main/train.txt").write_bytes(b"a\n")
    return list(read_voc(root).items())


Reader = Callable[[Path], object]


# Where each file lies in a dataset, and what reads it.
READERS: dict[str, tuple[str, Reader, type[YolobgError] | None]] = {
    "data.yaml": ("data.yaml", lambda root: read_data_yaml(root / "data.yaml"), DatasetError),
    "data.yaml in its folder": ("data.yaml", read_data_yaml, DatasetError),
    "manifest": (".yolobg/manifest.json", read_manifest, DatasetError),
    "status": (".yolobg/manifest.json", lambda root: status(root / "data.yaml"), DatasetError),
    "remove": (".yolobg/manifest.json", lambda root: remove(root / "data.yaml"), DatasetError),
    "rejected": (".yolobg/rejected.json", read_rejections, DatasetError),
    "review": (".yolobg/review.json", read_state, DatasetError),
    "map file": ("map.yaml", lambda root: read_map(root / "map.yaml"), UsageError),
    "list file": ("images/train", lambda root: status(root / "data.yaml"), DatasetError),
    "label": ("labels/train/a.txt", lambda root: status(root / "data.yaml"), None),
    "image": ("images/train/a.jpg", lambda root: status(root / "data.yaml"), None),
    "annotations": ("instances_x.json", lambda root: unpacked(root / "instances_x.json"), AnnotationsError),
    "zip": ("a.zip", lambda root: unpacked(root / "a.zip"), AnnotationsError),
    "settings": ("Ultralytics/settings.json", datasets_dirs, None),
    "COCO to convert": ("annotations/instances_train.json", read_coco, DatasetError),
    "VOC list": ("ImageSets/Main/train.txt", read_voc, DatasetError),
    "VOC record": ("Annotations/a.xml", voc, None),
    "VOC classes": ("labelmap.txt", voc, None),
    "darknet": ("obj.data", read_darknet, DatasetError),
    "plain classes": ("classes.txt", read_plain, None),
    "label of a pool": ("labels/train/a.txt", lambda root: _says_something(str(root / "labels/train/a.txt")), None),
}


def put(path: Path, kind: str) -> None:
    """Put something at a path that is no ordinary file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to("nowhere")
    elif kind == "link in a circle":
        path.symlink_to(path.name)
    else:
        path.symlink_to(kind)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes and devices in folders")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "kind", ["pipe", "folder", "/dev/zero", "/dev/full", "/dev/null", "broken link", "link in a circle"]
)
@pytest.mark.parametrize("what", READERS)
def test_no_file__is_neither_waited_for_nor_read(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, what: str, kind: str
) -> None:
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(dataset))
    place, read, error = READERS[what]
    put(dataset / place, kind)
    if (what, kind) == ("list file", "folder"):
        error = DatasetError  # a split without images
    absent = kind == "broken link" and place.startswith(".yolobg")
    if error is None or absent or (what, kind) == ("annotations", "folder"):
        with contextlib.suppress(YolobgError):
            read(dataset)
    else:
        with pytest.raises(error):
            read(dataset)
    tally.tried("bad inputs")


# ---------------------------------------------------------------- gigabytes

CHILD = """
import json, os, resource, struct, sys
from pathlib import Path
from yolobg.errors import YolobgError
from yolobg.sources.annotations.local_files import unpack_local
from yolobg.sources.location import parse_source
from yolobg.sources.annotations.read import read_instances
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.label_rules import label_checker
from yolobg.dataset.label_reader import _judge, _read
from yolobg.dataset.folder_listing import read_list
from yolobg.changes.manifest import read_manifest
from yolobg.formats.voc import read_voc
from yolobg.formats.yolo_plain import read_darknet, read_plain
from yolobg.matching.map_file import read_map
from yolobg.sources.own_folder import _says_something

GIB = 1 << 30
# A run that would take far more must not take the machine down.
resource.setrlimit(resource.RLIMIT_AS, (6 * GIB, 6 * GIB))
root = Path(sys.argv[1])

def sparse(name, size, head=b"", tail=b""):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        handle.write(head)
        handle.truncate(size - len(tail))
        handle.seek(0, os.SEEK_END)
        handle.write(tail)
    return path

def label_of(path):
    return _judge(str(path), label_checker(80), _read)

def zip_of(size):
    return sparse("a.zip", size, b"", b"PK\\x05\\x06" + struct.pack("<4H2LH", 0, 0, 60000, 60000, size - 22, 0, 0))

TEXT_OPEN, ARRAY_OPEN = b'{"info": "', b'{"images": ['
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = repr(CODE)
except YolobgError as error:
    said = f"{type(error).__name__}: {error}"
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([said[:1000], grown >> (20 if sys.platform == "darwin" else 10)]))
"""


def in_child(folder: Path, code: str) -> tuple[str, int]:
    """Evaluate an expression in a process of its own; what came out, and by how many MiB its memory grew."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD.replace("CODE", code), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said, grown = json.loads(done.stdout)
    tally.tried("bad inputs")
    return said, grown


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measures with the module resource")
@pytest.mark.parametrize(
    ("code", "why", "most_mib"),
    [
        ("read_data_yaml(sparse('data.yaml', GIB))", "DatasetError: .*larger than 4 MiB", 50),
        ("read_map(sparse('map.yaml', GIB))", "UsageError: .*larger than 4 MiB", 50),
        (
            "read_manifest(sparse('.yolobg/manifest.json', GIB + 1).parent.parent)",
            "DatasetError: .*larger than 1024 MiB",
            50,
        ),
        ("read_list(str(sparse('train.txt', GIB)))", "DatasetError: .*without a line end|larger than", 50),
        ("label_of(sparse('labels/train/a.txt', GIB))", "larger than 16 MiB", 100),
        ("read_instances(sparse('instances_x.json', GIB))", "AnnotationsError: .*not valid JSON", 100),
        ("read_instances(sparse('instances_x.json', GIB, TEXT_OPEN))", "AnnotationsError: .*not valid JSON", 100),
        ("read_instances(sparse('instances_x.json', GIB, ARRAY_OPEN))", "AnnotationsError: .*not valid JSON", 100),
        ("unpack_local(parse_source(str(zip_of(700 << 20))), root)", "AnnotationsError: .*directory is longer", 100),
        ("label_checker(80)(b'0 0.5 0.5 0.5 0.5\\n' * 300_000)", "found", 150),
        ("label_checker(80)(b'0 0.5 ' * 2_700_000)", "corrupt", 1500),
    ],
    ids=[
        "data.yaml",
        "map file",
        "manifest",
        "list",
        "label",
        "NUL bytes",
        "a text",
        "an array",
        "directory",
        "rows",
        "columns",
    ],
)
def test_a_gigabyte__is_refused_without_being_held(tmp_path: Path, code: str, why: str, most_mib: int) -> None:
    said, grown = in_child(tmp_path, code)
    assert re.search(why, said), said
    assert grown < most_mib


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measures with the module resource")
@pytest.mark.parametrize(
    ("classes", "why"), [(250_000, "^250000$"), (1_200_000, "DatasetError: .*more than 1,000,000 values")]
)
def test_names__with_a_million_entries(tmp_path: Path, classes: int, why: str) -> None:
    (tmp_path / "data.yaml").write_bytes(b"train: images\nval: images\nnames: [" + b"a, " * classes + b"]\n")
    said, grown = in_child(tmp_path, "len(read_data_yaml(root / 'data.yaml').names)")
    assert re.search(why, said), said
    assert grown < 1000


# ---------------------------------------------------------------- the whole command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "content", "arguments"),
    [
        ("data.yaml", YAML_BOMB.encode(), ["status"]),
        ("data.yaml", b"train: 0x" + b"f" * 5000 + b"\n", ["status"]),
        (".yolobg/manifest.json", b"[" * 100_000, ["status"]),
        (".yolobg/manifest.json", SEEDS["manifest"][0][:-5], ["remove"]),
        (
            "instances_x.json",
            TEXT[:-20],
            ["augment", "--annotations", "instances_x.json", "--images", "images", "--yes"],
        ),
        (
            "a.zip",
            DAMAGED_ZIP,
            ["augment", "--annotations", "a.zip", "--images", "images", "--yes"],
        ),
    ],
    ids=["yaml bomb", "endless number", "deep manifest", "cut manifest", "cut annotations", "damaged zip"],
)
def test_command__tells_it_in_words_and_changes_nothing(
    dataset: Path, file: str, content: bytes, arguments: list[str]
) -> None:
    (dataset / file).write_bytes(content)
    (dataset / ".yolobg/lock").touch()
    before = {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    command, *options = arguments
    done = run(command, "data.yaml", *options, cwd=dataset)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert Path(file).name in done.stderr.replace("\n", "")
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before
    tally.tried("bad inputs")
