"""How models are made: four functions, the state machine that runs them one after the other, and its schedule."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import current_account
from infra.function import FunctionDefaults, PythonFunction
from infra.naming import namespace
from infra.policies import Statement, allow, compact_json, document, trust, use_key
from infra.schedule import FunctionSchedule
from infra.setting_types import FunctionName

# What the same input would end in again, by the class of the exception.
_TERMINAL = (
    "UntrainableError",
    "UnjudgeableError",
    "HeldOutRunsError",
    "FeatureMismatchError",
    "IncompleteBundleError",
    "CorruptBundleError",
    "SwappedBundleError",
    "UnsupportedBundleError",
    "UnknownModelError",
    "InvalidEnvironmentError",
    "ValidationError",
)


class TrainingArgs(TypedDict):
    """What training is made of."""

    bucket_name: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]
    """The data lake, which holds features, training sets and models."""
    label_history_table: pulumi.Input[str]
    label_history_arn: pulumi.Input[str]
    layers: Sequence[pulumi.Input[str]]
    """ARNs of the layers that together hold polars and LightGBM."""
    notice_topic_arn: pulumi.Input[str]
    """Topic that is told when no model could be made."""
    schedule_expression: str
    enabled: bool
    """Whether the schedule runs."""
    horizon_hours: int
    history_days: int
    seed: int
    timeout_seconds: int
    memory_mb: int
    reserved_concurrency: NotRequired[Mapping[FunctionName, int]]
    """Most runs of each step at once (default: no reservation)."""
    functions: NotRequired[FunctionDefaults]


class Training(pulumi.ComponentResource):
    """Training set, training, evaluation and promotion, each a function of its own, and the state machine over them.

    A step is tried again unless its error says that it would end the same; what fails for good is told to the topic.
    A promotion that lost a race is judged again, against the winner.

    Example:
        >>> training = Training("training", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn,
        ...     "label_history_table": labels.name, "label_history_arn": labels.arn,
        ...     "layers": [data_layer.arn, model_layer.arn], "notice_topic_arn": topic.arn,
        ...     "schedule_expression": "rate(7 days)", "enabled": True, "horizon_hours": 24, "history_days": 180,
        ...     "seed": 1, "timeout_seconds": 900, "memory_mb": 3008,
        ... })
        >>> pulumi.export("training_state_machine_arn", training.state_machine_arn)

    """

    steps: Mapping[str, PythonFunction]
    state_machine_arn: pulumi.Output[str]
    schedule: FunctionSchedule

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:training:Training", name, None, opts)
        self._name, self._args = name, args
        self._functions: FunctionDefaults = {**args.get("functions", {}), "layers": args["layers"]}
        self.steps = self._make_steps()
        self.state_machine_arn = self._make_state_machine().arn
        self.schedule = FunctionSchedule(
            f"{name}-schedule",
            {
                "function_arn": self.state_machine_arn,
                "action": "states:StartExecution",
                "expression": args["schedule_expression"],
                "maximum_event_age_seconds": 3600,
                "enabled": args["enabled"],
                "dead_letter_queue_arn": self._functions.get("dead_letter_queue_arn"),
                "kms_key_arn": self._functions.get("kms_key_arn"),
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"state_machine_arn": self.state_machine_arn, "schedule_name": self.schedule.name})

    def _make_steps(self) -> dict[str, PythonFunction]:
        args, lake = self._args, {"DATA_LAKE_BUCKET": self._args["bucket_name"]}
        horizon = {"PREDICTION_HORIZON_HOURS": str(args["horizon_hours"])}
        read_rows = allow("ReadTrainingSet", ["s3:GetObject"], self._objects("training/*"))
        read_models = [
            allow("ReadModels", ["s3:GetObject"], self._objects("models/*")),
            self._list("ListModels", "models/*"),
        ]
        history: dict[str, pulumi.Input[str]] = {
            "LABEL_HISTORY_TABLE": args["label_history_table"],
            "TRAINING_HISTORY_DAYS": str(args["history_days"]),
        }
        return {
            "training_set": self._step(
                "training_set",
                {**lake, **horizon, **history},
                [
                    allow("ReadFeatures", ["s3:GetObject"], self._objects("processed/features/*")),
                    self._list("ListFeatures", "processed/features/*"),
                    allow("ReadLabels", ["dynamodb:Scan"], [args["label_history_arn"]]),
                    allow("WriteTrainingSet", ["s3:PutObject"], self._objects("training/*")),
                ],
            ),
            "training": self._step(
                "training",
                {**lake, **horizon, "TRAINING_SEED": str(args["seed"])},
                [read_rows, allow("StoreModel", ["s3:PutObject"], self._objects("models/*/*"))],
            ),
            "evaluation": self._step(
                "evaluation",
                lake,
                [
                    read_rows,
                    *read_models,
                    allow("WriteVerdict", ["s3:PutObject"], self._objects("training/*")),
                ],
            ),
            "promotion": self._step(
                "promotion",
                lake,
                [*read_models, allow("MoveChampion", ["s3:PutObject"], self._objects("models/champion.json"))],
            ),
        }

    def _step(
        self, step: FunctionName, environment: Mapping[str, pulumi.Input[str]], statements: Sequence[Statement]
    ) -> PythonFunction:
        return PythonFunction(
            f"{self._name}-{_STEP_NAMES[step]}",
            {
                **self._functions,
                "handler": f"handlers.{step}.handler",
                "service": step.replace("_", "-"),
                "environment": environment,
                "statements": statements,
                "timeout_seconds": self._args["timeout_seconds"],
                "memory_mb": self._args["memory_mb"],
                "reserved_concurrency": self._args.get("reserved_concurrency", {}).get(step),
            },
            pulumi.ResourceOptions(parent=self),
        )

    def _objects(self, pattern: str) -> list[pulumi.Input[str]]:
        return [pulumi.Output.concat(self._args["bucket_arn"], "/", pattern)]

    def _list(self, sid: str, prefix: str) -> Statement:
        return allow(sid, ["s3:ListBucket"], [self._args["bucket_arn"]], {"StringLike": {"s3:prefix": [prefix]}})

    def _make_state_machine(self) -> aws.sfn.StateMachine:
        name, key = self._name, self._functions.get("kms_key_arn")
        child = pulumi.ResourceOptions(parent=self)
        account = current_account(self)
        physical = f"{namespace()}-{name}"
        functions = {step: function.arn for step, function in self.steps.items()}
        statements = [
            allow("RunSteps", ["lambda:InvokeFunction"], list(functions.values())),
            allow("TellPeople", ["sns:Publish"], [self._args["notice_topic_arn"]]),
        ]
        if key is not None:
            statements.append(use_key(key))
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust(
                "states.amazonaws.com", account=account.id, sources=[account.arn("states", f"stateMachine:{physical}")]
            ),
            opts=child,
        )
        policy = aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document(statements), opts=child)
        return aws.sfn.StateMachine(
            name,
            name=physical,
            role_arn=role.arn,
            type="STANDARD",
            definition=compact_json(_definition(functions, self._args["notice_topic_arn"])),
            tracing_configuration={"enabled": self._functions.get("tracing", False)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


_STEP_NAMES = {"training_set": "set", "training": "fit", "evaluation": "judge", "promotion": "promote"}


def _definition(functions: Mapping[str, pulumi.Input[str]], topic: pulumi.Input[str]) -> dict[str, Any]:
    """The state machine in Amazon States Language."""
    execution = {"execution.$": "$$.Execution.Name"}
    judged = {
        "version.$": "$.training.outcome.version",
        "reason.$": "$.evaluation.outcome.reason",
        "against.$": "$.evaluation.outcome.against",
    }
    started = {**execution, "started_at.$": "$$.Execution.StartTime"}
    states: dict[str, Any] = {
        "BuildTrainingSet": _task(functions, "training_set", started, "Train"),
        "Train": _task(functions, "training", execution, "Evaluate"),
        "Evaluate": _task(
            functions, "evaluation", {**execution, "version.$": "$.training.outcome.version"}, "IsItBetter"
        ),
        "IsItBetter": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.evaluation.outcome.promote", "BooleanEquals": True, "Next": "Promote"}],
            "Default": "Rejected",
        },
        "Promote": _task(functions, "promotion", judged, "Promoted", {"ChampionMovedError": "Evaluate"}),
        "Promoted": {"Type": "Succeed"},
        "Rejected": {"Type": "Succeed"},
        "Notify": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {
                "TopicArn": topic,
                "Subject": "No new model could be made",
                "Message.$": "States.Format('{}: {}', $.failure.Error, $.failure.Cause)",
                "MessageAttributes": {"about": {"DataType": "String", "StringValue": "training"}},
            },
            "ResultPath": None,
            "Retry": [_again(3)],
            "Next": "Failed",
        },
        "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
    }
    return {"StartAt": "BuildTrainingSet", "TimeoutSeconds": 7200, "States": states}


def _task(
    functions: Mapping[str, pulumi.Input[str]],
    step: str,
    payload: Mapping[str, str],
    following: str,
    caught: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    special = [{"ErrorEquals": [error], "Next": state, "ResultPath": None} for error, state in (caught or {}).items()]
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": functions[step], "Payload": payload},
        "ResultSelector": {"outcome.$": "$.Payload"},
        "ResultPath": f"$.{step}",
        "Retry": [{"ErrorEquals": [*_TERMINAL, *(caught or ())], "MaxAttempts": 0}, _again(2)],
        "Catch": [*special, {"ErrorEquals": ["States.ALL"], "Next": "Notify", "ResultPath": "$.failure"}],
        "Next": following,
    }


def _again(attempts: int) -> dict[str, Any]:
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 5,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
        "MaxAttempts": attempts,
    }
