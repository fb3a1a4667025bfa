"""Good inputs to begin with, for each target."""

from __future__ import annotations

import functools
import gzip
import io
import json
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

from export_data import (
    BOX_HEAD,
    cvat_box,
    cvat_xml,
    fiftyone_sample,
    label_img_xml,
    label_studio_task,
    labelme_json,
)

__all__ = ["SEEDS", "make_zip"]

INSTANCES: dict[str, Any] = {
    "info": {"year": 2017, "description": 'a [b] {c} "d"'},
    "licenses": [{"id": 1, "name": "Attribution-NonCommercial License", "url": "http://c.org/by-nc"}, {"id": 4}],
    "images": [
        {
            "id": 1,
            "file_name": "000000000001.jpg",
            "width": 64,
            "height": 48,
            "license": 1,
            "coco_url": "http://i.org/t/000000000001.jpg",
            "flickr_url": "",
        },
        {"id": 2, "file_name": "b.jpg", "width": 64.0, "height": None, "license": "4", "coco_url": 7},
        {"id": 3.0, "file_name": "c/d.png"},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 7,
            "bbox": [1, 2, 3, 4],
            "area": 12.0,
            "iscrowd": 0,
            "segmentation": [[1, 2, 3, 2, 3, 4]],
        },
        {
            "id": 2,
            "image_id": 2,
            "category_id": 7,
            "bbox": [1, 2, 3, 4],
            "iscrowd": 1,
            "segmentation": {"counts": [1, 2], "size": [2, 2]},
        },
        {"id": 3, "image_id": 1, "category_id": 9, "bbox": [0, 0, 1, 1], "keypoints": [1, 1, 2]},
    ],
    "categories": [
        {"id": 7, "name": "dog", "supercategory": "animal"},
        {"id": 9, "name": "hot dog", "keypoints": ["nose"]},
    ],
}
_MASK = {"size": [4, 5], "counts": [5, 2, 2, 2, 9]}
MASKS = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 5, "height": 4}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "area": 4, "iscrowd": 0, "segmentation": _MASK},
        {"id": 2, "image_id": 1, "category_id": 7, "iscrowd": 1, "segmentation": {"size": [4, 5], "counts": "522O9"}},
        {"id": 3, "image_id": 1, "category_id": 7, "segmentation": [[0, 0, 1, 0, 1, 1], [2, 2, 3, 2, 3, 3]]},
    ],
    "categories": [{"id": 7, "name": "dog"}],
}
CAPTIONS = {
    "info": {},
    "annotations": [
        {"id": 1, "image_id": 1, "caption": "A dog, and a “hot dog”."},
        {"image_id": 2, "caption": ""},
        {"image_id": 99, "caption": "nobody's"},
    ],
}
_ENTRY = {
    "image": "images/train/bg_coco2017_000000000042.jpg",
    "label": "labels/train/bg_coco2017_000000000042.txt",
    "split": "train",
    "source": "coco2017",
    "source_id": 42,
    "sha256": "cf7d3a0d2f3d9a1f50f2a1d0b5e06b6d2fdcf1ce83e0d1d5c1bd7b6a0f0c2f11",
    "bytes": 8,
    "url": "http://i.org/42.jpg",
    "license": 4,
    "license_name": "BY",
    "license_url": "",
    "flickr_url": "",
    "link": "copy",
    "added": "2026-11-01T10:00:00Z",
    "seed": 0,
}
_RUN = {
    "added": "2026-11-01T10:00:00Z",
    "split": "train",
    "source": "coco2017",
    "options": {"map": {"cat": ["cat"]}, "exclude": ["dog"], "images": ["/pool"], "license": "any", "jobs": 4},
}
# As `yolobg.changes.table` stores lists: each form of a column once.
_BLOCK = {name: {"all": value} for name, value in _ENTRY.items()} | {
    "image": {"start": "images/train/bg_coco2017_0000000000", "end": ".jpg", "rest": ["42", "43"]},
    "label": {"start": "labels/train/bg_coco2017_0000000000", "end": ".txt", "like": "image"},
    "source_id": [42, 43],
    "license": {"values": [4, None], "at": [0, 1]},
}
_EDIT = {
    "file": "train.txt",
    "lines": [{"key": [_ENTRY["image"]], "value": ["./images/train/x.jpg"]}],
    "newline_added": True,
}
MANIFEST = {
    "version": 2,
    "entries": [_BLOCK],
    "edits": [_EDIT],
    "folders": ["labels/train"],
    "runs": [_RUN],
    "pending": None,
}
PENDING = {
    "version": 2,
    "pending": {
        "kind": "add",
        "entries": [_BLOCK],
        "edit": _EDIT,
        "folders": [],
        "staging": ".yolobg/staging",
        "run": _RUN,
    },
}
REMOVING = {"version": 2, "entries": [_BLOCK], "pending": {"kind": "remove", "rows": [[0, 1]]}}


def make_zip(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, comment: bytes = b"") -> bytes:
    """A zip in memory."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that is there twice
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.comment = comment
            for name, data in members.items():
                info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
                info.compress_type = method
                archive.writestr(info, data)
    return out.getvalue()


def _text(value: object) -> bytes:
    return json.dumps(value).encode("utf-8")


def _streamed_zip() -> bytes:
    """As written to a pipe: sizes behind the data, and zip64 records."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, offset: int, whence: int = 0) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    out = Pipe()
    with zipfile.ZipFile(out, "w") as archive, archive.open("instances_x.json", "w", force_zip64=True) as member:
        member.write(_text(INSTANCES))
    return out.getvalue()


def _zips() -> list[bytes]:
    plain = _text(INSTANCES)
    members = {
        "annotations/instances_x.json": plain,
        "annotations/captions_x.json": _text(CAPTIONS),
        "README": b"x" * 3000,
    }
    return [
        make_zip(members),
        make_zip({"instances_x.json": plain}, zipfile.ZIP_STORED, comment=b"a comment"),
        make_zip({"instances_x.json": plain}, zipfile.ZIP_BZIP2),
        make_zip({"instances_x.json": plain}, zipfile.ZIP_LZMA),
        make_zip({"instances_\xe4.json": plain}),
        make_zip({"instances_x.json.gz": gzip.compress(plain, mtime=0)}),
        _streamed_zip(),
    ]


@functools.cache
def _all() -> dict[str, list[bytes]]:
    return {
        "data_yaml": [
            b"names: [cat, dog]\ntrain: images/train\nval: images/val\n",
            b"path: .\ntrain: [images/train, images]\nval: train.txt\nnc: 2\nnames:\n  0: cat\n  1: dog\n",
            b"# roboflow\ntrain: ../train/images\nval: ../valid/images\ntest: ../test/images\n\n"
            b"nc: 1\nnames: ['a b']\nroboflow: {url: x}\n",
            b"train: images\nval: null\nnames: {0: person}\nkpt_shape: [17, 3]\nflip_idx: [0, 2, 1]\ndownload: x\n",
            b"a: &a [1, 2]\nb: *a\nc: {<<: {d: 1}}\ntrain: images\nval: images\nnames: !!omap [0: x]\n",
        ],
        "label": [
            bytes([9]) + b"0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.3 0.4\n",
            bytes([9]) + b"0 0.1 0.1 0.2 0.1 0.2 0.2\n1 0.5 0.5 0.6 0.5 0.6 0.6 0.7 0.7\r\n",
            bytes([8]) + b"0 0.5 0.5 0.25 0.25 0.1 0.1 2 0.2 0.2 1\n",
            bytes([9]) + b" \n\n",
            bytes([255]) + b"63 1e-3 .5 1.005 0\n",
        ],
        "list": [
            b"./images/train/a.jpg\n./images/train/b.png\n",
            b"images/train/a.jpg\r\nimages/train/b.png",
            b"\xef\xbb\xbf/tmp/images/train/a.jpg\n\nC:\\images\\b.png\nimages/train/bg_x_1.jpg\n",
        ],
        "instances": [
            _text(INSTANCES),
            _text({**INSTANCES, "licenses": None}),
            json.dumps(INSTANCES, indent=2).encode(),
        ],
        "convert": [
            _text({**INSTANCES, "images": INSTANCES["images"][:1], "annotations": INSTANCES["annotations"][::2]}),
            _text(INSTANCES),
            _text(MASKS),
        ],
        "captions": [_text(CAPTIONS), json.dumps(CAPTIONS, ensure_ascii=False).encode()],
        "zip": _zips(),
        "manifest": [_text(MANIFEST), _text(PENDING), _text(REMOVING), b'{"version": 2}'],
        "map": [
            b"cat: cat\npothole: none\ndog: [dog, cat]\n3: [person]\n",
            b'# comment\n"cat":\n  - "cat"  # same, 1.00: x\n"x y": none\n',
            _text(
                {
                    "schema": 1,
                    "classes": [{"name": "cat", "status": "mapped", "exclude": [{"coco": "cat"}], "maybe": []}],
                }
            ),
        ],
        "records": [
            _text(
                {
                    "version": 1,
                    "ours": [
                        {
                            "source": "coco2017",
                            "source_id": 1,
                            "image": "images/train/x.jpg",
                            "split": "train",
                            "sha256": "0",
                            "reason": "",
                            "at": "",
                        }
                    ],
                    "theirs": [
                        {
                            "image": "images/train/y.jpg",
                            "split": "train",
                            "sha256": "0",
                            "reason": "r",
                            "at": "",
                            "stored": "0.0.put-away",
                        }
                    ],
                }
            ),
            _text(
                {
                    "version": 1,
                    "looked": ["a"],
                    "rejected": {"b": "c"},
                    "steps": [{"looked": ["a"], "before": {"b": None}}],
                    "base": {"train": 3},
                }
            ),
            _text(
                {
                    "source": "a",
                    "stamps": [["f", 1, 2, 3]],
                    "absent": ["x"],
                    "settled": True,
                    "validators": {"u": {"ETag": "e"}},
                    "turn": 2,
                }
            ),
        ],
        "settings": [_text({"settings_version": "0.0.6", "datasets_dir": "/tmp/datasets", "sync": True})],
        "voc": [
            b"<annotation><folder/><filename>a.jpg</filename><size><width>9</width><height>9</height><depth>3</depth></size>"
            b"<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3.5</xmax><ymax>4</ymax></bndbox></object></annotation>",
            b"a\nb -1\n",
            b"# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:1,0,128::\n",
        ],
        "tools": [
            labelme_json("a.jpg", "dog").encode(),
            _text({"samples": [fiftyone_sample("a.jpg", "dog")]}),
            _text([label_studio_task(1, "/data/upload/1/0a1b2c3d-a.jpg", "dog")]),
            label_img_xml("a.jpg", "dog").encode(),
            cvat_xml([("a.jpg", cvat_box("dog"))]).encode(),
            f"{BOX_HEAD}\na,xclick,/m/0bt9lr,1,0,1,0,1,0,0,0,0,0\n".encode(),
        ],
    }


SEEDS = _all()
