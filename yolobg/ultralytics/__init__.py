"""Top a dataset up before every training with Ultralytics.

    from yolobg.ultralytics import attach
    attach(model, ratio=0.10)
    model.train(data="data.yaml", epochs=100)

Ultralytics is imported only when one of these is called, never when this is imported. The hook changes files on disk
only: no image, label or setting of the training passes through it.
"""

from __future__ import annotations

from yolobg.ultralytics.attaching import attach
from yolobg.ultralytics.hook import EVENT, BackgroundHook

__all__ = ["EVENT", "BackgroundHook", "attach"]
