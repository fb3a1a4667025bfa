"""Run the command as a person does, on the sample's source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def source(sample: Path, images: str | Path | None = None) -> tuple[str, ...]:
    annotations = sample / "source/annotations/instances_sample.json"
    return ("--annotations", str(annotations), "--images", str(images or sample / "source/images"))


def run(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yolobg", *map(str, arguments)],
        capture_output=True, encoding="utf-8", check=False, timeout=100, stdin=subprocess.DEVNULL, cwd=cwd,
        env={**os.environ, **environment},
    )  # fmt: skip
