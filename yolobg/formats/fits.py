"""What a format cannot hold, said before anything is written, with the option that allows for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from yolobg.errors import UsageError
from yolobg.formats.compare import Survey
from yolobg.formats.contents import Contents
from yolobg.formats.registry import Format
from yolobg.formats.transform import Wish, zeroes_points
from yolobg.wording import counted

__all__ = ["check_held", "told_changes"]


def check_held(expected: Survey, meant: Contents, target: Format, *, class_order: str, images: str) -> None:
    """Refuse what the target would lose without a word.

    Args:
        expected: What is to be written, counted.
        meant: The same, to be read.
        target: The format.
        class_order: `lose` if ids and unused classes may be lost.
        images: `none` if no images are to be written.

    Raises:
        UsageError: Something does not fit; the message names all of it and the options that say what to do about it.
    """
    lost = [*_objects(expected, target), *_names(expected, meant, target, class_order)]
    if images == "none" and not target.bare:
        lost.append(
            ("annotations without their images, which it cannot be read without", "--images hard needs no extra space")
        )
    if lost:
        lines = "\n".join(f"  {what}: {remedy}" for what, remedy in lost)
        raise UsageError(f"{target.name} cannot hold everything that is in this dataset; nothing was written\n{lines}")


def _objects(expected: Survey, target: Format) -> Iterator[tuple[str, str]]:
    counts = expected.counts
    points = counts.key_points if target.key_points else 0
    if counts.key_points and not target.key_points:
        yield f"{counted(counts.key_points, 'object', 'have')} key points", "--key-points drop keeps their boxes"
    if counts.crowds and not target.crowds:
        only = "images with nothing else become backgrounds"
        remedy = f"--crowds drop leaves them out ({only}), --crowds as-objects makes each an object"
        yield counted(counts.crowds, "crowd region"), remedy
    yield from _masks(expected, target)
    if counts.polygons and not target.polygons:
        yield f"{counted(counts.polygons, 'polygon')}", "--polygons to-boxes keeps their boxes"
        return
    if expected.several and not target.parts:
        remedy = (
            "--polygons parts makes each ring an object, --polygons outline joins them into one ring, "
            "--polygons to-boxes keeps the boxes"
        )
        yield f"{counted(expected.several, 'object', 'have')} an outline of several rings", remedy
    if not target.mixed:
        yield from _either_or(expected, points)


def _masks(expected: Survey, target: Format) -> Iterator[tuple[str, str]]:
    if target.masks:
        return
    draws = ", --polygons outline draws their outlines (lossy)" if target.polygons else ""
    if expected.counts.masks:
        yield f"{counted(expected.counts.masks, 'run-length mask')}", f"--polygons to-boxes keeps their boxes{draws}"
    if not target.crowds:
        return
    if expected.crowd_masks:
        yield (
            f"{counted(expected.crowd_masks, 'crowd region', 'are')} run-length coded",
            f"--polygons to-boxes keeps their boxes{draws}, --crowds drop leaves them out",
        )
    if expected.crowd_outlines and not target.parts:
        yield (
            f"{counted(expected.crowd_outlines, 'crowd region', 'have')} an outline of several rings",
            "--polygons to-boxes keeps their boxes, --crowds drop leaves them out",
        )


def _either_or(expected: Survey, points: int) -> Iterator[tuple[str, str]]:
    """YOLO labels hold boxes, or polygons, or boxes with key points.

    A mixture in one image makes trainers drop it; one over the images of a split ends a training for segments.
    """
    remedy = "--polygons to-boxes makes all of them boxes"
    if expected.mixed:
        yield f"{counted(expected.mixed, 'image', 'have')} both polygons and boxes", remedy
    elif expected.mixed_splits:
        shown = ", ".join(expected.mixed_splits[:5])
        yield f"polygons in some images and boxes in others (split {shown}), which ends a segment training", remedy
    if points and expected.counts.polygons:
        yield (
            f"{counted(expected.counts.polygons, 'polygon')} beside {counted(points, 'object')} with key points",
            "--polygons to-boxes keeps the key points, --key-points drop the polygons",
        )


def _names(expected: Survey, meant: Contents, target: Format, class_order: str) -> Iterator[tuple[str, str]]:
    if target.trained and not meant.names:
        yield "no class at all, which trainers refuse", "name the classes in the source first"
    times = Counter(meant.names.values())
    double = next((name for name, count in times.items() if count > 1), None) if target.named else None
    if double is not None:
        ids = [i for i, name in meant.names.items() if name == double]
        remedy = "rename them in the source first"
        if sum(i in expected.used for i in ids) <= 1:
            remedy = "--drop-unused leaves out those without an object"
        yield (
            f"{counted(len(ids), 'class')} called '{double}' (ids {', '.join(map(str, ids))}), which it knows by name",
            remedy,
        )
    if not target.classes and class_order != "lose" and list(expected.appearance) != list(meant.names):
        yield (
            "class ids, and classes without an object: it has no list of classes",
            "--class-order lose numbers them as they appear",
        )


def told_changes(
    before: Survey, after: Survey, wish: Wish, target: Format, old_splits: Sequence[str], new_splits: Sequence[str]
) -> tuple[str, ...]:
    """What was changed because it was asked for, one sentence each."""
    old, new = before.counts, after.counts
    said = []
    if wish.drop_unused:
        unused = [name for i, name in old.classes.items() if i not in before.used]
        shown = ", ".join(unused[:5]) + (" and more" if len(unused) > 5 else "")  # noqa: PLR2004
        said += [f"{counted(len(unused), 'class')} without an object left out: {shown}"] if unused else []
    if wish.classes:
        objects = [count.boxes + count.polygons for count in (old, new)]
        said.append(
            f"kept {len(new.classes)} of {len(old.classes)} classes: {counted(objects[0] - objects[1], 'object')} left "
            f"out, {counted(new.backgrounds - old.backgrounds, 'more image')} without an object"
        )
    said += _told_outlines(before, after, wish)
    if wish.key_points == "drop" and old.key_points:
        said.append(f"the key points of {counted(old.key_points, 'object')} were left out")
    if wish.key_points == "keep" and zeroes_points(target) and before.unmarked_outside:
        whose = "its" if before.unmarked_outside == 1 else "their"
        said.append(
            f"{counted(before.unmarked_outside, 'key point')} outside {whose} image that nobody marked became 0 0 0"
        )
    if wish.crowds == "drop" and old.crowds:
        said.append(f"{counted(old.crowds, 'crowd region', 'were')} left out")
    if wish.crowds == "as-objects" and old.crowds:
        said.append(f"{counted(old.crowds, 'crowd region')} became objects")
    pairs = zip(old_splits, new_splits, strict=True)
    said += [f"split {a} is called {b}" for a, b in pairs if a != b]
    return tuple(said)


def _told_outlines(before: Survey, after: Survey, wish: Wish) -> Iterator[str]:
    old, new = before.counts, after.counts
    crowds = 0 if wish.crowds == "drop" else before.crowd_masks
    masks = old.masks + crowds - new.masks - after.crowd_masks
    if wish.polygons == "to-boxes" and old.polygons > new.polygons:
        yield f"{counted(old.polygons - new.polygons, 'polygon')} became boxes"
    if wish.polygons == "to-boxes" and masks > 0:
        yield f"{counted(masks, 'mask')} became boxes"
    if wish.polygons == "outline" and masks > 0:
        became = f"{counted(masks, 'mask')} became outlines"
        yield f"{became}; this is lossy: trainers fill them to within a pixel of the edges"
    if wish.polygons == "outline" and before.several > after.several:
        joined = counted(before.several - after.several, "outline")
        yield f"{joined} of several rings joined into one by lines without area"
    if wish.polygons == "parts" and before.several:
        more = counted(new.polygons - old.polygons, "more object")
        yield f"{counted(before.several, 'outline')} of several rings became {more}"
