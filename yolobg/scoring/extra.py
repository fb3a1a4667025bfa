"""The packages of the extra `evaluate`, which the core does without."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from yolobg.errors import UsageError

__all__ = ["NEEDED", "check_extra"]

NEEDED = ("numpy", "pycocotools")


def check_extra(modules: Sequence[str] = NEEDED) -> None:
    """Stop where a package of the extra is missing, before anything is read.

    Raises:
        UsageError: One is not installed; the message says how to install it.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"evaluate needs {', '.join(missing)}, which this Python lacks: pip install 'yolobg[evaluate]'"
        )
