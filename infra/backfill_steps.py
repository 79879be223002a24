"""The state machine of a backfill in Amazon States Language: hours side by side, then pieces of rows, then the end.

```
PlanHours -> AreThereHours -> BuildHours (Distributed Map: BuildHour) -> PlanPieces
                  | none                                                    ^  |
                  +---------------------------------------------------------+  v
Done <- IsItFinished <- Finish <- AreTherePieces <- ...  ComputePieces (Distributed Map: ComputePiece)
             |            ^
             +------------+ time ran out
```

Every unit may be tried again and done twice. An execution that fails is begun again under the same job, and does what
is left.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pulumi

from contract.backfill import HOURS, PIECES
from infra.step_retries import again, again_when_busy, never


def backfill_definition(
    function: pulumi.Input[str],
    bucket: pulumi.Input[str],
    integration: Callable[[str], pulumi.Input[str]],
    *,
    maximum_concurrency: int,
) -> dict[str, Any]:
    """Return the definition over the processing function, which does each step; lists of units lie in the bucket.

    `integration` names a call of AWS in its partition, such as lambda:invoke. The input is `job`, `start` and `end`.
    No more than so many units are under way at once.
    """
    invoke = partial(_invocation, integration("lambda:invoke"), function)
    task = partial(_task, invoke)
    units = partial(_map, _reader(integration("s3:getObject"), bucket), maximum_concurrency)
    job, span = {"job.$": "$.job"}, {"start.$": "$.start", "end.$": "$.end"}
    planned = {"start.$": "$.start", "end.$": "$.progress.outcome.end"}
    progress = {
        f"{name}.$": f"$.progress.outcome.{name}" for name in ("end", "reached", "feature_rows", "online_written")
    }
    states: dict[str, Any] = {
        "PlanHours": task({"step": "plan_hours", **job, **span}, "AreThereHours"),
        "AreThereHours": _choice("$.progress.outcome.count", {"NumericEquals": 0, "Next": "PlanPieces"}, "BuildHours"),
        "BuildHours": units(
            HOURS,
            {"step": "build_hour", **job, "hour.$": "$$.Map.Item.Value.hour"},
            ("BuildHour", invoke()),
            "PlanPieces",
        ),
        "PlanPieces": task({"step": "plan_pieces", **job, **planned}, "AreTherePieces"),
        "AreTherePieces": _choice("$.progress.outcome.count", {"NumericEquals": 0, "Next": "Finish"}, "ComputePieces"),
        "ComputePieces": units(
            PIECES,
            {
                "step": "compute_piece",
                **job,
                "end.$": "$.progress.outcome.end",
                **{f"{name}.$": f"$$.Map.Item.Value.{name}" for name in ("first", "last", "shard")},
            },
            ("ComputePiece", invoke()),
            "Finish",
        ),
        "Finish": task({"step": "finish", **job, **progress}, "IsItFinished"),
        "IsItFinished": _choice("$.progress.outcome.is_complete", {"BooleanEquals": True, "Next": "Done"}, "Finish"),
        "Done": {"Type": "Succeed", "OutputPath": "$.progress.outcome"},
    }
    return {"StartAt": "PlanHours", "States": states}


def _task(invoke: Callable[..., dict[str, Any]], payload: Mapping[str, str], following: str) -> dict[str, Any]:
    return {
        **invoke(payload),
        "ResultSelector": {"outcome.$": "$.Payload"},
        "ResultPath": "$.progress",
        "Next": following,
    }


def _invocation(
    resource: pulumi.Input[str], function: pulumi.Input[str], payload: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Invoke the function with a payload (None: with what the state is given)."""
    passed = {"Payload.$": "$"} if payload is None else {"Payload": payload}
    return {
        "Type": "Task",
        "Resource": resource,
        "Parameters": {"FunctionName": function, **passed},
        "Retry": [never(), again_when_busy(20), again(3)],
    }


def _choice(variable: str, rule: Mapping[str, object], otherwise: str) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": [{"Variable": variable, **rule}], "Default": otherwise}


def _reader(resource: pulumi.Input[str], bucket: pulumi.Input[str]) -> dict[str, Any]:
    return {
        "Resource": resource,
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": bucket, "Key.$": "$.progress.outcome.key"},
    }


def _map(
    reader: Mapping[str, Any],
    maximum_concurrency: int,
    label: str,
    unit: Mapping[str, str],
    processor: tuple[str, dict[str, Any]],
    following: str,
) -> dict[str, Any]:
    """Return a Distributed Map over a list in the lake. Results are dropped: a state's output holds 256 KB."""
    name, task = processor
    return {
        "Type": "Map",
        "Label": label,
        "ItemReader": reader,
        "ItemSelector": unit,
        "MaxConcurrency": maximum_concurrency,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": name,
            "States": {name: {**task, "OutputPath": None, "End": True}},
        },
        "ResultPath": None,
        "Next": following,
    }
