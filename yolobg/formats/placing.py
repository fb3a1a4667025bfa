"""Images into the new dataset: copied, linked or left; their bytes are never touched."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TextIO

from yolobg.errors import DatasetError, MergeError, UsageError
from yolobg.formats.items import Item

__all__ = ["Images", "Placer", "open_text"]

Images = Literal["copy", "hard", "symlink", "none"]


def open_text(file: str | Path) -> TextIO:
    """Open a new text file with the line ends of the formats; one that is there would be a mistake of ours.

    Raises:
        OSError: It is there, or cannot be written.
    """
    return open(file, "x", encoding="utf-8", newline="\n")  # noqa: PTH123 - by the hundred thousand


@dataclass
class Placer:
    """Puts image files where a writer wants them.

    Attributes:
        mode: `copy`; `hard` and `symlink` link to the source's files; `none` writes annotations only.
    """

    mode: Images = "copy"
    _made: set[str] = field(default_factory=set)

    def put(self, item: Item, destination: str) -> None:
        """Bring an item's image to `destination`, which must be free.

        Raises:
            DatasetError: The image is not at hand or cannot be read.
            UsageError: The file system cannot link it.
            MergeError: The target cannot be written.
        """
        if self.mode == "none":
            return
        if item.image is None:
            raise DatasetError(
                f"{item.split}/{item.name}: its image is not at hand; give the images, or pass --images none to "
                "convert the annotations only"
            )
        self.folder(os.path.dirname(destination))  # noqa: PTH120 - plain strings, by the hundred thousand
        try:
            self._bring(item.image, destination)
        except FileNotFoundError as error:
            raise DatasetError(f"{item.image}: does not exist any more") from error
        except OSError as error:
            if self.mode != "copy":
                across = " (another file system)" if error.errno == errno.EXDEV else ""
                raise UsageError(
                    f"--images {self.mode}: {item.image} cannot be linked: {error.strerror or error}{across}; use "
                    "--images copy"
                ) from error
            raise MergeError(
                f"{destination}: cannot be written from {item.image}: {error.strerror or error}"
            ) from error

    def folder(self, folder: str) -> None:
        """Make a folder once."""
        if folder not in self._made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def _bring(self, image: str, destination: str) -> None:
        if self.mode == "copy":
            shutil.copyfile(image, destination)
        elif self.mode == "hard":
            os.link(os.path.realpath(image), destination)
        else:
            Path(destination).symlink_to(Path(image).resolve())
