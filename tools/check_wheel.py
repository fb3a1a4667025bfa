"""Compare a built wheel and sdist with the checkout that they were built from; print what is in them, exit 1 if wrong.

Strict both ways: every file of the package is in the wheel, byte for byte, and nothing else is; the same for the sdist.
And nothing in either runs when somebody installs it.

Usage: python tools/check_wheel.py DIST      (DIST holds one .whl and one .tar.gz; Python 3.11 or newer)
"""

from __future__ import annotations

import base64
import hashlib
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Set
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parent.parent
# Named one by one, so that losing one in the checkout is noticed too.
NEEDED = frozenset(
    {
        "yolobg/__init__.py",
        "yolobg/__main__.py",
        "yolobg/cli/app.py",
        "yolobg/py.typed",
        "yolobg/matching/lexicon/wordnet.txt",
        "yolobg/matching/lexicon/WORDNET_NOTICE.txt",
        "yolobg/matching/lexicon/UNICODE_NOTICE.txt",
        "yolobg/matching/lexicon/LVIS_NOTICE.txt",
        "yolobg/matching/lexicon/lvis.tsv",
        "yolobg/matching/lexicon/OPENIMAGES_NOTICE.txt",
        "yolobg/matching/lexicon/openimages.tsv",
        "yolobg/sources/catalog/COCO_NOTICE.txt",
        "yolobg/sources/catalog/train2017_categories.bin",
    }
)
NEEDED_METADATA = frozenset({"METADATA", "RECORD", "WHEEL", "entry_points.txt"})
NOTICES = frozenset(
    {
        "LICENSE",
        *(f"{name}_NOTICE.txt" for name in ("WORDNET", "UNICODE", "COCO", "LVIS", "OPENIMAGES")),
    }
)
NEEDED_SOURCES = frozenset(
    {"pyproject.toml", "README.md", "LICENSE", "tests/conftest.py", "sample_data/dataset/data.yaml"}
)
ENTRY_POINTS = "[console_scripts]\nyolobg = yolobg.__main__:main\n"
# What a build adds to an sdist, and files of these kinds that would run at build or install time.
SDIST_EXTRA = frozenset({"PKG-INFO", ".gitignore"})
RUNNING = (".pth", "setup.py", "setup.cfg", "hatch_build.py", "conftest.pyc")
BACKEND = "hatchling.build"
LARGEST_WHEEL_BYTES = 5_000_000


def files_below(folder: Path) -> set[str]:
    """The files of a folder of the checkout, as paths below its root; what Python caches is left out."""
    return {
        path.relative_to(folder.parent).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def shipped_sample(root: Path) -> set[str]:
    """What the wheel holds of sample_data/, which `yolobg demo` copies."""
    parts = (root / "sample_data" / part for part in ("dataset", "source"))
    return {f"yolobg/sample_data/{name}" for part in parts for name in files_below(part)}


def wheel_problems(names: Set[str], expected: Set[str]) -> list[str]:
    """What is missing from a wheel with these names, and what should not be in it."""
    metadata = {name.split("/", 1)[1] for name in names if name.split("/")[0].endswith(".dist-info")}
    package = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    notices = {name.rsplit("/", 1)[-1] for name in metadata if name.startswith("licenses/")}
    plain = {name for name in metadata if not name.startswith("licenses/")}
    return [
        *(f"missing: {name}" for name in sorted((expected | NEEDED) - package)),
        *(f"does not belong: {name}" for name in sorted(package - expected)),
        *(f"missing metadata: {name}" for name in sorted(NEEDED_METADATA - plain)),
        *(f"metadata that does not belong: {name}" for name in sorted(plain - NEEDED_METADATA)),
        *(f"missing notice: {name}" for name in sorted(NOTICES - notices)),
        *(f"notice that does not belong: {name}" for name in sorted(notices - NOTICES)),
    ]


def content_problems(contents: Mapping[str, bytes], root: Path) -> list[str]:
    """Files of a wheel that differ from those of the checkout or from their digest in RECORD, and what would run."""
    problems = []
    told = {name.rsplit("/", 1)[-1]: raw.decode() for name, raw in contents.items() if ".dist-info/" in name}
    rows = (line.rsplit(",", 2) for line in told.get("RECORD", "").splitlines())
    recorded = {row[0].strip('"'): row[1] for row in rows if row[1:2]}
    for name, raw in sorted(contents.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
        if not name.endswith("/RECORD") and recorded.get(name) != f"sha256={digest}":
            problems.append(f"not as RECORD says: {name}")
        there = root / name.removeprefix("yolobg/" if name.startswith("yolobg/sample_data/") else "")
        if name.startswith("yolobg/") and there.is_file() and raw != there.read_bytes():
            problems.append(f"differs from the checkout: {name}")
    if told.get("entry_points.txt", "").strip() != ENTRY_POINTS.strip():
        problems.append(f"other entry points: {told.get('entry_points.txt')!r}")
    if "Root-Is-Purelib: true" not in told.get("WHEEL", ""):
        problems.append("no pure Python wheel")
    return problems


def running_problems(names: Set[str]) -> list[str]:
    """Files that Python, pip or a build back end would run without being asked."""
    return [f"would run when installed or built: {name}" for name in sorted(names) if name.endswith(RUNNING)]


def sdist_problems(names: Set[str], expected: Set[str]) -> list[str]:
    """What is missing from an sdist with these names, and what should not be in it."""
    return [
        *(f"missing from the sdist: {name}" for name in sorted((expected | NEEDED_SOURCES) - names)),
        *(f"does not belong in the sdist: {name}" for name in sorted(names - expected - SDIST_EXTRA)),
    ]


def build_problems(pyproject: str) -> list[str]:
    """Whether building runs anything but the back end itself."""
    told = tomllib.loads(pyproject)
    system, hatch = told["build-system"], told.get("tool", {}).get("hatch", {})
    hooks = [hatch.get("build", {}).get("hooks"), hatch.get("metadata", {}).get("hooks")]
    hooks += [target.get("hooks") for target in hatch.get("build", {}).get("targets", {}).values()]
    problems = [] if system.get("build-backend") == BACKEND else [f"another build back end: {system}"]
    if "backend-path" in system:
        problems.append("the build back end lies in the sdist itself")
    return problems + [f"a build hook: {hook}" for hook in hooks if hook]


def sdist_sources(root: Path, pyproject: str) -> set[str]:
    """The files that pyproject.toml puts into the sdist."""
    listed = tomllib.loads(pyproject)["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    folders = [root / name for name in listed if (root / name).is_dir()]
    return {name for name in listed if (root / name).is_file()}.union({"pyproject.toml"}, *map(files_below, folders))


def main(dist: Path) -> int:
    """Check the one wheel and the one sdist in `dist`."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(sdist) as tar:
        sources = {member.name.split("/", 1)[-1] for member in tar.getmembers() if not member.isdir()}
        odd = [member.name for member in tar.getmembers() if not (member.isfile() or member.isdir())]
    problems = wheel_problems(set(contents), files_below(ROOT / "yolobg") | shipped_sample(ROOT))
    problems += content_problems(contents, ROOT) + running_problems(set(contents) | sources)
    problems += sdist_problems(sources, sdist_sources(ROOT, pyproject)) + build_problems(pyproject)
    problems += [f"no plain file in the sdist: {name}" for name in odd]
    if wheel.stat().st_size > LARGEST_WHEEL_BYTES:
        problems.append(f"the wheel has {wheel.stat().st_size:,} bytes, at most {LARGEST_WHEEL_BYTES:,}")
    print(f"{wheel.name}: {len(contents)} files, {wheel.stat().st_size:,} bytes")
    print(f"{sdist.name}: {len(sources)} files, {sdist.stat().st_size:,} bytes")
    print("\n".join(problems) or "as they should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
