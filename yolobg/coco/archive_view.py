"""A remote file of which only some stretches are here, to be read as if it were all here."""

from __future__ import annotations

import io
from collections.abc import Sequence

__all__ = ["Stretch", "Stretches"]

Stretch = tuple[int, int]


class Stretches(io.RawIOBase):
    """A read-only view of the whole remote file, of which only some stretches are here.

    Args:
        total: The file's size.
        pieces: (start, bytes) held in memory, looked at first.
        part: The part file, if any, with its stretches.
    """

    def __init__(
        self, total: int, pieces: Sequence[tuple[int, bytes]], part: tuple[io.BufferedReader, Sequence[Stretch]] | None
    ) -> None:
        super().__init__()
        self._total, self._pieces, self._part, self._at = total, pieces, part, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; nothing is fetched.

        Raises:
            ValueError: The place lies before the file, as damaged directories have it.
        """
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._total}[whence]
        if at < 0:
            raise ValueError(f"no byte {at}")
        self._at = at
        return at

    def tell(self) -> int:
        """Where reading goes on."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is here; 0 at the end of the file.

        Raises:
            EOFError: These bytes were not fetched.
        """
        data = self._look(len(buffer)) if self._at < self._total else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _look(self, size: int) -> bytes:
        for start, data in self._pieces:
            if start <= self._at < start + len(data):
                return data[self._at - start : self._at - start + size]
        before = 0
        for start, stop in self._part[1] if self._part else ():
            if self._part and start <= self._at < stop:
                self._part[0].seek(before + self._at - start)
                return self._part[0].read(min(size, stop - self._at))
            before += stop - start
        raise EOFError(f"byte {self._at} of the archive was not fetched")
