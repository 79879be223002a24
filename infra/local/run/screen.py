"""What a person sees of a run: each stage with a spinner while it lasts, its result and its time when it is over."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CalledProcessError

from botocore.exceptions import BotoCoreError, ClientError
from pulumi import RunError
from rich.console import Console
from rich.markup import escape

from mlops_core.errors import MlopsError
from mlops_core.text import printable
from ops.errors import OpsError

SECONDS_BETWEEN_LINES = 10.0
# Errors of the user's environment, each with a message that says so; anything else is a fault of ours.
EXPECTED = (RuntimeError, TimeoutError, OpsError, MlopsError, RunError, BotoCoreError, ClientError, CalledProcessError)


@dataclass
class Stage:
    """A stage under way: ``tell`` shows how far it is, ``result`` is shown when it is over."""

    title: str
    tell: Callable[[str], None]
    result: str = ""


@dataclass
class Screen:
    """Shows stages one after the other and remembers how long each took."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failed: str = ""

    @contextmanager
    def stage(self, title: str) -> Generator[Stage]:
        """Show a stage. An error goes through, and ``failed`` then names the stage."""
        self.failed, began = title, time.monotonic()
        if self.console.is_terminal:
            with self.console.status(escape(f"{title} ...")) as status:
                stage = Stage(title, lambda progress: status.update(escape(f"{title} ... {progress}")))
                yield stage
        else:
            self.console.print(escape(f"  {title} ..."), soft_wrap=True)  # so that a log shows what is under way
            stage = Stage(title, self._line_by_line(title))
            yield stage
        self.failed = ""
        self.seconds[title] = round(time.monotonic() - began, 2)
        self.console.print(
            f"[green]✔[/] {escape(title):<22} {self.seconds[title]:6.1f} s   [dim]{escape(stage.result)}[/]",
            soft_wrap=True,
        )

    def _line_by_line(self, title: str) -> Callable[[str], None]:
        """Return a printer of a stage's progress without a terminal: at most one line each ten seconds."""
        printed_at = time.monotonic()

        def tell(progress: str) -> None:
            nonlocal printed_at
            if time.monotonic() - printed_at >= SECONDS_BETWEEN_LINES:
                printed_at = time.monotonic()
                self.console.print(escape(f"    {title} ... {progress}"), soft_wrap=True)

        return tell

    def failure(self, message: str, log: Path, warnings: Sequence[str]) -> None:
        """Show why the stage under way failed, where to look, and what it printed last."""
        self.console.print(f"[red]✘ {escape(self.failed or 'The run')} failed[/]")
        self.console.print(printable(message, keep="\n"), markup=False, soft_wrap=True)
        self.console.print(f"The emulator and the functions log to {log}", markup=False, soft_wrap=True)
        for warning in warnings:
            self.console.print(f"  {printable(warning[:400])}", markup=False, soft_wrap=True)
