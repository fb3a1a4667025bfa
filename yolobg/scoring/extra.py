"""The packages of the extras `evaluate` and `onnx`, which the core does without."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from yolobg.errors import UsageError

__all__ = ["NEEDED", "check_extra"]

NEEDED = ("numpy", "pycocotools")


def check_extra(modules: Sequence[str] = NEEDED, *, extra: str = "evaluate") -> None:
    """Stop where a package of an extra is missing, before anything is read.

    Args:
        modules: The modules that are needed.
        extra: The extra that has them.

    Raises:
        UsageError: One is not installed; the message says how to install it.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing == ["onnxruntime"]:
        # The extra would bring a second OpenCV beside the one that is there.
        raise UsageError("onnxruntime: not installed, and needed for this: pip install onnxruntime")
    if missing:
        raise UsageError(f"{', '.join(missing)}: not installed, and needed for this: pip install 'yolobg[{extra}]'")
