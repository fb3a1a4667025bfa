"""What `import yolobg` promises: the names, their shape, and that importing costs nothing."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import yolobg
from yolobg import errors, model

# Anything that a training script should not pay for, or may not have, when it imports yolobg.
HEAVY = (
    "PIL",
    "asyncio",
    "datumaro",
    "filelock",
    "flask",
    "jinja2",
    "msgspec",
    "numpy",
    "pycocotools",
    "requests",
    "rich",
    "sqlite3",
    "torch",
    "click",
    "ultralytics",
    "urllib3",
    "yaml",
)
# What no help text needs: HTTP, SQLite, images and tables.
UNUSED_BY_HELP = (set(HEAVY) | {"http", "socket", "ssl", "urllib3"}) - {"click", "msgspec"}
# What the command-line contract lists; names are added here when they come to be.
PROMISED = {"augment", "convert", "download", "evaluate", "match_classes", "plan", "remove", "status"}
FUNCTIONS = sorted(name for name in yolobg.__all__ if name.islower() and not name.startswith("_"))


def homes() -> dict[str, str]:
    """The names that type checkers see, and where each comes from, read from the source of `yolobg/__init__.py`."""
    tree = ast.parse(Path(yolobg.__file__).read_text("utf-8"))
    return {
        alias.asname or alias.name: str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("yolobg.")
        for alias in node.names
    }


def test_all__equals_what_is_exported() -> None:
    """One list for `import *`, one for type checkers, one for `dir`: they must be the same."""
    exported = set(yolobg.__all__)
    assert len(exported) == len(yolobg.__all__)
    assert exported == set(dir(yolobg))
    assert exported == homes().keys()
    assert exported >= PROMISED


@pytest.mark.parametrize("name", sorted(homes()))
def test_all__each_name_is_the_documented_object_that_type_checkers_see(name: str) -> None:
    found = getattr(yolobg, name)
    assert found is getattr(importlib.import_module(homes()[name]), name)
    assert len(inspect.getdoc(found) or "") > 20
    assert found.__doc__


def test_all__a_sub_package_never_takes_the_place_of_the_function_of_its_name() -> None:
    code = "import yolobg.matching.matcher, yolobg.images, yolobg.evaluation, yolobg.formats.convert, yolobg\n"
    code += "print(*(type(getattr(yolobg, name)).__name__ for name in ('classes', 'download', 'convert', 'evaluate')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["function"] * 4


def test_all__an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = yolobg.no_such_thing
    assert not hasattr(yolobg, "main")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions__take_what_they_are_about_by_place_and_the_rest_by_name(name: str) -> None:
    function = getattr(yolobg, name)
    assert inspect.isfunction(function)
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    by_name = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    # `convert` is about two places, like the command.
    assert set(kinds[2 if name == "convert" else 1 :]) <= by_name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions__are_annotated(name: str) -> None:
    signature = inspect.signature(getattr(yolobg, name))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name


def dataclasses_of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if dataclasses.is_dataclass(value) and value.__module__ == module.__name__:
            yield name, value


VALUE_MODULES = [model, *map(importlib.import_module, ("yolobg.results", "yolobg.evaluation_results"))]


@pytest.mark.parametrize(
    ("name", "kind"),
    [pair for module in VALUE_MODULES for pair in dataclasses_of(module)],
    ids=str,
)
def test_values__are_frozen_and_documented(name: str, kind: Any) -> None:
    assert kind.__dataclass_params__.frozen, name
    # A dataclass without a docstring gets its signature for one.
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{name}(")


def test_errors__form_one_tree_with_the_exit_codes_of_the_contract() -> None:
    tree = {name: getattr(errors, name) for name in errors.__all__}
    assert all(issubclass(error, errors.YolobgError) for error in tree.values())
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert defined == tree.keys()
    assert {name: error.exit_code for name, error in tree.items()} == {
        "YolobgError": 1,
        "UsageError": 2,
        "DatasetError": 3,
        "AnnotationsError": 3,
        "NoAnswerError": 4,
        "UnresolvedClassError": 4,
        "PoolError": 4,
        "DownloadError": 5,
        "MergeError": 6,
        "LockedError": 6,
    }
    assert all(getattr(yolobg, name) is error for name, error in tree.items()), "each one can be caught by its name"


def imported_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    # -I keeps the path of this process out; the package must then be found by where it lies.
    path = str(Path(yolobg.__file__).parent.parent)
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys\nsys.path.insert(0, {path!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(run.stdout.split())


def test_import__loads_nothing_heavy() -> None:
    # Site packages may load things through .pth files; those are not ours.
    ours = imported_by("import yolobg; yolobg.__version__") - imported_by("pass")
    assert "yolobg" in ours
    assert ours.isdisjoint(HEAVY)


@pytest.mark.parametrize("words", ["--help", "--version", "augment --help", "convert --help", "review --help"])
def test_help__loads_neither_http_nor_sqlite_nor_pillow(words: str) -> None:
    statement = (
        f"import sys\nsys.argv = ['yolobg', *{words.split()!r}]\nfrom yolobg.__main__ import main\n"
        "import contextlib, io\nwith contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main()"
    )
    ours = imported_by(statement) - imported_by("pass")
    assert "click" in ours
    assert ours.isdisjoint(UNUSED_BY_HELP)


def test_import__of_values_and_errors_loads_nothing_heavy() -> None:
    ours = imported_by("import yolobg.model, yolobg.errors") - imported_by("pass")
    assert ours.isdisjoint(HEAVY)


def test_import__this_test_can_see_a_heavy_import() -> None:
    assert "yaml" in imported_by("import yaml")


def test_package__is_marked_as_typed() -> None:
    assert (Path(yolobg.__file__).parent / "py.typed").is_file()
