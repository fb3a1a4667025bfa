"""Images from folders on this machine: found in COCO's own layouts, copied or linked into staging, verified there.

A frame of a video is read from the video and written as a JPEG.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from yolobg import files
from yolobg.errors import DownloadError, UsageError
from yolobg.files import staged_path
from yolobg.images.check import check_image
from yolobg.images.clone import clone
from yolobg.images.frame_names import frame_place, parse
from yolobg.images.frames import FrameReader
from yolobg.images.jpeg_png import BadImageError, Data
from yolobg.images.staging import content_of, create_new, part_path, write_all, write_guard
from yolobg.model import ImageRecord, Origin, Staged
from yolobg.safe_names import safe_parts

__all__ = ["LocalFolders"]

# Below a folder, in this order.
LAYOUTS = ("", "train2017", "val2017", "images/train2017", "images/val2017", "images")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


class LocalFolders:
    """The folders of an origin. Methods may be called from several threads at once.

    Args:
        origin: The origin.
        staging: Where what is brought goes.
    """

    def __init__(self, origin: Origin, staging: Path) -> None:
        self._staging, self._link = staging, origin.link
        self._frames = FrameReader() if origin.frames else None
        folders = origin.folders
        # Links on the way to the places themselves are the user's own arrangement, so they are resolved here.
        places = [(folder / layout).resolve() for folder in folders for layout in LAYOUTS]
        self._places = tuple(dict.fromkeys(place for place in places if os.path.isdir(place)))  # noqa: PTH112 - False where it is closed to us
        self._own_names = {place: tuple(filter(None, map(partial(_own_end, place), LAYOUTS))) for place in self._places}
        self._inside: dict[str, bool] = {}
        # None until the first copy has tried it.
        self._may_clone: bool | None = None
        self._trial = threading.Lock()

    def find(self, record: ImageRecord) -> Path | None:
        """The file of a record in the first place that has one, or None; of a frame, its video.

        Never outside the folder, whatever the `file_name` says.

        Raises:
            BadImageError: The name leads out of the folder through a symbolic link, or the folder is closed to us.
        """
        parts = safe_parts(record.file_name)
        if parts is None:
            return None
        if self.is_frame(record):
            parts = parts[:-1]
        for place, path in self._paths(parts):
            try:
                kind = path.lstat().st_mode
            except PermissionError as error:
                raise BadImageError(f"{path} cannot be accessed: {error.strerror}") from error
            except (OSError, ValueError):
                continue
            self._check_inside(place, path, is_link=stat.S_ISLNK(kind))
            if stat.S_ISREG(kind) or (stat.S_ISLNK(kind) and path.is_file()):
                return path
        return None

    def _paths(self, parts: tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
        """Each place with where the file would be; the last folders of a place may begin the name as well.

        So `images/a.jpg` is found in the folder `export/images`. The catalog leaves out names that would be one file.
        """
        for place in self._places:
            yield place, place.joinpath(*parts)
        for place, ends in self._own_names.items():
            for end in ends:
                if parts[: len(end)] == end and len(parts) > len(end):
                    yield place, place.joinpath(*parts[len(end) :])

    def is_frame(self, record: ImageRecord) -> bool:
        """Whether a record is about a frame of a video, which `find` finds in its place."""
        return self._frames is not None and parse(record.file_name) is not None

    def place_of(self, record: ImageRecord, source: Path) -> str:
        """Where the image of a record is from, whose file was found; of a frame, its video and the time."""
        frame = self._frames and parse(record.file_name)
        return frame_place(str(source), frame[1]) if frame else str(source)

    def credited(self, kept: Staged) -> Staged:
        """What an interrupted run has left in staging, with what is recorded of a frame.

        Raises:
            BadImageError: The video of the frame is not there any more.
        """
        if self._frames is None or not parse(kept.record.file_name):
            return kept
        video = self.find(kept.record)
        if video is None:
            raise BadImageError(self.why_absent(kept.record))
        return self._frames.credited(kept, video)

    def close(self) -> None:
        """End the programs that read videos, if there are any."""
        if self._frames is not None:
            self._frames.close()

    def why_absent(self, record: ImageRecord) -> str:
        """Where a record that `find` does not find was looked for, and where a file of its name is instead."""
        parts = safe_parts(record.file_name)
        if parts is None or not self._places:
            return "its file_name is no path below a folder of the images"
        others = [str(place.relative_to(self._places[0])) for place in self._below()]
        looked = f"{self._places[0].joinpath(*parts)} does not exist" + (
            f", nor below {', '.join(others)}" if others else ""
        )
        for place in self._places:
            for start in range(1, len(parts)):
                if place.joinpath(*parts[start:]).is_file():
                    return (
                        f"{looked}; but {place.joinpath(*parts[start:])} does: the file_name begins with "
                        f"'{'/'.join(parts[:start])}/', which the folder lacks. Correct the annotations, or move the "
                        "images into such a folder"
                    )
        return looked

    def _below(self) -> list[Path]:
        return [place for place in self._places[1:] if place.is_relative_to(self._places[0])]

    def _check_inside(self, place: Path, path: Path, *, is_link: bool) -> None:
        key = str(path) if is_link else str(path.parent)
        inside = self._inside.get(key)
        if inside is None:
            inside = Path(os.path.realpath(key)).is_relative_to(place)
            self._inside[key] = inside
        if not inside:
            raise BadImageError(f"{path} leads out of {place} through a link; name the folder it leads to")

    def bring(self, record: ImageRecord, source: Path) -> Staged:
        """Copy or link a found file into staging and verify it there.

        A JPEG or PNG is read whole: structure through all coded data, size, SHA-256. It is not decoded, since a decode
        sees no more of a file that did not travel and costs ten times as much; other formats are decoded. What follows
        the end of one is left out of a copy: a trainer would write the file anew in its place.

        Raises:
            BadImageError: It is not the image of the record or cannot be read.
            UsageError: The file system cannot link it, or nothing here reads videos.
            DownloadError: Staging cannot be written.
        """
        part, target = part_path(self._staging, record.id), staged_path(self._staging, record.id)
        try:
            facts = self._lay(record, source, part)
            with write_guard(self._staging):
                files.step("rename", target)
                part.replace(target)
        except OSError as error:
            files.step("unlink", part)
            part.unlink(missing_ok=True)
            raise BadImageError(f"{source} cannot be read: {error.strerror or error}") from error
        except BaseException:
            files.discard(part)
            raise
        size, sha256, before = facts
        staged = Staged(record, self._staging, size, sha256, str(source), before)
        return self._frames.credited(staged, source) if self._frames and parse(record.file_name) else staged

    def _lay(self, record: ImageRecord, source: Path, part: Path) -> tuple[int, str, tuple[int, str] | None]:
        """Bring a file's content or a link to it to `part`, verified.

        Returns its size and SHA-256, and those of the file where that has more.

        A copy is read once, verified, and written from memory: what was verified is what is written. Where the file
        system lets files share blocks, the copy comes first and is what is read, so that this holds as well.
        """
        if self._frames is not None and parse(record.file_name):
            frame = self._frames.read(record, source)
            check_image(frame, record, depth="structure")
            _write_new(part, frame, self._staging)
            return len(frame), _digest(frame), None
        if self._link != "copy":
            self._make_link(source, part)
            with content_of(part) as data:
                size = _size_as_linked(data, record)
                return size, _digest(data), None
        shares = self._clone(source, part)
        with content_of(part if shares else source) as data:
            size = check_image(data, record, depth="structure", may_go_on=True)
            if size == len(data) and shares:
                return size, _digest(data), None
            if size == len(data):
                _write_new(part, data, self._staging)
                return size, _digest(data), None
            picture = data[:size]
            _write_new(part, picture, self._staging)
            return size, _digest(picture), (len(data), _digest(data))

    def _clone(self, source: Path, part: Path) -> bool:
        """Lay a copy of a file that shares its blocks; False where that cannot be, which is not tried again."""
        # One copy tries it while the others wait, so that they need not each make and remove a file for nothing.
        with self._trial if self._may_clone is None else contextlib.nullcontext():
            if self._may_clone is False:
                return False
            self._may_clone = shares = self._try_clone(source, part)
        return shares

    def _try_clone(self, source: Path, part: Path) -> bool:
        with source.open("rb") as file, write_guard(self._staging):
            target = create_new(part)
            try:
                files.step("write", part)
                shares = clone(file, target)
            finally:
                os.close(target)
            if not shares:
                files.step("unlink", part)
                part.unlink()
        return shares

    def _make_link(self, source: Path, part: Path) -> None:
        files.step("unlink", part)
        part.unlink(missing_ok=True)
        files.step("link", part)
        try:
            if self._link == "symlink":
                part.symlink_to(source)
            else:
                os.link(os.path.realpath(source), part)
        except OSError as error:
            if error.errno in _FULL or error.errno == errno.ENOENT:
                raise DownloadError(f"{part.parent}: cannot write here: {error.strerror or error}") from error
            kind = "hard link" if self._link == "hard" else "symbolic link"
            across = " (they lie on different file systems or mounts)" if error.errno == errno.EXDEV else ""
            raise UsageError(
                f"--link {self._link}: no {kind} from {part.parent} to {source} can be made: "
                f"{error.strerror or error}{across}; use --link copy"
            ) from error


def _own_end(place: Path, layout: str) -> tuple[str, ...]:
    """The parts of a layout, where a place ends with it."""
    end = tuple(filter(None, layout.split("/")))
    return end if end and place.parts[-len(end) :] == end else ()


def _size_as_linked(data: Data, record: ImageRecord) -> int:
    size = check_image(data, record, depth="structure", may_go_on=True)
    if size != len(data):
        raise BadImageError(
            f"{len(data) - size:,} bytes follow the end of the image, and a trainer may write such a file anew in its "
            "place; use --link copy, which leaves them out"
        )
    return size


def _digest(data: Data) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_new(part: Path, data: Data, staging: Path) -> None:
    with write_guard(staging):
        target = create_new(part)
        try:
            files.step("write", part)
            write_all(target, data)
        finally:
            os.close(target)
