"""The options that every verb takes, declared once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import timedelta

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


def parse_length(option: str, name: str) -> "timedelta":
    """A duration such as 15m, 6h or 1d; OptionError, naming the option, for anything else."""
    from mlops_core.errors import DurationError
    from mlops_core.time import parse_duration
    from ops.errors import OptionError

    try:
        return parse_duration(option)
    except DurationError as error:
        raise OptionError(f"{name}: {error}", f"Write {name} 1d, say.") from None
