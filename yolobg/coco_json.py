"""What COCO files of many hands have in common, for those that read them: ids that are texts, NaN, paths of elsewhere.

Pure. Nothing is guessed: a text that is an id stands for a number of its own, and a path loses only what all have.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from yolobg.errors import DatasetError
from yolobg.wording import counted

__all__ = [
    "ID_BITS",
    "address_name",
    "decode_loosely",
    "has_text_ids",
    "hashed",
    "is_absolute",
    "number_ids",
    "shared_parts",
    "split_path",
    "text_number",
    "unlisted",
]

ID_BITS = 48
"""Of the numbers that texts stand for: no float loses one, and no two of a million texts are likely to share one."""

# A text comes first, so that what is inside stays; one that never ends takes all the rest, so that it is read once.
_OUTSIDE_TEXTS = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*"?)|NaN|-?Infinity', re.DOTALL)
_NO_NUMBER = re.compile(rb"NaN|Infinity")
_BYTE = re.compile(r"\(byte (\d+)\)")
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DRIVE = re.compile(r"[A-Za-z]:")
_LISTS = {"neg_category_ids", "not_exhaustive_category_ids"}
_TEXT_ID = re.compile(
    r"got `str` - at `\$\.(?:images\[.*\.(?:id|neg_\w+\[\.\.\.\])|annotations\[.*_id|categories\[.*\.id)`"
)

_Kind = TypeVar("_Kind")


def decode_loosely(text: bytes | memoryview, kind: type[_Kind], *, strict: bool = True) -> _Kind:
    """JSON as `kind`, with null for NaN and Infinity, which pandas and numpy write where a value is missing.

    Raises:
        msgspec.DecodeError: It is no JSON, or not of this kind.
    """
    try:
        return msgspec.json.decode(text, type=kind, strict=strict)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        # Looked for only where the decoder stopped, since a search would bring all of a huge file into memory.
        place = _BYTE.search(str(error))
        stopped = int(place[1]) if place else 0
        if not _NO_NUMBER.search(text[max(stopped - 2, 0) : stopped + 10]):
            raise
        whole = _OUTSIDE_TEXTS.sub(lambda found: found[1] or b"null", text)
        return msgspec.json.decode(whole, type=kind, strict=strict)


def has_text_ids(said: str) -> bool:
    """Whether msgspec says of a file that an id is a text where a number was expected."""
    return _TEXT_ID.search(said) is not None


def text_number(text: str) -> int:
    """The number that a text stands for: the one that it writes, or else one made of it, the same in every run."""
    return int(text) if _WHOLE.fullmatch(text) else hashed(text)


def hashed(text: str) -> int:
    """A number made of a text, the same in every run."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> (64 - ID_BITS)


def number_ids(document: Any) -> Any:
    """A decoded COCO file, changed in place, with numbers for ids that are texts ("12", a UUID, a file name).

    Raises:
        DatasetError: An annotation has an id that is not listed, or two ids stand for one number; tells which.
    """
    if not isinstance(document, dict):
        return document
    rows = _dicts(document.get("annotations"))
    for key, listed in (("category_id", "categories"), ("image_id", "images")):
        known = _numbered(document.get(listed), listed)
        lost = [(place, row[key]) for place, row in enumerate(rows) if _is_lost(row.get(key), known)]
        if lost:
            raise DatasetError(unlisted(lost, key, listed))
        for row in rows:
            row.update({key: text_number(row[key])} if isinstance(row.get(key), str) else {})
    for image in _dicts(document.get("images")):
        lists = {key: image[key] for key in _LISTS & image.keys() if isinstance(image[key], list)}
        image |= {key: [text_number(i) if isinstance(i, str) else i for i in ids] for key, ids in lists.items()}
    return document


def _dicts(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _is_lost(value: Any, known: Collection[int]) -> bool:
    return isinstance(value, str) and text_number(value) not in known


def _numbered(rows: Any, key: str) -> set[int]:
    """Give the rows of a list numbers for ids; returns all of them."""
    meant = dict[int, str]()
    for place, row in enumerate(rows if isinstance(rows, list) else ()):
        value = row.get("id") if isinstance(row, dict) else None
        if isinstance(value, str):
            number = text_number(value)
            if meant.setdefault(number, value) != value:
                raise DatasetError(
                    f"{key}[{place}].id: {value!r} and {meant[number]!r} stand for one number; rename one"
                )
            row["id"] = number
        elif isinstance(value, int):
            meant.setdefault(value, str(value))
    return set(meant)


def unlisted(lost: Sequence[tuple[int, Any]], key: str, listed: str) -> str:
    """What to say of annotations whose image or category a file does not list.

    Args:
        lost: The place of each, and the id that it names; at least one.
        key: `image_id` or `category_id`.
        listed: The list that lacks them.
    """
    place, value = lost[0]
    what = "image" if key == "image_id" else "category"
    many = counted(len({str(one) for _, one in lost}), f"such {what}")
    said = f"annotations[{place}].{key}: {value!r} is not in {listed} ({counted(len(lost), 'annotation')} of {many})"
    if key != "image_id":
        return said
    return (
        f"{said}. Which picture these mark cannot be told, so any of the listed ones may show it (ids that are one off "
        "look like this too): add the images to the list, or take their annotations out"
    )


def address_name(address: object) -> tuple[str, str]:
    """The folder and the name at the end of an image's address, as LVIS writes it in place of a file name."""
    parts = unquote(urlsplit(address).path).split("/") if isinstance(address, str) else [""]
    return (parts[-2] if len(parts) > 1 else ""), parts[-1]


def shared_parts(names: Iterable[str]) -> int:
    r"""How many leading parts all those names share that are absolute paths (`/home/anna/a.jpg`, `C:\img\a.jpg`).

    They are the folders of another machine, or of another time: what follows them keeps all names apart.

    Returns:
        0 where there is no such name, or where these share no folder.
    """
    paths = [split_path(name)[:-1] for name in names if is_absolute(name)]
    if not paths:
        return 0
    first, last = min(paths), max(paths)
    pairs = enumerate(zip(first, last, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))


def is_absolute(name: str) -> bool:
    """Whether a name is an absolute path on any system."""
    return name.startswith(("/", "\\")) or _DRIVE.match(name) is not None


def split_path(name: str) -> list[str]:
    """The parts of a path of any system, without those that say nothing."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
