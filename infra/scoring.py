"""How the fleet is watched: the scoring function, run whenever processing commits, and its table."""

from datetime import timedelta
from typing import NotRequired

import pulumi
import pulumi_aws as aws

from infra.account import current_account
from infra.alerting import alarm_settings, alarm_statements
from infra.function import FunctionDefaults, PythonFunction, function_name
from infra.inference import ServingArgs, serving_of, serving_settings, serving_statements
from infra.machines import read_machines
from infra.monitoring import count_alarm
from infra.policies import allow, compact_json, objects
from infra.table import string_keyed_table
from mlops_core.alerting import CHAMPION_REFUSED, DAMAGED_DATA, SILENT_CHANNELS, with_runbook
from mlops_core.lake import CHECKPOINT_KEY, FLEET_PREFIX, FRESHNESS_KEY, NEWEST_KEY, PREDICTIONS_PREFIX

# What a run counts, by the alarm that is on above none: the metric, and the alarm's description.
_COUNTED = {
    "silence": ("SilentChannels", with_runbook(SILENT_CHANNELS, "silence")),
    "refused": ("ModelsRefused", with_runbook(CHAMPION_REFUSED, "champion-refused")),
    "damage": ("DamagedItems", with_runbook(DAMAGED_DATA, "damage")),
}


class ScoringArgs(ServingArgs):
    """What scoring is made of."""

    escalate_after_hours: NotRequired[int]
    """Hours without acknowledgement after which a reminder is sent (default, and 0: never)."""
    timeout_seconds: int
    protect: NotRequired[bool]
    """Refuse to delete the table (default: no)."""


class Scoring(pulumi.ComponentResource):
    """Predictions of the whole fleet after each scheduled run of processing, and a message for each change of state.

    The bucket notifies EventBridge of the checkpoint, which moves when features are committed; this starts it.

    Example:
        >>> scoring = Scoring("scoring", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn,
        ...     "realtime_features_table": features.name, "realtime_features_arn": features.arn,
        ...     "alarms": alerting.access, "label_history_table": labels.name, "label_history_arn": labels.arn,
        ...     "machines": machines.access, "settings": settings, "timeout_seconds": 120,
        ...     "functions": {"layers": layers},
        ... })
        >>> pulumi.export("predictions_table_name", scoring.predictions.name)

    """

    predictions: aws.dynamodb.Table
    rule_name: pulumi.Output[str]

    def __init__(self, name: str, args: ScoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:scoring:Scoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        functions: FunctionDefaults = {**args.get("functions", {})}
        self.predictions = string_keyed_table(
            f"{name}-predictions",
            {"protect": args.get("protect", False), "kms_key_arn": functions.get("kms_key_arn")},
            self,
            hash_key="machine_id",
        )
        self.function = PythonFunction(
            function_name(name, "scoring"),
            {
                **functions,
                "function": "scoring",
                "settings": {
                    **serving_settings(args),
                    "predictions_table": self.predictions.name,
                    **alarm_settings(args["alarms"]),
                    "escalate_after": timedelta(hours=hours) if (hours := args.get("escalate_after_hours")) else None,
                },
                "statements": [
                    *serving_statements(args, listed=[CHECKPOINT_KEY, FRESHNESS_KEY, NEWEST_KEY, f"{FLEET_PREFIX}*"]),
                    allow("ReadNewest", ["s3:GetObject"], objects(args["bucket_arn"], NEWEST_KEY)),
                    # Where the lake has no such object yet, or a damaged one.
                    allow("ReadFeatures", ["dynamodb:Scan"], [args["realtime_features_arn"]]),
                    # Scores of earlier programs: read where there is no object of them yet.
                    allow("ReadOlderScores", ["dynamodb:Scan"], [self.predictions.arn]),
                    allow("ReadLabels", ["dynamodb:Scan"], [args["label_history_arn"]]),
                    read_machines(args["machines"]),
                    allow("KeepHistory", ["s3:PutObject"], objects(args["bucket_arn"], f"{PREDICTIONS_PREFIX}*")),
                    # A conditional replacement (If-Match) takes both.
                    allow(
                        "KeepScores", ["s3:GetObject", "s3:PutObject"], objects(args["bucket_arn"], f"{FLEET_PREFIX}*")
                    ),
                    *alarm_statements(args["alarms"], reads=("dynamodb:GetItem", "dynamodb:Scan")),
                    # Watching for silence takes how far processing has come, and what was known of each channel.
                    allow("ReadCheckpoint", ["s3:GetObject"], objects(args["bucket_arn"], CHECKPOINT_KEY)),
                    allow(
                        "KeepFreshness", ["s3:GetObject", "s3:PutObject"], objects(args["bucket_arn"], FRESHNESS_KEY)
                    ),
                ],
                "timeout_seconds": args["timeout_seconds"],
                "memory_mb": serving_of(args).inference_memory_mb,
            },
            child,
        )
        if (alarms := functions.get("alarm_topic_arn")) is not None:
            for what, (metric, description) in _COUNTED.items():
                count_alarm(f"{name}-{what}", alarms, description, service="scoring", metric=metric, parent=self)
        self.rule_name = self._run_when_committed(name, args)
        self.register_outputs({"function_name": self.function.name, "predictions_table": self.predictions.name})

    def _run_when_committed(self, name: str, args: ScoringArgs) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            description="Processing has committed features",
            event_pattern=compact_json(
                {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {"bucket": {"name": [args["bucket_name"]]}, "object": {"key": [CHECKPOINT_KEY]}},
                }
            ),
            opts=child,
        )
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            action="lambda:InvokeFunction",
            function=self.function.name,
            principal="events.amazonaws.com",
            source_account=current_account(self).id,
            source_arn=rule.arn,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            arn=self.function.arn,
            retry_policy={"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 10},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
        return rule.name
