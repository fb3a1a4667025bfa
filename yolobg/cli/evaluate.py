"""`yolobg evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolobg.cli.options import PATH, data_yaml_argument, json_option, quiet_option, request_options, yes_option
from yolobg.cli.output import command, show, stderr_console
from yolobg.errors import UsageError
from yolobg.flow.held_out_options import HeldOutOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from yolobg.evaluation.run import EvaluationPlan
    from yolobg.evaluation_results import Evaluation, Power

__all__ = ["evaluate"]


@command(example="yolobg evaluate data.yaml --before plain.pt --after with_backgrounds.pt")
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
    "--backgrounds", metavar="NAME|DIR|FILE.json", type=str, default="coco-val2017", show_default=True,
    help="Held-out images without your objects: of COCO, of Open Images (openimages-val), a folder, or a list. Best: a "
    "folder of images from where the model will work.",
)  # fmt: skip
@click.option(
    "--split", metavar="NAME", default="val", show_default=True, help="The split whose labelled images give recall."
)
@click.option("--images", metavar="N", type=int, default=1000, show_default=True, help="Largest number of backgrounds.")
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
@request_options(only=HeldOutOptions.__annotations__, settings=False)
@click.option(
    "--images-dir", metavar="DIR_OR_URL", multiple=True,
    help="Where the images of COCO val2017 or of --annotations are; folders are tried first. Repeatable.",
)  # fmt: skip
@click.option(
    "--fetch", is_flag=True, help="Only fetch the backgrounds, and list the images to predict on, as --dry-run."
)
@click.option(
    "--output", metavar="DIR", type=PATH, help="Folder for the report page.  [default: .yolobg/evaluate in the dataset]"
)
@click.option("--no-report", "report", is_flag=True, flag_value=False, default=True, help="Do not write a report page.")
@click.option("--dry-run", is_flag=True, help="Only list the images to predict on, one path a line, on stdout.")
@yes_option
@json_option
@quiet_option
def evaluate(
    data_yaml: Path,
    *,
    options: HeldOutOptions,
    conf: str,
    categories: str | None,
    imgsz: str,
    yes: bool,
    json_: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Did the backgrounds help? Compare models at equal false-alarm rates.

    Shows recall at equal image false-alarm rates on held-out backgrounds, which mAP cannot see, with intervals.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    from yolobg.cli.progress import bars

    others |= {
        "conf": _confidences(conf),
        "categories": None if categories is None else int(categories),
        "imgsz": _imgsz(imgsz),
    }
    console = stderr_console()
    plan = _plan(
        data_yaml, options, others, console=console, may_ask=not (yes or json_ or quiet), told=not (json_ or quiet)
    )
    with bars(console, wanted=not quiet) as progress:
        found = plan.measure(progress=progress)
    _show(found, json_=json_, quiet=quiet)


def _plan(
    data_yaml: Path, options: HeldOutOptions, others: dict[str, Any], *, console: Console, may_ask: bool, told: bool
) -> EvaluationPlan:
    """Plan, where class names stay unresolved ask and plan again; say what can be shown before anything is fetched."""
    from yolobg.cli.evaluate_text import plan_text, power_text
    from yolobg.cli.progress import bars
    from yolobg.cli.questions import Answers
    from yolobg.evaluation.evaluate import plan_evaluation

    shown: list[Power] = []

    def show_once(power: Power) -> None:
        if told and power not in shown:
            console.print(power_text(power), crop=False)
            shown.append(power)

    def decide(answers: Mapping[str, Sequence[str]]) -> EvaluationPlan:
        with bars(console, wanted=told) as progress:
            return plan_evaluation(
                data_yaml, before_asking=show_once, progress=progress, **(options | {"map": answers}), **others
            )

    plan = Answers(options.get("map", {}), console=console, may_ask=may_ask).ask_until_clear(
        decide, lambda made: made.matches
    )
    show_once(plan.power)
    if told and plan.to_fetch:
        source = plan.backgrounds.info.source
        console.print(plan_text(source, plan.to_fetch, dry_run=plan.options.dry_run), crop=False)
    return plan


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
