"""What `channels:` of a data.yaml means for the images that we bring.

Ultralytics (8.4.190) reads images with one channel as grey and with three as colour, whatever the files hold. With any
other number it takes each file's own channels, and stacks them into one batch: an RGB image among others ends the
training. Older releases do not know the key; their datasets do not have it.
"""

from __future__ import annotations

from yolobg.model import DataYaml

__all__ = ["why_not_rgb"]

_READ_FROM_RGB = (1, 3)
_SHOWN = 80


def why_not_rgb(data: DataYaml) -> str | None:
    """Why a training on this dataset ends when RGB images are among its own; None where it does not."""
    value = data.channels
    # True is 1 and 3.0 is 3 for Python, but no number of channels for the layers that are made from it.
    whole = type(value) is int
    if whole and value in _READ_FROM_RGB:
        return None
    text = ascii(value)
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    if not whole or (isinstance(value, int) and value < 1):
        return (
            f"{data.file}: key 'channels' is {shown}, which Ultralytics cannot train with; expected a whole number. "
            "Write 3 for colour images, 1 for grey ones, or leave the key out, which means 3"
        )
    return (
        f"{data.file}: key 'channels' is {shown}, and backgrounds are RGB images with 3: Ultralytics reads them as "
        "they are, and training fails as soon as one is in a batch. Expected 1 or 3, or no such key. If the images "
        f"of this dataset have {shown} channels, take backgrounds with the same sensor and put them into the folder "
        "of the split yourself; if they are ordinary pictures, correct the key"
    )
