"""Simple scenes for the demo: what stands where (pure), and a flat picture of it (Pillow, imported when painting).

Figures are data: shapes in a unit square, so that a figure's box is known before a pixel is drawn and the boxes in the
demo's annotations are true. Writes nothing; `material` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Kind = Literal["ellipse", "ring", "rectangle", "polygon", "line"]
Shape = tuple[Kind, str, tuple[float, ...]]

# Stands for the colour that is drawn by lot for each single figure.
OWN = "own"
COLOURS = ("#c0392b", "#2471a3", "#d4ac0d", "#1e8449", "#7d3c98", "#d35400", "#f5f5f5", "#5d6d7e", "#117a65", "#e59866")
DARK, PALE, SKIN, WOOD = "#2b2b2b", "#d6eaf8", "#e8b98f", "#6e4b2a"

# Scenery, from `tree` on, is painted in the reverse of this order: clouds, then mountains, then what is nearer.
FIGURES: dict[str, tuple[Shape, ...]] = {
    "person": (
        ("rectangle", DARK, (0.24, 0.58, 0.46, 1)),
        ("rectangle", DARK, (0.54, 0.58, 0.76, 1)),
        ("rectangle", SKIN, (0, 0.26, 0.16, 0.58)),
        ("rectangle", SKIN, (0.84, 0.26, 1, 0.58)),
        ("rectangle", OWN, (0.16, 0.22, 0.84, 0.62)),
        ("ellipse", SKIN, (0.26, 0, 0.74, 0.22)),
    ),
    "car": (
        ("polygon", OWN, (0.18, 0.42, 0.32, 0, 0.7, 0, 0.84, 0.42)),
        ("polygon", PALE, (0.27, 0.4, 0.36, 0.08, 0.66, 0.08, 0.75, 0.4)),
        ("rectangle", OWN, (0, 0.38, 1, 0.82)),
        ("ellipse", DARK, (0.12, 0.6, 0.32, 1)),
        ("ellipse", DARK, (0.68, 0.6, 0.88, 1)),
    ),
    "bus": (
        ("rectangle", OWN, (0, 0, 1, 0.86)),
        ("rectangle", PALE, (0.05, 0.14, 0.26, 0.45)),
        ("rectangle", PALE, (0.3, 0.14, 0.51, 0.45)),
        ("rectangle", PALE, (0.55, 0.14, 0.76, 0.45)),
        ("rectangle", DARK, (0.81, 0.14, 0.94, 0.8)),
        ("ellipse", DARK, (0.14, 0.68, 0.28, 1)),
        ("ellipse", DARK, (0.62, 0.68, 0.76, 1)),
    ),
    "bicycle": (
        ("ring", DARK, (0, 0.36, 0.43, 1)),
        ("ring", DARK, (0.57, 0.36, 1, 1)),
        ("line", OWN, (0.21, 0.68, 0.4, 0.2, 0.74, 0.2, 0.79, 0.68)),
        ("line", OWN, (0.21, 0.68, 0.5, 0.68, 0.74, 0.2)),
        ("line", DARK, (0.66, 0.02, 0.84, 0.06)),
    ),
    "boat": (
        ("line", WOOD, (0.5, 0.02, 0.5, 0.76)),
        ("polygon", OWN, (0.54, 0.05, 0.94, 0.66, 0.54, 0.66)),
        ("polygon", "#f8f9f9", (0.46, 0.14, 0.14, 0.66, 0.46, 0.66)),
        ("polygon", WOOD, (0, 0.72, 1, 0.72, 0.82, 1, 0.18, 1)),
    ),
    "traffic light": (
        ("rectangle", DARK, (0.4, 0.5, 0.6, 1)),
        ("rectangle", DARK, (0, 0, 1, 0.56)),
        ("ellipse", "#e74c3c", (0.22, 0.03, 0.78, 0.18)),
        ("ellipse", "#f4d03f", (0.22, 0.2, 0.78, 0.35)),
        ("ellipse", "#2ecc71", (0.22, 0.37, 0.78, 0.52)),
    ),
    "bird": (
        ("polygon", DARK, (0, 0.1, 0.26, 0, 0.5, 0.6, 0.74, 0, 1, 0.1, 0.78, 0.3, 0.5, 1, 0.22, 0.3)),
        ("polygon", OWN, (0.42, 0.5, 0.58, 0.5, 0.5, 1)),
    ),
    "dog": (
        ("line", WOOD, (0.14, 0.45, 0.02, 0.14)),
        ("rectangle", WOOD, (0.12, 0.36, 0.72, 0.72)),
        ("rectangle", WOOD, (0.14, 0.68, 0.24, 1)),
        ("rectangle", WOOD, (0.58, 0.68, 0.68, 1)),
        ("ellipse", WOOD, (0.6, 0.06, 1, 0.52)),
        ("polygon", DARK, (0.62, 0, 0.76, 0.08, 0.66, 0.4)),
    ),
    "sheep": (
        ("rectangle", DARK, (0.22, 0.6, 0.3, 1)),
        ("rectangle", DARK, (0.56, 0.6, 0.64, 1)),
        ("ellipse", "#fdfefe", (0, 0, 0.8, 0.8)),
        ("ellipse", DARK, (0.7, 0.12, 1, 0.52)),
    ),
    "kite": (
        ("polygon", OWN, (0.5, 0, 1, 0.3, 0.5, 0.75, 0, 0.3)),
        ("line", DARK, (0.5, 0.75, 0.38, 0.84, 0.6, 0.9, 0.5, 1)),
    ),
    "tree": (
        ("rectangle", WOOD, (0.42, 0.5, 0.58, 1)),
        ("ellipse", "#2e7d32", (0, 0.16, 0.66, 0.68)),
        ("ellipse", "#388e3c", (0.28, 0, 1, 0.62)),
    ),
    "fir": (
        ("rectangle", WOOD, (0.43, 0.8, 0.57, 1)),
        ("polygon", "#1b5e20", (0.5, 0, 0.86, 0.45, 0.14, 0.45)),
        ("polygon", "#1f6b2a", (0.5, 0.22, 1, 0.84, 0, 0.84)),
    ),
    "house": (
        ("rectangle", OWN, (0.06, 0.4, 0.94, 1)),
        ("polygon", "#873600", (0, 0.42, 0.5, 0, 1, 0.42)),
        ("rectangle", DARK, (0.42, 0.66, 0.58, 1)),
        ("rectangle", PALE, (0.16, 0.54, 0.32, 0.74)),
        ("rectangle", PALE, (0.68, 0.54, 0.84, 0.74)),
    ),
    "mountain": (
        ("polygon", "#78909c", (0, 1, 0.46, 0, 1, 1)),
        ("polygon", "#f4f6f7", (0.46, 0, 0.33, 0.28, 0.44, 0.22, 0.52, 0.32, 0.61, 0.28)),
    ),
    "cloud": (
        ("ellipse", "#f4f6f7", (0, 0.3, 0.5, 1)),
        ("ellipse", "#f4f6f7", (0.24, 0, 0.76, 0.9)),
        ("ellipse", "#f4f6f7", (0.5, 0.26, 1, 1)),
    ),
}

# Width ÷ height of each figure, and its least and greatest height as a share (0-1) of the picture's height.
PROPORTIONS: dict[str, tuple[float, float, float]] = {
    "person": (0.42, 0.22, 0.45),
    "car": (2.0, 0.14, 0.26),
    "bus": (2.3, 0.2, 0.32),
    "bicycle": (1.5, 0.16, 0.26),
    "boat": (1.1, 0.2, 0.42),
    "traffic light": (0.34, 0.26, 0.42),
    "bird": (1.9, 0.06, 0.12),
    "dog": (1.4, 0.12, 0.22),
    "sheep": (1.4, 0.13, 0.24),
    "kite": (0.7, 0.14, 0.26),
    "tree": (0.8, 0.3, 0.5),
    "fir": (0.6, 0.3, 0.55),
    "house": (1.2, 0.28, 0.44),
    "mountain": (2.2, 0.3, 0.44),
    "cloud": (2.4, 0.08, 0.14),
}
FLYING = frozenset({"bird", "kite", "cloud"})


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of place: its words for captions, its colours, what stands behind and what may be seen there."""

    place: str
    skies: tuple[str, ...]
    grounds: tuple[str, ...]
    behind: tuple[str, ...]
    things: tuple[str, ...]


SETTINGS: dict[str, Setting] = {
    "street": Setting(
        "a wide street",
        ("#aed6f1", "#d5d8dc", "#f5cba7"),
        ("#7f8c8d", "#808b96", "#99a3a4"),
        ("house", "tree"),
        ("person", "car", "bus", "bicycle", "traffic light", "dog"),
    ),
    "meadow": Setting(
        "a green meadow",
        ("#85c1e9", "#d6eaf8", "#fdebd0"),
        ("#7dbb5b", "#94c973", "#6aa84f"),
        ("tree", "fir", "cloud"),
        ("sheep", "bird", "person", "dog", "kite"),
    ),
    "beach": Setting(
        "a sandy beach",
        ("#5dade2", "#a9cce3", "#f9e79f"),
        ("#f0d9a0", "#e6cc8a", "#edd3a4"),
        ("cloud",),
        ("kite", "bird", "person", "dog"),
    ),
    "lake": Setting(
        "a quiet lake",
        ("#aed6f1", "#d2b4de", "#f5b7b1"),
        ("#2e86c1", "#3498a8", "#21618c"),
        ("mountain", "cloud"),
        ("boat", "bird"),
    ),
    "hills": Setting(
        "the high hills",
        ("#7fb3d5", "#d4e6f1", "#edbb99"),
        ("#8d9f5a", "#6f8f4f", "#a3a86a"),
        ("mountain", "fir", "house"),
        ("sheep", "bird"),
    ),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in a scene. `box` is x, y, width, height in pixels, whole inside the picture."""

    name: str
    box: tuple[int, int, int, int]
    colour: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture before it is painted. `things` are what annotations speak of; `behind` is scenery."""

    setting: str
    size: tuple[int, int]
    sky: str
    ground: str
    horizon: int
    behind: tuple[Figure, ...]
    things: tuple[Figure, ...]


def random_for(seed: int, what: str, index: int) -> Random:
    """A generator for one picture, so that how many are drawn changes none of them."""
    return Random(f"{seed}/{what}/{index}")  # noqa: S311  (pictures, no secrets)


def compose_scene(random: Random, setting: str, things: Sequence[str], *, size: tuple[int, int]) -> Scene:
    """Set up a scene with exactly the named things in it; the same generator state gives the same scene.

    Args:
        random: The only source of chance.
        setting: A key of `SETTINGS`.
        things: Names of figures, in the order in which they are placed.
        size: Width and height in pixels.
    """
    place, height = SETTINGS[setting], size[1]
    horizon = round(height * random.uniform(0.42, 0.58))
    scenery = sorted(random.choices(place.behind, k=random.randint(2, 5)), key=list(FIGURES).index, reverse=True)
    behind = tuple(_place_figure(random, name, size, foot=horizon + height // 40) for name in scenery)
    placed = [_place_figure(random, n, size, foot=random.randint(horizon + height // 6, height - 1)) for n in things]
    # Far things first, so that near ones stand in front of them.
    placed.sort(key=lambda figure: figure.box[1] + figure.box[3])
    return Scene(
        setting, size, random.choice(place.skies), random.choice(place.grounds), horizon, behind, tuple(placed)
    )


def crowd_scene(random: Random, *, size: tuple[int, int], people: int = 14) -> tuple[Scene, tuple[int, int, int, int]]:
    """A street full of small people, and the one box (x, y, width, height in pixels) that holds them all."""
    scene = compose_scene(random, "street", ("person",) * people, size=size)
    step, tall = size[0] // (people + 2), size[1] // 5
    crowd = []
    for index, figure in enumerate(scene.things):
        top = scene.horizon + (index % 3) * tall // 6
        crowd.append(replace(figure, box=(step * (index + 1), top, step, tall)))
    bottom = max(figure.box[1] + figure.box[3] for figure in crowd)
    return replace(scene, things=tuple(crowd)), (step, scene.horizon, step * people, bottom - scene.horizon)


def _place_figure(random: Random, name: str, size: tuple[int, int], *, foot: int) -> Figure:
    aspect, least, greatest = PROPORTIONS[name]
    tall = max(4, round(size[1] * random.uniform(least, greatest)))
    wide = max(4, round(tall * aspect))
    left = random.randint(0, max(0, size[0] - wide))
    top = random.randint(0, size[1] // 4) if name in FLYING else max(0, foot - tall)
    return Figure(name, (left, top, min(wide, size[0] - left), tall), random.choice(COLOURS))


def paint_scene(scene: Scene) -> Image.Image:
    """The scene as an RGB picture of its size."""
    from PIL import Image, ImageDraw  # noqa: PLC0415  (only the demo paints; `import yolobg` stays light)

    # Painted at twice the size and halved, which is the cheapest way to smooth edges.
    wide, tall = scene.size[0] * 2, scene.size[1] * 2
    picture = Image.new("RGB", (wide, tall), scene.sky)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, scene.horizon * 2, wide, tall), fill=scene.ground)
    for figure in (*scene.behind, *scene.things):
        for shape in FIGURES[figure.name]:
            _paint_shape(draw, figure, shape)
    return picture.reduce(2)


def _paint_shape(draw: ImageDraw.ImageDraw, figure: Figure, shape: Shape) -> None:
    kind, colour, points = shape
    left, top, wide, tall = (2 * value for value in figure.box)
    # One pixel less each way: Pillow's boxes include their last pixel.
    where = [
        left + point * (wide - 1) if index % 2 == 0 else top + point * (tall - 1) for index, point in enumerate(points)
    ]
    fill = figure.colour if colour == OWN else colour
    stroke = max(2, tall // 18)
    if kind == "ellipse":
        draw.ellipse(where, fill=fill)
    elif kind == "ring":
        draw.ellipse(where, outline=fill, width=stroke)
    elif kind == "rectangle":
        draw.rectangle(where, fill=fill)
    elif kind == "polygon":
        draw.polygon(where, fill=fill)
    else:
        draw.line(where, fill=fill, width=stroke, joint="curve")
