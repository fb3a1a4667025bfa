"""Where Ultralytics keeps its settings, and the folder below which it seeks datasets; only read, never written."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["datasets_dirs", "settings_file"]

_LARGEST_BYTES = 1 << 20


def settings_file(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path | None:
    """Ultralytics' settings.json (it need not exist); None where no home folder is known.

    `YOLO_CONFIG_DIR` comes first, then the system's own place: `XDG_CONFIG_HOME` or `~/.config` on Linux,
    `~/AppData/Roaming` on Windows, `~/Library/Application Support` on macOS.
    """
    try:
        if place := environ.get("YOLO_CONFIG_DIR"):
            folder = Path(place).expanduser()
        elif platform == "win32":
            folder = Path.home() / "AppData" / "Roaming"
        elif platform == "darwin":
            folder = Path.home() / "Library" / "Application Support"
        elif (place := environ.get("XDG_CONFIG_HOME")) is not None:
            folder = Path(place)
        else:
            folder = Path.home() / ".config"
    except RuntimeError:
        return None
    return folder / "Ultralytics" / "settings.json"


def datasets_dirs(cwd: Path) -> list[Path]:
    """The folder that a relative `path:` is taken from when it does not exist below the current one.

    It is `datasets_dir` of the settings; without usable settings, what Ultralytics would write at its first start
    in `cwd`: `datasets` there. A list, for the settings may be unreadable.
    """
    file = settings_file()
    try:
        if file is not None and (cwd / file).is_file() and (cwd / file).stat().st_size <= _LARGEST_BYTES:
            raw = json.loads((cwd / file).read_bytes())
            place = raw.get("datasets_dir") if isinstance(raw, dict) else None
            if isinstance(place, str) and "\0" not in place:
                return [cwd / place]
    except (OSError, ValueError, RecursionError):
        pass
    return [cwd / "datasets"]
