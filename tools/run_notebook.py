"""Run a notebook with a real Jupyter kernel and write it with its outputs; an error in a cell is this program's.

Usage: python tools/run_notebook.py NOTEBOOK.ipynb OUT.ipynb [--cwd FOLDER]      (needs nbclient and ipykernel)

For a look at it: `jupyter nbconvert --to html OUT.ipynb` (package nbconvert), `--theme dark` for a dark one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LONGEST_S = 300


def run_notebook(notebook: Path, out: Path, folder: Path) -> None:
    """Run all cells of a notebook in a folder.

    Raises:
        nbformat.ValidationError: It is no notebook of format 4.5.
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    read = nbformat.read(notebook, as_version=nbformat.NO_CONVERT)
    nbformat.validate(read, version=4, version_minor=5)
    # The kernel of this interpreter, whatever kernels its user has.
    client = NotebookClient(
        read, timeout=LONGEST_S, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    finally:
        nbformat.write(read, out)


def main() -> int:
    """Run the notebook that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cwd", type=Path, default=None, help="where its cells run, if not in its own folder")
    options = parser.parse_args()
    run_notebook(options.notebook, options.out, options.cwd or options.notebook.resolve().parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
