"""A copy of a file that shares its blocks with it (a reflink): on Linux, where the file system has it (btrfs, xfs).

macOS and Windows have calls of their own for it, which bring more along than the content (owner, flags, attributes) or
need a volume of another kind; there a copy is one.
"""

from __future__ import annotations

import contextlib
import sys
from typing import BinaryIO

__all__ = ["clone"]

# As Python names it from 3.12 on. Where the number is another (MIPS, PowerPC), it is refused like an unknown call.
_FICLONE = 0x40049409


def clone(source: BinaryIO, target: int) -> bool:
    """Give a new file the content of an open one without copying it.

    Args:
        source: The file.
        target: The descriptor of the new file, open for writing.

    Returns:
        Whether it could be done; else the new file is to be written as if nothing had been tried.
    """
    if sys.platform != "linux":
        return False
    import fcntl  # noqa: PLC0415 - not on Windows

    with contextlib.suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source.fileno())
        return True
    return False
