"""Who may import whom: each folder lists it, strictly downward; and what may be used where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import pytest
from places import REPOSITORY

import yolobg

PACKAGE = Path(yolobg.__file__).parent

BASE = ("errors", "files", "model", "safe_names", "threads", "wording")

# Room to the rooms that it may import, imports inside functions and for type checkers included. A room is a folder or a
# loose module on top; folders below `sources` are rooms of their own. No room may be reached from one that it imports.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "version": (),
    "model": (),
    "html": ("model", "python_keywords", "wording"),
    "errors": ("model",),
    "convert_results": ("html", "model", "wording"),
    "evaluation_results": ("html", "model"),
    "mining_results": ("model",),
    "results": ("convert_results", "evaluation_results", "html", "mining_results", "model", "wording"),
    "files": ("errors", "model"),
    "safe_names": (),
    "threads": ("errors",),
    "wording": (),
    "notebook": ("model", "wording"),
    "python_keywords": (),
    "calls": ("errors", "notebook", "python_keywords"),
    "coco_json": ("errors", "wording"),
    "export_kinds": (),
    "yaml_text": ("errors", "files"),
    "net": BASE,
    "matching": (*BASE, "calls", "yaml_text"),
    "dataset": (*BASE, "yaml_text"),
    "images": (*BASE, "net"),
    "changes": (*BASE, "dataset"),
    "formats": (*BASE, "calls", "coco_json", "convert_results", "dataset", "export_kinds", "yaml_text"),
    "sources": (*BASE, "coco_json", "dataset", "formats", "images", "matching", "net"),
    "sources.archive": (*BASE, "net", "sources", "version"),
    "sources.annotations": (*BASE, "coco_json", "export_kinds", "sources", "sources.archive"),
    "sources.catalog": (*BASE, "sources", "sources.annotations", "sources.archive"),
    "flow": (
        *BASE, "calls", "changes", "dataset", "images", "matching", "mining_results", "net", "results", "sources",
        "sources.catalog",
    ),
    "report": (
        *BASE, "changes", "dataset", "evaluation_results", "flow", "html", "matching", "results", "sources",
        "sources.catalog", "version",
    ),
    "scoring": BASE,
    "mining": (*BASE, "changes", "flow", "images", "mining_results", "scoring", "sources", "sources.catalog"),
    "evaluation": (
        *BASE, "calls", "dataset", "evaluation_results", "flow", "formats", "report", "scoring", "sources", "version",
    ),
    "demo": ("errors", "files"),
    "doctor": (
        "dataset", "errors", "flow", "net", "results", "sources", "sources.catalog", "version", "wording",
    ),
    "api": (
        *BASE, "calls", "changes", "dataset", "demo", "flow", "matching", "mining", "report", "results",
        "sources.catalog",
    ),
    "review": (*BASE, "api", "changes", "dataset", "flow", "html", "report"),
    "ultralytics": (*BASE, "api", "changes", "dataset", "flow"),
    "cli": (
        *BASE, "api", "changes", "convert_results", "dataset", "demo", "doctor", "evaluation", "evaluation_results",
        "flow", "formats", "matching", "mining", "mining_results", "python_keywords", "report", "results", "review",
        "scoring", "sources", "sources.catalog", "ultralytics", "version",
    ),
    "__init__": (
        "api", "convert_results", "errors", "evaluation", "evaluation_results", "flow", "formats", "matching",
        "results", "version",
    ),
    "__main__": ("cli",),
}  # fmt: skip

# What may be imported, and where; `*` as in file names. `urllib.parse` is plain string work and free to all.
HTTP = ("net*",)
TERMINAL = ("cli*", "__main__")
ONLY_IN: dict[str, tuple[str, ...]] = {
    "yaml": ("yaml_text",),
    "sqlite3": ("sources.catalog*", "formats.coco_records"),
    "requests": HTTP,
    "flask": ("review.server*",),
    "werkzeug": ("review.server*",),
    "urllib3": HTTP,
    "fsspec": ("net.objects",),
    "urllib.request": HTTP,
    "urllib.error": HTTP,
    "http": (*HTTP, "images.request", "review.server*"),
    "ssl": HTTP,
    "socket": (*HTTP, "review.server*"),
    "click": TERMINAL,
    "rich": TERMINAL,
    "getpass": TERMINAL,
    "jinja2": ("html*",),
}
# Heavy, and not among the dependencies: found at call time or not at all.
NEVER_AT_IMPORT = (
    "ultralytics", "torch", "numpy", "cv2", "datumaro", "onnxruntime", "pycocotools", "pyarrow", "ray", "fsspec",
)  # fmt: skip
# These work on arrays and tables. What calls them imports them when it is called, once it has found numpy and pyarrow.
ARRAYS = {"numpy": ("evaluation*", "scoring*"), "pyarrow": ("mining.shards",)}
# Parts of the same rule: what only the command line may call.
CALLS_ONLY_IN = {
    "print": TERMINAL,
    "input": TERMINAL,
    "exit": TERMINAL,
    "quit": TERMINAL,
    "sys.exit": TERMINAL,
    "SystemExit": TERMINAL,
    "os._exit": TERMINAL,
    "logging.basicConfig": TERMINAL,
    # What belongs to the whole process: a function that is called from Python leaves it alone. Putting it back after a
    # block is no remedy, since another thread may do the same meanwhile.
    "warnings.catch_warnings": TERMINAL,
    "warnings.simplefilter": TERMINAL,
    "warnings.filterwarnings": TERMINAL,
    "warnings.resetwarnings": TERMINAL,
    "signal.signal": TERMINAL,
    "signal.set_wakeup_fd": TERMINAL,
    "os.chdir": TERMINAL,
    "os.umask": TERMINAL,
    "os.putenv": TERMINAL,
    "os.environ.update": TERMINAL,
    "locale.setlocale": TERMINAL,
    "random.seed": TERMINAL,
    "socket.setdefaulttimeout": TERMINAL,
    "sys.setrecursionlimit": TERMINAL,
    "sys.set_int_max_str_digits": TERMINAL,
    "logging.disable": TERMINAL,
    "csv.field_size_limit": TERMINAL,
    # Would hide an import from this test.
    "import_module": ("__init__", "cli.app", "ultralytics*", "formats.datumaro_bridge"),
    "importlib.import_module": ("__init__", "cli.app", "ultralytics*", "formats.datumaro_bridge"),
    "__import__": (),
}

MODULE_LINES = 400
FUNCTION_LINES = 40


@dataclass(frozen=True)
class Import:
    """One import: the dotted name (of what is taken, where `from` is used) and when it is carried out."""

    target: str
    line: int
    when: Literal["import", "call", "typing"]


def read_sources() -> dict[str, str]:
    """Dotted name below `yolobg` to source text; a package goes by its own name, the root by `__init__`."""
    sources = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        sources[name] = path.read_text("utf-8")
    return sources


def imports_of(source: str) -> list[Import]:
    """Every import of a module, those inside functions and those for type checkers included."""
    return list(_imports(ast.parse(source).body, "import"))


def _imports(body: list[ast.stmt], when: Literal["import", "call", "typing"]) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, when) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (Import(f"{base}.{alias.name}", node.lineno, when) for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _imports(node.body, "typing" if when == "typing" else "call")
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports(node.body, "typing")
            yield from _imports(node.orelse, when)
        else:
            # Classes, `if`, `try`, `with`, `match` and loops run when their surroundings do.
            yield from _imports(list(_statements(node)), when)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from _statements(child)


def home_of(target: str, names: Mapping[str, str]) -> str | None:
    """The module of ours that an imported name lies in; None for others' modules."""
    if target == "yolobg.*":
        return "__init__"
    if target == "yolobg":
        return "__init__"
    if not target.startswith("yolobg."):
        return None
    parts = target.split(".")[1:]
    while parts:
        if ".".join(parts) in names:
            return ".".join(parts)
        parts.pop()
    return "__init__"


def room_of(name: str) -> str:
    """The room that a module is or lies in."""
    parts = name.split(".")
    inner = ".".join(parts[:2])
    return inner if inner in MAY_IMPORT else parts[0]


def rooms_in_circles(table: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Rooms that are in a circle of the table, or above one."""
    done: set[str] = set()
    while ready := {room for room, may in table.items() if room not in done and set(may) <= done}:
        done |= ready
    return sorted(table.keys() - done)


def layer_violations(sources: Mapping[str, str]) -> list[str]:
    """`module -> module` for each import that the table does not have, and rooms that it does not name."""
    found = []
    for name, source in sources.items():
        room = room_of(name)
        if room not in MAY_IMPORT:
            found.append(f"{name}: no such room in MAY_IMPORT")
            continue
        for imported in imports_of(source):
            if imported.target.startswith("."):
                found.append(f"{name}:{imported.line} relative import")
                continue
            home = home_of(imported.target, sources)
            if home is not None and room_of(home) not in (room, *MAY_IMPORT[room]):
                found.append(f"{name}:{imported.line} -> {home}")
    return sorted(found)


# Below a dataset root only `changes` writes images, labels and lists. What else writes, and where; nothing else does.
WRITES_ELSEWHERE = {
    "files": "where it is told to",
    "demo": "a new folder",
    "doctor": "the cache folder, to see whether that can be done",
    "flow.download_folder": "a new folder",
    "flow.execution": "the staging folder below .yolobg",
    "flow.held_out_images": "the cache folder",
    "flow.saved_plan": "a file that the user names",
    "formats": "a new folder",
    "images": "the staging folder",
    "matching.map_file": "a file that the user names",
    "mining": "the staging folder, or a folder that the user names",
    "report": "pages below .yolobg, in the cache folder or where the user wants them",
    "review.handover": "a page in the system's temporary folder",
    "scoring": "the cache folder, or a temporary one",
    "sources": "the cache folder",
}
WRITING = {"create_empty", "publish_new", "replace_when_done", "write_bytes", "make_real_folder"}
WRITING_CALLS = {
    "unlink",
    "rename",
    "rmdir",
    "mkdir",
    "write_text",
    "write_bytes",
    "touch",
    "symlink_to",
    "link",
    "rmtree",
}


def write_violations(sources: Mapping[str, str]) -> list[str]:
    """What writes to disk in a module that only reads."""
    return sorted(
        write
        for name, source in sources.items()
        if not _matches(name, ("changes", *WRITES_ELSEWHERE))
        for write in _writes(name, source)
    )


def _writes(name: str, source: str) -> Iterator[str]:
    taken = (imported.target.removeprefix("yolobg.") for imported in imports_of(source))
    yield from (f"{name} imports {target}" for target in taken if target.rpartition(".")[2] in WRITING)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITING_CALLS:
            yield f"{name} calls {node.func.attr}"


def use_violations(sources: Mapping[str, str]) -> list[str]:
    """Imports of others' modules, and calls, where they do not belong."""
    found = []
    for name, source in sources.items():
        found += [
            f"{name}:{imported.line} {what}" for imported in imports_of(source) for what in _misused(name, imported)
        ]
        called = {_called(node) for node in ast.walk(ast.parse(source))}
        found += [
            f"{name} calls {call}" for call in called & CALLS_ONLY_IN.keys() if not _matches(name, CALLS_ONLY_IN[call])
        ]
    return sorted(found)


def _misused(name: str, imported: Import) -> Iterator[str]:
    for module, places in ONLY_IN.items():
        if _is_within(imported.target, module) and not _matches(name, places):
            yield f"imports {module}"
    for module in NEVER_AT_IMPORT:
        allowed = _matches(name, ARRAYS.get(module, ()))
        if _is_within(imported.target, module) and imported.when == "import" and not allowed:
            yield f"imports {module} when it is imported"


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func)
    if isinstance(node, ast.Raise) and node.exc is not None:
        return ast.unparse(node.exc)
    return ""


def _is_within(target: str, module: str) -> bool:
    return target == module or target.startswith(f"{module}.")


def _matches(name: str, places: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, place) or fnmatchcase(name, f"{place}.*") for place in places)


def import_cycles(sources: Mapping[str, str]) -> list[str]:
    """Modules that reach themselves through imports, whenever these are carried out."""
    edges = {
        name: {home_of(imported.target, sources) for imported in imports_of(source)} - {None, name}
        for name, source in sources.items()
    }
    # A module that imports only what is done is done itself; what never gets done is in or behind a cycle.
    done: set[str | None] = set()
    while ready := {name for name, targets in edges.items() if name not in done and targets <= done}:
        done |= ready
    return sorted(edges.keys() - done)


def size_violations(sources: Mapping[str, str]) -> list[str]:
    """Modules and functions that have grown too long to read at once."""
    found = []
    for name, source in sources.items():
        lines = len(source.splitlines())
        if lines > MODULE_LINES:
            found.append(f"{name}: {lines} lines, at most {MODULE_LINES}")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # A command's signature is the list of its options; its length is the contract's, not ours.
                length = function_lines(node, signature=not _matches(name, TERMINAL))
                if length > FUNCTION_LINES:
                    found.append(f"{name}.{node.name}: {length} lines, at most {FUNCTION_LINES}")
    return sorted(found)


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, *, signature: bool) -> int:
    """Lines of a function without its docstring, from `def` or else from its first statement on."""
    told = ast.get_docstring(node) is not None
    body = node.body[1:] if told else node.body
    if not signature:
        return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
    docstring = (node.body[0].end_lineno or 0) - node.body[0].lineno + 1 if told else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


# ---------------------------------------------------------------- the rule holds


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    found = read_sources()
    assert {"errors", "model", "files", "dataset", "dataset.layout", "__init__"} <= found.keys()
    return found


def test_table__is_strictly_downward() -> None:
    """A room that nothing above it is left for can be put down; what cannot is in a circle."""
    assert rooms_in_circles(MAY_IMPORT) == []


def test_table__has_every_room_and_no_arrow_that_nothing_needs(sources: dict[str, str]) -> None:
    used: dict[str, set[str]] = {room_of(name): set() for name in sources}
    for name, source in sources.items():
        homes = (home_of(imported.target, sources) for imported in imports_of(source))
        used[room_of(name)] |= {room_of(home) for home in homes if home is not None} - {room_of(name)}
    assert used.keys() == MAY_IMPORT.keys()
    needless = {room: set(may) - used[room] - set(BASE) for room, may in MAY_IMPORT.items()}
    assert {room: extra for room, extra in needless.items() if extra} == {}


def test_layers__imports_go_where_the_table_says(sources: dict[str, str]) -> None:
    assert layer_violations(sources) == []


def test_layers__there_are_no_cycles(sources: dict[str, str]) -> None:
    assert import_cycles(sources) == []


def test_layers__yaml_sql_http_and_printing_stay_in_their_rooms(sources: dict[str, str]) -> None:
    assert use_violations(sources) == []


def test_layers__only_changes_writes_into_a_dataset(sources: dict[str, str]) -> None:
    assert write_violations(sources) == []
    writing = {name for name, source in sources.items() if any(_writes(name, source))}
    needed = {place for place in WRITES_ELSEWHERE for name in writing if _matches(name, (place,))}
    assert needed == WRITES_ELSEWHERE.keys(), "a place where nothing writes"


def test_layers__modules_and_functions_are_short(sources: dict[str, str]) -> None:
    assert size_violations(sources) == []


def test_layers__contributing_names_every_room_and_its_imports() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    rows = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            room, _, imports = (cell.strip() for cell in line.strip("|").split("|"))
            for name in re.findall(r"`([^`]+)`", room):
                rows[name.rstrip("/").replace("/", ".")] = set(re.findall(r"`([^`]+)`", imports.replace("/", ".")))
    assert rows == {room: set(may) - set(BASE) for room, may in MAY_IMPORT.items() if room != "__init__"}


# ---------------------------------------------------------------- the rule can fail

HOUSE = {
    "__init__": "from yolobg.version import __version__",
    "version": "",
    "errors": "",
    "model": "",
    "files": "",
    "dataset": "",
    "dataset.layout": "from yolobg.model import X",
    "changes": "",
    "changes.merge": "from yolobg.dataset import layout\nfrom yolobg.files import write_bytes",
    "matching": "",
    "matching.matcher": "",
    "sources": "",
    "sources.catalog": "",
    "sources.catalog.catalog": "import sqlite3",
    "images": "",
    "flow": "from yolobg.changes import merge",
    "api": "from yolobg.flow import plan",
    "cli": "import rich\nfrom yolobg.api import augment\nprint(1)",
}


def test_self__a_clean_house_has_no_violations() -> None:
    assert layer_violations(HOUSE) == []
    assert use_violations(HOUSE) == []
    assert import_cycles(HOUSE) == []
    assert write_violations(HOUSE) == []


def test_self__a_circle_of_rooms_is_found() -> None:
    assert rooms_in_circles({"a": ("b",), "b": ("c",), "c": ("a",), "d": ("a",)}) == ["a", "b", "c", "d"]
    assert rooms_in_circles({"a": ("b",), "b": ()}) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("model", "from yolobg.files import step", "model:1 -> files"),
        ("errors", "import yolobg.api", "errors:1 -> api"),
        ("errors", "import yolobg", "errors:1 -> __init__"),
        ("cli", "from yolobg import augment", "cli:1 -> __init__"),
        ("files", "def f():\n    from yolobg.api import augment", "files:2 -> api"),
        ("files", "async def f():\n    with x:\n        from yolobg import cli", "files:3 -> cli"),
        ("model", "if TYPE_CHECKING:\n    from yolobg.api import plan", "model:2 -> api"),
        ("model", "try:\n    pass\nexcept X:\n    from yolobg.cli import main", "model:4 -> cli"),
        ("model", "class A:\n    def f(self):\n        import yolobg.files", "model:3 -> files"),
        ("model", "match x:\n    case 1:\n        import yolobg.files", "model:3 -> files"),
        ("dataset.layout", "from yolobg.changes.merge import add", "dataset.layout:1 -> changes.merge"),
        ("changes.merge", "from yolobg.sources.catalog import catalog", "changes.merge:1 -> sources.catalog.catalog"),
        ("matching.matcher", "from yolobg.dataset import layout", "matching.matcher:1 -> dataset.layout"),
        ("images", "from yolobg.sources import x", "images:1 -> sources"),
        ("images", "from . import files", "images:1 relative import"),
        ("cellar", "", "cellar: no such room in MAY_IMPORT"),
    ],
)
def test_self__an_import_that_is_not_in_the_table_is_found(name: str, source: str, expected: str) -> None:
    assert layer_violations({**HOUSE, name: source}) == [expected]


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("changes.merge", "def f():\n    import yaml", "changes.merge:2 imports yaml"),
        ("changes.merge", "import sqlite3", "changes.merge:1 imports sqlite3"),
        ("changes.merge", "from urllib.request import urlopen", "changes.merge:1 imports urllib.request"),
        ("changes.merge", "from urllib import request", "changes.merge:1 imports urllib.request"),
        ("sources.catalog.catalog", "import urllib3.util", "sources.catalog.catalog:1 imports urllib3"),
        ("api", "from rich.table import Table", "api:1 imports rich"),
        ("api", "def f():\n    print('done')", "api calls print"),
        ("api", "import sys\nsys.exit(1)", "api calls sys.exit"),
        ("api", "raise SystemExit(1)", "api calls SystemExit"),
        ("api", "raise SystemExit", "api calls SystemExit"),
        ("api", "x = __import__('yaml')", "api calls __import__"),
        ("images", "with warnings.catch_warnings(): ...", "images calls warnings.catch_warnings"),
        ("api", "os.chdir('/')", "api calls os.chdir"),
        ("cli", "import datumaro", "cli:1 imports datumaro when it is imported"),
        ("evaluation.curves", "import torch", "evaluation.curves:1 imports torch when it is imported"),
        ("cli", "try:\n    import torch\nexcept ImportError: ...", "cli:2 imports torch when it is imported"),
    ],
)
def test_self__a_use_out_of_place_is_found(name: str, source: str, expected: str) -> None:
    assert set(use_violations({**HOUSE, name: source})) == {expected}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("net", "import urllib3"),
        ("net.client", "import urllib3"),
        ("evaluation.curves", "import numpy as np"),
        ("cli.tables", "from rich.table import Table"),
        ("changes.merge", "from urllib.parse import quote"),
        ("api", "def f():\n    import datumaro"),
        ("api", "if TYPE_CHECKING:\n    import ultralytics"),
    ],
)
def test_self__a_use_in_its_place_is_not(name: str, source: str) -> None:
    assert use_violations({**HOUSE, name: source}) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from yolobg.files import publish_new", ["dataset.layout imports files.publish_new"]),
        ("def f(p):\n    p.unlink()", ["dataset.layout calls unlink"]),
        ("p.write_text('x')", ["dataset.layout calls write_text"]),
        ("from yolobg.files import read_ordinary", []),
    ],
)
def test_self__a_write_outside_changes_is_found(source: str, found: list[str]) -> None:
    assert write_violations({**HOUSE, "dataset.layout": source}) == found


def test_self__a_cycle_is_found_also_one_for_type_checkers() -> None:
    cycle = {**HOUSE, "errors": "from yolobg.model import A", "model": "from yolobg.errors import B"}
    assert {"errors", "model"} <= set(import_cycles(cycle))
    typing = {**HOUSE, "errors": "if TYPE_CHECKING:\n    from yolobg.model import A", "model": "import yolobg.errors"}
    assert {"errors", "model"} <= set(import_cycles(typing))


def test_self__long_modules_and_functions_are_found_docstrings_apart() -> None:
    long = "def f():\n" + "    x = 1\n" * 40
    assert size_violations({"m": long}) == ["m.f: 41 lines, at most 40"]
    told = 'def f():\n    """One.\n' + "    more\n" * 50 + '    """\n' + "    x = 1\n" * 39
    assert size_violations({"m": told}) == []
    options = "def f(\n" + "".join(f"    a{n}: int,\n" for n in range(40)) + "):\n    x = 1\n"
    assert size_violations({"m": options}) == ["m.f: 43 lines, at most 40"]
    assert size_violations({"cli": options}) == []
    assert size_violations({"cli": long}) == []
    assert size_violations({"cli": long + "    x = 1\n"}) == ["cli.f: 41 lines, at most 40"]
    assert size_violations({"m": "x = 1\n" * 401}) == ["m: 401 lines, at most 400"]
