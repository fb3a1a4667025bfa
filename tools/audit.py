"""Ask the advisory service about every package of a lock; exit 1 where one has a known weakness.

Usage: VENV/bin/python tools/audit.py LOCK [--require]      (VENV holds pip-audit; LOCK is the output of `pip freeze`)

Where the service cannot be reached, that is said in so many words and the exit code is 0, or 3 with `--require`: a
machine without a way there must not look like one that found nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOUND, NOT_REACHED = 1, 3
TIME_LIMIT_S = 300


def pinned(lock: str) -> list[str]:
    """The packages of a lock that an index can know: `name==version`, and not our own."""
    lines = (line.strip() for line in lock.splitlines())
    return [line for line in lines if re.match(r"[A-Za-z0-9._-]+==", line) and not line.startswith("yolobg==")]


def verdict(report: Mapping[str, Any] | None, wanted: Sequence[str], said: str) -> tuple[int, list[str]]:
    """The exit code, and what to print.

    Args:
        report: What pip-audit printed; None where that was no JSON.
        wanted: The packages that it was asked about.
        said: Its last words, for the case that nothing came of it.
    """
    packages = report.get("dependencies", []) if report else []
    audited = [package for package in packages if "vulns" in package]
    weak = [f"{p['name']} {p['version']}: {v['id']}" for p in audited for v in p["vulns"]]
    if not audited:
        return NOT_REACHED, [f"audit: NOT REACHABLE: none of {len(wanted)} packages was looked at ({said})"]
    lines = [f"audit: {len(audited)} of {len(wanted)} packages were looked at, {len(weak)} known weaknesses"]
    seen = {package["name"].lower().replace("_", "-") for package in audited}
    missed = [name for name in wanted if name.partition("==")[0].lower().replace("_", "-") not in seen]
    lines += [f"audit: NOT LOOKED AT: {name}" for name in missed]
    return (FOUND if weak else 0), lines + [f"audit: {line}" for line in weak]


def ask(lock: Path) -> tuple[Mapping[str, Any] | None, str]:
    """Run pip-audit on a lock; its report, or None, and its last words."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--no-deps", "--disable-pip"]
    command += ["-f", "json", "--progress-spinner", "off"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None, f"no answer within {TIME_LIMIT_S} s"
    said = (run.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
    try:
        report: Mapping[str, Any] = json.loads(run.stdout)
    except ValueError:
        return None, said
    reasons = [package["skip_reason"] for package in report.get("dependencies", []) if "skip_reason" in package]
    return report, reasons[0][:200] if reasons else said


def main(lock: Path, *, required: bool) -> int:
    """Ask about the packages of a lock and print the verdict."""
    wanted = pinned(lock.read_text("utf-8"))
    asked = lock.with_suffix(".audit.txt")
    asked.write_text("\n".join(wanted) + "\n", "utf-8")
    report, said = ask(asked)
    code, lines = verdict(report, wanted, said)
    print("\n".join(lines))
    return 0 if code == NOT_REACHED and not required else code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), required="--require" in sys.argv[2:]))
