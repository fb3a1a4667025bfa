"""docs/notebook.ipynb: valid, without outputs, and what it says works: in plain Python and in a real Jupyter kernel."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import REPOSITORY, SAMPLE

import yolobg

sys.path.insert(0, str(REPOSITORY / "tools"))

from notebook_page import NOTEBOOK, PAGE, notebook_page

READ: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
NEEDED = ("nbclient", "ipykernel")
# Heavy, and of no use to other tests: CI installs a kernel for these alone.
needs_jupyter = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED), reason=f"needs {' and '.join(NEEDED)}; .ci/run docs"
)


def code_of(identifier: str) -> str:
    return next("".join(cell["source"]) for cell in READ["cells"] if cell["id"] == identifier)


def test_notebook__is_format_4_5_with_nothing_of_a_run_in_it() -> None:
    assert (READ["nbformat"], READ["nbformat_minor"]) == (4, 5)
    identifiers = [cell["id"] for cell in READ["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", one) for one in identifiers)
    for cell in READ["cells"]:
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | (
            {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        )
        assert cell["metadata"] == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    assert READ["metadata"]["kernelspec"]["name"] == "python3", "what Colab and Jupyter have"


def test_notebook__installs_a_file_that_is_there_and_nothing_from_an_index() -> None:
    code = code_of("install")
    assert re.findall(r"pip install (.*)", code) == ['--quiet "{place}"']
    assert not re.search(r"pip install [^`\n]*yolobg", NOTEBOOK.read_text(encoding="utf-8"))


def test_page__is_made_from_the_notebook() -> None:
    assert PAGE.read_text(encoding="utf-8") == notebook_page(), "run tools/readme_outputs.py"


def test_notebook__runs_as_plain_python(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the cell's command to pip: yolobg is here."""
    names: dict[str, Any] = {}
    for cell in READ["cells"]:
        if cell["cell_type"] == "code":
            code = "".join(cell["source"]).replace("    %pip", "    raise AssertionError('installs')  # pip")
            exec(compile(code, cell["id"], "exec"), names)
    assert len(names["report"].added) == 5
    assert capsys.readouterr().out == "Report(added=0, backgrounds=5 of 23 train images, 21.7 %)\n"
    assert yolobg.status(names["data"]).after.backgrounds == 0


def python(*arguments: str | Path) -> str:
    """Run a program with this interpreter, and this yolobg also for the kernels that it starts."""
    place = str(Path(yolobg.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=110,
        env={**os.environ, "PYTHONPATH": place},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.jupyter
@pytest.mark.slow
@needs_jupyter
def test_notebook__runs_in_a_kernel_and_shows_its_results(tmp_path: Path) -> None:
    python(REPOSITORY / "tools/run_notebook.py", NOTEBOOK, tmp_path / "out.ipynb", "--cwd", tmp_path)
    cells = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    html: dict[str, str] = {
        cell["id"]: "".join("".join(one.get("data", {}).get("text/html", "")) for one in cell["outputs"])
        for cell in cells
        if cell["cell_type"] == "code"
    }
    assert all("Traceback" not in json.dumps(cell) for cell in cells)
    for name in ("plan", "augment"):
        assert html[name].count("data:image/jpeg;base64,") == 5
        assert "Pedestrian" in html[name]
    assert "Removed 5" in html["remove"]


CELL = """
import yolobg, yolobg.notebook.bar
from yolobg.demo import write_demo
from pathlib import Path

yolobg.notebook.bar.DELAY_S = 0.0
sample = write_demo(Path({folder!r}) / "sample")
yolobg.augment(sample.data_yaml, count=3, annotations=sample.annotations, images=[{images!r}])
"""


@pytest.mark.jupyter
@pytest.mark.slow
@needs_jupyter
def test_kernel__that_is_interrupted_shows_a_line_and_not_a_bar(tmp_path: Path) -> None:
    """A host that takes the connection and says nothing, so that the interrupt comes while images are awaited."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cell = tmp_path / "cell.py"
        images = f"http://127.0.0.1:{silent.getsockname()[1]}"
        cell.write_text(CELL.format(folder=str(tmp_path), images=images), encoding="utf-8")
        told = json.loads(
            python(
                REPOSITORY / "tests/helpers/kernel_driver.py", cell, "download 0 of", "yolobg.status(sample.data_yaml)"
            )
        )
    assert told["error"] == "KeyboardInterrupt"
    (line,) = told["shown"].values()
    assert re.fullmatch(r"augment: interrupted after .* s, at download 0 of 3", line)
    assert told["after"] == "Report(backgrounds=0 of 18 train images, 0.0 %, added by yolobg=0)"
    kept = {path.relative_to(SAMPLE / "dataset") for path in (SAMPLE / "dataset").rglob("*") if path.is_file()}
    there = tmp_path / "sample/dataset"
    assert kept <= {path.relative_to(there) for path in there.rglob("*")}
