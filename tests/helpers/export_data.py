"""What annotation tools export, in the fields that each of them writes: small folders of three pictures.

`DOG` shows a dog (each tool's own spelling of it), `CAT` a cat, `FREE` nothing. Forms follow the tools' own code and
documentation: Label Studio's converter 0.0.59, FiftyOne's exporters, CVAT for images 1.1, Roboflow, labelme 5.5,
labelImg, Open Images V4 to V7, LVIS v1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

__all__ = ["CAT", "DOG", "EXPORTS", "FREE", "Export", "coco", "put", "shot"]

DOG, CAT, FREE = "shot_01.jpg", "shot_02.jpg", "shot_03.jpg"
WIDTH, HEIGHT = 64, 48
DATE = "2024-05-01T12:00:00+00:00"


@dataclass(frozen=True)
class Export:
    """An example.

    Attributes:
        make: Writes it into a folder that does not exist.
        annotations: Its COCO-format file, for `--annotations`; empty where it has none.
        images: The folder for `--images`.
        unlisted: Pictures of which it says nothing.
        names: What the pictures are called in it, where that is not `DOG`, `CAT` and `FREE`.
    """

    make: Callable[[Path], None]
    annotations: str = ""
    images: str = ""
    unlisted: tuple[str, ...] = ()
    names: tuple[str, ...] = (DOG, CAT, FREE)


def shot(file: Path, seed: int) -> None:
    """A picture with many colours, which no two are alike in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.effect_noise((WIDTH, HEIGHT), 90).convert("RGB")
    picture.putpixel((seed % WIDTH, seed // WIDTH), (seed, 0, 0))
    picture.save(file)


def shots(root: Path, folder: str = "", names: Sequence[str] = (DOG, CAT, FREE)) -> None:
    """The three pictures."""
    for number, name in enumerate(names):
        shot(root / folder / name, number)


def put(file: Path, content: str) -> None:
    """A text file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")


def coco(
    names: Sequence[str] = (DOG, CAT, FREE),
    *,
    ids: Sequence[Any] = (1, 2, 3),
    categories: Sequence[Any] = (1, 2),
    boxes: int = 2,
    classes: Sequence[str] = ("dog", "cat"),
    **more: Any,
) -> str:
    """COCO instances: a dog in the first image, a cat in the second."""
    size = {"width": WIDTH, "height": HEIGHT}
    return json.dumps(
        {
            **more,
            "images": [{"id": i, "file_name": name, **size} for i, name in zip(ids, names, strict=False)],
            "categories": [{"id": i, "name": name} for i, name in zip(categories, classes, strict=True)],
            "annotations": [
                {"id": n + 1, "image_id": ids[n], "category_id": categories[n], "bbox": [4, 4, 20, 20], "area": 400,
                 "segmentation": [], "iscrowd": 0}
                for n in range(boxes)
            ],
        },
        indent=1,
    )  # fmt: skip


# ---------------------------------------------------------------- COCO files of many hands


def _coco(images: str, file: str, names: Sequence[str] = (DOG, CAT, FREE), **how: Any) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        shots(root, images)
        put(root / file, coco(names, **how))

    return make


def _without_file_name(root: Path) -> None:
    """LVIS v1: an image is known by its address and number; what was verified to be absent is listed with it."""
    names = [f"{number:012d}.jpg" for number in (139, 285, 632)]
    shots(root, "val2017", names)
    content = json.loads(coco(names, ids=(139, 285, 632)))
    for image in content["images"]:
        del image["file_name"]
        image |= {
            "coco_url": f"http://images.cocodataset.org/val2017/{image['id']:012d}.jpg", "flickr_url": "",
            "license": 1, "date_captured": "2013-11-21 01:34:01", "neg_category_ids": [],
            "not_exhaustive_category_ids": [],
        }  # fmt: skip
    for category in content["categories"]:
        category |= {"synset": f"{category['name']}.n.01", "synonyms": [category["name"]], "frequency": "f"}
    put(root / "lvis_v1_val.json", json.dumps(content))


def _unlisted(root: Path) -> None:
    """The image of an annotation was filtered out of the list, as scripts that make a subset do."""
    shots(root, "images")
    content = json.loads(coco())
    content["images"] = content["images"][1:]
    put(root / "annotations.json", json.dumps(content))


def _nan(root: Path) -> None:
    shots(root, "images")
    put(root / "labels.json", coco().replace('"area": 400', '"area": NaN'))


def _twins(root: Path) -> None:
    """Two pictures of one name, recorded by paths of another machine."""
    for number, folder in enumerate(("day", "night")):
        shot(root / "images" / folder / "a.jpg", number)
    shot(root / "images" / "b.jpg", 2)
    put(root / "labels.json", coco(["/home/anna/run1/a.jpg", "/home/anna/run2/a.jpg", "/home/anna/b.jpg"]))


# ---------------------------------------------------------------- tools


def _label_studio_coco(root: Path) -> None:
    """`convert_to_coco`: numbers from 0, paths relative to the export or to its images folder."""
    shots(root, "images", [f"{n}d1a2b3c-{name}" for n, name in enumerate((DOG, CAT, FREE))])
    names = [f"images\\{n}d1a2b3c-{name}" for n, name in enumerate((DOG, CAT, FREE))]
    info = {"year": 2024, "version": "1.0", "description": "", "contributor": "Label Studio", "url": ""}
    put(root / "result.json", coco(names, ids=(0, 1, 2), categories=(0, 1), info=info))


def label_studio_task(number: int, image: str, label: str | None) -> dict[str, Any]:
    """One task of Label Studio's JSON export."""
    value = {"x": 10.0, "y": 10.0, "width": 30.0, "height": 30.0, "rotation": 0, "rectanglelabels": [label]}
    result = {
        "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0, "value": value, "id": "Dx_aB91ISN",
        "from_name": "label", "to_name": "image", "type": "rectanglelabels", "origin": "manual",
    }  # fmt: skip
    annotation = {
        "id": 1000 + number, "completed_by": 1, "result": [result] if label else [], "was_cancelled": False,
        "ground_truth": False, "created_at": DATE, "updated_at": DATE, "draft_created_at": None, "lead_time": 4.2,
        "prediction": {}, "result_count": int(bool(label)), "unique_id": f"u{number}", "import_id": None,
        "last_action": None, "task": number, "project": 1, "updated_by": 1, "parent_prediction": None,
        "parent_annotation": None, "last_created_by": None,
    }  # fmt: skip
    return {
        "id": number, "annotations": [annotation], "file_upload": image.rpartition("/")[2], "drafts": [],
        "predictions": [], "data": {"image": image}, "meta": {}, "created_at": DATE, "updated_at": DATE,
        "inner_id": number, "total_annotations": 1, "cancelled_annotations": 0, "total_predictions": 0,
        "comment_count": 0, "unresolved_comment_count": 0, "last_comment_updated_at": None, "project": 1,
        "updated_by": 1, "comment_authors": [],
    }  # fmt: skip


def _label_studio_json(root: Path) -> None:
    shots(root)
    labels = (("Dog", DOG), ("Cat", CAT), (None, FREE))
    tasks = [label_studio_task(n, f"/data/upload/1/0a1b2c3d-{name}", label) for n, (label, name) in enumerate(labels)]
    put(root / "project-1-at-2024-05-01-12-00-0a1b2c3d.json", json.dumps(tasks))


def _fiftyone_coco(root: Path) -> None:
    shots(root, "data")
    info = {"year": "", "version": "", "description": "Exported from FiftyOne", "contributor": "", "url": ""}
    put(root / "labels.json", coco(info=info, licenses=[]))


def fiftyone_sample(name: str, label: str | None) -> dict[str, Any]:
    """One sample of FiftyOne's own format."""
    box = {"_id": {"$oid": "65abc456def789"}, "_cls": "Detection", "attributes": {}, "tags": [], "label": label,
           "bounding_box": [0.1, 0.1, 0.3, 0.3]}  # fmt: skip
    return {
        "filepath": f"data/{name}", "tags": ["train"],
        "metadata": {"_cls": "ImageMetadata", "size_bytes": 5000, "mime_type": "image/jpeg", "width": WIDTH,
                     "height": HEIGHT, "num_channels": 3},
        "_media_type": "image", "_rand": 0.5,
        "ground_truth": {"_cls": "Detections", "detections": [box] if label else []},
    }  # fmt: skip


def _fiftyone_own(root: Path) -> None:
    shots(root, "data")
    samples = [fiftyone_sample(name, label) for name, label in ((DOG, "dog"), (CAT, "cat"), (FREE, None))]
    put(root / "samples.json", json.dumps({"samples": samples}))
    fields = [{"_cls": "SampleField", "name": "ground_truth", "ftype": "fiftyone.core.fields.EmbeddedDocumentField"}]
    put(root / "metadata.json", json.dumps({"name": "pets", "version": "0.25", "sample_fields": fields, "info": {}}))


def cvat_xml(images: Sequence[tuple[str, str]]) -> str:
    """CVAT for images 1.1: file names and what is inside their elements."""
    labels = "".join(
        f"<label><name>{name}</name><color>#32b7fa</color><type>any</type><attributes></attributes></label>"
        for name in ("dog", "cat")
    )
    shown = "".join(
        f'  <image id="{n}" name="{name}" width="{WIDTH}" height="{HEIGHT}">{inner}</image>\n'
        for n, (name, inner) in enumerate(images)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta><task><id>7</id>'
        f"<name>pets</name><size>{len(images)}</size><mode>annotation</mode><overlap>0</overlap><labels>{labels}</labels>"
        f"</task><dumped>2024-05-01 12:00:00.000000+00:00</dumped></meta>\n{shown}</annotations>\n"
    )


def cvat_box(label: str) -> str:
    """A box in CVAT's XML."""
    return (
        f'<box label="{label}" source="manual" occluded="0" xtl="4.00" ytl="4.00" xbr="24.00" ybr="24.00" z_order="0">'
        '<attribute name="age">2</attribute></box>'
    )


def _cvat_images(root: Path) -> None:
    shots(root, "images")
    put(root / "annotations.xml", cvat_xml([(DOG, cvat_box("dog")), (CAT, cvat_box("cat")), (FREE, "")]))


def _cvat_yolo(root: Path) -> None:
    """CVAT's YOLO 1.1: obj.data, obj.names, train.txt, obj_train_data/."""
    shots(root, "obj_train_data")
    for name, row in ((DOG, "0 0.2 0.2 0.3 0.3\n"), (CAT, "1 0.2 0.2 0.3 0.3\n"), (FREE, "")):
        put(root / "obj_train_data" / f"{name[:-4]}.txt", row)
    put(root / "obj.names", "dog\ncat\n")
    put(root / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n")
    put(root / "train.txt", "".join(f"data/obj_train_data/{name}\n" for name in (DOG, CAT, FREE)))


ROBOFLOW = tuple(f"{name[:-4]}_jpg.rf.{n * 11:032x}.jpg" for n, name in enumerate((DOG, CAT, FREE), 1))


def _roboflow_coco(root: Path) -> None:
    for split, places in {"train": (0, 2), "valid": (1,)}.items():
        names = [ROBOFLOW[place] for place in places]
        for place in places:
            shot(root / split / ROBOFLOW[place], place)
        content = json.loads(coco(names, ids=range(len(names)), categories=(1, 2), boxes=1))
        content["categories"].insert(0, {"id": 0, "name": "pets", "supercategory": "none"})
        content["categories"][1]["supercategory"] = content["categories"][2]["supercategory"] = "pets"
        content["annotations"][0]["category_id"] = 1 if split == "train" else 2
        for image in content["images"]:
            image |= {"license": 1, "date_captured": DATE, "extra": {"name": "shot.jpg"}}
        put(root / split / "_annotations.coco.json", json.dumps(content))
    put(root / "README.dataset.txt", "# pets > 2024-05-01\nhttps://universe.roboflow.com/a/pets\n")
    put(root / "README.roboflow.txt", "pets - v1\nThe dataset includes 3 images.\n")


def _roboflow_yolo(root: Path) -> None:
    for split, places in {"train": (0, 2), "valid": (1,)}.items():
        for place in places:
            shot(root / split / "images" / ROBOFLOW[place], place)
            row = ("0 0.2 0.2 0.3 0.3", "1 0.2 0.2 0.3 0.3", "")[place]
            put(root / split / "labels" / f"{ROBOFLOW[place][:-4]}.txt", row)
    put(
        root / "data.yaml",
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['dog', 'cat']\n\n"
        "roboflow:\n  workspace: a\n  project: pets\n  version: 1\n  license: CC BY 4.0\n"
        "  url: https://universe.roboflow.com/a/pets/dataset/1\n",
    )
    put(root / "README.roboflow.txt", "pets - v1\nThe dataset includes 3 images.\n")


def labelme_json(image: str, label: str | None, **more: Any) -> str:
    """A file of labelme 5.5."""
    shape: dict[str, Any] = {"label": label, "points": [[4.0, 4.0], [24.0, 24.0]], "group_id": None, "description": "",
             "shape_type": "rectangle", "flags": {}, "mask": None}  # fmt: skip
    content = {"version": "5.5.0", "flags": {}, "shapes": [shape] if label else [], "imagePath": image,
               "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH, **more}  # fmt: skip
    return json.dumps(content, indent=2)


def _labelme(root: Path) -> None:
    shots(root)
    for name, label in ((DOG, "dog"), (CAT, "cat"), (FREE, None)):
        put(root / f"{name[:-4]}.json", labelme_json(name, label))


def label_img_xml(image: str, label: str | None) -> str:
    """A file of labelImg."""
    box = (
        f"\t<object>\n\t\t<name>{label}</name>\n\t\t<pose>Unspecified</pose>\n\t\t<truncated>0</truncated>\n"
        "\t\t<difficult>0</difficult>\n\t\t<bndbox>\n\t\t\t<xmin>4</xmin>\n\t\t\t<ymin>4</ymin>\n\t\t\t<xmax>24</xmax>\n"
        "\t\t\t<ymax>24</ymax>\n\t\t</bndbox>\n\t</object>\n"
    )
    return (
        f"<annotation>\n\t<folder>pets</folder>\n\t<filename>{image}</filename>\n\t<path>C:\\pets\\{image}</path>\n"
        f"\t<source>\n\t\t<database>Unknown</database>\n\t</source>\n\t<size>\n\t\t<width>{WIDTH}</width>\n"
        f"\t\t<height>{HEIGHT}</height>\n\t\t<depth>3</depth>\n\t</size>\n\t<segmented>0</segmented>\n"
        f"{box if label else ''}</annotation>\n"
    )


def _label_img(root: Path) -> None:
    shots(root)
    for name, label in ((DOG, "dog"), (CAT, "cat"), (FREE, None)):
        put(root / f"{name[:-4]}.xml", label_img_xml(name, label))


OPEN = tuple(f"{number:016x}.jpg" for number in (0x26E7EE790996, 0x62A39995E348, 0xC64E1253D68F))
BOX_HEAD = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)


def _open_images(root: Path) -> None:
    shots(root, "validation", OPEN)
    rows = [
        f"{OPEN[n][:-4]},xclick,{label},1,0.1,0.4,0.1,0.4,0,0,0,0,0"
        for n, label in enumerate(("/m/0bt9lr", "/m/01yrx"))
    ]
    put(root / "validation-annotations-bbox.csv", "\n".join([BOX_HEAD, *rows, ""]))
    put(root / "class-descriptions-boxable.csv", "/m/0bt9lr,Dog\n/m/01yrx,Cat\n")


def _csv(root: Path) -> None:
    shots(root)
    put(root / "records.csv", f"filename,breed\n{DOG},poodle\n")


def _mat(root: Path) -> None:
    shots(root)
    (root / "digitStruct.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(200))


ABSOLUTE = tuple(f"/home/anna/pets/{name}" for name in (DOG, CAT, FREE))
DRIVE = tuple(f"C:\\data\\img\\{name}" for name in (DOG, CAT, FREE))
BACKSLASH = tuple(f"images\\{name}" for name in (DOG, CAT, FREE))
UUIDS = tuple(f"8c5f2d0e-7f7a-4f51-9d5b-{n:012x}" for n in range(3))

EXPORTS: dict[str, Export] = {
    "COCO with string ids": Export(
        _coco("images", "labels.json", ids=("1", "2", "3"), categories=("1", "2")), "labels.json", "images"
    ),
    "COCO with UUID ids": Export(_coco("images", "labels.json", ids=UUIDS), "labels.json", "images"),
    "COCO with names as ids": Export(
        _coco("images", "labels.json", ids=(DOG, CAT, FREE), categories=("d", "c")), "labels.json", "images"
    ),
    "LVIS, coco_url without file_name": Export(
        _without_file_name, "lvis_v1_val.json", "val2017",
        names=("000000000139.jpg", "000000000285.jpg", "000000000632.jpg"),
    ),
    "COCO with annotations of unlisted images": Export(_unlisted, "annotations.json", "images", unlisted=(DOG,)),
    "COCO with NaN": Export(_nan, "labels.json", "images"),
    "COCO with absolute names": Export(_coco("images", "labels.json", ABSOLUTE), "labels.json", "images"),
    "COCO with names of a drive": Export(_coco("images", "labels.json", DRIVE), "labels.json", "images"),
    "COCO with backslashes": Export(_coco("images", "labels.json", BACKSLASH), "labels.json", "images"),
    "COCO with two pictures of one name": Export(
        _twins, "labels.json", "images", names=("day/a.jpg", "night/a.jpg", "b.jpg")
    ),
    "COCO under any name": Export(_coco("", "my pets v2.json"), "my pets v2.json"),
    "Label Studio, COCO": Export(
        _label_studio_coco, "result.json", "images",
        names=(f"0d1a2b3c-{DOG}", f"1d1a2b3c-{CAT}", f"2d1a2b3c-{FREE}"),
    ),
    "Label Studio, JSON": Export(_label_studio_json, "project-1-at-2024-05-01-12-00-0a1b2c3d.json"),
    "FiftyOne, COCO": Export(_fiftyone_coco, "labels.json", "data"),
    "FiftyOne, its own": Export(_fiftyone_own, "samples.json", "data"),
    "CVAT for images": Export(_cvat_images, "annotations.xml", "images"),
    "CVAT, COCO": Export(_coco("images/default", "annotations/instances_default.json"),
                         "annotations/instances_default.json", "images/default"),
    "CVAT, YOLO": Export(_cvat_yolo),
    "Roboflow, COCO": Export(_roboflow_coco, "train/_annotations.coco.json", "train", names=ROBOFLOW),
    "Roboflow, YOLO": Export(_roboflow_yolo, names=ROBOFLOW),
    "LabelMe": Export(_labelme, DOG.replace(".jpg", ".json")),
    "labelImg": Export(_label_img, DOG.replace(".jpg", ".xml")),
    "Open Images": Export(
        _open_images, "validation-annotations-bbox.csv", "validation", unlisted=(OPEN[2],), names=OPEN
    ),
    "a table of any kind": Export(_csv, "records.csv"),
    "MATLAB": Export(_mat, "digitStruct.mat"),
}  # fmt: skip
