"""Compare a built wheel and sdist with the checkout that they were built from; print what is in them, exit 1 if wrong.

Usage: python tools/check_wheel.py DIST      (DIST holds one .whl and one .tar.gz)
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Set
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Named one by one, so that losing one in the checkout is noticed too.
NEEDED = frozenset(
    {
        "yolobg/__init__.py",
        "yolobg/__main__.py",
        "yolobg/cli.py",
        "yolobg/py.typed",
        "yolobg/classes/lexicon/wordnet.txt",
        "yolobg/classes/lexicon/WORDNET_NOTICE.txt",
    }
)
NEEDED_METADATA = frozenset({"METADATA", "RECORD", "WHEEL", "entry_points.txt"})
NOTICES = frozenset({"LICENSE", "WORDNET_NOTICE.txt"})
NEEDED_SOURCES = frozenset(
    {"pyproject.toml", "README.md", "LICENSE", "tests/conftest.py", "sample_data/dataset/data.yaml"}
)
LARGEST_WHEEL_BYTES = 5_000_000


def files_below(folder: Path) -> set[str]:
    """The files of the package in the checkout, as paths below its root; what Python caches is left out."""
    return {
        path.relative_to(folder.parent).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def wheel_problems(names: Set[str], expected: Set[str]) -> list[str]:
    """What is missing from a wheel with these names, and what should not be in it."""
    metadata = {name.split("/", 1)[1] for name in names if name.split("/")[0].endswith(".dist-info")}
    package = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    notices = {name.rsplit("/", 1)[-1] for name in metadata if name.startswith("licenses/")}
    return [
        *(f"missing: {name}" for name in sorted((expected | NEEDED) - package)),
        *(f"does not belong: {name}" for name in sorted(package - expected)),
        *(f"missing metadata: {name}" for name in sorted(NEEDED_METADATA - metadata)),
        *(f"missing notice: {name}" for name in sorted(NOTICES - notices)),
    ]


def main(dist: Path) -> int:
    """Check the one wheel and the one sdist in `dist`."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    with tarfile.open(sdist) as tar:
        sources = {member.name.split("/", 1)[-1] for member in tar.getmembers() if member.isfile()}
    problems = wheel_problems(names, files_below(ROOT / "yolobg"))
    problems += [f"missing from the sdist: {name}" for name in sorted(NEEDED_SOURCES - sources)]
    if wheel.stat().st_size > LARGEST_WHEEL_BYTES:
        problems.append(f"the wheel has {wheel.stat().st_size:,} bytes, at most {LARGEST_WHEEL_BYTES:,}")
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size:,} bytes")
    print(f"{sdist.name}: {len(sources)} files, {sdist.stat().st_size:,} bytes")
    print("\n".join(problems) or "as they should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
