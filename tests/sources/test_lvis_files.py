"""`yolobg cache add lvis`: two pinned files, over a real loopback server that misbehaves on purpose."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from click.testing import CliRunner
from coco_server import CocoServer
from evidence_data import evidence
from stale_data import COUNT, HELD, ids, make_dataset, name_classes, write_source

import yolobg
from yolobg.cli.app import app
from yolobg.errors import DownloadError, UsageError
from yolobg.sources.annotations import remote_files
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog import open as catalog_open
from yolobg.sources.catalog.open import add_lvis, clear_cache, find_lvis
from yolobg.sources.location import LVIS, Pin, lvis_bases

NAMES = [next(iter(source.pins)) for source in LVIS]
CLASSES = {"pumpkin": "pumpkin.n.02", "person": "person.n.01", "helmet": "helmet.n.02"}
CLEAR = [number for number in range(COUNT) if number not in HELD]


def as_lvis(images: dict[int, tuple[Sequence[str], Sequence[str]]]) -> bytes:
    """A zip as LVIS has it: addresses for file names, synsets, and names with explanations."""
    file: dict[str, Any] = evidence(list(CLASSES), {f"{number}.jpg": said for number, said in images.items()})
    for image in file["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/train2017/{image.pop('file_name')}"
    for category in file["categories"]:
        category |= {"synset": CLASSES[category["name"]], "name": f"{category['name']}_(of_LVIS)", "frequency": "c"}
    for number, annotation in enumerate(file["annotations"]):
        annotation["segmentation"] = [[number * 7919 % 640 + place for place in range(400)]]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("lvis_v1.json", json.dumps(file))
    return packed.getvalue()


TRAIN = as_lvis(
    {
        CLEAR[0]: (["pumpkin"], ["helmet"]),
        CLEAR[1]: ([], ["pumpkin", "helmet"]),
        CLEAR[2]: ([], ["pumpkin"]),
        **{number + 1000: (["person"] * 5, []) for number in range(100)},
    }
)
VAL = as_lvis({CLEAR[3]: ([], ["helmet", "pumpkin", "person"]), CLEAR[4]: (["helmet"], [])})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CocoServer]:
    """The two files, in place of the official ones."""
    files = dict(zip(NAMES, (TRAIN, VAL), strict=True))
    pins = {name: Pin(len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()}
    sources = tuple(
        replace(source, pins=MappingProxyType({name: pins[name]})) for source, name in zip(LVIS, NAMES, strict=True)
    )
    monkeypatch.setattr(catalog_open, "LVIS", sources)
    with CocoServer({f"/{name}": content for name, content in files.items()}) as running:
        monkeypatch.setattr(remote_files, "lvis_bases", lambda: (running.url,))
        yield running


def test_pins__are_the_official_files() -> None:
    sizes = [pin.size_bytes for source in LVIS for pin in source.pins.values()]
    assert sizes == [350_264_821, 64_026_968]
    assert all(len(pin.sha256 or "") == 64 for source in LVIS for pin in source.pins.values())
    assert all(base.startswith("https://") for base in lvis_bases())


def test_mirror__is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOBG_LVIS_URL", "http://mirror.example/lvis/")
    assert lvis_bases()[0] == "http://mirror.example/lvis"


def test_add__fetches_both_files_once(server: CocoServer) -> None:
    assert find_lvis() == ()
    done = CliRunner().invoke(app, ["cache", "add", "lvis"])
    assert done.exit_code == 0, done.output
    assert "lvis: 105 images in 3 categories are ready for --evidence lvis" in done.stdout
    hits = len(server.hits)
    assert [len(file.names) for file in add_lvis()] == [103, 2]
    assert len(server.hits) == hits
    assert [len(file.names) for file in find_lvis()] == [103, 2]
    left = [path for path in cache_folder().rglob("*") if path.is_file() and path.suffix in (".part", ".json", ".zip")]
    assert not [path for path in left if path.parent.name != "used"]
    clear_cache()
    assert find_lvis() == ()


@pytest.mark.parametrize("faults", [["", "cut"], ["unavailable"], ["reset-body", "cut", "cut"]], ids=str)
def test_add__faults_that_pass_do_no_harm(server: CocoServer, faults: list[str]) -> None:
    server.faults[f"/{NAMES[0]}"] = list(faults)
    assert [len(file.names) for file in add_lvis()] == [103, 2]


def test_add__that_was_cut_off_continues(server: CocoServer) -> None:
    server.files[f"/{NAMES[1]}"] = b""
    with pytest.raises(DownloadError):
        add_lvis()
    sent = server.asked_bytes(f"/{NAMES[0]}")
    server.files[f"/{NAMES[1]}"] = VAL
    assert [len(file.names) for file in add_lvis()] == [103, 2]
    assert server.asked_bytes(f"/{NAMES[0]}") == sent, "what is there is not fetched again"


def test_add__of_another_file_is_refused(server: CocoServer) -> None:
    server.files[f"/{NAMES[0]}"] = as_lvis({1: (["pumpkin"], [])})
    with pytest.raises(DownloadError, match="no host has the official file") as refused:
        add_lvis()
    assert "SHA-256" in str(refused.value)
    assert "--evidence FILE reads it" in str(refused.value)
    assert find_lvis() == ()
    assert not list((cache_folder() / "catalogs").glob("*.sqlite"))


def test_add__passes_over_a_host_that_has_another_file(server: CocoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with CocoServer({f"/{name}": as_lvis({1: (["pumpkin"], [])}) for name in NAMES}) as other:
        monkeypatch.setattr(remote_files, "lvis_bases", lambda: (other.url, server.url))
        assert [len(file.names) for file in add_lvis()] == [103, 2]


def test_evidence__without_the_files_says_how_to_get_them(tmp_path: Path, server: CocoServer) -> None:
    dataset, source = make_dataset(tmp_path / "data"), write_source(tmp_path / "source", HELD)
    with pytest.raises(UsageError, match="yolobg cache add lvis"):
        yolobg.augment(dataset, count=1, evidence=["lvis"], **source)
    assert not server.hits


def test_evidence__of_lvis_rules_out_and_verifies_classes_that_the_source_lacks(
    tmp_path: Path, server: CocoServer
) -> None:
    add_lvis()
    hits = len(server.hits)
    dataset, source = make_dataset(tmp_path / "data"), write_source(tmp_path / "source", HELD)
    name_classes(dataset, "Pumpkins", "helmet")
    report = yolobg.plan(dataset, count=1, evidence=["lvis"], **source).report
    said = {match.name: match.evidence for match in report.classes}
    assert said["Pumpkins"] is not None
    assert said["helmet"] is not None
    assert (said["Pumpkins"].verified, said["Pumpkins"].vetoed) == (3, 1)
    assert (said["helmet"].verified, said["helmet"].vetoed) == (2, 1)
    yolobg.augment(dataset, count=2, evidence=["lvis"], verified=True, **source)
    assert ids(dataset) == {CLEAR[1], CLEAR[3]}
    assert len(server.hits) == hits
