"""The demo's source: pictures and the COCO-format records that go with them. Pure; `material` writes the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from demo_drawing.drawing import SETTINGS, Figure, Scene, compose_scene, crowd_scene, random_for

# COCO's own ids, names and supercategories (instances_train2017.json).
CATEGORIES = (
    (1, "person", "person"),
    (2, "bicycle", "vehicle"),
    (3, "car", "vehicle"),
    (6, "bus", "vehicle"),
    (9, "boat", "vehicle"),
    (10, "traffic light", "outdoor"),
    (16, "bird", "animal"),
    (18, "dog", "animal"),
    (20, "sheep", "animal"),
    (38, "kite", "sports"),
)
CATEGORY_IDS = {name: category_id for category_id, name, _ in CATEGORIES}

# COCO's licence table, same source.
LICENSES = (
    ("Attribution-NonCommercial-ShareAlike License", "http://creativecommons.org/licenses/by-nc-sa/2.0/"),
    ("Attribution-NonCommercial License", "http://creativecommons.org/licenses/by-nc/2.0/"),
    ("Attribution-NonCommercial-NoDerivs License", "http://creativecommons.org/licenses/by-nc-nd/2.0/"),
    ("Attribution License", "http://creativecommons.org/licenses/by/2.0/"),
    ("Attribution-ShareAlike License", "http://creativecommons.org/licenses/by-sa/2.0/"),
    ("Attribution-NoDerivs License", "http://creativecommons.org/licenses/by-nd/2.0/"),
    ("No known copyright restrictions", "http://flickr.com/commons/usage/"),
    ("United States Government Work", "http://www.usa.gov/copyright.shtml"),
)
NUMBERS = ("no", "one", "two", "three", "four")

# The source's pictures that show a special case, by place in the source.
CROWD_INDEX, FORGOTTEN_INDEX = 3, 8


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """One picture of the source: what is painted, and what its records say (which is not always the same)."""

    id: int
    scene: Scene
    annotated: tuple[Figure, ...]
    crowd: tuple[int, int, int, int] | None
    captions: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name as COCO forms it, twelve digits."""
        return f"{self.id:012d}.jpg"


def draw_source(count: int, *, size: tuple[int, int], seed: int) -> list[SourcePicture]:
    """The pictures of a source in ascending order of id; a longer source begins with the pictures of a shorter one.

    Args:
        count: Number of pictures.
        size: Width and height in pixels.
        seed: Same number, same pictures.
    """
    return [_source_picture(index, size, seed=seed) for index in range(count)]


def instances_json(pictures: Sequence[SourcePicture]) -> dict[str, Any]:
    """The content of a COCO instances file."""
    return {
        **_head(pictures),
        "annotations": _numbered([record for picture in pictures for record in _instance_records(picture)]),
        "categories": [{"id": i, "name": name, "supercategory": above} for i, name, above in CATEGORIES],
    }


def captions_json(pictures: Sequence[SourcePicture]) -> dict[str, Any]:
    """The content of a COCO captions file."""
    said = [{"image_id": picture.id, "caption": text} for picture in pictures for text in picture.captions]
    return {**_head(pictures), "annotations": _numbered(said)}


def _head(pictures: Sequence[SourcePicture]) -> dict[str, Any]:
    return {
        "info": {"description": "Drawn by yolobg demo", "version": "1.0", "year": 2026},
        "licenses": [{"id": number, "name": name, "url": url} for number, (name, url) in enumerate(LICENSES, start=1)],
        "images": [_image_record(picture) for picture in pictures],
    }


def _numbered(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": number, **record} for number, record in enumerate(records, start=1)]


def _source_picture(index: int, size: tuple[int, int], *, seed: int) -> SourcePicture:
    random = random_for(seed, "source", index)
    picture_id = 1003 + 7 * index
    if index == CROWD_INDEX:
        scene, crowd = crowd_scene(random, size=size)
        return SourcePicture(picture_id, scene, (), crowd, write_captions(random, scene, ["a crowd of people"]))
    if index == FORGOTTEN_INDEX:
        # Somebody stands there, the captions say so, and the instances leave it out, as happens in real data.
        scene = compose_scene(random, "hills", ("sheep", "person"), size=size)
        annotated = tuple(figure for figure in scene.things if figure.name != "person")
        return SourcePicture(picture_id, scene, annotated, None, write_captions(random, scene, ["a man", "one sheep"]))
    setting = random.choice(tuple(SETTINGS))
    # Every eighth picture shows a place and nothing that could be annotated.
    things = [] if (index + 1) % 8 == 0 else random.choices(SETTINGS[setting].things, k=random.randint(1, 4))
    scene = compose_scene(random, setting, things, size=size)
    # Every tenth has no captions at all.
    captions = () if index % 10 == 0 else write_captions(random, scene, count_things(things))
    return SourcePicture(picture_id, scene, scene.things, None, captions)


def count_things(things: Sequence[str]) -> list[str]:
    """`["dog", "dog", "kite"]` in words: `["two dogs", "one kite"]`."""
    plurals = {"person": "people", "bus": "buses", "sheep": "sheep"}
    counted = []
    for thing in dict.fromkeys(things):
        count = things.count(thing)
        counted.append(f"{NUMBERS[count]} {thing if count == 1 else plurals.get(thing, thing + 's')}")
    return counted


def write_captions(random: Random, scene: Scene, things: Sequence[str]) -> tuple[str, ...]:
    """Five captions of a scene, each of which names all that is to be seen."""
    place = SETTINGS[scene.setting].place
    what = " and ".join(things) if things else "nothing else"
    scenery = random.choice(sorted({figure.name for figure in scene.behind}))
    return (
        f"{place.capitalize()} with {what}.",
        f"A drawing of {place}, with {what} in it.",
        f"There is {place} and there is {what}.",
        f"{place.capitalize()}, a {scenery} and {what}.",
        f"In front of a {scenery} there is {what}.",
    )


def _image_record(picture: SourcePicture) -> dict[str, Any]:
    return {
        "license": picture.id % len(LICENSES) + 1,
        "file_name": picture.file_name,
        "coco_url": f"http://images.yolobg-demo.invalid/{picture.file_name}",
        "height": picture.scene.size[1],
        "width": picture.scene.size[0],
        "date_captured": "2026-01-01 00:00:00",
        "flickr_url": f"http://flickr.yolobg-demo.invalid/{picture.id}_z.jpg",
        "id": picture.id,
    }


def _instance_records(picture: SourcePicture) -> Iterator[dict[str, Any]]:
    for figure in picture.annotated:
        x, y, w, h = figure.box
        yield {
            "image_id": picture.id,
            "category_id": CATEGORY_IDS[figure.name],
            "iscrowd": 0,
            "bbox": list(figure.box),
            "area": w * h,
            "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
        }
    if picture.crowd is not None:
        wide, tall = picture.scene.size
        yield {
            "image_id": picture.id,
            "category_id": CATEGORY_IDS["person"],
            "iscrowd": 1,
            "bbox": list(picture.crowd),
            "area": picture.crowd[2] * picture.crowd[3],
            "segmentation": {"size": [tall, wide], "counts": box_run_lengths(picture.crowd, size=(wide, tall))},
        }


def box_run_lengths(box: tuple[int, int, int, int], *, size: tuple[int, int]) -> list[int]:
    """A box as COCO's uncompressed run lengths: zeros first, then ones, in turn, column by column."""
    x, y, w, h = box
    wide, tall = size
    inner = [h, tall - h] * (w - 1)
    return [x * tall + y, *inner, h, (wide - x - w) * tall + (tall - y - h)]
