"""What a person reads of the demo. Nothing here prints; `cli` does."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from yolobg.cli.process import program_name
from yolobg.cli.text import clean, quoted, whole
from yolobg.demo import Demo
from yolobg.results import Report

__all__ = ["demo_text"]


def demo_text(material: Demo, report: Report) -> RenderableType:
    """Where the demo lies, and what to try next."""
    root = material.data_yaml.parent
    return Group(
        Text("\nThe sample dataset and source, to experiment with:", style="bold"),
        whole(f"  dataset   {clean(root)}"),
        whole(f"  source    {clean(material.annotations)}"),
        whole(f"  added     {clean(report.dataset.images_dir)}, the files that begin with bg_"),
        Text("Try next:", style="bold"),
        whole(f"  {program_name()} status {quoted(str(material.data_yaml))}"),
        whole(f"  {program_name()} classes {quoted(str(material.data_yaml))}"),
        whole(f"  {program_name()} remove {quoted(str(material.data_yaml))}"),
    )
