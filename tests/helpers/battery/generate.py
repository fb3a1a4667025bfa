"""Ask the real Ultralytics for the answers to the battery and keep them in expected.json.

Run in an environment with Ultralytics, with `tests/helpers/` on the path:

    PYTHONPATH=tests/helpers python -m battery.generate            # writes expected.json
    PYTHONPATH=tests/helpers python -m battery.generate --check    # compares, exit 1 where they differ
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from battery.layout import Layout, Places, build, missing_needs, write_file, write_settings
from battery.layouts import LAYOUTS

EXPECTED = Path(__file__).with_name("expected.json")
SPLITS = ("train", "val", "test", "minival")


def ask(layout: Layout, places: Places) -> dict[str, Any]:
    """Ultralytics' answer to a layout that lies on the disk."""
    from ultralytics.data import utils  # noqa: PLC0415 - reads its settings when imported

    old = Path.cwd()
    os.chdir(places.path(layout.cwd))
    try:
        data = utils.check_det_dataset(places.fill(layout.data), autodownload=False)
        splits = {name: ask_split(data, name, places) for name in SPLITS if data.get(name) and name in layout.splits}
        root = places.shorten(os.path.realpath(data["path"]))
        return {"root": root, "names": {str(key): value for key, value in data["names"].items()}, "splits": splits}
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return {"error": type(error).__name__}
    finally:
        os.chdir(old)


def ask_split(data: dict[str, Any], name: str, places: Places) -> Any:
    """The images of a split in order, each with its label path and state."""
    from ultralytics.data.base import BaseDataset  # noqa: PLC0415
    from ultralytics.data.utils import img2label_paths, verify_image_label  # noqa: PLC0415

    reader = BaseDataset.__new__(BaseDataset)
    reader.prefix, reader.fraction = "", 1.0
    try:
        images = reader.get_img_files(data[name])
    except FileNotFoundError as error:
        return {"error": type(error).__name__}
    points, dimensions = data.get("kpt_shape", (0, 0))
    rows = []
    for image, label in zip(images, img2label_paths(images), strict=True):
        task = (image, label, "", False, len(data["names"]), points, dimensions, False)
        missing, _found, empty, corrupt = verify_image_label(task)[5:9]
        state = "corrupt" if corrupt else "missing" if missing else "empty" if empty else "found"
        # Not resolve(), which follows links.
        paths = [places.shorten(os.path.abspath(path)) for path in (image, label)]  # noqa: PTH100
        rows.append([*paths, state])
    return rows


def answers(base: Path) -> dict[str, Any]:
    """The answers to all layouts, built below `base`."""
    expected: dict[str, Any] = {}
    for name, layout in sorted(LAYOUTS.items()):
        if missing_needs(layout, base):
            print(f"{name}: left out, the file system lacks {missing_needs(layout, base)}", file=sys.stderr)
            continue
        places = Places(base, name)
        build(layout, places)
        answer: dict[str, Any] = ask(
            dataclasses.replace(layout, splits=()) if layout.oracle_without else layout, places
        )
        if layout.differs:
            said = {"error": answer["error"]} if "error" in answer else {}
            for path in layout.oracle_without:
                places.path(path).unlink()
            for path, content in layout.oracle.items():
                write_file(places.path(path), content, places)
            answer = {"ultralytics": said, "ours": ask(layout, places)}
        expected[name] = answer
    return expected


def generate() -> dict[str, Any]:
    """All answers and the version they come from, made in a scratch folder with settings of its own."""
    base = Path(os.path.realpath(tempfile.mkdtemp(prefix="battery-")))
    try:
        # Ultralytics reads its settings once, when it is imported.
        os.environ |= {"YOLO_CONFIG_DIR": str(write_settings(base)), "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False"}
        import ultralytics  # noqa: PLC0415
        from ultralytics.data import utils  # noqa: PLC0415
        from ultralytics.utils import LOGGER  # noqa: PLC0415

        LOGGER.setLevel("CRITICAL")
        # It would look for a font on the network.
        utils.check_font = lambda *_: None
        return {"ultralytics": ultralytics.__version__, "layouts": answers(base)}
    finally:
        shutil.rmtree(base)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with expected.json instead of writing it")
    check = parser.parse_args().check
    made = generate()
    if not check:
        EXPECTED.write_text(json.dumps(made, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
        print(f"{len(made['layouts'])} layouts, Ultralytics {made['ultralytics']}")
        return 0
    kept = json.loads(EXPECTED.read_text(encoding="utf-8"))
    different = sorted(name for name, answer in made["layouts"].items() if kept["layouts"].get(name) != answer)
    print(f"{len(made['layouts'])} layouts, Ultralytics {made['ultralytics']}")
    print(f"different: {', '.join(different) or 'none'}")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main())
