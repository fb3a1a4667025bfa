"""Find label files with objects that belong to no image, and why: their images count as backgrounds meanwhile.

A trainer pairs an image and its label by their paths alone, letter for letter. Where the two names differ by
letter case, by the way accents are stored or by what an export added, the image trains as a background in spite of its
objects.
Reads only, and lists each label folder once.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from yolobg.dataset.folder_listing import Folders
from yolobg.dataset.label_reader import judge_labels
from yolobg.dataset.label_rules import LabelVerdict
from yolobg.dataset.layout import is_image, label_path
from yolobg.dataset.name_differences import CAUSES, all_changes, same_letters
from yolobg.wording import agreeing, counted

__all__ = ["LabelFolders"]

_LABEL = ".txt"
_LABELS, _IMAGES = "labels", "images"
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing", "minival"})
# What people and tools call folders of labels; those that hold a model's findings, and those that others replaced.
_LABEL_WORDS = re.compile(r"label|annot|txt|yolo|bbox|box(?:es)?$|^gt$|truth", re.IGNORECASE)
_FINDINGS = re.compile(r"pred|detect|result|output|^runs?$", re.IGNORECASE)
_OLD = re.compile(r"old|back|bak|orig|copy|prev|trash", re.IGNORECASE)
_MOST_PLACES = 256
# Images to other programs; a trainer does not list them.
_UNREAD = ("gif", "jfif", "jpe", "jfi", "pjpeg", "pgm", "ppm", "pfm", "jxl", "svg", "raw", "cr2", "nef", "arw", "psd")


class LabelFolders:
    """The label folders of a split, and how many labels of its images each of them holds.

    Args:
        entries: The resolved folders and list files that the split is made of.
        folders: What the scan listed already.
        check: Judges the content of a label file.
    """

    def __init__(self, entries: Sequence[str], folders: Folders, check: Callable[[bytes], LabelVerdict]) -> None:
        self._entries, self._folders, self._check = entries, folders, check
        self._taken = Counter[str]()
        self._any_lone = False
        self._images: dict[str, set[str]] = {}

    def note(self, image: str, label: str, *, is_there: bool) -> None:
        """Take in one label that the split's images mean, once each."""
        folder = label.rpartition(os.sep)[0]
        if folder not in self._images:
            self._images[folder] = set()
        self._images[folder].add(image.rpartition(os.sep)[0])
        self._taken[folder] += is_there
        self._any_lone |= not is_there

    def warnings(self, pairs: Callable[[], Iterable[tuple[str, str]]]) -> list[str]:
        """What to tell about label files with objects to which no image belongs; nothing where there are none.

        Args:
            pairs: Gives each image with its label once more; only called where labels are left over.
        """
        places = list(self._places())
        suspects = [folder for folder in places if self._has_more(folder)]
        elsewhere = list(self._elsewhere(set(places))) if self._any_lone else []
        if not suspects and not elsewhere:
            return []
        wanted = {label: image for image, label in pairs()}
        strays = [path for folder in suspects for path in self._unclaimed(folder, wanted)]
        lone_names = {_name(label) for label in wanted if elsewhere and not self._folders.has_file(label)}
        strays += [path for path in elsewhere if _name(path) in lone_names]
        verdicts = judge_labels(strays, self._folders, self._check)
        strays = [path for path, verdict in zip(strays, verdicts, strict=True) if verdict.state == "found"]
        if not strays:
            return []
        lone = [label for label in wanted if not self._folders.has_file(label)]
        return [_sentence(strays, wanted, lone, self._unread_images(strays))]

    def _unread_images(self, strays: Iterable[str]) -> list[str]:
        """Files called like stray labels, with a suffix that trainers do not read: `a.gif`, `a.jfif`."""
        found = []
        for stray in strays:
            folder, _, name = stray.rpartition(os.sep)
            start = f"{name[:-4]}."
            for place in self._images.get(folder, ()):
                names = self._folders.files(place)
                found += [start + end for end in _UNREAD if start + end in names or start + end.upper() in names]
        return found

    def _places(self) -> Iterator[str]:
        """The folders in which a label of the split may lie: those of its images, and all below those of its entries.

        Where such a folder is not there, one whose name differs by letter case is looked into instead.
        """
        tops = [entry for entry in self._entries if os.path.isdir(entry)]  # noqa: PTH112
        tops = [top for entry in tops if (top := _label_folder(entry)) != entry]
        seen = set[str]()
        for folder in (*tops, *self._images):
            waiting = [folder] if os.path.isdir(folder) else self._alike(folder)  # noqa: PTH112
            while waiting:
                place = waiting.pop()
                if place in seen:
                    continue
                seen.add(place)
                yield place
                if folder in tops:
                    waiting += [os.path.join(place, name) for name in self._folders.subfolders(place)]  # noqa: PTH118

    def _elsewhere(self, usual: set[str]) -> Iterator[str]:
        """Label files without an image of their own in folders where exports put labels and no trainer looks for them.

        These are the folders of the images, those above label folders, the label folders of other splits, and folders
        beside or in those of the images that are called like label folders; like anything, where no label is in place.
        """
        own = {place for places in self._images.values() for place in places}
        above = {os.path.dirname(folder) for folder in self._images if folder not in own}  # noqa: PTH120
        others = {place for folder in self._images for place in self._other_splits(folder)}
        named = set(islice((place for folder in sorted(own) for place in self._named_otherwise(folder)), _MOST_PLACES))
        for place in sorted((own | above | others | named - own) - usual):
            homes = () if place in own else (place, _image_folder(place))
            taken = {_stem(name) for home in homes for name in self._folders.files(home) if is_image(name)}
            for name in sorted(self._folders.files(place)):
                if _is_label(name) and _stem(name) not in taken:
                    yield os.path.join(place, name)  # noqa: PTH118

    def _named_otherwise(self, images: str) -> Iterator[str]:
        """Folders in, beside and above that of images whose names say labels: `annotations/train`, `train/txt`.

        Where no label is in its place, those beside `images` may be called anything.
        """
        in_place = any(self._taken.values())
        for above, followed, is_beside in _around(images):
            for name in self._folders.subfolders(above):
                known = _LABEL_WORDS.search(name) and not (in_place and _OLD.search(name))
                if (known or (is_beside and not in_place)) and not _FINDINGS.search(name):
                    yield from (os.path.join(above, name, below).rstrip(os.sep) for below in followed)  # noqa: PTH118

    def _other_splits(self, folder: str) -> Iterator[str]:
        """Label folders beside one, in `labels/train` as in `train/labels`."""
        above, name = os.path.split(folder)
        if os.path.basename(above) == _LABELS:  # noqa: PTH119
            yield from (os.path.join(above, other) for other in self._folders.subfolders(above))  # noqa: PTH118
        elif name == _LABELS and os.path.basename(above) in _SPLITS:  # noqa: PTH119
            root = os.path.dirname(above)  # noqa: PTH120
            there = _SPLITS.intersection(self._folders.subfolders(root))
            yield from (os.path.join(root, other, name) for other in there)  # noqa: PTH118

    def _alike(self, folder: str) -> list[str]:
        """Folders whose path differs from that of a missing one by letter case or by how accents are stored."""
        above, name = os.path.split(folder)
        if not name:
            return []
        found = [above] if os.path.isdir(above) else self._alike(above)  # noqa: PTH112
        return [
            os.path.join(place, other)  # noqa: PTH118
            for place in found
            for other in self._folders.subfolders(place)
            if same_letters(other) == same_letters(name)
        ]

    def _has_more(self, folder: str) -> bool:
        there = sum(map(_is_label, self._folders.files(folder)))
        return there > self._taken[folder]

    def _unclaimed(self, folder: str, wanted: dict[str, str]) -> Iterator[str]:
        """The label files of a folder that no image means, be it an image that the split does not list."""
        stems = {
            name.rpartition(".")[0]
            for place in self._images.get(folder, ())
            for name in self._folders.files(place)
            if is_image(name)
        }
        for name in sorted(self._folders.files(folder)):
            path = os.path.join(folder, name)  # noqa: PTH118 - by the hundred thousand
            listed_elsewhere = name.endswith(_LABEL) and name[:-4] in stems
            if _is_label(name) and path not in wanted and not listed_elsewhere:
                yield path


def _is_label(name: str) -> bool:
    # Hidden ones are no labels: images of such names are not listed.
    return name[-4:].lower() == _LABEL and name[0] != "."


def _image_folder(labels: str) -> str:
    """The folder of the images whose labels lie in a folder."""
    before, found, after = f"{labels}{os.sep}".rpartition(f"{os.sep}{_LABELS}{os.sep}")
    return os.path.join(before, "images", after).rstrip(os.sep) if found else labels  # noqa: PTH118


def _around(images: str) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Where the labels of a folder of images may lie instead.

    Yields:
        A folder, what may follow below one of its subfolders, and whether the subfolders lie in or beside `images`.
    """
    parts = images.split(os.sep)  # noqa: PTH206 - text
    inner = len(parts) - 1 - parts[::-1].index(_IMAGES) if _IMAGES in parts else None
    for depth in range(len(parts), len(parts) - 3 if inner is None else inner - 1, -1):
        above, *below = (os.sep.join(some) for some in (parts[:depth], parts[depth + 1 :], parts[depth:]))  # noqa: PTH118
        yield above, tuple(dict.fromkeys(("", *below))), inner is not None
    if inner and parts[inner - 1] in _SPLITS:
        yield os.sep.join(parts[: inner - 1]), (parts[inner - 1],), False  # noqa: PTH118


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _label_folder(images: str) -> str:
    return label_path(os.path.join(images, "x.jpg")).rpartition(os.sep)[0]  # noqa: PTH118


# ---------------------------------------------------------------- why the names differ

_FOLDER = "the folder"


def _sentence(strays: Sequence[str], wanted: dict[str, str], lone: Sequence[str], unread: Sequence[str]) -> str:
    """How many there are, why that is likely, and what to do."""
    folders = sorted({path.rpartition(os.sep)[0] for path in strays})
    where = folders[0] if len(folders) == 1 else f"{folders[0]} and {counted(len(folders) - 1, 'other folder')}"
    belong = agreeing(len(strays), "belong")
    text = f"{where}: {counted(len(strays), 'label file')} with objects {belong} to no image here"
    causes, pairs = _likely(strays, lone)
    if pairs:
        stray, label = next(iter(pairs.items()))
        no_label = len(lone) == len(wanted)
        if set(causes) == {_FOLDER}:
            return (
                f"{text}; {len(pairs):,} {agreeing(len(pairs), 'are')} called like images that count as backgrounds "
                f"now, and lie where no trainer looks: {stray} should be {label}. "
                f"{_way_to_move(pairs, wanted, nothing_in_place=no_label)}"
            )
        return (
            f"{text}; {len(pairs):,} probably {agreeing(len(pairs), 'belong')} to images of another name, which count "
            f"as backgrounds now: {_shown(stray, label)} to {_shown(wanted[label], stray)} (the difference is "
            f"{' or '.join(cause for cause, _ in causes.most_common(2))}). Rename the label files"
        )
    text = f"{text}, for example {_name(strays[0])}"
    if unread:
        return f"{text}. Trainers do not read {unread[0]} as an image: convert such files to JPEG or PNG"
    count = "counts as a background" if len(lone) == 1 else "count as backgrounds"
    more = f", while {counted(len(lone), 'image')} without one {count}" if lone else ""
    return f"{text}{more}. A label file must be called like its image and lie where the trainer looks for it"


def _way_to_move(pairs: Mapping[str, str], wanted: Mapping[str, str], *, nothing_in_place: bool) -> str:
    """How the label files come to where they belong; by one new name of a folder where that is all."""
    renamed = {_renamed_folder(*pair) for pair in pairs.items()}
    if len(renamed) == 1 and (names := renamed.pop()) and not os.path.lexists(names[1]):
        old, new = names
        if _name(new) == _LABELS and not any(image.startswith(old + os.sep) for image in wanted.values()):
            return f"Rename the folder {old} to {new}"
    images = [wanted[label] for label in pairs.values()] if nothing_in_place else []
    # What has `images` in its path is looked for in `labels` already.
    if images and not any(f"{os.sep}{_IMAGES}{os.sep}" in image for image in images):
        renamed = {_renamed_folder(*pair) for pair in zip(images, map(_image_of, pairs, images), strict=True)}
        if len(renamed) == 1 and (names := renamed.pop()) and not os.path.lexists(names[1]):
            return f"Rename the folder {names[0]} to {names[1]} (in data.yaml too), or move the label files"
    return "Move the label files"


def _image_of(label: str, image: str) -> str:
    """Where an image would have to lie for a label to be its own."""
    return os.path.join(_image_folder(label.rpartition(os.sep)[0]), _name(image))  # noqa: PTH118


def _renamed_folder(one: str, other: str) -> tuple[str, str] | None:
    """The folder whose name is the only difference between two paths, by its old and its new path."""
    old, new = (path.split(os.sep) for path in (one, other))  # noqa: PTH206 - text
    differ = [at for at in range(min(len(old), len(new))) if old[at] != new[at]]
    if len(old) != len(new) or len(differ) != 1 or differ[0] == len(old) - 1:
        return None
    end = differ[0] + 1
    return os.sep.join(old[:end]), os.sep.join(new[:end])  # noqa: PTH118


def _likely(strays: Sequence[str], lone: Sequence[str]) -> tuple[Counter[str], dict[str, str]]:
    """Which label without a file each stray one stands for, and by what the names differ."""
    causes, pairs = Counter[str](), dict[str, str]()
    left = list(strays)
    for cause, change in (*CAUSES, (_FOLDER, _name), ("more than one thing", all_changes)):
        by_key = {change(label[: -len(_LABEL)]): label for label in lone}
        for stray in left:
            label = by_key.get(change(stray[: -len(_LABEL)]))
            if label is not None:
                causes[cause] += 1
                pairs[stray] = label
        left = [stray for stray in left if stray not in pairs]
        if not left:
            break
    return causes, pairs


def _shown(path: str, other: str) -> str:
    """A path's name, escaped where the two look alike; all of the path where only the folders differ."""
    mine, theirs = (_name(place).rpartition(".")[0] for place in (path, other))
    if mine == theirs:
        return path
    alike = unicodedata.normalize("NFC", mine) == unicodedata.normalize("NFC", theirs)
    return ascii(_name(path))[1:-1] if alike else _name(path)


def _name(path: str) -> str:
    return path.rpartition(os.sep)[2]
