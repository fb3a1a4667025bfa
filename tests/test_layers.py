"""The layer rule of CONTRIBUTING.md, kept by reading the sources: who may import whom, and what may be used where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import pytest

import yolobg

PACKAGE = Path(yolobg.__file__).parent

# Lower may not import higher. A module has the rank of the longest name below that it is or lies in.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "model", "report", "version"),
    ("request", "selection", "dataset.layout", "classes", "safe_names"),
    ("files", "threads"),
    ("dataset", "coco", "download", "sources", "formats", "pool", "demo", "review"),
    (
        "criteria",
        "stale",
        "recheck",
        "planning",
        "execution",
        "pipeline",
        "standalone",
        "runs",
        "review.apply",
        "review.session",
        "review.server",
        "review.again",
    ),
    ("cli", "ultralytics", "__main__", "__init__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# These meet in the pipeline only.
STRANGERS = ("dataset", "classes", "coco")

# What may be imported, and where; `*` as in file names. `urllib.parse` is plain string work and free to all.
HTTP = ("coco.archive*", "coco.fetch*", "coco.remote*", "download*")
TERMINAL = ("cli*", "__main__")
ONLY_IN: dict[str, tuple[str, ...]] = {
    "yaml": ("dataset.data_yaml", "dataset.yaml_text"),
    "sqlite3": ("coco.catalog*", "formats.coco_store"),
    "requests": HTTP,
    "aiohttp": (*HTTP, "review.server*"),
    "urllib3": HTTP,
    "urllib.request": HTTP,
    "urllib.error": HTTP,
    "http": HTTP,
    "ssl": HTTP,
    "socket": (*HTTP, "review.server*"),
    "typer": TERMINAL,
    "click": TERMINAL,
    "rich": TERMINAL,
    "getpass": TERMINAL,
}
# Heavy, and not among the dependencies: found at call time or not at all.
NEVER_AT_IMPORT = ("ultralytics", "torch", "numpy", "cv2", "datumaro", "pycocotools")
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
    "import_module": ("__init__", "ultralytics*", "formats.bridge"),
    "importlib.import_module": ("__init__", "ultralytics*", "formats.bridge"),
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
    """The module of ours that an imported name lies in; None for others' modules and for the bare version."""
    if target in ("yolobg.__version__", "yolobg.*"):
        return None if target.endswith("__version__") else "__init__"
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


def rank_of(name: str) -> int | None:
    """The layer of a module; None where nobody has given its room one."""
    parts = name.split(".")
    # `cli_tables.py` beside `cli.py` belongs to the same room.
    parts[0] = "cli" if parts[0].startswith("cli_") else parts[0]
    while parts:
        if ".".join(parts) in RANK:
            return RANK[".".join(parts)]
        parts.pop()
    return None


def layer_violations(sources: Mapping[str, str]) -> list[str]:
    """`module -> module` for each import that goes up, crosses between strangers or concerns an unknown room."""
    found = []
    for name, source in sources.items():
        if rank_of(name) is None:
            found.append(f"{name}: has no layer; add it to LAYERS")
            continue
        for imported in imports_of(source):
            if imported.target.startswith("."):
                found.append(f"{name}:{imported.line} relative import")
                continue
            home = home_of(imported.target, sources)
            if home is not None and not _may_import(name, home):
                found.append(f"{name}:{imported.line} -> {home}")
    return sorted(found)


def _may_import(name: str, home: str) -> bool:
    own, other = rank_of(name), rank_of(home)
    room, room_other = name.split(".", maxsplit=1)[0], home.split(".", maxsplit=1)[0]
    strangers = room != room_other and room in STRANGERS and room_other in STRANGERS
    return own is not None and other is not None and other <= own and not strangers


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
        if _is_within(imported.target, module) and imported.when == "import":
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
    """Modules that reach themselves through imports carried out when they are imported."""
    edges = {
        name: {
            home
            for imported in imports_of(source)
            if imported.when == "import" and (home := home_of(imported.target, sources)) not in (None, name)
        }
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


def test_layers__imports_go_down_only(sources: dict[str, str]) -> None:
    assert layer_violations(sources) == []


def test_layers__there_are_no_cycles(sources: dict[str, str]) -> None:
    assert import_cycles(sources) == []


def test_layers__yaml_sql_http_and_printing_stay_in_their_rooms(sources: dict[str, str]) -> None:
    assert use_violations(sources) == []


def test_layers__modules_and_functions_are_short(sources: dict[str, str]) -> None:
    assert size_violations(sources) == []


def test_layers__contributing_names_every_room_and_no_other(sources: dict[str, str]) -> None:
    text = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    rooms = {room for room in (name.split(".")[0] for name in sources) if not room.startswith("cli_")}
    assert named - {"cli_*"} == rooms - {"__init__"}


# ---------------------------------------------------------------- the rule can fail

HOUSE = {
    "__init__": "",
    "errors": "",
    "model": "",
    "files": "",
    "selection": "from yolobg.model import X",
    "dataset": "",
    "dataset.layout": "",
    "dataset.merge": "from yolobg.files import step",
    "classes": "",
    "classes.matcher": "",
    "coco": "",
    "coco.catalog": "import sqlite3",
    "download": "",
    "pipeline": "from yolobg import __version__\nfrom yolobg.dataset import merge",
    "cli": "import rich\nfrom yolobg.pipeline import augment\nprint(1)",
}


def test_self__a_clean_house_has_no_violations() -> None:
    assert layer_violations(HOUSE) == []
    assert use_violations(HOUSE) == []
    assert import_cycles(HOUSE) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("model", "from yolobg.files import step", "model:1 -> files"),
        ("errors", "import yolobg.pipeline", "errors:1 -> pipeline"),
        ("errors", "import yolobg", "errors:1 -> __init__"),
        ("errors", "from yolobg import augment", "errors:1 -> __init__"),
        ("files", "def f():\n    from yolobg.pipeline import augment", "files:2 -> pipeline"),
        ("files", "async def f():\n    with x:\n        from yolobg import cli", "files:3 -> cli"),
        ("model", "if TYPE_CHECKING:\n    from yolobg.pipeline import plan", "model:2 -> pipeline"),
        ("model", "try:\n    pass\nexcept X:\n    from yolobg.cli import main", "model:4 -> cli"),
        ("model", "class A:\n    def f(self):\n        import yolobg.files", "model:3 -> files"),
        ("model", "match x:\n    case 1:\n        import yolobg.files", "model:3 -> files"),
        ("dataset.layout", "from yolobg.dataset.merge import add", "dataset.layout:1 -> dataset.merge"),
        ("dataset.merge", "from yolobg.coco.catalog import Catalog", "dataset.merge:1 -> coco.catalog"),
        ("coco.catalog", "from yolobg.classes.matcher import match", "coco.catalog:1 -> classes.matcher"),
        ("dataset.merge", "from yolobg.classes.matcher import match", "dataset.merge:1 -> classes.matcher"),
        ("download", "from . import files", "download:1 relative import"),
        ("cellar", "", "cellar: has no layer; add it to LAYERS"),
    ],
)
def test_self__an_import_that_goes_up_is_found(name: str, source: str, expected: str) -> None:
    assert layer_violations({**HOUSE, name: source}) == [expected]


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("dataset.merge", "def f():\n    import yaml", "dataset.merge:2 imports yaml"),
        ("dataset.merge", "import sqlite3", "dataset.merge:1 imports sqlite3"),
        ("dataset.merge", "from urllib.request import urlopen", "dataset.merge:1 imports urllib.request"),
        ("dataset.merge", "from urllib import request", "dataset.merge:1 imports urllib.request"),
        ("coco.catalog", "import aiohttp.web", "coco.catalog:1 imports aiohttp"),
        ("pipeline", "from rich.table import Table", "pipeline:1 imports rich"),
        ("pipeline", "def f():\n    print('done')", "pipeline calls print"),
        ("pipeline", "import sys\nsys.exit(1)", "pipeline calls sys.exit"),
        ("pipeline", "raise SystemExit(1)", "pipeline calls SystemExit"),
        ("pipeline", "raise SystemExit", "pipeline calls SystemExit"),
        ("pipeline", "x = __import__('yaml')", "pipeline calls __import__"),
        ("download", "with warnings.catch_warnings(): ...", "download calls warnings.catch_warnings"),
        ("pipeline", "os.chdir('/')", "pipeline calls os.chdir"),
        ("cli", "import datumaro", "cli:1 imports datumaro when it is imported"),
        ("cli", "try:\n    import torch\nexcept ImportError: ...", "cli:2 imports torch when it is imported"),
    ],
)
def test_self__a_use_out_of_place_is_found(name: str, source: str, expected: str) -> None:
    assert set(use_violations({**HOUSE, name: source})) == {expected}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("download", "import aiohttp"),
        ("download.client", "import aiohttp"),
        ("cli_tables", "from rich.table import Table"),
        ("dataset.merge", "from urllib.parse import quote"),
        ("pipeline", "def f():\n    import datumaro"),
        ("pipeline", "if TYPE_CHECKING:\n    import ultralytics"),
        ("pipeline", "from yolobg.ultralytics import attach"),
    ],
)
def test_self__a_use_in_its_place_is_not(name: str, source: str) -> None:
    assert use_violations({**HOUSE, name: source}) == []


def test_self__a_cycle_is_found_and_one_for_type_checkers_is_none() -> None:
    cycle = {**HOUSE, "errors": "from yolobg.model import A", "model": "from yolobg.errors import B"}
    assert {"errors", "model"} <= set(import_cycles(cycle))
    typing = {**HOUSE, "errors": "if TYPE_CHECKING:\n    from yolobg.model import A", "model": "import yolobg.errors"}
    assert import_cycles(typing) == []


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
