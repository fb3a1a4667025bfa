"""The command line: `python -m benchmarks.study --cpu` trains, `--report` writes the figures of docs/study.md."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.study.analysis import analyse
from benchmarks.study.page import sentence, write_page
from benchmarks.study.protocol import PROTOCOL, StudyError
from benchmarks.study.results import read_results
from benchmarks.study.runs import Place, run_missing
from benchmarks.study.training import PYTHON, Machine, check_ultralytics, environment, open_material
from yolobg.errors import YolobgError

MATERIAL = "YOLOBG_STUDY"
ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks/study_results"
PAGE = ROOT / "docs/study.md"
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.study",
        description="Train the arms of the study that are not done. A run that is stopped goes on where it was.",
    )
    made.add_argument("--material", type=Path, default=os.environ.get(MATERIAL), help=f"folder; default ${MATERIAL}")
    made.add_argument(
        "--ultralytics", default=os.environ.get(PYTHON, sys.executable),
        help=f"Python that has Ultralytics; default ${PYTHON}, else this one",
    )  # fmt: skip
    made.add_argument("--cpu", action="store_true", help="train on the CPU; otherwise on the first GPU")
    made.add_argument("--jobs", type=_positive, default=1, help="runs at the same time")
    made.add_argument("--threads", type=_positive, default=2, help="threads of each run on the CPU")
    made.add_argument("--report", action="store_true", help="train nothing; write the figures of docs/study.md")
    made.add_argument("--results", type=Path, default=RESULTS, help="folder of the results, one JSON file a run")
    made.add_argument("--work", type=Path, default=Path("study_work"), help="folder for checkpoints")
    return made


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def run(asked: argparse.Namespace) -> None:
    """Do what was asked.

    Raises:
        StudyError: Something is missing.
        YolobgError: As for `augment` and `evaluate`.
    """
    print(f"protocol {PROTOCOL.hash}", flush=True)
    if asked.report:
        found = analyse(read_results(asked.results, PROTOCOL), PROTOCOL)
        write_page(found, PROTOCOL, PAGE)
        print(sentence(found, PROTOCOL))
        return
    if asked.material is None:
        raise StudyError(f"no material: name its folder with --material or in {MATERIAL}")
    check_ultralytics(asked.ultralytics)
    work = asked.work.resolve()
    # Scores and the pool's records are kept with the rest of the work, and the worker that scores is ours too.
    os.environ |= {**environment(), PYTHON: asked.ultralytics, "YOLOBG_CACHE_DIR": str(work / "cache")}
    material = open_material(Path(asked.material).resolve(), PROTOCOL)
    machine = Machine(asked.ultralytics, "cpu" if asked.cpu else "0", asked.threads)
    run_missing(material, Place(asked.results, work), machine, PROTOCOL, jobs=asked.jobs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and run; returns the exit code."""
    try:
        run(parser().parse_args(arguments))
    except (StudyError, YolobgError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run again to continue", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
