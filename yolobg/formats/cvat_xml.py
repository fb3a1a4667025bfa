"""CVAT for images 1.1: the images of its XML and the labels in each. Labels only, no geometry."""

from __future__ import annotations

from pathlib import Path

from yolobg.errors import DatasetError
from yolobg.formats.voc_xml import parse_xml

__all__ = ["read_cvat"]

_LARGEST_BYTES = 512 << 20


def read_cvat(xml: Path) -> list[tuple[str, list[str]]]:
    """Each image's name with the labels of its shapes and tags; an empty text is a label that is missing.

    Raises:
        DatasetError: It cannot be read, is of a video, or not as CVAT writes it.
    """
    builder = _Builder()
    parse_xml(xml, builder, largest=_LARGEST_BYTES)
    if builder.odd:
        raise DatasetError(
            f"{xml}: {builder.odd}; expected an <image> for each picture in <annotations>, as in CVAT for images 1.1"
        )
    return builder.images


class _Builder:
    """Takes what an XML parser meets.

    Attributes:
        images: What was found.
        odd: What CVAT does not write; empty where all is as it should be.
    """

    def __init__(self) -> None:
        self.images: list[tuple[str, list[str]]] = []
        self.odd = ""
        self._path: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._path.append(tag)
        match self._path:
            case ["annotations"] | ["annotations", "version" | "meta"] | ["annotations", "meta", *_]:
                pass
            case ["annotations", "image"]:
                if not attributes.get("name"):
                    self.odd = self.odd or "an <image> has no name"
                self.images.append((attributes.get("name", ""), []))
            case ["annotations", "image", _]:
                self.images[-1][1].append(attributes.get("label", ""))
            case ["annotations", "image", *_]:
                # The parts of a skeleton.
                self.images[-1][1].extend([attributes["label"]] if "label" in attributes else [])
            case _:
                self.odd = self.odd or f"found <{tag[:40]}>"

    def data(self, _text: str) -> None:
        """Text says nothing here."""

    def end(self, _tag: str) -> None:
        """An element ends."""
        self._path.pop()

    def close(self) -> None:
        """All is there."""
