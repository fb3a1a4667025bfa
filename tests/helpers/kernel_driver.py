"""Run code in a real Jupyter kernel and interrupt it: a program, so that no event loop or socket stays in the tests.

    python kernel_driver.py CODE_FILE WAIT_FOR AFTER

Starts a kernel, has it run the file, interrupts it as soon as something that it shows has `WAIT_FOR` in its text, then
has it run AFTER. Prints as JSON what each place showed last (`shown`), the error's name, and the result of AFTER.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager, start_new_kernel

LONGEST_S = 90


def run(manager: KernelManager, client: Any, code: str, wait_for: str | None) -> dict[str, Any]:
    """Run one cell to its end."""
    cell = client.execute(code)
    told: dict[str, Any] = {"shown": {}, "error": None, "result": None}
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        message = client.get_iopub_msg(timeout=LONGEST_S)
        content, kind = message["content"], message["msg_type"]
        if message["parent_header"].get("msg_id") != cell:
            continue
        if kind in ("display_data", "update_display_data"):
            told["shown"][content["transient"]["display_id"]] = content["data"]["text/plain"]
            if wait_for and wait_for in content["data"]["text/plain"]:
                manager.interrupt_kernel()
                wait_for = None
        elif kind == "error":
            told["error"] = content["ename"]
        elif kind == "execute_result":
            told["result"] = content["data"]["text/plain"]
        elif kind == "status" and content["execution_state"] == "idle":
            return told
    raise TimeoutError(code)


def main() -> None:
    """Do what the arguments say."""
    file, wait_for, after = sys.argv[1:]
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=LONGEST_S)
    try:
        first = run(manager, client, Path(file).read_text(encoding="utf-8"), wait_for)
        print(json.dumps({**first, "after": run(manager, client, after, None)["result"]}))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
