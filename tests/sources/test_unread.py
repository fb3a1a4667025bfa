"""Records in a source folder that no reader understands: they stop the run until the user says what they mean."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from merging import tree
from PIL import Image, ImageDraw
from warned import further

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.errors import AnnotationsError, DatasetError, PoolError, UsageError
from yolobg.flow.past_runs import request_again
from yolobg.review.session import Session

ROW = "0 0.5 0.5 0.2 0.2\n"
N, DOGS = 8, 4
Maker = Callable[[Path], None]


def photo(file: Path, seed: int) -> None:
    """A picture with many colours, which no two are alike in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.effect_noise((64, 48), 90).convert("RGB")
    picture.putpixel((seed % 64, seed // 64), (seed, 0, 0))
    picture.save(file)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three dogs and no background."""
    for number in range(3):
        photo(tmp_path / "data" / "images" / "train" / f"{number}.jpg", 100 + number)
        label = tmp_path / "data" / "labels" / "train" / f"{number}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(ROW)
    (tmp_path / "data" / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [dog]\n")
    return tmp_path / "data"


def photos(root: Path, folder: str = "", suffix: str = ".jpg") -> list[str]:
    """Eight photos, the first four of which are meant to hold a dog."""
    for number in range(N):
        photo(root / folder / f"s{number:02d}{suffix}", number)
    return [f"s{number:02d}" for number in range(N)]


def put(file: Path, content: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def drawn(file: Path, colours: str = "P", *, held: bool) -> None:
    """A mask: a field of zero, with a rectangle where something is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.new("L" if colours == "P" else colours, (64, 48))
    if held:
        ImageDraw.Draw(mask).rectangle((10, 10, 30, 30), fill=1 if colours in ("P", "L") else (255, 0, 0))
    (mask.convert("P") if colours == "P" else mask).save(file)


# ---------------------------------------------------------------- what stops a run


def yolo_in(images: str, labels: str, suffix: str = ".txt", image_suffix: str = ".jpg", stem: str = "{}") -> Maker:
    def make(root: Path) -> None:
        for place, name in enumerate(photos(root, images, image_suffix)):
            put(root / labels / (stem.format(name) + suffix), ROW if place < DOGS else "")

    return make


def beside(suffix: str, content: Callable[[str, bool], str | bytes], folder: str = "") -> Maker:
    def make(root: Path) -> None:
        for place, name in enumerate(photos(root)):
            put(root / folder / f"{name}{suffix}", content(name, place < DOGS))

    return make


def one(file: str, content: str | bytes | Callable[[Sequence[str]], str | bytes], images: str = "") -> Maker:
    def make(root: Path) -> None:
        names = photos(root, images)
        put(root / file, content(names) if callable(content) else content)

    return make


def masks(place: str, colours: str = "P") -> Maker:
    def make(root: Path) -> None:
        for number, name in enumerate(photos(root, "images")):
            drawn(root / place.format(name), colours, held=number < DOGS)

    return make


def table(columns: str, row: str, separator: str = ",") -> Callable[[Sequence[str]], str]:
    return lambda names: (
        "\n".join([columns, *(row.format(name) for name in names[:DOGS])]).replace(",", separator) + "\n"
    )


def labelme(name: str, held: bool) -> str:
    shapes = [{"label": "dog", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}] if held else []
    return json.dumps({"version": "5.0", "flags": {}, "shapes": shapes, "imagePath": f"{name}.jpg"})


def label_img(name: str, held: bool) -> str:
    box = "<object><name>dog</name><bndbox><xmin>1</xmin></bndbox></object>" if held else ""
    return f"<annotation><filename>{name}.jpg</filename><size><width>64</width></size>{box}</annotation>"


def cvat(names: Sequence[str]) -> str:
    held = "".join(f'<image id="0" name="{n}.jpg" width="64" height="48"><box label="dog"/></image>' for n in names[:4])
    return f"<?xml version='1.0'?>\n<annotations><version>1.1</version>{held}</annotations>"


def zipped(content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("labels/s00.txt", content)
    return out.getvalue()


def database(file: Path) -> None:
    with sqlite3.connect(file) as base:
        base.execute("CREATE TABLE label (image TEXT)")
    base.close()


def in_database(root: Path) -> None:
    photos(root)
    database(root / "labels.db")


def npy(shape: str, kind: str = "|u1") -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(64)


def nested_coco(root: Path) -> None:
    """Two COCO files of the same standing: which one holds for which images cannot be told."""
    photos(root, "images")
    for name in ("first.json", "second.json"):
        put(root / name, coco([f"s{n:02d}" for n in range(N)]))


def coco(names: Sequence[str], prefix: str = "", dogs: int = DOGS) -> str:
    return json.dumps(
        {
            "images": [
                {"id": n, "file_name": f"{prefix}{name}.jpg", "width": 64, "height": 48} for n, name in enumerate(names)
            ],
            "annotations": [{"id": n, "image_id": n, "category_id": 7, "bbox": [1, 1, 9, 9]} for n in range(dogs)],
            "categories": [{"id": 7, "name": "dog"}],
        }
    )


def with_yaml(root: Path) -> None:
    yolo_in("imgs", "lbls")(root)
    put(root / "data.yaml", "train: imgs\nval: imgs\nnames: [dog]\n")


NOT_UNDERSTOOD: dict[str, Maker] = {
    "imgs and lbls": yolo_in("imgs", "lbls"),
    "capitals": yolo_in("Images", "Labels"),
    "labels in capitals": yolo_in("images", "LABELS"),
    "suffix in capitals": yolo_in("images", "labels", ".TXT", ".JPG"),
    "suffix in capitals, beside": yolo_in("", "", ".TXT"),
    "txt in annotations": yolo_in("images", "annotations"),
    "txt of other names": yolo_in("images", "labels", stem="{}_label"),
    "txt of other names, beside": yolo_in("", "", stem="gt_{}"),
    "txt with the image's suffix": yolo_in("", "labels", stem="{}.jpg"),
    "data.yaml and other folders": with_yaml,
    "DOTA": one("labelTxt.txt", "imagesource:x\ngsd:0.1\n1 1 9 1 9 9 1 9 dog 0\n"),
    "KITTI": beside(".txt", lambda _, held: "Dog 0.00 0 -1.58 587.0 173.3 614.1 200.1\n" if held else "", "label_2"),
    "MOT": one("gt/gt.txt", "1,1,912,484,97,109,0,7,1\n2,1,912,484,97,109,0,7,1\n"),
    "WIDER": one("wider_bbx_gt.txt", lambda names: "".join(f"x/{n}.jpg\n1\n1 1 9 9 0 0\n" for n in names[:DOGS])),
    "list with labels": one("train.txt", lambda names: "".join(f"{n}.jpg 10,20,30,40,0\n" for n in names[:DOGS])),
    "list with classes": one("val.lst", lambda names: "".join(f"{n}.jpg\tdog\n" for n in names[:DOGS])),
    "ImageSets of one class": one("dog_train.txt", lambda names: "".join(f"{n} 1\n" for n in names)),
    "MXNet": one("x.lst", lambda names: "".join(f"{i}\t1.0\t{n}.jpg\n" for i, n in enumerate(names))),
    "a list for each class": one("dog.txt", lambda names: "".join(f"{n}.jpg\n" for n in names[:DOGS])),
    "settings of images": one("x.ini", "[animals]\ns00.jpg = dog\n"),
    "lists of classes in JSON": one("x.json", lambda names: json.dumps({"dog": [f"{n}.jpg" for n in names[:DOGS]]})),
    "lists of classes in YAML": one("x.yaml", "dog:\n  - s00.jpg\n"),
    "a manifest of lines": one(
        "output.manifest",
        '{"source-ref": "s3://a/s00.jpg", "animal": 1}\n{"source-ref": "s3://a/s01.jpg", "animal": 1}\n',
    ),
    "Supervisely": beside(".jpg.json", lambda *_: '{"objects": [{"classTitle": "dog"}]}', "ds/ann"),
    "labels one folder up": yolo_in("images/train", "labels"),
    "json after the image's suffix": beside(".jpg.json", lambda *_: '{"animal": "dog"}'),
    "dlib": one("x.xml", "<dataset><images><image file='s00.jpg'><box top='1'/></image></images></dataset>"),
    "VIA": one(
        "via_region_data.json",
        lambda names: json.dumps(
            {
                f"{names[0]}.jpg1234": {
                    "filename": f"{names[0]}.jpg",
                    "regions": {"0": {"region_attributes": {"name": "dog"}}},
                }
            }
        ),
    ),
    "COCO results": one("results.json", '[{"image_id": 0, "category_id": 7, "bbox": [1, 1, 9, 9], "score": 1}]'),
    "COCO captions": one(
        "captions.json",
        lambda names: json.dumps(
            {
                "images": [{"id": 0, "file_name": f"{names[0]}.jpg"}],
                "annotations": [{"image_id": 0, "caption": "a dog"}],
            }
        ),
    ),
    "COCO, two of them": nested_coco,
    "names to classes": one("map.json", lambda names: json.dumps({f"{n}.jpg": "dog" for n in names[:DOGS]})),
    "stems to classes": one("map.json", lambda names: json.dumps(dict.fromkeys(names[:DOGS], 1))),
    "pairs": one("pairs.json", lambda names: json.dumps([[f"{n}.jpg", "dog"] for n in names[:DOGS]])),
    "JSON lines": one(
        "metadata.jsonl",
        lambda names: "".join(json.dumps({"file_name": f"{n}.jpg", "animal": "dog"}) + "\n" for n in names),
    ),
    "JSON of an unknown form": one("labels.json", '{"what": "is this"}'),
    "YAML": one("truth.yml", "s00.jpg:\n  - dog\n"),
    "YAML with boxes": one("sub/truth.yaml", "frames:\n- objects:\n  - [1, 2, 3, 4]\n"),
    "Roboflow": one(
        "_annotations.csv", table("filename,width,height,class,xmin,ymin,xmax,ymax", "{}.jpg,64,48,dog,1,1,9,9")
    ),
    "Roboflow, classes": one("_classes.csv", table("filename, dog, cat", "{}.jpg, 1, 0")),
    "RetinaNet": one("train.csv", table("s07.jpg,,,,,", "{}.jpg,1,1,9,9,dog")),
    "semicolons": one("x.csv", table("name,breed", "{}.jpg,poodle", ";")),
    "tabs": one("x.tsv", table("image,breed", "{},poodle", "\t")),
    "a table in gb2312": one("x.csv", lambda names: f"文件,类别\n{names[0]}.jpg,狗\n".encode("gb2312")),
    "a table in UTF-16": one("x.csv", lambda names: f"image,breed\n{names[0]}.jpg,poodle\n".encode("utf-16")),
    "Hugging Face with objects": one("metadata.csv", table("file_name,objects", '{}.jpg,"{{}}"')),
    "MATLAB": one("digitStruct.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(200)),
    "MATLAB of old": one("x.mat", bytes((0, 0, 0, 0, 1, 0, 0, 0)) * 9),
    "Octave's text": one(
        "x.mat", "# Created by Octave 6.4.0, Mon Nov 29\n# name: dogs\n# type: matrix\n# rows: 1\n 1\n"
    ),
    "a table called MATLAB": one("x.mat", "image,label\nother.jpg,dog\n"),
    "a table called a spreadsheet": one("x.xls", "image\tlabel\nother\tdog\n"),
    "HDF5": one("x.h5", b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "Parquet": one("x.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    "TFRecord": one("train.tfrecord", struct.pack("<QI", 9, 1) + b"image/dog" + bytes(4)),
    "TFRecord in shards": one("train.tfrecord-00000-of-00001", struct.pack("<QI", 9, 1) + b"image/dog" + bytes(4)),
    "NumPy archive": one("x.npz", zipped("x")),
    "masks in NumPy": beside(".npy", lambda *_: npy("(48, 64)")),
    "pickle": one("x.pkl", pickle.dumps({"s00": "dog"}, protocol=4)),
    "database": in_database,
    "zip": one("labels.zip", zipped(ROW)),
    "gzip": one("labels.json.gz", gzip.compress(b'{"a": 1}')),
    "Git LFS": one("labels.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    "binary of an image's name": beside(".roi", lambda *_: b"Iout\0\0\0\0" * 9),
    "masks": masks("masks/{}.png"),
    "masks with another name": masks("masks/{}_mask.png"),
    "masks beside": masks("images/{}_mask.png"),
    "SegmentationClass": masks("SegmentationClass/{}.png", "RGB"),
    "masks as labels": masks("labels/{}.png"),
    "masks as annotations": masks("annotations/{}.png", "L"),
    "masks of the same name": masks("images/{}.png", "L"),
    "masks in a folder of any name": masks("x/{}.png", "RGB"),
    "Carvana": one("train_masks/s00_mask.gif", b"GIF89a" + bytes(40)),
}


OF_TOOLS: dict[str, Maker] = {
    "VOC without lists": beside(".xml", label_img, "Annotations"),
    "LabelMe": beside(".json", labelme),
    "LabelMe in a folder": beside(".json", labelme, "json"),
    "labelImg": beside(".xml", label_img),
    "labelImg in a folder": beside(".xml", label_img, "annotations"),
    "CVAT": one("tasks.xml", cvat, "images"),
    "FiftyOne's own": one(
        "samples.json",
        lambda names: json.dumps(
            {"samples": [{"filepath": f"data/{names[0]}.jpg", "ground_truth": {"detections": [{"label": "dog"}]}}]}
        ),
        "data",
    ),
    "Open Images": one(
        "train-annotations-bbox.csv", table("ImageID,Source,LabelName,Confidence,XMin", "{},x,/m/0bt9lr,1,0.1")
    ),
}


@pytest.mark.parametrize("kind", OF_TOOLS)
def test_plan__what_tools_have_written_rules_out_what_it_names(dataset: Path, tmp_path: Path, kind: str) -> None:
    """Also where the user says that the images without a record show nothing."""
    pool = tmp_path / "pool"
    OF_TOOLS[kind](pool)
    dogs = 1 if kind == "FiftyOne's own" else DOGS
    wish = {"source": str(pool), "unlabelled": True}
    with pytest.raises(PoolError, match=f"{dogs} with an excluded class"):
        yolobg.plan(dataset, count=N - dogs + 1, **wish)  # type: ignore[arg-type]
    report = yolobg.augment(dataset, count=N - dogs, **wish)  # type: ignore[arg-type]
    assert {Path(added.url).stem for added in report.added} == {f"s{n:02d}" for n in range(dogs, N)}


@pytest.mark.parametrize("kind", NOT_UNDERSTOOD)
def test_plan__stops_at_records_that_were_not_understood(dataset: Path, tmp_path: Path, kind: str) -> None:
    pool = tmp_path / "pool"
    NOT_UNDERSTOOD[kind](pool)
    before = tree(tmp_path)
    said = set[str]()
    commands: tuple[Any, ...] = (yolobg.plan, yolobg.augment, yolobg.classes)
    for function in commands:
        with pytest.raises(AnnotationsError, match="not understood") as stopped:
            function(dataset, source=str(pool), count=1)
        said.add(str(stopped.value))
    (message,) = said
    assert message.startswith(f"--source {pool}: ")
    assert "--unlabelled" in message
    assert "--annotations" in message
    told = message.split("one of your classes: ")[1].split(" (", maxsplit=1)[0]
    assert (pool / told).is_file(), "the first file is named"
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", NOT_UNDERSTOOD)
def test_plan__goes_on_where_the_user_says_what_they_mean(dataset: Path, tmp_path: Path, kind: str) -> None:
    pool = tmp_path / "pool"
    NOT_UNDERSTOOD[kind](pool)
    report = yolobg.augment(dataset, source=str(pool), count=N, unlabelled=True)
    assert {Path(added.url).stem for added in report.added} == {f"s{n:02d}" for n in range(N)}, "masks are no images"
    assert {Path(added.url).suffix.lower() for added in report.added} == {".jpg"}
    assert any("as requested (--unlabelled)" in warning for warning in report.warnings)


# ---------------------------------------------------------------- what does not


HARMLESS: dict[str, dict[str, str | bytes]] = {
    "documents": {
        "README.md": "s00.jpg a dog",
        "README.txt": "s00 is a wall",
        "LICENSE": "MIT",
        "requirements.txt": "a==1\n",
    },
    "prose": {"how.txt": "Taken on 4 May 2024 with 2 cameras.\nAll are walls.\n"},
    "class lists": {
        "classes.txt": "dog\ncat\n",
        "obj.names": "dog\n",
        "labels.txt": "dog\ncat\n",
        "map.pbtxt": "item {\n name: 'dog'\n}",
    },
    "class list in JSON": {
        "notes.json": '{"categories": [{"id": 0, "name": "dog"}], "info": {"year": 2024}}',
        "labels.json": '["dog"]',
    },
    "class descriptions": {"class-descriptions.csv": "/m/1,dog\n/m/2,cat\n"},
    "lists of images": {
        "train.txt": "s00.jpg\n./s01.jpg\nsub/s02.jpg\n",
        "all.csv": "s00.jpg\ns01.jpg\n",
        "all.json": '["s00.jpg"]',
    },
    "checksums": {
        "SHA256SUMS": "x",
        "sums.txt": f"{'0' * 64}  s00.jpg\n{'1' * 64} *s01.jpg\nMD5 (s02.jpg) = {'a' * 32}\n",
    },
    "systems": {
        "Thumbs.db": b"\xd0\xcf\x11\xe0" + bytes(99),
        "desktop.ini": "[x]",
        ".DS_Store": bytes(9),
        "__MACOSX/._s00.json": "{1",
    },
    "hidden": {".git/x.json": '{"annotations": [1]}', "a/.cache/s00.txt": ROW},
    "settings": {
        "args.yaml": "task: detect\nclasses: null\nbox: 7.5\nval: true\n",
        "dvc.yaml": "stages:\n  a:\n    cmd: x\n",
        "s00.jpg.dvc": "outs:\n- path: s00.jpg\n",
    },
    "values": {
        "package.json": '{"name": "x", "version": "1", "scripts": {"a": "b"}}',
        "empty.json": "{}",
        "list.json": "[]",
        "e.xml": "<a/>",
        "e.yaml": "a: 1",
    },
    "empty files": {
        "s00.txt": "",
        "s01.json": "",
        "labels.csv": "",
        "x.mat": "",
        "masks.npz": b"",
        "lbls/s00.txt": "\n",
    },
    "tables of something else": {
        "results.csv": "epoch,train/box_loss\n1,0.5\n",
        "meta.csv": "a,b\n1,2\n",
        "_annotations.csv": "filename,class,xmin\n",
    },
    "tables of pictures' makers": {
        "ATTRIBUTION.csv": "image,source,source_id,license_id,license,license_url,flickr_url,downloaded_from,sha256\ns00.jpg,x,1,2,CC,http://a,,http://b,00\n"
    },
    "tables of places": {
        "gps.csv": "filename,lat,lon,timestamp\ns00.jpg,1.5,2.5,2024-01-01\n",
        "size.json": '[{"file_name": "s00.jpg", "width": 64, "license": 1}]',
    },
    "text in the place of records": {"x.mat": "a,b\n", "x.parquet": "x", "x.tfrecord": "x"},
    "caches of trainers": {"labels.cache": bytes(99), "s00.npy": npy("(48, 64, 3)"), "s01.npy": npy("(48, 64, 3)")},
    "films and weights": {
        "best.pt": zipped("x"),
        "a.mp4": bytes(99),
        "a.svg": "<svg><image/></svg>",
        "s00.xmp": "<x:xmpmeta/>",
    },
    "GDAL's": {"s00.jpg.aux.xml": "<PAMDataset><Metadata/></PAMDataset>"},
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_plan__passes_over_what_is_evidently_no_record(dataset: Path, tmp_path: Path, kind: str) -> None:
    photos(tmp_path / "pool")
    for name, content in HARMLESS[kind].items():
        put(tmp_path / "pool" / name, content)
    report = yolobg.plan(dataset, source=str(tmp_path / "pool"), count=N).report
    assert report.source is not None
    assert report.source.eligible == N
    assert further(report.warnings) == ()


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", "file_name,text\ns00.jpg,a wall\n"),
        (".jsonl", '{"file_name": "s00.jpg", "text": "a wall"}\n'),
        (".json", '[{"file_name": "s00.jpg", "caption": "a wall", "width": 64}]'),
    ],
)
def test_plan__captions_of_a_folder_are_told_and_stop_nothing(
    dataset: Path, tmp_path: Path, suffix: str, content: str
) -> None:
    photos(tmp_path / "pool")
    put(tmp_path / "pool" / f"metadata{suffix}", content)
    (warning,) = yolobg.plan(dataset, source=str(tmp_path / "pool"), count=1).report.warnings
    assert f"metadata{suffix} contains captions, which were not read" in warning


@pytest.mark.parametrize("layout", ["two folders of frames", "grey frames", "png twice", "thermal"])
def test_plan__pictures_of_one_name_are_no_masks_of_each_other(dataset: Path, tmp_path: Path, layout: str) -> None:
    suffixes = {"two folders of frames": (".jpg", ".jpg"), "png twice": (".png", ".png")}.get(layout, (".png", ".jpg"))
    photos(tmp_path / "pool", "day1", suffixes[0])
    photos(tmp_path / "pool", "day2", suffixes[1])
    if layout in ("grey frames", "thermal"):
        for file in (tmp_path / "pool" / "day1").iterdir():
            Image.open(file).convert("L").save(file)
    assert further(yolobg.plan(dataset, source=str(tmp_path / "pool"), count=2 * N).report.warnings) == ()


def test_plan__a_folder_of_masks_alone_is_a_folder_of_pictures(dataset: Path, tmp_path: Path) -> None:
    photos(tmp_path / "pool", "masks")
    assert further(yolobg.plan(dataset, source=str(tmp_path / "pool"), count=N).report.warnings) == ()


# ---------------------------------------------------------------- what is understood


@pytest.mark.parametrize(
    ("file", "images", "prefix"),
    [
        ("result.json", "images", "images/"),
        ("result.json", "images", "images\\"),
        ("labels.json", "data", ""),
        ("annotations/default.json", "images", ""),
        ("_annotations.coco.json", "", ""),
        ("x y.json", "", "./"),
    ],
)
def test_plan__one_coco_file_of_any_name_is_read(
    dataset: Path, tmp_path: Path, file: str, images: str, prefix: str
) -> None:
    pool = tmp_path / "pool"
    put(pool / file, coco(photos(pool, images), prefix))
    for options in ({}, {"unlabelled": True}):
        report = yolobg.plan(dataset, source=str(pool), count=N - DOGS, **options).report  # type: ignore[arg-type]
        assert report.source is not None
        assert (report.source.images, report.source.left_out.class_) == (N, DOGS)
        assert further(report.warnings) == ()
    done = yolobg.augment(dataset, source=str(pool), count=N - DOGS)
    assert {Path(added.url).stem for added in done.added} == {f"s{n:02d}" for n in range(DOGS, N)}
    converted = yolobg.convert(pool, tmp_path / "out", to="yolo")
    assert (converted.after.images, converted.after.backgrounds) == (N, N - DOGS)


def test_plan__unlabelled_never_overrides_a_label_that_is_understood(dataset: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    names = photos(pool, "images")
    for name in names[:DOGS]:
        put(pool / "labels" / f"{name}.txt", ROW)
    put(pool / "more.json", json.dumps({"annotations": [{"image_id": 5}]}))
    with pytest.raises(AnnotationsError, match=r"more\.json"):
        yolobg.plan(dataset, source=str(pool), count=1)
    with pytest.raises(PoolError, match=f"{DOGS} with an excluded class"):
        yolobg.plan(dataset, source=str(pool), count=N - DOGS + 1, unlabelled=True)
    assert len(yolobg.augment(dataset, source=str(pool), count=N - DOGS, unlabelled=True).added) == N - DOGS


@pytest.mark.parametrize("named", [True, False])
def test_plan__records_beside_images_whose_labels_all_say_something_are_of_no_interest(
    dataset: Path, tmp_path: Path, named: bool
) -> None:
    """A copy of the labels in another format is common; where each image has its own label, nothing is left to ask."""
    pool = tmp_path / "pool"
    for place, name in enumerate(photos(pool, "images")):
        put(pool / "labels" / f"{name}.txt", ROW if place < DOGS else "")
        put(pool / "json" / f"{name}.json", labelme(name, place < DOGS))
    put(pool / "data.yaml", "train: images\nval: images\nnames: [dog]\n" if named else "")
    if not named:
        (pool / "data.yaml").unlink()
        put(pool / "classes.txt", "dog\n")
    report = yolobg.plan(dataset, source=str(pool), count=1).report
    assert report.source is not None
    assert (report.source.eligible, report.warnings) == (N - DOGS, ())


def test_plan__records_of_images_that_have_no_label_count(dataset: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    for place, name in enumerate(photos(pool, "images")):
        put(pool / "json" / f"{name}.json", labelme(name, place < DOGS))
        if place != 1:
            put(pool / "labels" / f"{name}.txt", ROW if place < DOGS else "")
    put(pool / "data.yaml", "train: images\nval: images\nnames: [dog]\n")
    with pytest.raises(AnnotationsError, match=r"s01\.json"):
        yolobg.plan(dataset, source=str(pool), count=1)


@pytest.mark.parametrize(
    "names", ["nc: 2\n", "names: ['0', '1']\n", "names: [class_0, class_1]\n", "names: [object, item]\n"]
)
def test_plan__classes_whose_names_say_nothing_rule_every_object_out(dataset: Path, tmp_path: Path, names: str) -> None:
    pool = tmp_path / "pool"
    yolo_in("images", "labels")(pool)
    put(pool / "data.yaml", f"train: images\nval: images\n{names}")
    report = yolobg.plan(dataset, source=str(pool), count=N - DOGS).report
    assert report.source is not None
    assert report.source.left_out.class_ == DOGS
    assert "every image with an object is left out, whatever it shows" in report.warnings[0]


def test_plan__of_named_classes_those_that_say_nothing_rule_out_too(dataset: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    for place, name in enumerate(photos(pool, "images")):
        put(pool / "labels" / f"{name}.txt", ROW.replace("0", str(place % 3), 1))
    put(pool / "data.yaml", "train: images\nval: images\nnames: [dog, class_1, apple]\n")
    report = yolobg.augment(dataset, source=str(pool), count=2)
    assert {Path(added.url).stem for added in report.added} == {"s02", "s05"}
    assert "class_1 may be anything" in report.warnings[0]


def test_plan__other_yaml_files_do_not_hide_the_data_yaml(dataset: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    yolo_in("images", "labels")(pool)
    put(pool / "data.yaml", "train: images\nval: images\nnames: [dog]\n")
    put(pool / "args.yaml", "task: detect\nval: true\n")
    report = yolobg.plan(dataset, source=str(pool), count=1).report
    assert report.source is not None
    assert (report.source.eligible, report.warnings) == (N - DOGS, ())


def test_plan__a_folder_that_cannot_be_read_may_hold_anything(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = tmp_path / "pool"
    yolo_in("images", "labels")(pool)
    list_folder = os.scandir

    def closed(folder: str) -> Any:
        if Path(folder) == pool / "labels":
            raise PermissionError(13, "Permission denied", folder)
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(AnnotationsError, match=r"labels \(a folder that cannot be read\)"):
        yolobg.plan(dataset, source=str(pool), count=1)


def test_plan__a_coco_file_that_names_other_images_is_not_understood(dataset: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    put(pool / "result.json", coco([f"0a1b-{name}" for name in photos(pool, "images")], "../../upload/1/"))
    with pytest.raises(AnnotationsError, match=f"name no image that is in it, but there are {N}.*--unlabelled"):
        yolobg.plan(dataset, source=str(pool), count=1)
    report = yolobg.plan(dataset, source=str(pool), count=N, unlabelled=True).report
    assert any("result.json" in warning for warning in report.warnings)


@pytest.mark.parametrize("file", ["result.json", "annotations/instances_train.json", "data.yaml"])
def test_plan__a_dataset_that_is_damaged_stops_until_the_user_says_what_it_means(
    dataset: Path, tmp_path: Path, file: str
) -> None:
    pool = tmp_path / "pool"
    names = photos(pool, "images")
    put(pool / file, "names: [dog]\n" if file == "data.yaml" else coco(names)[:-20])
    put(pool / "labels" / "s00.txt", ROW)
    with pytest.raises(DatasetError, match="--unlabelled"):
        yolobg.plan(dataset, source=str(pool), count=1)
    report = yolobg.plan(dataset, source=str(pool), count=1, unlabelled=True).report
    assert report.source is not None
    assert (report.source.left_out.class_, report.source.eligible) == (1, N - 1)


# ---------------------------------------------------------------- the option


@pytest.mark.parametrize("options", [{}, {"annotations": "x.json", "images": ("x",)}])
def test_unlabelled__is_for_a_folder_only(dataset: Path, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="--unlabelled"):
        yolobg.plan(dataset, count=1, unlabelled=True, **options)  # type: ignore[arg-type]


def test_unlabelled__is_recorded_with_the_folder_and_asked_again(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    NOT_UNDERSTOOD["json after the image's suffix"](tmp_path / "pool")
    monkeypatch.chdir(tmp_path)
    report = yolobg.augment(dataset, source="pool", count=2, unlabelled=True)
    (run,) = read_manifest(dataset).runs
    assert (run.options["source"], run.options["unlabelled"]) == (str(tmp_path / "pool"), True)
    monkeypatch.chdir("/")
    request = request_again(run, count=4)
    assert (request.source, request.unlabelled, request.images) == (str(tmp_path / "pool"), True, ())
    more = yolobg.carry_out(yolobg.plan(dataset, count=4, source=request.source, unlabelled=request.unlabelled))
    assert len(more.added) == 2
    assert not {added.url for added in more.added} & {added.url for added in report.added}


@pytest.mark.parametrize(
    "command", ["augment", *(pytest.param(name, marks=pytest.mark.slow) for name in ("classes", "download"))]
)
def test_command__has_the_option_and_the_exit_code(dataset: Path, tmp_path: Path, command: str) -> None:
    NOT_UNDERSTOOD["masks"](tmp_path / "pool")
    arguments = {
        "augment": [str(dataset), "--count", "2", "--dry-run"],
        "classes": [str(dataset)],
        "download": ["--exclude", "dog", "--count", "2", "--output", str(tmp_path / "out")],
    }[command]
    for more, code in (([], 3), (["--unlabelled"], 0)):
        ended = run(command, *arguments, "--source", tmp_path / "pool", *more)
        assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
        assert ("--unlabelled" in (ended.stderr if code else ended.stdout)) is True


@pytest.mark.datumaro
def test_plan__what_datumaro_reads_needs_no_word(dataset: Path, tmp_path: Path) -> None:
    yolo_in("images", "labels")(tmp_path / "yolo")
    put(tmp_path / "yolo" / "data.yaml", "train: images\nval:\nnames: [dog]\n")
    for name in ("cvat", "datumaro", "open_images"):
        yolobg.convert(tmp_path / "yolo", tmp_path / name, to=name)
        report = yolobg.plan(dataset, source=str(tmp_path / name), count=1).report
        assert report.source is not None
        assert (report.source.left_out.class_, report.source.eligible) == (DOGS, N - DOGS)
        shutil.rmtree(tmp_path / name)


def test_review__replaces_a_rejected_image_from_the_same_folder(dataset: Path, tmp_path: Path) -> None:
    NOT_UNDERSTOOD["json after the image's suffix"](tmp_path / "pool")
    first = yolobg.augment(dataset, source=str(tmp_path / "pool"), count=3, unlabelled=True)
    session = Session(dataset)
    number = next(item.number for item in session.items.values() if item.card.image == first.added[0].image)
    session.act("reject", [number], "any")
    session.begin_apply()
    session.apply(replace=True)
    assert not (dataset / first.added[0].image).exists()
    assert yolobg.status(dataset).after.backgrounds == 3
    entries = read_manifest(dataset).entries
    assert {entry.source for entry in entries} == {"pool"}
    assert len({entry.image for entry in entries} - {added.image for added in first.added}) == 1
