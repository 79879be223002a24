"""``mlops train``: train a model now, as the weekly schedule does, and say what came of it."""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ops.console import print_answer
from ops.errors import TrainingStuckError
from ops.options import AsJson, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    from ops.stack import Stack

LONGEST_MINUTES = 60


def train(
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only start it.")] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Train a model from what is known now, and promote it if it is better than the one that serves."""
    loaded = open_stack(stack, outputs)
    execution = start_training(loaded)
    if no_wait:
        document = {"stack": stack, "execution": execution}
        print_answer(document, f"Training has begun: {execution}", as_json=as_json)
        return
    ended = finished_training(loaded, execution)
    fate = "promoted: it serves" if ended.is_promoted else "kept, and not promoted"
    line = f"Model {ended.version} was {fate}. {ended.reason}"
    if ended.version is None:
        line = f"No model was made: {ended.reason}"
    print_answer({"stack": stack, "execution": execution, **ended.as_report()}, line, as_json=as_json)
    if ended.version is None:
        raise typer.Exit(1)


def start_training(stack: "Stack") -> str:
    """Start the state machine as its schedule does; returns the execution's ARN."""
    machine = stack.outputs.training_state_machine_arn
    return str(stack.state_machines.start_execution(stateMachineArn=machine, input="{}")["executionArn"])


def finished_training(
    stack: "Stack", execution: str, *, patience_seconds: float = LONGEST_MINUTES * 60, look_each: float = 3.0
) -> "Training":
    """Wait for an execution's end, looking each so many seconds. Raises TrainingStuckError."""
    deadline = time.monotonic() + patience_seconds
    while (ended := stack.state_machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise TrainingStuckError(execution, patience_seconds)
        time.sleep(look_each)
    return Training.of(ended)


class Training(NamedTuple):
    """How an execution of the state machine ended; without a `version`, `reason` says why no model was made."""

    version: str | None
    reason: str
    is_promoted: bool
    outcome: dict[str, Any]

    @classmethod
    def of(cls, ended: Any) -> "Training":  # noqa: ANN401 - the SDK's answer
        """Return what the answer of `describe_execution` says."""
        if ended["status"] != "SUCCEEDED":
            return cls(None, is_promoted=False, reason=_message(ended.get("cause", "")), outcome={})
        output: dict[str, Any] = json.loads(ended["output"])
        if isinstance(output.get("reason"), str):  # history does not suffice yet
            return cls(None, is_promoted=False, reason=_message(output["reason"]), outcome={})
        steps: dict[str, Any] = {step: result["outcome"] for step, result in output.items() if "outcome" in result}
        return cls(
            steps["training"]["version"],
            is_promoted="promotion" in steps,
            reason=steps["evaluation"]["reason"],
            outcome=steps,
        )

    def as_report(self) -> dict[str, object]:
        """As part of a report."""
        return {"version": self.version, "is_promoted": self.is_promoted, "reason": self.reason}


def _message(cause: str) -> str:
    """A failed function's cause is the JSON of its error."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
