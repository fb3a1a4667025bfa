"""The smallest dataset: one image with one object."""

from __future__ import annotations

from pathlib import Path

from download_pictures import picture

__all__ = ["one_image_dataset"]


def one_image_dataset(root: Path, name: str = "dog") -> Path:
    """Write a dataset with one labelled image of one class; train and val are the same folder."""
    for place, content in (("images/train/a.jpg", picture(1)), ("labels/train/a.txt", b"0 .5 .5 .1 .1\n")):
        (root / place).parent.mkdir(parents=True)
        (root / place).write_bytes(content)
    (root / "data.yaml").write_text(f"names: [{name}]\ntrain: images/train\nval: images/train\n")
    return root
