"""What the package imports is what `pyproject.toml` declares: nothing comes by chance, nothing is idle."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from places import REPOSITORY

import yolobg

PACKAGE = Path(yolobg.__file__).parent

# Used where it is there and never asked for: what a trainer's environment has, a quicker one of what is declared, and
# what type checkers bring.
NOT_ASKED_FOR = {"ultralytics", "torch", "pi-heif", "pillow-heif", "faster-coco-eval", "fsspec",
                 "typing-extensions"}  # fmt: skip
# Their modules have another name, and another distribution may hold one of the same name.
DISTRIBUTION = {"PIL": "pillow", "cv2": "opencv-python-headless", "ultralytics": "ultralytics", "yaml": "pyyaml"}


def imports_of(source: str) -> set[str]:
    """The top-level modules that a source imports, in functions and for type checkers too."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def third_party(sources: Iterable[str]) -> set[str]:
    """The distributions that sources import, by the names that `pyproject.toml` uses."""
    modules = set().union(*map(imports_of, sources)) - set(sys.stdlib_module_names) - {"yolobg", "__future__"}
    owners = importlib.metadata.packages_distributions()
    return {normal(DISTRIBUTION.get(module, next(iter(owners.get(module, [module]))))) for module in modules}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    assert match, requirement
    return normal(match[0])


def differences(imported: set[str], project: Mapping[str, Any]) -> list[str]:
    """What is imported and not declared, or declared and not imported."""
    core = {name_of(one) for one in project["dependencies"]}
    extras = {
        name_of(one) for name, several in project["optional-dependencies"].items() if name != "dev" for one in several
    }
    undeclared = imported - core - extras - NOT_ASKED_FOR
    return sorted([f"{name} is imported, not declared" for name in undeclared]
                  + [f"{name} is declared, not imported" for name in core - imported])  # fmt: skip


def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="from Python 3.11 on")
    read: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    return read


def test_dependencies__are_what_is_imported() -> None:
    imported = third_party(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    assert differences(imported, project()) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import requests, certifi", []),
        ("import requests", ["certifi is declared, not imported"]),
        ("import requests, certifi, urllib3.util", ["urllib3 is imported, not declared"]),
        ("import requests, certifi\ndef f():\n    from idna import encode", ["idna is imported, not declared"]),
        ("import requests, certifi, datumaro, torch, json, yolobg.net", []),
    ],
)
def test_differences__are_found(source: str, expected: list[str]) -> None:
    declared = {
        "dependencies": ["requests>=2", "certifi"],
        "optional-dependencies": {"convert": ["datumaro<2"], "dev": ["idna"]},
    }
    assert differences(third_party([source]), declared) == expected


# Compiled modules of these must fit the machine.
COMPILED = {"msgspec", "pillow", "pyyaml"}
# These have some where a wheel with them fits, and do the same in Python where none does.
MAYBE_COMPILED = {"charset-normalizer", "markupsafe"}
CORE_MB = 60


def core() -> dict[str, Distribution]:
    """yolobg and all that comes with it without extras."""
    found: dict[str, Distribution] = {}
    wanted = {"yolobg"}
    while wanted:
        name = wanted.pop()
        found[name] = importlib.metadata.distribution(name)
        needed = map(Requirement, found[name].requires or ())
        wanted |= {
            normal(one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})
        } - found.keys()
    return found


def files_of(name: str, installed: Distribution) -> list[Path]:
    if name == "yolobg":  # from a checkout, what is installed is a path to it
        return [file for file in PACKAGE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return [Path(str(file.locate())) for file in installed.files or ()]


def test_core__takes_less_than_60_mb() -> None:
    sizes = {
        name: sum(file.stat().st_size for file in files_of(name, one) if file.suffix != ".pyc" and file.is_file())
        for name, one in core().items()
    }
    assert len(sizes) > len(COMPILED)
    assert sum(sizes.values()) < CORE_MB * 1_000_000, sizes


def test_core__is_python_but_for_three_packages() -> None:
    compiled = {
        name
        for name, one in core().items()
        if any(file.suffix in (".so", ".pyd", ".dylib", ".dll") for file in files_of(name, one))
    }
    assert "msgspec" in compiled
    assert compiled <= COMPILED | MAYBE_COMPILED


@pytest.mark.ultralytics
def test_beside_ultralytics__no_package_contradicts_another() -> None:
    pytest.importorskip("pip", reason="this environment was made without pip")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout
