"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataYamlArgument = Annotated[
    Path, typer.Argument(metavar="DATA_YAML", help="The dataset's data.yaml, or a folder that holds one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data as JSON to stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=CLASS[,CLASS]", help="What a class name stands for, or NAME=none. Repeatable."),
]
MapFileOption = Annotated[
    Path | None, typer.Option("--map-file", help="YAML file with such answers, as `yolobg classes --save` writes it.")
]
SourceOption = Annotated[str, typer.Option("--source", help="Named source of backgrounds.")]
AnnotationsOption = Annotated[
    str | None,
    typer.Option(
        "--annotations", metavar="FILE_OR_URL", help="COCO-format instances file instead (.json, .json.gz, in a .zip)."
    ),
]
ImagesOption = Annotated[
    list[str] | None,
    typer.Option("--images", metavar="DIR_OR_URL", help="Where its images are; folders are tried first. Repeatable."),
]
LeanOption = Annotated[bool, typer.Option("--lean", help="Keep images of classes that a name only may stand for.")]
NoCaptionsOption = Annotated[
    bool, typer.Option("--no-captions", help="Do not leave out images whose captions name a class.")
]
LicenseOption = Annotated[
    str, typer.Option("--license", metavar="any|commercial|ID,…", help="Which licences the images may have.")
]
