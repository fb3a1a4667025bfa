"""Which annotation tool wrote a file, by its beginning, and what to do with it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "CVAT",
    "FIFTYONE",
    "HEAD_BYTES",
    "LABELME",
    "LABEL_IMG",
    "LABEL_STUDIO",
    "MATLAB",
    "OPEN_IMAGES",
    "TABLE",
    "ExportKind",
    "kind_of_export",
]

HEAD_BYTES = 1 << 16
"""So much of a file is looked at."""

_FOLDER = "name the folder with it and the images (--source FOLDER)"


@dataclass(frozen=True, slots=True)
class ExportKind:
    """A form of records.

    Attributes:
        name: What it is, for a sentence that begins with "this is".
        way: What to do with it where COCO's format is expected.
        to_convert: What to do with it where a dataset is to be converted.
    """

    name: str
    way: str
    to_convert: str


_ELSEWHERE = "export COCO or YOLO from where it comes from"
LABEL_STUDIO = ExportKind(
    "Label Studio's own JSON", f"{_FOLDER}, or export COCO from Label Studio", "export COCO from Label Studio"
)
_SAMPLES = "export fo.types.COCODetectionDataset"
FIFTYONE = ExportKind("FiftyOne's own format", f"{_FOLDER}, or {_SAMPLES}", _SAMPLES)
LABELME = ExportKind(
    "a JSON file of LabelMe", _FOLDER, "export COCO with labelme's examples/instance_segmentation/labelme2coco.py"
)
LABEL_IMG = ExportKind(
    "an XML file of labelImg or Pascal VOC",
    _FOLDER,
    "put the images into JPEGImages/, the XML into Annotations/ and a list of the names, without suffix, into "
    "ImageSets/Main/train.txt",
)
CVAT = ExportKind(
    "CVAT's XML", f"{_FOLDER}, or export COCO from CVAT", "export COCO from CVAT, or pass --from cvat (yolobg[convert])"
)
CVAT_VIDEO = ExportKind("CVAT's XML of a video", "export COCO from CVAT", "export COCO from CVAT")
OPEN_IMAGES = ExportKind(
    "a list of Open Images", "use --source openimages", "pass --from open_images (yolobg[convert])"
)
MATLAB = ExportKind("a MATLAB file", _ELSEWHERE, _ELSEWHERE)
TABLE = ExportKind("a table", _ELSEWHERE, _ELSEWHERE)

_FORMS = (
    (CVAT, rb"\s*(?:<\?xml[^>]*>\s*)?<annotations>(?=.*<image\b)"),
    (CVAT_VIDEO, rb"\s*(?:<\?xml[^>]*>\s*)?<annotations>(?=.*<track\b)"),
    (CVAT, rb"\s*(?:<\?xml[^>]*>\s*)?<annotations>(?=.*<(?:meta|version)\b)"),
    (LABEL_IMG, rb"\s*(?:<\?xml[^>]*>\s*)?<annotation\b(?=.*<(?:filename|object)>)"),
    (LABEL_STUDIO, rb"\s*\[\s*\{(?=.*\"annotations\"\s*:)(?=.*\"data\"\s*:\s*\{)"),
    (FIFTYONE, rb"\s*\{(?=.*\"samples\"\s*:\s*\[)(?=.*\"filepath\"\s*:)"),
    (LABELME, rb"\s*\{(?=.*\"shapes\"\s*:\s*\[)(?=.*\"(?:imagePath|shape_type)\"\s*:)"),
    (OPEN_IMAGES, rb"ImageID,Source,LabelName,Confidence\b"),
    (MATLAB, rb"MATLAB (?:5\.0|7\.3) MAT-file"),
    (TABLE, rb"[^\n{\[<]{1,400}[,;\t][^\n{\[<]{0,400}\n"),
)
_KNOWN = tuple((kind, re.compile(form, re.DOTALL)) for kind, form in _FORMS)


def kind_of_export(head: bytes) -> ExportKind | None:
    """The form that a file has, by its first `HEAD_BYTES`; None where it is none of these."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    return next((kind for kind, form in _KNOWN if form.match(text)), None)
