"""Zip files that are not trusted: what a directory may cost, what a member may grow to, and how damage shows."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from yolobg.errors import AnnotationsError

try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it reads no such members
    LZMAError = zlib.error  # type: ignore[assignment,misc]

__all__ = ["DAMAGE", "MAX_RATIO", "SLACK_BYTES", "check_ratio", "open_zip"]

# COCO's annotations shrink to a third or a quarter; the most repetitive real files do not reach a fiftieth.
MAX_RATIO = 200
SLACK_BYTES = 1 << 20
# COCO's directory has a few hundred bytes; every member that it names takes a kilobyte of memory.
_DIRECTORY_BYTES = 16 << 20

# What zipfile and gzip let out of a damaged file besides their own errors; ValueError may be a name that is not UTF-8.
DAMAGE = (
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
    LZMAError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
)


def check_ratio(info: zipfile.ZipInfo, source: str) -> None:
    """Refuse a zip member that claims to inflate beyond reason.

    Raises:
        AnnotationsError: It claims to be more than 200 times its packed size.
    """
    if info.file_size > info.compress_size * MAX_RATIO + SLACK_BYTES:
        raise AnnotationsError(
            f"{source}: {info.compress_size:,} bytes that claim to inflate to {info.file_size:,}; "
            "this is no annotation file"
        )


class _Reads(io.BufferedReader):
    """Refuses a read that a directory of any size would ask for at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory is longer than {_DIRECTORY_BYTES >> 20} MiB")
        return super().read(size)


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading, unless its directory would fill the memory.

    Raises:
        zipfile.BadZipFile: It is no zip, or its directory is out of all proportion; also what `DAMAGE` has.
    """
    with contextlib.ExitStack() as stack:
        reads = stack.enter_context(_Reads(stack.enter_context(path.open("rb", buffering=0))))
        yield stack.enter_context(zipfile.ZipFile(reads))
