"""Pictures, records and short bounds for the tests of the downloader."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image

from yolobg.images import Limits
from yolobg.model import ImageRecord

QUICK = Limits(
    connect_s=1.0,
    read_s=1.0,
    probe_s=0.5,
    attempt_s=3.0,
    image_s=10.0,
    slow_after_s=0.3,
    backoff_s=0.01,
    backoff_cap_s=0.2,
    host_down_s=1.0,
)


@lru_cache(maxsize=512)
def picture(seed: int, width: int = 64, height: int = 48, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    """A noisy picture (noise has coded data worth damaging) as a file's content."""
    noise = random.Random(seed).randbytes(width * height * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), noise).convert(mode).save(out, kind)
    return out.getvalue()


def records(count: int, *, first: int = 1, width: int = 64, height: int = 48) -> list[ImageRecord]:
    """Records as COCO writes them."""
    return [ImageRecord(i, f"{i:012d}.jpg", width, height) for i in range(first, first + count)]


def served(wanted: Sequence[ImageRecord], prefix: str = "/train2017/") -> dict[str, bytes]:
    """What a server has for records: path to content."""
    return {prefix + record.file_name: picture(record.id, record.width, record.height) for record in wanted}


def names(staging: Path) -> list[str]:
    """What lies in staging."""
    return sorted(path.name for path in staging.iterdir())
