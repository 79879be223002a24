"""``mlops train``: train a model now, as the weekly schedule does, and say what came of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.options import AsJson, OutputsFile, StackName

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
    from ops.console import print_json, print_line
    from ops.stack import load_stack

    loaded = load_stack(stack, outputs)
    execution = start_training(loaded)
    if no_wait:
        if as_json:
            print_json({"stack": stack, "execution": execution})
        else:
            print_line(f"Training has begun: {execution}")
        return
    ended = finished_training(loaded, execution)
    if as_json:
        print_json({"stack": stack, "execution": execution, **ended.as_report()})
    elif ended.version is None:
        print_line(f"No model was made: {ended.reason}")
    else:
        fate = "promoted: it serves" if ended.is_promoted else "kept, and not promoted"
        print_line(f"Model {ended.version} was {fate}. {ended.reason}")
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
    import time

    from ops.errors import TrainingStuckError

    deadline = time.monotonic() + patience_seconds
    while (ended := stack.state_machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise TrainingStuckError(execution, patience_seconds)
        time.sleep(look_each)
    return Training.of(ended)


class Training:
    """How an execution of the state machine ended; without a `version`, `reason` says why no model was made."""

    def __init__(self, version: str | None, *, is_promoted: bool, reason: str, outcome: dict[str, Any]) -> None:
        self.version = version
        self.is_promoted = is_promoted
        self.reason = reason
        self.outcome = outcome

    @classmethod
    def of(cls, ended: Any) -> "Training":  # noqa: ANN401 - the SDK's answer
        """Return what the answer of `describe_execution` says."""
        import json

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
    import json

    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
