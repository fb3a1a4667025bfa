"""Completion in a real shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run

PROGRAM = shutil.which("yolobg", path=str(Path(sys.executable).parent))
# As a shell calls it: `$1` is the program, the words are those of the line, and the answers are in COMPREPLY.
LINE = """
eval "$(yolobg completion bash)"
complete -p yolobg
while read -r -a COMP_WORDS; do
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
    _yolobg_completion yolobg
    echo "${COMPREPLY[@]}"
done
"""


@pytest.mark.skipif(
    PROGRAM is None or sys.platform == "win32" or shutil.which("bash") is None,
    reason="needs bash and the installed script, which the shell calls",
)
def test_bash__completes_commands_options_and_choices() -> None:
    lines = {"yolobg aug": "augment", "yolobg augment --li": "--license --link", "yolobg plan --link s": "symlink"}
    done = subprocess.run(
        ["bash", "--norc", "-c", LINE], input="\n".join(lines) + "\n", capture_output=True, encoding="utf-8",
        check=True, timeout=60, env={**os.environ, "PATH": f"{Path(str(PROGRAM)).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stderr == ""
    registered, *answers = done.stdout.splitlines()
    assert registered.endswith("-F _yolobg_completion yolobg")
    assert answers == list(lines.values())


@pytest.mark.parametrize(("shell", "words"), [("zsh", "#compdef yolobg"), ("fish", "complete --no-files")])
def test_other_shells__get_their_own(shell: str, words: str) -> None:
    done = run("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert words in done.stdout
    assert "_YOLOBG_COMPLETE" in done.stdout


def test_other_shells__unknown_is_refused() -> None:
    assert run("completion", "tcsh").returncode == 2
