"""`yolobg evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolobg.cli.options import PATH, data_yaml_argument, json_option, quiet_option
from yolobg.cli.output import command, show, stderr_console
from yolobg.errors import UsageError

if TYPE_CHECKING:
    from yolobg.evaluation_results import Evaluation

__all__ = ["evaluate"]


@command(example="yolobg evaluate data.yaml --before plain.pt --after with_backgrounds.pt --backgrounds site_photos/")
@data_yaml_argument
@click.option(
    "--before", metavar="MODEL", type=PATH, multiple=True,
    help="The model without the backgrounds: .pt, .onnx, or predictions (COCO results, .json). Repeatable, for seeds.",
)  # fmt: skip
@click.option(
    "--after", metavar="MODEL", type=PATH, multiple=True,
    help="The model with them. Repeatable; without it, only the first side is measured.",
)  # fmt: skip
@click.option(
    "--backgrounds", metavar="DIR|FILE.json", type=str,
    help="Held-out images without your objects: a folder, best with images from where the model will work, or a list.",
)  # fmt: skip
@click.option(
    "--split", metavar="NAME", default="val", show_default=True, help="The split whose labelled images give recall."
)
@click.option(
    "--images", metavar="N", type=int, default=1000, show_default=True, help="How many backgrounds to use at most."
)
@click.option(
    "--seed", metavar="N", type=int, default=0, show_default=True, help="Which backgrounds, and the draws of intervals."
)
@click.option(
    "--conf", metavar="C[,C]", default="0.25,0.5", show_default=True, help="Confidences for the figures at one setting."
)
@click.option(
    "--bootstrap", metavar="N", type=int, default=2000, show_default=True, help="Number of bootstrap resamples."
)
@click.option(
    "--categories", type=click.Choice(["0", "1"]),
    help="category_id of the first class, if the predictions do not show it.",
)  # fmt: skip
@click.option("--imgsz", metavar="auto|N", default="auto", show_default=True, help="Image size for a model.")
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="What to run a model on.")
@click.option(
    "--batch", metavar="N", type=int, default=8, show_default=True, help="Store scores after this many images."
)
@click.option(
    "--output", metavar="DIR", type=PATH, help="Folder for the report page.  [default: .yolobg/evaluate in the dataset]"
)
@click.option("--no-report", "report", is_flag=True, flag_value=False, default=True, help="Do not write a report page.")
@click.option("--dry-run", is_flag=True, help="Only list the images to predict on, one path a line, on stdout.")
@json_option
@quiet_option
def evaluate(
    data_yaml: Path, *, conf: str, categories: str | None, imgsz: str, json_: bool, quiet: bool, **options: Any
) -> None:
    """Did the backgrounds help? Compare models at equal false-alarm rates.

    Shows recall at equal image false-alarm rates on held-out backgrounds, which mAP cannot see, with intervals.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    from yolobg.api import evaluate as measure
    from yolobg.cli.progress import bars

    with bars(stderr_console(), wanted=not quiet) as progress:
        found = measure(
            data_yaml,
            conf=_confidences(conf),
            categories=None if categories is None else int(categories),
            imgsz=_imgsz(imgsz),
            progress=progress,
            **options,
        )
    _show(found, json_=json_, quiet=quiet)


def _confidences(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise UsageError(f"--conf {text}: give numbers between 0 and 1 with commas between, as 0.25,0.5") from error


def _imgsz(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"--imgsz {text}: give a number of pixels or auto")
    return int(text)


def _show(found: Evaluation, *, json_: bool, quiet: bool) -> None:
    from yolobg.cli.evaluate_text import evaluation_notes, evaluation_text

    if not (json_ or quiet):
        stderr_console().print(evaluation_notes(found), crop=False)
    if found.predict_on is not None and not json_:
        click.echo("\n".join(found.predict_on))
    else:
        show(found, evaluation_text, json_=json_, quiet=quiet)
