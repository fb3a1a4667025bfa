"""The page of the documentation that shows docs/notebook.ipynb: its cells in their order, and the file to download."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["NOTEBOOK", "PAGE", "notebook_page"]

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTEBOOK = DOCS / "notebook.ipynb"
PAGE = DOCS / "notebook.md"

# After the first cell; what the picture shows is what the cells below it show.
_INTRODUCTION = """[Download the notebook](notebook.ipynb) and open it, or copy its cells. This is what one shows:

![A cell that calls augment, the line that took the bar's place, and the report: a bar before and after, the table of
classes, small pictures](notebook.png)"""


def notebook_page() -> str:
    """The page, made from the notebook."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    parts = [_shown(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return "\n\n".join([parts[0], _INTRODUCTION, *parts[1:]]) + "\n"


def _shown(kind: str, text: str) -> str:
    if kind == "markdown":
        return text
    # What has a command of IPython is no Python.
    language = "py" if any(line.lstrip().startswith("%") for line in text.splitlines()) else "python"
    return f"```{language}\n{text}\n```"
