"""Print the fenced block that follows a marker in README.md, so that CI runs exactly what readers are told to run.

Usage: python tools/readme_command.py README.md demo      (the block after `<!-- command:demo -->`)
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def read_command(text: str, name: str) -> str:
    """The commands of the block named `name`, one per line as written.

    Raises:
        ValueError: There is no such marker, more than one, or no fenced block right after it.
    """
    found = re.findall(
        rf"<!-- command:{re.escape(name)} -->\s*\n```[a-z]*\n(.*?)^```\s*$", text, re.DOTALL | re.MULTILINE
    )
    if len(found) != 1 or not found[0].strip():
        raise ValueError(f"expected one fenced block after '<!-- command:{name} -->', found {len(found)}")
    command: str = found[0]
    return command


if __name__ == "__main__":
    print(read_command(Path(sys.argv[1]).read_text("utf-8"), sys.argv[2]), end="")
