"""What a source of annotations is called and where its files are; rules only, no disk and no network.

A source is named by a path, an http(s) address, or one of an object store (`s3://`). It may be a plain `.json`, a
`.json.gz`, or a member of a `.zip` (`file.zip!member.json`, or just `file.zip` where one member is the obvious one); a
folder counts like a zip. Captions are looked for beside the instances file under COCO's naming (`instances_X.json` →
`captions_X.json`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from yolobg.errors import AnnotationsError
from yolobg.net.addresses import is_object

__all__ = [
    "COCO2017",
    "COCO2017_INDEX",
    "COCO2017_VAL",
    "LVIS",
    "OPEN_IMAGES_NAMES",
    "AnnotationSource",
    "Pin",
    "bare_source",
    "captions_name",
    "choose_member",
    "coco_bases",
    "is_url",
    "lvis_bases",
    "parse_source",
    "source_stem",
    "split_member",
]

_JSON = (".json", ".json.gz")
_OFFICIAL = re.compile(
    r"(?P<folder>.*/|)instances_(?P<part>train|val)(?P<year>2014|2017)\.json(?P<packed>\.gz|)", re.DOTALL
)
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Pin:
    """What an official file must be, byte for byte. COCO publishes no digests; these were taken from several copies."""

    size_bytes: int
    sha256: str | None = None
    crc32: int | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class AnnotationSource:
    """Where the annotations of a source are.

    Attributes:
        name: Short and safe in a file name, for example `coco2017`.
        instances: A path, an address, or for an official source the archive's key on COCO's hosts; `!member` after a
            zip names a member.
        captions: A path or an address; "" looks beside the instances file, None is "there are none".
        official: `instances` is a key on COCO's hosts (of evidence, a file on LVIS'), not a path or an address.
        pins: Member name (of evidence, the file) to what it must be; empty for all but official sources.
        shipped: `instances` names the index that ships with yolobg.
        evidence: Its file is read as evidence about the images of another source, not as a source of images.
        open_images: Its files are Open Images' lists, of which `pins` has the labels before the images.
    """

    name: str
    instances: str
    captions: str | None = ""
    official: bool = False
    pins: Mapping[str, Pin] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    shipped: bool = False
    evidence: bool = False
    open_images: bool = False

    @property
    def remote(self) -> bool:
        """Whether any of it has to be fetched."""
        return self.official or is_url(self.instances) or is_url(self.captions or "")


_ARCHIVE = "annotations/annotations_trainval2017.zip"
COCO2017 = AnnotationSource(
    "coco2017",
    f"{_ARCHIVE}!annotations/instances_train2017.json",
    official=True,
    pins=MappingProxyType(
        {
            "annotations/instances_train2017.json": Pin(
                469_785_474, "610fce4944abdeb15354cc765333805529359d12d88f2f711393ca586901d01d", 0x3932CF47
            ),
            "annotations/captions_train2017.json": Pin(
                91_865_115, "4b62086319480e0739ef390d04084515defb9c213ff13605a036061e33314317"
            ),
        }
    ),
)

COCO2017_VAL = AnnotationSource(
    "coco-val2017",
    f"{_ARCHIVE}!annotations/instances_val2017.json",
    official=True,
    pins=MappingProxyType(
        {
            "annotations/instances_val2017.json": Pin(
                19_987_840, "e8c7f7908f1d7278341fae127d0da654f102f11bd7b21d8aeefa635b8c810b6f"
            ),
            "annotations/captions_val2017.json": Pin(
                3_872_473, "afe3b30e403dd7f228e2373023abbd60042a6e10ec6874d3652df034d289ebb9"
            ),
        }
    ),
)
"""Held out: models are measured on its images, so no dataset gets any of them from here."""

COCO2017_INDEX = AnnotationSource("coco2017-index", "train2017_categories", captions=None, shipped=True)


OPEN_IMAGES_NAMES = ("openimages", "openimages-train")
"""The sources that are parts of Open Images; `open_images` says where their lists are."""

# LVIS v1 about COCO's images; its splits are others than COCO's, so that those of train2017 are in both files.
LVIS = tuple(
    AnnotationSource(
        f"lvis-{part}",
        name,
        captions=None,
        official=True,
        evidence=True,
        pins=MappingProxyType({name: Pin(size, sha256)}),
    )
    for part, name, size, sha256 in (
        (
            "train",
            "lvis_v1_train.json.zip",
            350_264_821,
            "334a4caa374030a7817cf050364525e910f7960f9b6968cef47cffbf3893f8ba",
        ),
        (
            "val",
            "lvis_v1_val.json.zip",
            64_026_968,
            "5cae9a3c79aadb667550c2b5dcf7f4d86e059a41ec91ef690225b667e28e9ba5",
        ),
    )
)


def lvis_bases() -> tuple[str, ...]:
    """The hosts of LVIS' files in the order in which they are asked; `YOLOBG_LVIS_URL` first, if set."""
    mirror = os.environ.get("YOLOBG_LVIS_URL", "").strip().rstrip("/")
    bucket = "dl.fbaipublicfiles.com/LVIS"
    official = (f"https://{bucket}", f"https://s3-us-west-2.amazonaws.com/{bucket}")
    return (mirror, *official) if mirror else official


def coco_bases() -> tuple[str, ...]:
    """The hosts of COCO's files in the order in which they are asked, without a trailing slash.

    `YOLOBG_COCO_URL` first, if set. Then the path-style S3 address, which has the same bytes as COCO's own host and,
    unlike that, a certificate that fits; then COCO's own host, which has none.
    """
    mirror = os.environ.get("YOLOBG_COCO_URL", "").strip().rstrip("/")
    official = ("https://s3.amazonaws.com/images.cocodataset.org", "http://images.cocodataset.org")
    return (mirror, *official) if mirror else official


def parse_source(text: str, *, captions: str | None = "", name: str | None = None) -> AnnotationSource:
    """Turn the value of `--annotations` into a source.

    Args:
        text: `FILE_OR_URL`, `.json`, `.json.gz` or `.zip`, a folder, or `file.zip!member.json`.
        captions: As in `AnnotationSource`.
        name: The source's name; None makes it from the file's.
    """
    safe = re.sub(r"[^\w.-]+", "_", source_stem(text)).strip("._")
    return AnnotationSource(name or safe or "source", text, captions)


def source_stem(text: str) -> str:
    """What a source is called by its file's name: the member's of a zip, without the suffix; not made safe for any use.

    Args:
        text: As for `parse_source`.
    """
    container, member = split_member(text)
    path = unquote(urlsplit(container).path) if is_url(container) else container
    name = re.split(r"[/\\]", (member or path).rstrip("/\\"))[-1]
    return re.sub(r"(?i)\.(json|json\.gz|gz|zip)$", "", name)


def is_url(text: str) -> bool:
    """Whether the text is an http(s) address, or one of an object store, rather than a path."""
    return text.lower().startswith(("http://", "https://")) or is_object(text)


def split_member(text: str) -> tuple[str, str | None]:
    """`file.zip!member.json` → (`file.zip`, `member.json`); anything else → (text, None)."""
    container, mark, member = text.rpartition("!")
    path = urlsplit(container).path if is_url(container) else container
    return (container, member) if mark and member and path.lower().endswith(".zip") else (text, None)


def bare_source(text: str) -> str:
    """Where annotations are, without an address's user, password and query: those may be secrets."""
    container, member = split_member(text)
    if not is_url(container):
        return text
    parts = urlsplit(container)
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{bare}!{member}" if member else bare


def captions_name(instances: str) -> str | None:
    """COCO's name for the captions of an instances file, without `.gz`; None where it does not follow COCO's naming."""
    folder, slash, name = instances.rpartition("/")
    if not name.lower().startswith("instances"):
        return None
    name = "captions" + name[len("instances") :]
    return folder + slash + (name[: -len(".gz")] if name.lower().endswith(".gz") else name)


def choose_member(names: Iterable[str], wanted: str | None, *, source: str) -> str:
    """Choose the instances file of a zip or folder.

    The one wanted; else the only `instances*.json`; else, of COCO's own two (`instances_train2017.json` beside
    `instances_val2017.json`, or 2014) that of train, as the named source `coco2017` means it; else the only JSON file
    there is.

    Raises:
        AnnotationsError: There is no such file or more than one; the message lists what is there.
    """
    found = sorted(n for n in names if n.lower().endswith(_JSON) and not n.startswith("__MACOSX/"))
    if wanted is not None:
        if wanted in found:
            return wanted
        raise AnnotationsError(f"{source}: has no {wanted}; {_listing(found, source)}")
    instances = [n for n in found if PurePosixPath(n).name.lower().startswith("instances")]
    for choice in (instances, _official_train(instances), found):
        if len(choice) == 1:
            return choice[0]
    raise AnnotationsError(f"{source}: cannot tell which file is meant; {_listing(instances or found, source)}")


def _official_train(instances: list[str]) -> list[str]:
    """COCO's own train file, where nothing but COCO's own pair is there: one folder, one year."""
    matches = [_OFFICIAL.fullmatch(name) for name in instances]
    homes = {match.group("folder", "year", "packed") if match else None for match in matches}
    return [m.string for m in matches if m and m.group("part") == "train"] if len(homes) == 1 else []


def _listing(names: list[str], source: str) -> str:
    if not names:
        return "it contains no .json file"
    mark = "!" if (urlsplit(source).path if is_url(source) else source).lower().endswith(".zip") else "/"
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"it contains {shown}; name one, for example {source}{mark}{names[0]}"
