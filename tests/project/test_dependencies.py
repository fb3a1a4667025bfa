"""What the package imports is what `pyproject.toml` declares: nothing comes by chance, nothing is idle."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from places import REPOSITORY

import yolobg

PACKAGE = Path(yolobg.__file__).parent

# Used where it is there and never asked for: what a trainer's environment has, a quicker one of what is declared, and
# what type checkers bring.
NOT_ASKED_FOR = {"ultralytics", "torch", "pi-heif", "pillow-heif", "faster-coco-eval", "fsspec",
                 "typing-extensions"}  # fmt: skip
# Their modules have another name, and another distribution may hold one of the same name.
DISTRIBUTION = {"PIL": "pillow", "cv2": "opencv-python-headless", "yaml": "pyyaml"}


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
