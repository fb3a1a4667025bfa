"""What yolobg finds on this machine: versions, cache, disk, Ultralytics, hosts; each trouble with its remedy."""

from __future__ import annotations

import contextlib
import importlib.metadata
import operator
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from yolobg.dataset.ultralytics_settings import datasets_dirs, settings_file
from yolobg.errors import YolobgError
from yolobg.flow.settings_file import read_settings
from yolobg.net.reach import REACH_S, why_unreachable
from yolobg.results import Check, Health
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog.make import excludes
from yolobg.sources.catalog.open import find_catalog
from yolobg.sources.location import COCO2017, coco_bases, lvis_bases
from yolobg.version import __version__
from yolobg.wording import counted

__all__ = ["examine", "version_checks"]

_LEAST_FREE_BYTES = 1 << 30  # COCO's annotations unpacked, and the catalog made of them
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;\s*(.*))?")
_BOUND = re.compile(r"(>=|<=|<|>|==|!=)\s*([0-9][0-9.]*)")
_COMPARED = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}
_NETWORK_REMEDY = (
    "check the network and the proxy (HTTPS_PROXY); without network: --source FOLDER, --fast with --images FOLDER, or "
    "`yolobg cache build --from PLACE`"
)
_CACHE_REMEDY = "set YOLOBG_CACHE_DIR to a folder that can be written"


def examine(*, offline: bool = False, say: Callable[[str], None] = lambda _: None) -> Health:
    """Look at all that a run depends on. Nothing is fetched, and nothing that it writes stays.

    Args:
        offline: Ask no hosts.
        say: Called with what is tried next, where that can take seconds.
    """
    checks = [*_versions(), *_cache(), *_trainer(), _settings()]
    checks += [] if offline else _hosts(say)
    return Health(all(check.ok for check in checks), tuple(checks))


# ---------------------------------------------------------------- versions


def _versions() -> Iterator[Check]:
    text = f"yolobg {__version__}, Python {platform.python_version()}, {platform.platform()}"
    yield Check("version", ok=True, text=text)
    try:
        asked = importlib.metadata.requires("yolobg") or []
    except importlib.metadata.PackageNotFoundError:
        yield Check("dependencies", ok=True, text="not checked: yolobg runs from a source tree")
        return
    yield from version_checks(asked)


def version_checks(asked: Iterable[str]) -> Iterator[Check]:
    """What is installed, against what is asked for.

    Args:
        asked: Requirements as a package's metadata has them; what has a marker may be missing.
    """
    number, wrong = 0, False
    for requirement in asked:
        match = _REQUIREMENT.fullmatch(requirement.strip())
        if match is None:
            continue
        name, bounds, marker = match[1], match[2], match[3]
        try:
            there = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            there = ""
        if not there and marker:
            continue
        number += 1
        if not there or not _fits(there, bounds):
            wrong = True
            text = f"{name} {there or 'is not installed'}; yolobg needs {bounds}"
            yield Check("dependencies", ok=False, text=text, remedy=f'pip install "{name}{bounds}"')
    if not wrong:
        yield Check("dependencies", ok=True, text=f"{number} installed, all in range")


def _fits(version: str, bounds: str) -> bool:
    there = _release(version)
    return all(_COMPARED[sign](there, _release(bound)) for sign, bound in _BOUND.findall(bounds))


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a release; zeros at the end mean nothing."""
    numbers = [int(part) for part in re.match(r"\d*(?:\.\d+)*", version)[0].split(".") if part]  # type: ignore[index] # matches ""
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


# ---------------------------------------------------------------- cache and disk


def _cache() -> Iterator[Check]:
    try:
        folder = cache_folder()
    except YolobgError as error:
        yield Check("cache", ok=False, text=str(error), remedy=_CACHE_REMEDY)
        return
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".yolobg-") as probe:
            (Path(probe) / "probe").write_bytes(b"yolobg")
            locks = _locks(Path(probe))
    except OSError as error:
        text = f"{folder}: cannot be written: {error.strerror or error}"
        yield Check("cache", ok=False, text=text, remedy=_CACHE_REMEDY)
        return
    yield Check("cache", ok=True, text=f"{folder}: {_size(folder) / 1e6:,.1f} MB, can be written")
    yield from _disk(there)
    yield locks
    yield _to_fetch()


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            # What another run takes away meanwhile is not counted.
            with contextlib.suppress(OSError):
                total += Path(place, name).lstat().st_size
    return total


def _disk(folder: Path) -> Iterator[Check]:
    free = shutil.disk_usage(folder).free
    enough = free >= _LEAST_FREE_BYTES
    remedy = (
        "" if enough else "free some space (`yolobg cache clear --unused`), or set YOLOBG_CACHE_DIR to another disk"
    )
    yield Check("disk", ok=enough, text=f"{free / 1e9:,.1f} GB free for the cache", remedy=remedy)


def _locks(folder: Path) -> Check:
    """Whether this file system has locks that keep another process out; runs work without, one at a time."""
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError, NotImplementedError):
        works = False
    else:
        works = excludes(lock)
        lock.release()
    without = "locks do not work on the file system of the cache; runs at the same time may do the same work twice"
    return Check("locks", ok=True, text="locks work on the file system of the cache" if works else without)


def _to_fetch() -> Check:
    try:
        catalog = find_catalog(COCO2017)
    except YolobgError as error:
        return Check("to fetch", ok=False, text=str(error), remedy="yolobg cache clear, then run again")
    if catalog is None:
        text = (
            "COCO's annotations (165 MB, once) by the first run that takes images from COCO; --fast does without them"
        )
        return Check("to fetch", ok=True, text=f"{text}. Then only the images that are chosen")
    with catalog:
        text = (
            f"only the images that are chosen: the catalog of COCO ({counted(catalog.images, 'image')}) is in the cache"
        )
    return Check("to fetch", ok=True, text=text)


# ---------------------------------------------------------------- Ultralytics, settings


def _trainer() -> Iterator[Check]:
    try:
        text = f"Ultralytics {importlib.metadata.version('ultralytics')}"
    except importlib.metadata.PackageNotFoundError:
        text = "Ultralytics is not in this environment; only `train`, the hook and models (.pt) need it"
    yield Check("trainer", ok=True, text=text)
    file = settings_file()
    if file is not None and file.is_file():
        text = f"{file}: relative datasets are sought in {datasets_dirs(Path.cwd())[0]}"
    else:
        text = "Ultralytics has no settings file yet"
    yield Check(
        "hook", ok=True, text=f"{text}. yolobg's hook is part of a script (`attach`); nothing is installed for it"
    )


def _settings() -> Check:
    try:
        text = "; ".join(read_settings(None).told({}))
    except YolobgError as error:
        return Check("settings", ok=False, text=str(error), remedy="correct that file, or run with --no-settings")
    return Check("settings", ok=True, text=text or "none in the current folder (docs/settings.md)")


# ---------------------------------------------------------------- hosts


def _hosts(say: Callable[[str], None]) -> Iterator[Check]:
    for about, bases, needed in (("COCO", coco_bases(), True), ("LVIS", lvis_bases(), False)):
        answers = []
        for base in bases:
            say(f"Asking {base} (up to {2 * REACH_S:.0f} s)")
            answers.append((base, why_unreachable(base, agent=f"yolobg/{__version__}")))
        reached = [base for base, why in answers if not why]
        text = "; ".join(f"{base}: {why or 'answers'}" for base, why in answers)
        ok = bool(reached) or not needed
        use = "" if needed else "only for --evidence lvis: "
        yield Check(f"{about} host", ok=ok, text=f"{use}{text}", remedy="" if ok else _NETWORK_REMEDY)
