"""How often a model fires on chosen images and on random ones: `python -m benchmarks.chosen STUDY`.

STUDY is a folder with the material of the study (docs/study.md): the dataset `animals/`, the images `coco/train2017/`,
`coco/images.json` with the categories that each holds, and a trained model, `models/none_seed0.onnx`. It is only read.
Needs yolobg[onnx]. Prints the table of docs/choosing.md, in a minute or two on two cores; `--seeds 1` gives the choice
of seed 0 alone, `--exclude CATEGORY` also shows that no image with it is chosen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import yolobg
from yolobg.dataset.dataset import open_dataset
from yolobg.flow.options import LOOKALIKES
from yolobg.scoring.models import score_images

CONFIDENCES = (0.25, 0.5, 0.7)
RANDOM, WHOLE = "random", "the whole pool"


@dataclass(frozen=True)
class Pool:
    """The images that are chosen from.

    Attributes:
        scores: Each image's id to the highest confidence of the model in it.
        holds: Each image's id to the names of the categories in it.
    """

    scores: Mapping[int, float]
    holds: Mapping[int, frozenset[str]]

    def fired(self, images: Collection[int], at: float) -> float:
        """The share (0-1) of images in which the model finds something at that confidence."""
        return sum(self.scores[image] >= at for image in images) / len(images)


@dataclass(frozen=True)
class Choice:
    """What one way to choose takes.

    Attributes:
        name: What to call it.
        images: For each seed, the ids.
    """

    name: str
    images: Sequence[Sequence[int]]

    def fired(self, pool: Pool, at: float) -> float:
        """The mean share (0-1) over the seeds."""
        return sum(pool.fired(images, at) for images in self.images) / len(self.images)

    def with_any(self, names: Collection[str], pool: Pool) -> int:
        """How many of the images, over all seeds, hold one of these categories."""
        return sum(not pool.holds[image].isdisjoint(names) for images in self.images for image in images)


def table(pool: Pool, choices: Sequence[Choice]) -> str:
    """How often each choice fires, also as a multiple of the random one, and the most that so many images could."""
    random = next(choice for choice in choices if choice.name == RANDOM)
    heads = "".join(f" at {at:g} |" for at in CONFIDENCES)
    lines = [f"| choice | images |{heads}", "| --- | ---: |" + " ---: |" * len(CONFIDENCES)]
    eligible = next(choice for choice in choices if choice.name == WHOLE).images[0]
    strongest = sorted(eligible, key=lambda image: -pool.scores[image])[: len(random.images[0])]
    for choice in (*choices, Choice("any choice, at most", [strongest])):
        size = sum(map(len, choice.images)) / len(choice.images)
        cells = (_cell(choice.fired(pool, at), random.fired(pool, at)) for at in CONFIDENCES)
        lines.append(f"| {choice.name} | {size:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(share: float, of_random: float) -> str:
    told = f"{share * 100:.0f} %"
    return f"{told}, {share / of_random:.1f} ×" if of_random else told


def as_records(listed: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """COCO's format for these images; only which categories an image holds is known, so that a box is all of it."""
    held = {one["id"]: one["category_ids"] for one in listed["images"]}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for file in files:
        # They are smaller than `images.json` says, which has the sizes of COCO's own.
        with Image.open(file) as picture:
            width, height = picture.size
        number = int(file.stem)
        images.append({"id": number, "file_name": file.name, "width": width, "height": height})
        about = {"image_id": number, "bbox": [0, 0, width, height], "area": width * height, "iscrowd": 0}
        first = len(annotations) + 1
        annotations += [
            {"id": place, "category_id": category, **about} for place, category in enumerate(held[number], first)
        ]
    return {"images": images, "categories": listed["categories"], "annotations": annotations}


def read_pool(study: Path, model: Path, scratch: Path) -> tuple[Pool, Path]:
    """The pool, and the file of its records, which is written into `scratch`."""
    listed = json.loads((study / "coco/images.json").read_text("utf-8"))
    files = sorted((study / "coco/train2017").glob("*.jpg"))
    annotations = scratch / "instances_pool.json"
    annotations.write_text(json.dumps(as_records(listed, files)), "utf-8")
    names = open_dataset(study / "animals").data.names
    found = score_images(model, [str(file) for file in files], names, cache=scratch / "cache/scores").detections
    scores = dict.fromkeys((int(file.stem) for file in files), 0.0)
    for image, score in zip(found.image.tolist(), found.score.tolist(), strict=True):
        number = int(files[image].stem)
        scores[number] = max(scores[number], score)
    called = {one["id"]: one["name"] for one in listed["categories"]}
    holds = {one["id"]: frozenset(called[category] for category in one["category_ids"]) for one in listed["images"]}
    return Pool(scores, holds), annotations


class Chooser:
    """Asks yolobg for choices, on a copy of the dataset."""

    def __init__(self, data: Path, options: dict[str, Any]) -> None:
        self._data, self._options = data, options

    @property
    def eligible(self) -> int:
        """How many images there are to choose from."""
        source = yolobg.plan(self._data, **self._options).report.source
        return source.eligible if source else 0

    def planned(self, **options: Any) -> list[tuple[int, str]]:
        """The images that a run would take, each with the reason."""
        report = yolobg.plan(self._data, **{**self._options, **options}).report
        return [(one.source_id, one.why) for one in report.planned]

    def added(self, **options: Any) -> list[int]:
        """The images that a run takes; they are taken out again."""
        report = yolobg.augment(self._data, **{**self._options, **options}, report=False)
        yolobg.remove(self._data)
        return [one.source_id for one in report.added]


def choose(chooser: Chooser, model: Path, seeds: range) -> list[Choice]:
    """All that is compared."""
    everything = chooser.planned(seed=0, prefer=LOOKALIKES, count=chooser.eligible)
    random = [[image for image, _ in chooser.planned(seed=seed)] for seed in seeds]
    liked = [chooser.planned(seed=seed, prefer=LOOKALIKES) for seed in seeds]
    return [
        Choice(WHOLE, [[image for image, _ in everything]]),
        Choice("of it, with a look-alike", [_split(everything)[0]]),
        Choice("of it, without one", [_split(everything)[1]]),
        Choice(RANDOM, random),
        Choice("`--prefer lookalikes`", [[image for image, _ in images] for images in liked]),
        Choice("of these, with a look-alike", [_split(images)[0] for images in liked]),
        Choice("`--hard`", [chooser.added(seed=seed, hard=model) for seed in seeds]),
        Choice("`--hard --hard-share 1`", [chooser.added(seed=seed, hard=model, hard_share=1.0) for seed in seeds]),
    ]


def _split(planned: Sequence[tuple[int, str]]) -> tuple[list[int], list[int]]:
    """The images with a look-alike, and those without."""
    held = [image for image, why in planned if why.startswith("look-alike: ")]
    return held, [image for image, why in planned if not why.startswith("look-alike: ")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments, choose, print."""
    parser = argparse.ArgumentParser(description="How often a model fires on chosen images and on random ones.")
    parser.add_argument("study", type=Path, help="the folder with the material of the study")
    parser.add_argument("--model", type=Path, help="models/none_seed0.onnx of that folder unless given")
    parser.add_argument("--count", type=int, default=76, help="how many images are chosen (76)")
    parser.add_argument("--seeds", type=int, default=10, help="from how many seeds the means are (10)")
    parser.add_argument("--exclude", default="", metavar="CATEGORY", help="rule out one more category of COCO")
    given = parser.parse_args(arguments)
    model = given.model or given.study / "models/none_seed0.onnx"
    if not model.is_file() or not (given.study / "coco/images.json").is_file():
        sys.exit(f"{given.study}: expected coco/images.json and {model} (the material of docs/study.md)")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        # Nothing comes from the user's cache, nor stays there.
        os.environ["YOLOBG_CACHE_DIR"] = str(scratch / "cache")
        pool, annotations = read_pool(given.study, model, scratch)
        # The material may be read-only, and a copy of its mode would be too.
        shutil.copytree(given.study / "animals", scratch / "animals", copy_function=shutil.copyfile)
        options: dict[str, Any] = {
            "annotations": str(annotations),
            "images": [str(given.study / "coco/train2017")],
            "count": given.count,
            "unmapped": "none",
        }
        excluded = frozenset({given.exclude} - {""})
        if excluded:
            options["exclude"] = [given.exclude]
        choices = choose(Chooser(scratch / "animals", options), model, range(given.seeds))
    there = sum(not pool.holds[image].isdisjoint(excluded) for image in pool.scores)
    print(table(pool, choices))
    if excluded:
        chosen = sum(choice.with_any(excluded, pool) for choice in choices)
        print(f"\nWith {given.exclude}: {there} of {len(pool.scores)} images of the pool, {chosen} of those chosen.")


if __name__ == "__main__":
    main()
