"""Run the command as a person does, on the sample's source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# What Python reads when it starts, so that a fork of a running one would not obey it.
_READ_AT_START = ("PYTHON", "LC_", "LANG")


def source(sample: Path, images: str | Path | None = None) -> tuple[str, ...]:
    annotations = sample / "source/annotations/instances_sample.json"
    return ("--annotations", str(annotations), "--images", str(images or sample / "source/images"))


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with no input.

    Where the system can, that is a fork of a process that has imported yolobg already: a new interpreter takes longer
    to do so than most commands take. `run_anew` starts one.
    """
    if not hasattr(os, "fork") or any(name.startswith(_READ_AT_START) for name in environment):
        return run_anew(*arguments, cwd=cwd, **environment)
    from killing import shared_server  # noqa: PLC0415 - forks, which no Windows can

    ran = shared_server().run(*map(str, arguments), cwd=cwd, env=environment)
    return subprocess.CompletedProcess(["yolobg", *map(str, arguments)], ran.code, ran.out, ran.err)


def run_anew(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command by a new interpreter, as it is started by a shell."""
    return subprocess.run(
        [sys.executable, "-m", "yolobg", *map(str, arguments)],
        capture_output=True, encoding="utf-8", check=False, timeout=100, stdin=subprocess.DEVNULL, cwd=cwd,
        env={**os.environ, **environment},
    )  # fmt: skip
