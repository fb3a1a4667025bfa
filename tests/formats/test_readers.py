"""What others read in the datasets that we write: pycocotools, an XML parser, datumaro's own readers, Ultralytics."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from format_data import BACKGROUNDS, NAMES, Truth, Truths, boxes_only, make_coco, make_yolo
from PIL import Image
from pycocotools.coco import COCO
from ultra import python_with_ultralytics

from yolobg.errors import DatasetError
from yolobg.formats.convert import convert

EXACT = 1e-6


@pytest.fixture
def boxes(tmp_path: Path) -> tuple[Path, Truths]:
    return tmp_path / "source", make_yolo(tmp_path / "source", polygons=False)


@pytest.fixture
def polygons(tmp_path: Path) -> tuple[Path, Truths]:
    return tmp_path / "source", make_yolo(tmp_path / "source", polygons=True)


def same(found: list[Truth], truths: list[Truth], tolerance: float = EXACT) -> None:
    left, right = (sorted(side, key=lambda t: (t.name, t.box)) for side in (truths, found))
    assert [t.name for t in left] == [t.name for t in right]
    for one, other in zip(left, right, strict=True):
        assert max(abs(a - b) for a, b in zip(one.box, other.box, strict=True)) <= tolerance
        if one.ring:
            assert max(abs(a - b) for a, b in zip(one.ring, other.ring, strict=True)) <= tolerance


def test_coco__as_pycocotools_reads_it(tmp_path: Path, polygons: tuple[Path, Truths]) -> None:
    source, truths = polygons
    convert(source, tmp_path / "coco", to="coco")
    seen = set()
    for split in ("train", "val"):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(tmp_path / "coco" / "annotations" / f"instances_{split}.json"))
        assert [(c["id"], c["name"]) for c in coco.loadCats(coco.getCatIds())] == [(i + 1, NAMES[i]) for i in NAMES]
        for image in coco.loadImgs(coco.getImgIds()):
            key = (split, image["file_name"])
            with Image.open(tmp_path / "coco" / "images" / split / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
            found = [truth_of(coco, row, image) for row in coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))]
            same(found, truths[key])
            seen.add(key)
    assert seen == truths.keys()


def truth_of(coco: Any, row: dict[str, Any], image: dict[str, Any]) -> Truth:
    size = image["width"], image["height"]
    x, y, w, h = (value / size[i % 2] for i, value in enumerate(row["bbox"]))
    ring = tuple(v / size[i % 2] for i, v in enumerate(row["segmentation"][0])) if row["segmentation"] else ()
    return Truth(coco.cats[row["category_id"]]["name"], (x + w / 2, y + h / 2, w, h), ring)


def test_voc__as_an_xml_parser_reads_it(tmp_path: Path, boxes: tuple[Path, Truths]) -> None:
    source, truths = boxes
    report = convert(source, tmp_path / "voc", to="voc")
    back = {(r.split, r.to.rpartition(".")[0]): (r.split, r.name) for r in report.renamed}
    stems = {(s, n.rpartition(".")[0]): (s, n) for s, n in truths}
    seen = set()
    for split in ("train", "val"):
        for stem in (tmp_path / "voc/ImageSets/Main" / f"{split}.txt").read_text("utf-8").splitlines():
            key = back.get((split, stem)) or stems[split, stem]
            root = ElementTree.parse(tmp_path / "voc" / "Annotations" / f"{stem}.xml").getroot()
            size = [int(root.findtext(f"size/{side}") or 0) for side in ("width", "height")]
            name = root.findtext("folder"), root.findtext("filename")
            image = tmp_path / "voc" / "JPEGImages" / str(name[0]) / str(name[1])
            assert image.read_bytes() == (source / "images" / key[0] / key[1]).read_bytes()
            same([voc_truth(node, size) for node in root.iter("object")], truths[key])
            seen.add(key)
    assert seen == truths.keys()
    labels = [line.split(":")[0] for line in (tmp_path / "voc/labelmap.txt").read_text().splitlines()]
    assert labels == ["# label", "background", *NAMES.values()]


def voc_truth(node: ElementTree.Element, size: list[int]) -> Truth:
    corners = [float(node.findtext(f"bndbox/{side}") or "nan") for side in ("xmin", "ymin", "xmax", "ymax")]
    left, top, right, bottom = (value / size[i % 2] for i, value in enumerate(corners))
    box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return Truth(node.findtext("name") or "", box)


@pytest.fixture
def quiet_datumaro() -> Any:
    """datumaro warns and logs; its own rounding is in force here, as for anybody who uses it."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.datumaro
@pytest.mark.usefixtures("quiet_datumaro")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("coco", "coco_instances"),
        ("voc", "voc_detection"),
        ("yolo_darknet", "yolo"),
        ("datumaro", "datumaro"),
        ("cvat", "cvat"),
        ("label_me", "label_me"),
        ("open_images", "open_images"),
    ],
)
def test_datumaro__reads_what_was_written(tmp_path: Path, boxes: tuple[Path, Truths], ours: str, theirs: str) -> None:
    from datumaro.components.annotation import AnnotationType, Bbox  # noqa: PLC0415 - only where it is installed
    from datumaro.components.dataset import Dataset  # noqa: PLC0415

    source, truths = boxes
    report = convert(source, tmp_path / "out", to=ours, class_order="lose")
    dataset = Dataset.import_from(str(tmp_path / "out"), theirs)
    labels = [label.name for label in dataset.categories()[AnnotationType.label].items]
    if ours != "label_me":
        assert [label for label in labels if label != "background"] == list(NAMES.values())
    back = {(r.split, r.to.rpartition(".")[0]): (r.split, r.name) for r in report.renamed}
    stems = {(s, n.rpartition(".")[0]): (s, n) for s, n in truths}
    seen = set()
    for item in dataset:
        split = "val" if item.subset == "valid" else item.subset
        key = back.get((split, item.id)) or stems[split, item.id]
        height, width = item.media.size
        found = []
        for annotation in (a for a in item.annotations if isinstance(a, Bbox)):
            left, top, right, bottom = (v / (width, height)[i % 2] for i, v in enumerate(annotation.points))
            box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
            found.append(Truth(labels[annotation.label], box))
        # It rounds to hundredths of a pixel when it reads.
        same(found, truths[key], tolerance=0.022 / min(width, height))
        seen.add(key)
    assert seen == truths.keys()
    assert {key for key in seen if not truths[key]} == BACKGROUNDS


ULTRALYTICS = """
import json, sys
from ultralytics.data.utils import check_det_dataset
from ultralytics.data.dataset import YOLODataset
data = check_det_dataset(sys.argv[1])
told = {"names": data["names"], "splits": {}}
for split in ("train", "val"):
    d = YOLODataset(img_path=data[split], data=data, task=sys.argv[2], imgsz=64, augment=False, cache=False)
    told["splits"][split] = [
        [l["im_file"], [int(c[0]) for c in l["cls"]], [[float(v) for v in b] for b in l["bboxes"]], len(l["segments"])]
        for l in d.labels
    ]
open(sys.argv[3], "w").write(json.dumps(told))
"""


@pytest.mark.ultralytics
@pytest.mark.parametrize("way", [("yolo",), ("coco", "yolo"), ("yolo_plain",)], ids="-".join)
@pytest.mark.parametrize("outlines", [False, True], ids=["boxes", "polygons"])
def test_yolo__as_ultralytics_reads_it(tmp_path: Path, way: tuple[str, ...], outlines: bool) -> None:
    truths = make_yolo(tmp_path / "0", polygons=outlines, every=outlines)
    for number, name in enumerate(way):
        convert(tmp_path / f"{number}", tmp_path / f"{number + 1}", to=name)
    place, out = tmp_path / f"{len(way)}", tmp_path / "told.json"
    environment = {**os.environ, "YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False"}
    task = "segment" if outlines else "detect"
    run = subprocess.run(
        [python_with_ultralytics(), "-c", ULTRALYTICS, str(place / "data.yaml"), task, str(out)],
        capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=100,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    told = json.loads(out.read_text())
    assert told["names"] == {str(i): name for i, name in NAMES.items()}
    for split, labels in told["splits"].items():
        home = place / "images" / split
        found = {(split, Path(image).relative_to(home).as_posix()): rest for image, *rest in labels}
        assert found.keys() == {key for key in truths if key[0] == split}
        for key, (classes, bboxes, outlined) in found.items():
            rows = [Truth(NAMES[c], tuple(b)) for c, b in zip(classes, bboxes, strict=True)]
            # It computes in 32 bits.
            same(rows, boxes_only(truths)[key], tolerance=2 * EXACT)
            assert outlined == sum(bool(t.ring) for t in truths[key])


def test_coco__crowds_and_numbers_of_the_source_are_kept(tmp_path: Path) -> None:
    make_coco(tmp_path)
    convert(tmp_path / "coco", tmp_path / "out", to="coco")
    for split in ("train", "val"):
        before, after = (
            json.loads((tmp_path / place / "annotations" / f"instances_{split}.json").read_text())
            for place in ("coco", "out")
        )
        keep = ("id", "file_name", "width", "height")
        assert sorted([i[k] for k in keep] for i in before["images"]) == sorted(
            [i[k] for k in keep] for i in after["images"]
        )
        assert [(c["id"], c["name"]) for c in before["categories"]] == [
            (c["id"], c["name"]) for c in after["categories"]
        ]
        crowds = [[a for a in content["annotations"] if a["iscrowd"]] for content in (before, after)]
        assert [(a["category_id"], a["segmentation"], a["bbox"]) for a in crowds[0]] == [
            (a["category_id"], a["segmentation"], a["bbox"]) for a in crowds[1]
        ]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("to", ["yolo", "yolo_darknet", "voc"])
def test_convert__a_list_that_is_not_utf8_is_named_with_line_and_byte(tmp_path: Path, to: str, mark: bytes) -> None:
    make_yolo(tmp_path / "source", polygons=False)
    convert(tmp_path / "source", tmp_path / "made", to=to)
    file = tmp_path / "made" / ("ImageSets/Main/train.txt" if to == "voc" else "train.txt")
    if to == "yolo":
        (tmp_path / "made" / "data.yaml").write_text("train: train.txt\nval: images/val\nnames: [a, b]\n")
    file.write_bytes(mark + b"images/train/a.jpg\nimages/caf\xe9.jpg\n")
    with pytest.raises(DatasetError, match=r"train\.txt: .*line 2 is none \(byte 11 of it is 0xE9\)"):
        convert(tmp_path / "made", tmp_path / "out", to="coco")
