"""What can go wrong for the person who runs a command: each error says what happened and what to do about it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class OpsError(Exception):
    """A command cannot do what was asked: ``problem`` in one sentence, ``remedy`` in another."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")


class OptionError(OpsError):
    """The options contradict each other, or one is missing or unreadable."""


class LocalStackAbsentError(OpsError):
    """No local stack is up."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"No local stack is up ({file}: {why}).", "Start one: mlops local up (or make local KEEP=1)")


class TrainingStuckError(OpsError):
    """The training state machine does not come to an end."""

    def __init__(self, execution: str, seconds: float) -> None:
        super().__init__(f"Training has not ended within {seconds / 60:.0f} minutes.", f"Look at {execution}.")


class BackfillFailedError(OpsError):
    """The state machine of a backfill ended without a result."""

    def __init__(self, execution: str, status: str, cause: str) -> None:
        super().__init__(
            f"{execution} ended as {status}: {' '.join(cause.split())[:500] or 'no cause is given'}.",
            "What was done stays; run the same command again to go on.",
        )


class PulumiAbsentError(OpsError):
    """The outputs of a deployed stack were asked for on a machine without the Pulumi CLI."""

    def __init__(self, stack: str) -> None:
        super().__init__(
            f"The outputs of stack {stack} cannot be read: the Pulumi CLI is not installed.",
            "Install it (https://www.pulumi.com/docs/install), or pass --outputs FILE with what `pulumi stack"
            f" output --json --stack {stack}` prints.",
        )


class PulumiFailedError(OpsError):
    """The Pulumi CLI refused to print a stack's outputs."""

    def __init__(self, stack: str, reason: str) -> None:
        super().__init__(
            f"The outputs of stack {stack} cannot be read: {reason}.",
            "`pulumi stack ls` lists the stacks, `pulumi login` says where they are kept.",
        )


class OutputsUnreadableError(OpsError):
    """A file of stack outputs is absent or holds something else."""

    def __init__(self, file: Path | str, why: str) -> None:
        super().__init__(
            f"{file} does not hold a stack's outputs: {why}.",
            "Write it with: pulumi stack output --json --stack NAME > FILE",
        )


class OutputAbsentError(OpsError):
    """The stack lacks an output that the command needs."""

    def __init__(self, stack: str, output: str, present: Iterable[str]) -> None:
        super().__init__(
            f"Stack {stack} has no output {output} (it has {', '.join(sorted(present)) or 'none'}).",
            "Deploy it with this version of the program: make up STACK=NAME, or make local KEEP=1",
        )


class FunctionFailedError(OpsError):
    """An invoked Lambda function ended with an error."""

    def __init__(self, function: str, log_group: str, kind: str, message: str) -> None:
        super().__init__(f"{function} failed with {kind}: {message}", f"Its log: aws logs tail {log_group} --since 15m")
        self.kind = kind
        self.message = message


class NoReadingsError(OpsError):
    """A file holds nothing that could be sent, or recorded: no valid ``what``."""

    def __init__(self, file: Path, reasons: Mapping[str, int], what: str = "reading") -> None:
        refused = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
        super().__init__(
            f"{file} holds no valid {what} ({refused or 'it has no rows'}).",
            "Check the options that say what its columns hold.",
        )


class LakeAbsentError(OpsError):
    """The bucket that the outputs name does not exist, or not for these credentials."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"There is no bucket {bucket} in the account of the credentials in use.",
            "`aws sts get-caller-identity` says which account that is; the outputs may be of another, or of a"
            " stack that is gone.",
        )


class ReadingsMissingError(OpsError):
    """Readings that were acknowledged have not appeared in the lake."""

    def __init__(self, missing: int, readings: int, seconds: float) -> None:
        super().__init__(
            f"{missing:,} of {readings:,} readings are not in the lake, and none has arrived for {seconds:,.0f} s.",
            "`mlops status` says whether they wait in a queue, `mlops quarantine list` whether they were"
            " refused; then run the same command again.",
        )


def first_fault(error: "ValidationError") -> tuple[tuple[str, ...], str]:
    """Return where the first fault of a model lies, empty for the model as a whole, and what it is, in words."""
    fault = error.errors(include_input=False)[0]
    return tuple(str(part) for part in fault["loc"]), fault["msg"].removeprefix("Value error, ")
