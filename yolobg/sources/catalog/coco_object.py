"""A COCO object in memory as a source: its records are kept as a file in the cache, and are then like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from yolobg.errors import AnnotationsError, UsageError
from yolobg.sources.annotations.read import instances_of
from yolobg.sources.annotations.schema import InstancesFile
from yolobg.sources.cache_folder import cache_folder, keep_list

__all__ = ["keep_object"]

_WHAT = "annotations: the COCO object"


def keep_object(coco: object) -> str:
    """Keep the images, categories, licences and presences of a COCO object; the same records give the same file.

    Args:
        coco: Holds the records as `dataset`, as `pycocotools.coco.COCO` does.

    Returns:
        The path of the file, which is removed with the catalog made of it.

    Raises:
        UsageError: It holds no records.
        AnnotationsError: They are not those of a COCO instances file.
        YolobgError: The cache cannot be written.
    """
    dataset = getattr(coco, "dataset", None)
    if not isinstance(dataset, Mapping):
        raise UsageError(
            f"annotations: {type(coco).__name__} is neither a path, an address nor a COCO object with its records as "
            "`dataset`"
        )
    try:
        try:
            file = msgspec.convert(dataset, InstancesFile)
        except msgspec.ValidationError:
            file = msgspec.convert(msgspec.to_builtins(dataset, enc_hook=_builtin), InstancesFile)
    except msgspec.ValidationError as error:
        raise AnnotationsError(
            f"{_WHAT} cannot be used: {error}. Expected a dict with images, annotations and categories as `dataset`; "
            "ids must be whole numbers"
        ) from error
    instances_of(file, source=_WHAT)
    content = msgspec.json.encode(file, enc_hook=_builtin)
    kept = cache_folder() / "pools" / f"coco-{hashlib.sha256(content).hexdigest()[:16]}.json"
    keep_list(kept, content)
    return str(kept)


def _builtin(value: Any) -> Any:
    """Numbers and arrays of numpy as Python's own; None for what is no part of a COCO file."""
    return value.tolist() if hasattr(value, "tolist") else None
