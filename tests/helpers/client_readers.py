"""How other programs read a YOLO dataset: run as a script with an interpreter that has the client.

`python client_readers.py CLIENT ROOT` prints a JSON object: images, backgrounds and objects of the split train.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

# Each reader imports its client itself: no interpreter need have them all.


def ultralytics(root: Path) -> list[int]:
    from ultralytics.data.dataset import YOLODataset  # noqa: PLC0415 - see above
    from ultralytics.data.utils import check_det_dataset  # noqa: PLC0415 - see above

    data = check_det_dataset(str(root / "data.yaml"))
    return [len(label["cls"]) for label in YOLODataset(img_path=data["train"], data=data, task="detect").labels]


def supervision(root: Path) -> list[int]:
    import supervision  # noqa: PLC0415 - see above

    images, labels = root / "images/train", root / "labels/train"
    read = supervision.DetectionDataset.from_yolo(str(images), str(labels), str(root / "data.yaml"))
    return [len(found) for found in read.annotations.values()]


def labelformat(root: Path) -> list[int]:
    from labelformat.formats.yolov8 import YOLOv8ObjectDetectionInput  # noqa: PLC0415 - see above

    read = YOLOv8ObjectDetectionInput(input_file=root / "data.yaml", input_split="train")
    return [len(label.objects) for label in read.get_labels()]


def globox(root: Path) -> list[int]:
    import globox  # noqa: PLC0415 - see above

    read = globox.AnnotationSet.from_yolo_v5(root / "labels/train", image_folder=root / "images/train")
    return [len(annotation.boxes) for annotation in read]


def fiftyone(root: Path) -> list[int]:
    """Its importer alone: a dataset of its own needs MongoDB."""
    from fiftyone.utils.yolo import YOLOv5DatasetImporter  # noqa: PLC0415 - see above

    importer = YOLOv5DatasetImporter(yaml_path=str(root / "data.yaml"), split="train")
    importer.setup()
    return [len(label.detections) if label else 0 for _, _, label in importer]


def datumaro(root: Path) -> list[int]:
    import datumaro  # noqa: PLC0415 - see above

    read = datumaro.Dataset.import_from(str(root))
    return [len(item.annotations) for item in read if item.subset == "train"]


READERS: dict[str, Callable[[Path], Iterable[int]]] = {
    reader.__name__: reader for reader in (ultralytics, supervision, labelformat, globox, fiftyone, datumaro)
}

if __name__ == "__main__":
    # Progress and banners must not mix with the answer.
    with contextlib.redirect_stdout(sys.stderr):
        objects = list(READERS[sys.argv[1]](Path(sys.argv[2])))
    print(json.dumps({"images": len(objects), "backgrounds": objects.count(0), "objects": sum(objects)}))
