"""The protocol: what is compared and how, fixed before the first training. Its hash is in each result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["PROTOCOL", "Arm", "Contrast", "Protocol", "StudyError"]


class StudyError(Exception):
    """Something that the person who runs the study can put right; the message says what."""


@dataclass(frozen=True)
class Arm:
    """What a model is trained on, besides the labelled images.

    Attributes:
        name: What to call it.
        backgrounds: How many random background images are added.
        padded: Whether the list of training images is filled up with repeated labelled images to `Protocol.listed`.
    """

    name: str
    backgrounds: int
    padded: bool


@dataclass(frozen=True)
class Contrast:
    """One arm less another."""

    arm: str
    less: str

    @property
    def name(self) -> str:
        """As the tables have it."""
        return f"{self.arm} − {self.less}"


@dataclass(frozen=True)
class Protocol:
    """What is fixed beforehand; `hash` changes with any of it.

    Attributes:
        dataset: The dataset's folder in the material.
        pool: The folder of images that backgrounds are drawn from, each seed its own.
        held_out: The folder of backgrounds that the models are measured on; none is trained on.
        labelled: How many labelled training images the dataset has.
        listed: Length of the list of training images of all padded arms.
        arms: The arms, in the order in which they are run.
        seeds: The seeds, in that order; all arms have the same ones.
        steps: Optimiser steps of each run.
        warmup: In how many of these the learning rate rises.
        batch: Images a step.
        settings: The other arguments of Ultralytics' `train`.
        rates: Image false-alarm rates of the primary figure: the mean recall at these.
        contrasts: What is compared, the primary one first; Holm's correction is over all of them.
        resampled: What the bootstrap draws with replacement.
        test: What the p-values are.
        draws: Draws of the bootstrap.
        draw_seed: Their seed.
        alpha: Family-wise error rate.
    """

    dataset: str = "animals"
    pool: str = "coco/train2017"
    held_out: str = "coco/val2017"
    labelled: int = 253
    listed: int = 329
    arms: tuple[Arm, ...] = (
        Arm("none-padded", 0, padded=True),
        Arm("random30", 76, padded=True),
        Arm("none-natural", 0, padded=False),
        Arm("random10", 25, padded=True),
    )
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    steps: int = 308
    warmup: int = 84
    batch: int = 12
    settings: Mapping[str, Any] = field(
        default_factory=lambda: {
            # One optimiser step a batch, the same warm-up and mosaic never closed, so that arms differ in images only.
            "nbs": 12,
            "imgsz": 256,
            "optimizer": "AdamW",
            "lr0": 0.001,
            "lrf": 0.01,
            "warmup_bias_lr": 0.0,
            "close_mosaic": 0,
            "deterministic": True,
            "amp": False,
            "patience": 0,
        }
    )
    rates: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    contrasts: tuple[Contrast, ...] = (
        Contrast("random30", "none-padded"),
        Contrast("random10", "none-padded"),
        Contrast("none-natural", "none-padded"),
    )
    resampled: str = (
        "the seeds of each arm, the labelled images, the held-out backgrounds; thresholds anew in each draw"
    )
    test: str = "two-sided by the share of draws beyond 0; Holm over all contrasts"
    draws: int = 10_000
    draw_seed: int = 0
    alpha: float = 0.05

    @property
    def hash(self) -> str:
        """SHA-256 of all of the above."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def images(self, arm: Arm) -> int:
        """Length of an arm's list of training images."""
        return self.listed if arm.padded else self.labelled + arm.backgrounds

    def batches(self, arm: Arm) -> int:
        """Batches, which are steps, of an epoch."""
        return -(-self.images(arm) // self.batch)

    def epochs(self, arm: Arm) -> int:
        """Epochs after which an arm has had its steps.

        Raises:
            StudyError: No whole number of epochs has that many steps.
        """
        batches = self.batches(arm)
        epochs, rest = divmod(self.steps, batches)
        if rest:
            raise StudyError(f"{arm.name}: {self.steps} steps are no whole number of epochs of {batches} batches")
        return epochs


PROTOCOL = Protocol()
