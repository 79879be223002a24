"""The state machine of training in Amazon States Language: five steps, and a failure path that announces why.

```
FitBaseline (whatever comes of it)
      v
BuildTrainingSet -> Train -> Evaluate -> IsItBetter -> Promote -> Promoted
                             ^       |           |         |
                             |       |           v         |
                             |       |       Rejected      |
                             +-------|---------------------+ another promotion came first: judge against that one
what fails for good, anywhere        v
IsThereAMessage -> ReadError -> TakeMessage | TakeCause | TakeNothing -> Notify -> IsItAFault -> Failed | CannotLearnYet
```
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pulumi

from infra.step_retries import again, never
from mlops_core.alerting import NO_REASON, TRAINING_FAILED_SUBJECT, TRAINING_FAILED_TEXT


def training_definition(
    functions: Mapping[str, pulumi.Input[str]],
    topic: pulumi.Input[str],
    integration: Callable[[str], pulumi.Input[str]],
) -> dict[str, Any]:
    """Return the definition over the steps' function ARNs; `topic` gets what fails for good.

    `integration` names a call of AWS in its partition, such as lambda:invoke.

    A step is tried again unless its error says that it would end the same. A promotion that lost a race is judged
    again, against the winner.
    """
    task = partial(_task, functions, integration("lambda:invoke"))
    execution = {"execution.$": "$$.Execution.Name"}
    judged = {
        "version.$": "$.training.outcome.version",
        "reason.$": "$.evaluation.outcome.reason",
        "against.$": "$.evaluation.outcome.against",
    }
    started = {**execution, "started_at.$": "$$.Execution.StartTime"}
    # A baseline that could not be made keeps no model from being made: its function's own alarm reports it.
    baseline = task("baseline", started, "BuildTrainingSet")
    regardless = {"ErrorEquals": ["States.ALL"], "Next": "BuildTrainingSet", "ResultPath": "$.baseline_failure"}
    states: dict[str, Any] = {
        "FitBaseline": {**baseline, "Catch": [regardless]},
        "BuildTrainingSet": task("training_set", started, "Train"),
        "Train": task("training", execution, "Evaluate"),
        "Evaluate": task("evaluation", {**execution, "version.$": "$.training.outcome.version"}, "IsItBetter"),
        "IsItBetter": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.evaluation.outcome.promote", "BooleanEquals": True, "Next": "Promote"}],
            "Default": "Rejected",
        },
        "Promote": task("promotion", judged, "Promoted", {"ChampionMovedError": "Evaluate"}),
        "Promoted": {"Type": "Succeed"},
        "Rejected": {"Type": "Succeed"},
        **_tell_why(topic, integration("sns:publish")),
        # That history does not suffice yet is what a young stack is to expect: a result, and no fault to be alarmed of.
        "IsItAFault": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.failure.Error", "StringEquals": "UntrainableError", "Next": "CannotLearnYet"},
            ],
            "Default": "Failed",
        },
        "CannotLearnYet": {"Type": "Pass", "Parameters": {"reason.$": "$.message"}, "End": True},
        "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.message"},
    }
    return {"StartAt": "FitBaseline", "TimeoutSeconds": 7200, "States": states}


def _tell_why(topic: pulumi.Input[str], publish: pulumi.Input[str]) -> dict[str, Any]:
    """States that announce the message of a function's error, or the bare cause, as of a timeout."""
    has_cause = {"Variable": "$.failure.Cause", "IsPresent": True}
    return {
        "IsThereAMessage": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [has_cause, {"Variable": "$.failure.Cause", "StringMatches": '{*"errorMessage":*}'}],
                    "Next": "ReadError",
                },
                {**has_cause, "Next": "TakeCause"},
            ],
            "Default": "TakeNothing",
        },
        "ReadError": {
            "Type": "Pass",
            "Parameters": {"error.$": "States.StringToJson($.failure.Cause)"},
            "ResultPath": "$.read",
            "Next": "TakeMessage",
        },
        "TakeMessage": {
            "Type": "Pass",
            "InputPath": "$.read.error.errorMessage",
            "ResultPath": "$.message",
            "Next": "Notify",
        },
        "TakeCause": {"Type": "Pass", "InputPath": "$.failure.Cause", "ResultPath": "$.message", "Next": "Notify"},
        "TakeNothing": {"Type": "Pass", "Result": NO_REASON, "ResultPath": "$.message", "Next": "Notify"},
        "Notify": {
            "Type": "Task",
            "Resource": publish,
            "Parameters": {
                "TopicArn": topic,
                "Subject": TRAINING_FAILED_SUBJECT,
                "Message.$": (
                    f"States.Format('{TRAINING_FAILED_TEXT}', $.failure.Error, $.message, $$.Execution.Name)"
                ),
                "MessageAttributes": {"about": {"DataType": "String", "StringValue": "training"}},
            },
            "ResultPath": None,
            "Retry": [again(3)],
            "Next": "IsItAFault",
        },
    }


def _task(
    functions: Mapping[str, pulumi.Input[str]],
    invoke: pulumi.Input[str],
    step: str,
    payload: Mapping[str, str],
    following: str,
    caught: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    special = [{"ErrorEquals": [error], "Next": state, "ResultPath": None} for error, state in (caught or {}).items()]
    return {
        "Type": "Task",
        "Resource": invoke,
        "Parameters": {"FunctionName": functions[step], "Payload": payload},
        "ResultSelector": {"outcome.$": "$.Payload"},
        "ResultPath": f"$.{step}",
        "Retry": [never(*(caught or ())), again(2)],
        "Catch": [*special, {"ErrorEquals": ["States.ALL"], "Next": "IsThereAMessage", "ResultPath": "$.failure"}],
        "Next": following,
    }
