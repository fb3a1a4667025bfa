"""An object store of the test's own under `s3://`: fsspec's memory file system with S3's ETags; fails on purpose."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry


class Store(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
    """Objects by `/bucket/key`.

    Attributes:
        faults: Of an object, what its next reads raise (an exception), or bring instead (bytes).
        asked: What was read, in order, with its range.
    """

    protocol = "s3"
    cachable = False
    store: dict[str, Any] = {}  # noqa: RUF012 - the class's own, apart from that of `memory://`
    pseudo_dirs = [""]  # noqa: RUF012 - the same
    faults: defaultdict[str, list[Exception | bytes]] = defaultdict(list)  # noqa: RUF012 - the same
    asked: list[tuple[str, int | None, int | None]] = []  # noqa: RUF012 - the same

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        told = super().info(path, **options)
        if told["type"] == "file":
            content = super().cat_file(path)
            told["ETag"] = f'"{hashlib.md5(content).hexdigest()}"'
        return dict(told)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        path = f"/{path.lstrip('/')}"
        self.asked.append((path, start, end))
        if self.faults[path]:
            fault = self.faults[path].pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault[start:end]
        return bytes(super().cat_file(path, start=start, end=end, **options))


@contextmanager
def serving(objects: Mapping[str, bytes]) -> Iterator[type[Store]]:
    """Serve objects, by `bucket/key`, under `s3://` for the length of the block."""
    fsspec.register_implementation("s3", Store, clobber=True)
    system = Store()
    for place, content in objects.items():
        system.pipe_file(place, content)
    try:
        yield Store
    finally:
        _registry.pop("s3")
        Store.store.clear()
        Store.pseudo_dirs[:] = [""]
        Store.faults.clear()
        Store.asked.clear()
