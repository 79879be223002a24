"""``mlops local``: a stack of this computer that lasts; ``infra.local.lasting`` does it, in place of this process."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Keep a stack on this computer: deployed once, going on where it stopped.")

_Directory = Annotated[
    Path | None, typer.Option("--directory", help="Where the stack is kept; build/local-stack where not given.")
]


@app.command("up")
def up(
    directory: _Directory = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Of a new stack, for good; 4566 where not given.")
    ] = None,
    mqtt_port: Annotated[
        int | None,
        typer.Option("--mqtt-port", min=1, max=65535, help="Of a new stack, for good; 8883 where not given."),
    ] = None,
    companions: Annotated[
        int | None, typer.Option("--companions", min=0, help="Machines of history in a new stack, beside its own.")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Days of history of a new stack.")] = None,
) -> None:
    """Start the stack: the first time with a history and a model, later with all that it held."""
    _run("up", directory, {"--port": port, "--mqtt-port": mqtt_port, "--companions": companions, "--days": days})


@app.command("down")
def down(directory: _Directory = None) -> None:
    """Stop the stack in order; everything is kept."""
    _run("down", directory, {})


@app.command("reset")
def reset(
    directory: _Directory = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the stack and all its data, after a question."""
    _run("reset", directory, {}, *(["--yes"] if yes else []))


def _run(verb: str, directory: Path | None, options: dict[str, int | None], *flags: str) -> None:
    """Become the command of the laptop's stack, so that Ctrl-C and exit status are its own."""
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    where = [] if directory is None else ["--directory", str(directory)]
    os.execv(  # noqa: S606 - no shell, and our own module
        sys.executable, [sys.executable, "-P", "-m", "infra.local.lasting", verb, *where, *given, *flags]
    )
