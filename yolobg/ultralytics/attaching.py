"""`attach`: one line that gives a model its backgrounds, whatever the release of Ultralytics and the number of GPUs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yolobg.ultralytics import trainer as ultra
from yolobg.ultralytics.hook import EVENT, BackgroundHook

__all__ = ["attach"]

# From here on callbacks travel to the workers of a training on several GPUs.
TRAVELS_FROM = (8, 4, 140)


def attach(model: Any, *, data: str | Path | None = None, **options: Any) -> BackgroundHook:
    """Let every training of this model begin with a dataset that has its backgrounds.

    Attaching again replaces the options given before.

    Args:
        model: A model of Ultralytics (`YOLO`, `RTDETR`, ...).
        data: The data.yaml that will be trained on. With it the work is done at once, in this process. Needed only for
            training on several GPUs with Ultralytics before 8.4.140, where no callback reaches the workers.
        **options: See `BackgroundHook`.

    Returns:
        The hook that was registered.

    Raises:
        YolobgError: An option makes no sense; with `data` also what `BackgroundHook` raises.
    """
    hook = BackgroundHook(**options)
    model.callbacks[EVENT] = [call for call in model.callbacks[EVENT] if not isinstance(call, BackgroundHook)]
    model.add_callback(EVENT, hook)
    if data is not None:
        hook.prepare(data)
    elif _release() < TRAVELS_FROM and _gpus() > 1:
        ultra.logger().warning(
            f"{ultra.prefix()}this release of Ultralytics passes no callbacks to the workers of a training on "
            "several GPUs. For that, pass attach(model, data=...) so that the work is done now; on one GPU nothing "
            "is needed."
        )
    return hook


def _release() -> tuple[int, ...]:
    import ultralytics  # noqa: PLC0415 - imported only when called

    return tuple(int(part) for part in re.findall(r"\d+", ultralytics.__version__)[:3])


def _gpus() -> int:
    import torch  # noqa: PLC0415

    return int(torch.cuda.device_count())
