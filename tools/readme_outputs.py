"""Fill README and the pages in docs with what the commands really print; `--check` only compares.

A block is a fenced one after `<!-- output:NAME -->`. All of docs/commands.md after `<!-- commands -->` is made from the
commands themselves, docs/house.svg from CONTRIBUTING's table, and docs/notebook.md from docs/notebook.ipynb.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from command_reference import command_reference
from house_picture import PICTURE, house
from notebook_page import PAGE, notebook_page

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
_SOURCE = "--annotations try_it/source/annotations/instances_sample.json --images try_it/source/images"
# What each block shows: commands that run one after the other in a folder with the sample data; the last one's output.
COMMANDS = {
    "demo": [f"augment try_it/dataset/data.yaml {_SOURCE}"],
    "status": [f"augment try_it/dataset/data.yaml {_SOURCE}", "status try_it/dataset/data.yaml"],
    "classes": ["classes --names Pedestrian,pick-up_truck,no_helmet,poodle,vehicle,pothole,qwrtz"],
}
BLOCK = re.compile(r"(<!-- output:(\w+) -->\n```text\n)(.*?)(```)", re.DOTALL)
MADE = re.compile(r"(<!-- commands -->\n\n).*", re.DOTALL)


def output(name: str) -> str:
    """What the last command of a block prints, with the folder it ran in called `/home/you`."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder).resolve()
        shutil.copytree(REPOSITORY / "sample_data", here / "try_it")
        programs = Path(sys.executable).parent
        path = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
        environment = {
            **os.environ,
            "PATH": path,
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "YOLOBG_CACHE_DIR": str(here / "cache"),
        }
        printed = ""
        for command in COMMANDS[name]:
            done = subprocess.run(  # noqa: S603 - the commands are those above
                [shutil.which("yolobg", path=path) or "yolobg", *command.split()],
                cwd=here, env=environment, capture_output=True, encoding="utf-8", check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            printed = (done.stdout + done.stderr).replace(str(here), "/home/you")
    return "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())


def filled(page: str) -> str:
    """A page with its output blocks as they should be."""
    page = BLOCK.sub(lambda block: block[1] + output(block[2]) + block[4], page)
    return MADE.sub(lambda block: f"{block[1]}{command_reference()}\n", page)


def main() -> int:
    """Fill or check README.md and the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell whether they are true")
    options = parser.parse_args()
    wrong = 0
    made = {PICTURE: house, PAGE: notebook_page}
    for page in dict.fromkeys([*PAGES, *made]):
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        new = made[page]() if page in made else filled(old)
        wrong += new != old
        if not options.check and new != old:
            page.write_text(new, encoding="utf-8")
    return int(options.check and wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
