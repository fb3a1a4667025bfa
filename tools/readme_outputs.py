"""Fill README's output blocks with what the commands really print; `--check` only compares.

A block is a fenced one after `<!-- output:NAME -->`.
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

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = {
    "demo": "augment try_it/dataset/data.yaml --annotations try_it/source/annotations/instances_sample.json "
    "--images try_it/source/images",
    "classes": "classes --names Pedestrian,pick-up_truck,no_helmet,poodle,vehicle,pothole,qwrtz",
    "help": "augment --help",
}
BLOCK = re.compile(r"(<!-- output:(\w+) -->\n```text\n)(.*?)(```)", re.DOTALL)


def output(name: str) -> str:
    """What the command of a block prints, with the folder it ran in called `/home/you`."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder).resolve()
        shutil.copytree(REPOSITORY / "sample_data", here / "try_it")
        programs = Path(sys.executable).parent
        path = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
        environment = {
            **os.environ,
            "PATH": path,
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "YOLOBG_CACHE_DIR": str(here / "cache"),
        }
        done = subprocess.run(  # noqa: S603 - the commands are those above
            [shutil.which("yolobg", path=path) or "yolobg", *COMMANDS[name].split()],
            cwd=here, env=environment, capture_output=True, encoding="utf-8", check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        told = (done.stdout + done.stderr).replace(str(here), "/home/you")
    return "".join(f"{line.rstrip()}\n" for line in told.rstrip().splitlines())


def filled(readme: str) -> str:
    """README with its output blocks as they should be."""
    return BLOCK.sub(lambda block: block[1] + output(block[2]) + block[4], readme)


def main() -> int:
    """Fill or check README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell whether it is true")
    options = parser.parse_args()
    readme = REPOSITORY / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = filled(old)
    if not options.check:
        readme.write_text(new, encoding="utf-8")
    return int(options.check and new != old)


if __name__ == "__main__":
    sys.exit(main())
