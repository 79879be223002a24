"""The options that every verb takes, declared once."""

from pathlib import Path
from typing import Annotated

import typer

StackName = Annotated[
    str,
    typer.Option("--stack", envvar="MLOPS_STACK", help="local, or the name of a deployed Pulumi stack: dev, prod ..."),
]
OutputsFile = Annotated[
    Path | None,
    typer.Option(
        "--outputs",
        help="Read the stack's outputs from this JSON file instead of asking the Pulumi CLI.",
        dir_okay=False,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else there.")
]
