"""How the champion is tried: a function that compares, once a week, what was predicted with what happened."""

from typing import NotRequired

import pulumi

from infra.access import FunctionSize, LabelHistoryAccess, LakeAccess, SharedFunctions
from infra.function import FunctionDefaults, PythonFunction, function_name
from infra.policies import allow, listing, objects
from infra.schedule import FunctionSchedule
from mlops_core.lake import BASELINES_PREFIX, FEATURES_PREFIX, MODELS_PREFIX, PREDICTIONS_PREFIX, TRIALS_PREFIX

_READ = (MODELS_PREFIX, BASELINES_PREFIX, PREDICTIONS_PREFIX, FEATURES_PREFIX)
_WEEKLY = "cron(30 5 ? * MON *)"


class ChampionTrialArgs(LakeAccess, LabelHistoryAccess, FunctionSize, SharedFunctions):
    """What the trial is made of."""

    notice_topic_arn: pulumi.Input[str]
    """Topic that is notified of promises that are surely not kept, and of levels that have shifted."""
    enabled: NotRequired[bool]
    """Whether the schedule runs (default: yes)."""


class ChampionTrial(pulumi.ComponentResource):
    """The function, and its schedule: Mondays, 05:30 in the plant's time zone, where training runs on a schedule.

    Example:
        >>> trial = ChampionTrial("trial", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn,
        ...     "label_history_table": labels.name, "label_history_arn": labels.arn,
        ...     "notice_topic_arn": topic.arn, "timeout_seconds": 900, "memory_mb": 3008,
        ... })
        >>> pulumi.export("trial_function_name", trial.function.name)

    """

    def __init__(self, name: str, args: ChampionTrialArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:trial:ChampionTrial", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        functions: FunctionDefaults = {**args.get("functions", {})}
        bucket, read = args["bucket_arn"], [f"{prefix}*" for prefix in _READ]
        self.function = PythonFunction(
            function_name(name, "trial"),
            {
                **functions,
                "function": "trial",
                "settings": {
                    "data_lake_bucket": args["bucket_name"],
                    "label_history_table": args["label_history_table"],
                    "notice_topic_arn": args["notice_topic_arn"],
                },
                "statements": [
                    listing("ListStored", bucket, *read, f"{TRIALS_PREFIX}*"),
                    allow("ReadStored", ["s3:GetObject"], objects(bucket, *read)),
                    allow("ReadLabels", ["dynamodb:Scan"], [args["label_history_arn"]]),
                    allow("KeepTrials", ["s3:PutObject"], objects(bucket, f"{TRIALS_PREFIX}*")),
                    allow("TellPeople", ["sns:Publish"], [args["notice_topic_arn"]]),
                ],
                "timeout_seconds": args["timeout_seconds"],
                "memory_mb": args["memory_mb"],
            },
            child,
        )
        self.schedule = FunctionSchedule(
            f"{name}-schedule",
            {
                **functions,
                "function_arn": self.function.arn,
                "expression": _WEEKLY,
                "maximum_event_age_seconds": 3600,
                "enabled": args.get("enabled", True),
            },
            child,
        )
        self.register_outputs({"function_name": self.function.name, "schedule_name": self.schedule.name})
