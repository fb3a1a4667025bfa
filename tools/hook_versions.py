"""Run the trainings of the hook's tests with older releases of Ultralytics, each in an environment of its own.

    python tools/hook_versions.py FOLDER [--torch PYTHON] [VERSION ...]

FOLDER keeps the environments (a few hundred MB, and 5 GB for torch unless `--torch` names an interpreter that has
torch, torchvision and OpenCV; its packages are then seen by all of them). The tests are run with this interpreter,
which needs pytest and the `dev` extra. Exit code 0 when all releases pass.
"""

# ruff: noqa: S603 - what is run is an interpreter that the caller names
from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

# One on each side of every change in what a hook meets, and the oldest that is promised. In 8.3.183 the dataset is
# resolved before the hook runs, and `single_cls` has replaced the class names.
VERSIONS = ("8.3.253", "8.3.183", "8.3.0", "8.2.0")
TORCH = ("torch==2.14.1", "torchvision==0.29.1", "opencv-python-headless")
# What the older releases import and the newest does not bring, and what yolobg itself needs.
NEEDS = (
    "matplotlib", "pandas", "psutil", "py-cpuinfo", "pyyaml", "requests", "scipy", "seaborn", "tqdm",
    "ultralytics-thop", "filelock", "flask", "jinja2", "markupsafe", "msgspec", "pillow", "platformdirs",
    "rich", "click",
)  # fmt: skip
ROOT = Path(__file__).resolve().parent.parent
TESTS = ("tests/hook/test_training.py", "tests/hook/test_workers.py")


def make_venv(folder: Path, *, behind: str | None = None) -> str:
    """An environment at `folder`, made if need be, that also sees the packages of another; returns its interpreter."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if behind is not None:
        # Read after its own packages, so that those come first; a call, so that what is behind the other is seen too.
        line = f"import site; site.addsitedir({str(site_packages(behind))!r})\n"
        (site_packages(str(python)) / "behind.pth").write_text(line, encoding="utf-8")
    return str(python)


def site_packages(python: str) -> Path:
    """Where the packages of an interpreter lie."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip())


def install(python: str, *packages: str) -> None:
    """Install packages with an interpreter's own pip."""
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True)


def run_version(version: str, folder: Path, base: str) -> bool:
    """Make the environment of a release and run the tests with it; whether they passed."""
    python = make_venv(folder / version, behind=base)
    install(python, "--no-deps", f"ultralytics=={version}")
    told = subprocess.run(
        [python, "-c", "import ultralytics, torch; print(ultralytics.__version__, torch.__version__)"],
        check=True, capture_output=True, text=True, env={**os.environ, "YOLO_CONFIG_DIR": str(folder / "config")},
    )  # fmt: skip
    found = told.stdout.split()
    print(f"======== Ultralytics {found[-2]}, torch {found[-1]}", flush=True)
    if found[-2] != version:
        return False
    command = [sys.executable, "-m", "pytest", "-q", "-m", "ultralytics and not network", *TESTS]
    place = {**os.environ, "YOLOBG_ULTRALYTICS_PYTHON": python}
    return subprocess.run(command, check=False, cwd=ROOT, env=place).returncode == 0


def main() -> int:
    """Run the releases asked for; 0 when all pass."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter that has torch")
    parser.add_argument("versions", nargs="*", default=VERSIONS)
    asked = parser.parse_intermixed_args()
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    base = make_venv(folder / "base", behind=asked.torch)
    install(base, *(NEEDS if asked.torch else TORCH + NEEDS))
    results = {version: run_version(version, folder, base) for version in asked.versions}
    for version, passed in results.items():
        print(f"{version:10} {'ok' if passed else 'FAILED'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
