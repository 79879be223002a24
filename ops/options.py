"""The options that every verb takes, declared once."""

from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_core.errors import DurationError
from mlops_core.time import parse_duration
from ops.errors import OptionError

if TYPE_CHECKING:
    from ops.stack import Stack

TABLES_AS_CSV: ContextVar[bool] = ContextVar("tables_as_csv", default=False)
"""Whether tables are printed as CSV (`mlops --csv VERB`)."""

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

By = Annotated[str | None, typer.Option("--by", help="Who says so; else the name you are signed in by.")]


def open_stack(name: str, outputs_file: Path | None) -> "Stack":
    """Return the stack that the options name. The SDK is imported here, so `--help` does without it."""
    from ops.stack import load_stack

    return load_stack(name, outputs_file)


def checked(machine_id: str) -> str:
    """Return what may be a machine's id, or raise InvalidArgumentError."""
    from mlops_core.telemetry import check_machine_id

    return check_machine_id(machine_id)


def parse_length(option: str, name: str) -> timedelta:
    """A duration such as 15m, 6h or 1d; OptionError, naming the option, for anything else."""
    try:
        return parse_duration(option)
    except DurationError as error:
        raise OptionError(f"{name}: {error}", f"Write {name} 1d, say.") from None


def parse_moment(option: str, name: str) -> datetime:
    """An ISO 8601 time with an offset, or a date: its midnight in UTC. ``name`` is the option's, for the error."""
    try:
        moment = datetime.fromisoformat(f"{option}T00Z" if len(option) == len("2024-01-31") else option)
    except ValueError:
        raise OptionError(f"{name} {option!r} is not an ISO 8601 time.", "Write 2024-01-31T00:00:00Z, say.") from None
    if moment.tzinfo is None:
        raise OptionError(
            f"{name} {option!r} says no offset from UTC.", f"Write {option}Z for UTC, or an offset such as +02:00."
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise OptionError(
            f"{name} {option!r} in UTC is not in years 1 to 9999.", "Write 2024-01-31T00:00:00Z, say."
        ) from None
