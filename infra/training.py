"""How models are made: five functions, the state machine that runs them one after the other, and its schedule."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pulumi

from infra.access import LabelHistoryAccess, LakeAccess, SharedFunctions
from infra.account import current_account
from infra.channels import read_channels
from infra.function import FunctionDefaults, PythonFunction, function_name
from infra.machines import MachinesAccess, machine_settings, read_machines
from infra.policies import Statement, allow, listing, objects
from infra.schedule import FunctionSchedule
from infra.setting_groups import TrainingSettings
from infra.state_machine import state_machine
from infra.training_steps import training_definition
from mlops_core.lake import (
    BASELINES_PREFIX,
    BEGINNINGS_KEY,
    CHAMPION_KEY,
    EVENT_DAYS_PREFIX,
    EVENTS_PREFIX,
    FEATURES_PREFIX,
    MODELS_PREFIX,
    TRAINING_PREFIX,
)


class TrainingArgs(LakeAccess, LabelHistoryAccess, SharedFunctions):
    """What training is made of."""

    machines: MachinesAccess
    """The records of machines: planned maintenance is not learned from, new sensors begin anew."""
    notice_topic_arn: pulumi.Input[str]
    """Topic that is notified when no model could be made."""
    settings: Any
    """TrainingSettings, or a mapping of its keys."""


class Training(pulumi.ComponentResource):
    """Baseline, training set, training, evaluation, promotion: a function each, and the state machine over them.

    A step is tried again unless its error says that it would end the same; what fails for good goes to the topic.
    A promotion that lost a race is judged again, against the winner.

    Example:
        >>> training = Training("training", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn,
        ...     "label_history_table": labels.name, "label_history_arn": labels.arn,
        ...     "machines": machines.access,
        ...     "notice_topic_arn": topic.arn, "settings": settings, "functions": {"layers": layers},
        ... })
        >>> pulumi.export("training_state_machine_arn", training.state_machine_arn)

    """

    state_machine_arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]
    """The log of executions: every state with what went in and came out."""

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:training:Training", name, None, opts)
        self._name, self._args = name, args
        self._settings = TrainingSettings.model_validate(args["settings"])
        self._functions: FunctionDefaults = {**args.get("functions", {})}
        self.steps = self._make_steps()
        self.state_machine_arn, self.log_group_name = self._make_state_machine()
        self.schedule = FunctionSchedule(
            f"{name}-schedule",
            {
                **self._functions,
                "function_arn": self.state_machine_arn,
                "action": "states:StartExecution",
                "expression": self._settings.training_schedule_expression,
                "maximum_event_age_seconds": 3600,
                "enabled": self._settings.training_enabled,
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"state_machine_arn": self.state_machine_arn, "schedule_name": self.schedule.name})

    def _make_steps(self) -> dict[str, PythonFunction]:
        args, settings, lake = self._args, self._settings, {"data_lake_bucket": self._args["bucket_name"]}
        bucket, horizon = args["bucket_arn"], {"prediction_horizon": timedelta(hours=settings.prediction_horizon_hours)}
        read_rows = allow("ReadTrainingSet", ["s3:GetObject"], objects(bucket, f"{TRAINING_PREFIX}*"))
        read_models = [
            allow("ReadModels", ["s3:GetObject"], objects(bucket, f"{MODELS_PREFIX}*")),
            listing("ListModels", bucket, f"{MODELS_PREFIX}*"),
        ]
        history = {
            "channels_key": args.get("channels_key"),
            "label_history_table": args["label_history_table"],
            **machine_settings(args["machines"]),
            **settings.recipe,
            "training_history": timedelta(days=settings.training_history_days),
        }
        counts_events = bool(settings.event_features)
        received = [f"{EVENTS_PREFIX}*"] if counts_events else []
        kept = [BEGINNINGS_KEY, *([f"{EVENT_DAYS_PREFIX}*"] if counts_events else [])]
        return {
            "baseline": self._step(
                "baseline",
                {
                    **lake,
                    "label_history_table": args["label_history_table"],
                    **machine_settings(args["machines"]),
                    "training_history": history["training_history"],
                    "anomaly_episodes_per_machine_month": settings.anomaly_episodes_per_machine_month,
                },
                [
                    allow("ReadFeatures", ["s3:GetObject"], objects(bucket, f"{FEATURES_PREFIX}*")),
                    listing("ListFeaturesAndBaselines", bucket, f"{FEATURES_PREFIX}*", f"{BASELINES_PREFIX}*"),
                    allow("ReadLabels", ["dynamodb:Scan"], [args["label_history_arn"]]),
                    read_machines(args["machines"]),
                    allow("KeepBaselines", ["s3:GetObject", "s3:PutObject"], objects(bucket, f"{BASELINES_PREFIX}*")),
                ],
            ),
            "training_set": self._step(
                "training_set",
                {**lake, **horizon, **history},
                [
                    read_channels(args["bucket_arn"]),
                    allow("ReadFeatures", ["s3:GetObject"], objects(bucket, f"{FEATURES_PREFIX}*", *kept, *received)),
                    listing("ListFeatures", bucket, f"{FEATURES_PREFIX}*", *kept, *received),
                    allow("KeepBeginnings", ["s3:PutObject"], objects(bucket, *kept)),
                    allow("ReadLabels", ["dynamodb:Scan"], [args["label_history_arn"]]),
                    read_machines(args["machines"]),
                    allow("WriteTrainingSet", ["s3:PutObject"], objects(bucket, f"{TRAINING_PREFIX}*")),
                ],
            ),
            "training": self._step(
                "training",
                {
                    **lake,
                    **horizon,
                    "training_seed": settings.training_seed,
                    "channels_key": args.get("channels_key"),
                    "actionable": timedelta(hours=settings.actionable_hours),
                    "false_episodes_per_machine_month": settings.false_episodes_per_machine_month,
                },
                [
                    read_rows,
                    read_channels(args["bucket_arn"]),
                    allow("StoreModel", ["s3:PutObject"], objects(bucket, f"{MODELS_PREFIX}*/*")),
                ],
            ),
            "evaluation": self._step(
                "evaluation",
                lake,
                [
                    read_rows,
                    *read_models,
                    allow("WriteVerdict", ["s3:PutObject"], objects(bucket, f"{TRAINING_PREFIX}*")),
                ],
            ),
            "promotion": self._step(
                "promotion",
                lake,
                [*read_models, allow("MoveChampion", ["s3:PutObject"], objects(bucket, CHAMPION_KEY))],
            ),
        }

    def _step(self, step: str, settings: Mapping[str, object], statements: Sequence[Statement]) -> PythonFunction:
        # The alarm on executions covers a step that fails for good; the baseline's failure alone ends none.
        alarm_topic = self._functions.get("alarm_topic_arn") if step == "baseline" else None
        return PythonFunction(
            function_name(self._name, step),
            {
                **self._functions,
                "alarm_topic_arn": alarm_topic,
                "function": step,
                "settings": settings,
                "statements": statements,
                "timeout_seconds": self._settings.training_timeout_seconds,
                "memory_mb": self._settings.training_memory_mb,
            },
            pulumi.ResourceOptions(parent=self),
        )

    def _make_state_machine(self) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        account, topic = current_account(self), self._args["notice_topic_arn"]
        steps = {step: function.arn for step, function in self.steps.items()}
        return state_machine(
            self._name,
            self,
            account,
            self._functions,
            definition=training_definition(steps, topic, account.integration),
            statements=[
                allow("RunSteps", ["lambda:InvokeFunction"], list(steps.values())),
                allow("TellPeople", ["sns:Publish"], [topic]),
            ],
        )
