"""`yolobg augment`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolobg.cli.options import (
    PATH,
    dry_run_option,
    is_given,
    json_option,
    preview_option,
    quiet_option,
    request_options,
    yes_option,
)
from yolobg.cli.output import command, is_attended, show, stderr_console
from yolobg.errors import UsageError

if TYPE_CHECKING:
    from yolobg.flow.options import Options
    from yolobg.flow.planning import Plan
    from yolobg.results import Report

__all__ = ["augment", "looked_at"]

# What may be said anew of a plan that was saved: how its images are fetched and shown.
_ANEW = ("images", "jobs", "report")


@command(example="yolobg augment data.yaml --ratio 0.1 --dry-run")
@click.argument("data_yaml", metavar="[DATA_YAML]", type=PATH, required=False)
@request_options()
@click.option("--plan", metavar="FILE", type=PATH, help="Carry out a plan that `yolobg plan --save` wrote.")
@dry_run_option
@preview_option
@yes_option
@json_option
@click.option("--no-browser", is_flag=True, help="With --hard or videos: only print the link of the review.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="With --hard or videos: the port of the review."
)
@quiet_option
def augment(
    data_yaml: Path | None,
    *,
    options: Options,
    plan: Path | None,
    dry_run: bool,
    preview: bool,
    yes: bool,
    json_: bool,
    no_browser: bool,
    port: int | None,
    quiet: bool,
) -> None:
    """Add background images up to a ratio or a count.

    DATA_YAML is the dataset's data.yaml, or a folder with one; leave it out with --plan.
    """
    from yolobg.cli.plan_text import planned_text
    from yolobg.cli.text import augment_text
    from yolobg.flow.offline import offline_options, offline_report
    from yolobg.flow.unseen import why_look_first

    may_ask = not (yes or json_ or quiet)
    # With --trim no look would help: that the two can't be combined is said once the options are read.
    if not (yes or dry_run or options.get("trim")):
        _check_model(options, may_ask=may_ask)
    offline = offline_options(options) if dry_run and plan is None else None
    decided = _decide(plan, data_yaml, offline or options, may_ask=may_ask, quiet=quiet)
    if dry_run:
        report = looked_at(decided, preview=preview, quiet=quiet)
        text = partial(planned_text, by_model=decided.request.model_option is not None)
        show(offline_report(report, options) if offline else report, text, json_=json_, quiet=quiet)
    else:
        _tell_recheck(decided, quiet=quiet)
        if not yes and (why := why_look_first(decided)):
            _check_attended(why, may_ask=may_ask)
            _propose(decided, no_browser=no_browser, port=port)
            return
        show(_carry_out(decided, quiet=quiet), augment_text, json_=json_, quiet=quiet)


def _decide(file: Path | None, data_yaml: Path | None, options: Options, *, may_ask: bool, quiet: bool) -> Plan:
    """The plan to carry out or show: a saved one, or one made now, with questions where they may be asked."""
    from yolobg.cli.questions import plan_with_answers

    if file is not None:
        return _load(file, data_yaml, options, quiet=quiet)
    if data_yaml is None:
        raise UsageError("give DATA_YAML, or a saved plan with --plan FILE")
    return plan_with_answers(data_yaml, options, console=stderr_console(), may_ask=may_ask, quiet=quiet)


def _check_model(options: Options, *, may_ask: bool) -> None:
    """Refuse images that a model chose where nobody can look at them, nor has said that they may come in anyway."""
    from yolobg.flow.unseen import model_chooses

    given = next((name for name in ("hard", "scores") if options.get(name) is not None), None)
    if given is not None:
        _check_attended(model_chooses(f"--{given}"), may_ask=may_ask)


def _check_attended(why: str, *, may_ask: bool) -> None:
    """Refuse images that somebody has to look at, where nobody can.

    Raises:
        UsageError: `why` they have to be looked at, and what to do.
    """
    if not (may_ask and is_attended()):
        raise UsageError(
            f"{why}: run this on a terminal (without --json and --quiet) to look at them before they come in, or give "
            "--yes to add them without a look (the manifest notes it)"
        )


def _propose(plan: Plan, *, no_browser: bool, port: int | None) -> None:
    """Fetch what a plan chooses, and open the review of it."""
    from yolobg.api import propose
    from yolobg.cli.progress import bars
    from yolobg.cli.review import hold_open
    from yolobg.cli.text import augment_text

    with bars(stderr_console(), wanted=True) as progress:
        report = propose(plan, progress=progress)
    show(report, augment_text, json_=False)
    if report.proposed:
        hold_open(Path(report.dataset.data_yaml), no_browser=no_browser, port=port)


def _tell_recheck(plan: Plan, *, quiet: bool) -> None:
    """Say how many backgrounds a recheck changes and what reviews say of them, before it starts."""
    from yolobg.cli.text import clean, whole
    from yolobg.wording import agreeing, counted

    if plan.request.recheck and not quiet:
        ours, leaving, coming = plan.before.ours, len(plan.leaving), plan.target.needed
        told = (
            f"Recheck   {leaving:,} of {counted(ours, 'background')} added by yolobg {agreeing(leaving, 'go')}, "
            f"{counted(coming, 'other', 'come')} in"
        )
        for line in (told, *(f"          {note}" for note in plan.checked.notes)):
            stderr_console().print(whole(clean(line, 600)), soft_wrap=True)


def _load(file: Path, data_yaml: Path | None, options: Options, *, quiet: bool) -> Plan:
    """A saved plan; its options are those that it was made with, apart from a few that do not choose images."""
    from yolobg.cli.progress import bars
    from yolobg.flow.planning import Plan

    given = {name for name in (*options, "map_file") if is_given(name)}
    if wrong := sorted(given.difference(_ANEW)):
        raise UsageError(
            f"--plan {file}: a plan has its own options, so --{wrong[0].replace('_', '-')} can't be combined with it; "
            "leave it out, or plan again"
        )
    with bars(stderr_console(), wanted=not quiet) as progress:
        return Plan.load(
            file,
            data_yaml,
            images=options["images"] if "images" in given else None,
            jobs=options["jobs"] if "jobs" in given else None,
            report=options["report"] if "report" in given else None,
            progress=progress,
        )


def looked_at(plan: Plan, *, preview: bool, quiet: bool) -> Report:
    """What a plan would do; with `preview` after its page has been written."""
    if not preview:
        return plan.report
    from yolobg.api import preview as write
    from yolobg.cli.progress import bars

    with bars(stderr_console(), wanted=not quiet) as progress:
        return replace(plan.report, page=str(write(plan, progress=progress)))


def _carry_out(plan: Plan, *, quiet: bool) -> Report:
    from yolobg.api import carry_out
    from yolobg.cli.progress import bars

    with bars(stderr_console(), wanted=not quiet) as progress:
        return carry_out(plan, progress=progress)
