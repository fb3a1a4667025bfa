"""Images into the new dataset: copied, linked or left; their bytes are never touched."""

from __future__ import annotations

import errno
import os
import shutil
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, TextIO

from yolobg.errors import DatasetError, MergeError, UsageError
from yolobg.formats.items import Item

__all__ = ["Images", "Placer", "open_text"]

Images = Literal["copy", "hard", "symlink", "none"]

# Copying waits for the disk; more than two gain nothing on two cores.
_COPIERS = 2
_AHEAD = 64


def open_text(file: str | Path) -> TextIO:
    """Open a new text file with the line ends of the formats; one that is there would be a mistake of ours.

    Raises:
        OSError: It is there, or cannot be written.
    """
    return open(file, "x", encoding="utf-8", newline="\n")  # noqa: PTH123 - by the hundred thousand


class Placer:
    """Puts image files where a writer wants them; copies are made beside its work, by threads, until `finish`.

    As a context it stops at the block's end, so that nothing is written any more to what may be removed then.

    Attributes:
        mode: `copy`; `hard` and `symlink` link to the source's files; `none` writes annotations only.
    """

    def __init__(self, mode: Images = "copy") -> None:
        self.mode = mode
        self._made: set[str] = set()
        self._pool = ThreadPoolExecutor(_COPIERS)
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Placer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, item: Item, destination: str) -> None:
        """Bring an item's image to `destination`, which must be free.

        Raises:
            DatasetError: The image, or one before it, is not at hand or cannot be read.
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
        if self.mode != "copy":
            self._bring(item.image, destination)
            return
        if len(self._under_way) >= _AHEAD:
            self._under_way.popleft().result()
        self._under_way.append(self._pool.submit(self._bring, item.image, destination))

    def finish(self) -> None:
        """Wait for the copies.

        Raises:
            DatasetError: An image cannot be read.
            MergeError: The target cannot be written.
        """
        while self._under_way:
            self._under_way.popleft().result()

    def folder(self, folder: str) -> None:
        """Make a folder once."""
        if folder not in self._made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def _bring(self, image: str, destination: str) -> None:
        try:
            if self.mode == "copy":
                shutil.copyfile(image, destination)
            elif self.mode == "hard":
                os.link(os.path.realpath(image), destination)
            else:
                Path(destination).symlink_to(Path(image).resolve())
        except FileNotFoundError as error:
            raise DatasetError(f"{image}: does not exist any more") from error
        except OSError as error:
            if self.mode != "copy":
                across = " (another file system)" if error.errno == errno.EXDEV else ""
                raise UsageError(
                    f"--images {self.mode}: {image} cannot be linked: {error.strerror or error}{across}; use "
                    "--images copy"
                ) from error
            raise MergeError(f"{destination}: cannot be written from {image}: {error.strerror or error}") from error
