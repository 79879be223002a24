"""How readings become features: the processing function on its schedule, the online table, and the lake's catalogue."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NotRequired

import pulumi
import pulumi_aws as aws

from infra.access import FeaturesAccess, LabelHistoryAccess, LakeAccess, SharedFunctions
from infra.backfill import Backfill
from infra.catalogue import LakeCatalogue
from infra.channels import read_channels
from infra.function import FunctionDefaults, PythonFunction, function_name
from infra.machines import MachinesAccess, machine_settings, read_machines
from infra.monitoring import count_alarm
from infra.policies import Statement, allow, listing, objects
from infra.schedule import FunctionSchedule
from infra.setting_groups import ProcessingSettings
from infra.table import string_keyed_table
from mlops_core.alerting import DAMAGED_DATA, with_runbook
from mlops_core.lake import (
    BACKFILLS_PREFIX,
    BEGINNINGS_KEY,
    BUCKETS_PREFIX,
    CHECKPOINT_KEY,
    COMPACTED_PREFIX,
    DAMAGED_PREFIX,
    EVENT_DAYS_PREFIX,
    EVENTS_PREFIX,
    FEATURES_PREFIX,
    LAYOUT_KEY,
    NEWEST_KEY,
    RAW_PREFIX,
    REPLACED_PREFIX,
)
from mlops_core.telemetry import Channels

_RAW, _COMPACTED, _REPLACED = f"{RAW_PREFIX}*", f"{COMPACTED_PREFIX}*", f"{REPLACED_PREFIX}*"
_DAMAGED = f"{DAMAGED_PREFIX}*"
# Documents whose earlier version counts where the newest is damaged; all else is made again of the readings.
_DOCUMENTS = (BEGINNINGS_KEY, CHECKPOINT_KEY, LAYOUT_KEY)
_OUTPUTS = (f"{BUCKETS_PREFIX}*", f"{FEATURES_PREFIX}*", f"{BACKFILLS_PREFIX}*", NEWEST_KEY, *_DOCUMENTS)


class ProcessingArgs(LakeAccess, LabelHistoryAccess, SharedFunctions):
    """What processing is made of."""

    notice_topic_arn: pulumi.Input[str]
    """Topic that is notified of damaged objects."""
    machines: MachinesAccess
    """Says of what class a machine is, and so when it runs."""
    channels: Channels
    """Channels that have columns in the catalogue's feature table."""
    settings: Any
    """ProcessingSettings, or a mapping of its keys."""
    closing_grace_seconds: int
    """How long after its end an hour is closed for scheduled runs: as long as messages may wait to be ingested."""
    lake_shards: int
    allowed_lateness_hours: int
    protect: NotRequired[bool]
    """Refuse to delete the table (default: no)."""


class Processing(pulumi.ComponentResource):
    """Schedule, processing function, realtime-features table, state machine of backfills, Glue database of the lake.

    The function may read raw/ and take its objects into compacted/, read the label history, keep its own buckets,
    beginnings and checkpoint, write features and the table, have itself invoked again to go on, set aside what is
    damaged and announce it, and nothing more.

    Example:
        >>> settings = ProcessingSettings(
        ...     processing_schedule_expression="cron(5 * * * ? *)", time_window_hours=6,
        ...     feature_lengths_hours=(1, 6, 24), feature_hop_minutes=60,
        ...     processing_timeout_seconds=300, processing_memory_mb=1024,
        ...     fleet_size=0, distributed_from_machines=5000, backfill_maximum_concurrency=10,
        ... )
        >>> processing = Processing("processing", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn, "channels": CHANNELS,
        ...     "label_history_table": labels.name, "label_history_arn": labels.arn, "notice_topic_arn": topic.arn,
        ...     "machines": machines.access, "settings": settings, "closing_grace_seconds": 80, "lake_shards": 1,
        ...     "allowed_lateness_hours": 48,
        ...     "functions": {"layers": layers},
        ... })
        >>> pulumi.export("realtime_features_table_name", processing.realtime_features.name)

    """

    realtime_features: aws.dynamodb.Table
    features_access: FeaturesAccess
    """Given to the components whose functions read the newest features."""

    def __init__(self, name: str, args: ProcessingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:processing:Processing", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        functions: FunctionDefaults = {**args.get("functions", {})}
        settings = ProcessingSettings.model_validate(args["settings"])
        key = functions.get("kms_key_arn")
        self.realtime_features = string_keyed_table(
            f"{name}-realtime-features",
            {"protect": args.get("protect", False), "kms_key_arn": key},
            self,
            hash_key="machine_id",
        )
        self.features_access = {
            "realtime_features_table": self.realtime_features.name,
            "realtime_features_arn": self.realtime_features.arn,
        }
        self.function = PythonFunction(
            function_name(name, "processing"),
            {
                **functions,
                "function": "processing",
                "settings": self._variables(args, settings),
                "statements": [
                    *_lake_statements(args["bucket_arn"], counts_events=bool(settings.event_features)),
                    read_channels(args["bucket_arn"]),
                    # The scan: where the lake has no object of the newest rows yet, or a damaged one.
                    allow("ServeFeatures", ["dynamodb:PutItem", "dynamodb:Scan"], [self.realtime_features.arn]),
                    allow("ReadReturns", ["dynamodb:Scan"], [args["label_history_arn"]]),
                    read_machines(args["machines"]),
                    allow("TellPeople", ["sns:Publish"], [args["notice_topic_arn"]]),
                ],
                "timeout_seconds": settings.processing_timeout_seconds,
                "memory_mb": settings.processing_memory_mb,
                "invokes_itself": True,
            },
            child,
        )
        if (alarms := functions.get("alarm_topic_arn")) is not None:
            damaged = with_runbook(DAMAGED_DATA, "damage")
            count_alarm(f"{name}-damage", alarms, damaged, service="processing", metric="DamagedObjects", parent=self)
        self.schedule = FunctionSchedule(
            f"{name}-schedule",
            {
                **functions,
                "function_arn": self.function.arn,
                "expression": settings.processing_schedule_expression,
                "maximum_event_age_seconds": 3600,
            },
            child,
        )
        self.backfill = Backfill(
            f"{name}-backfill",
            {
                "bucket_name": args["bucket_name"],
                "bucket_arn": args["bucket_arn"],
                "function_arn": self.function.arn,
                "maximum_concurrency": _side_by_side(settings, functions),
                "functions": functions,
            },
            child,
        )
        self.catalogue = LakeCatalogue(
            f"{name}-catalogue",
            {
                "bucket_name": args["bucket_name"],
                "channels": args["channels"],
                "feature_lengths_hours": settings.feature_lengths_hours,
                "feature_hop_minutes": settings.feature_hop_minutes,
            },
            child,
        )
        self.register_outputs(
            {
                "function_name": self.function.name,
                "schedule_name": self.schedule.name,
                "realtime_features_table": self.realtime_features.name,
                "database_name": self.catalogue.database_name,
            }
        )

    def _variables(self, args: ProcessingArgs, settings: ProcessingSettings) -> Mapping[str, object]:
        return {
            "data_lake_bucket": args["bucket_name"],
            "channels_key": args.get("channels_key"),
            "dynamodb_table_name": self.realtime_features.name,
            "label_history_table": args["label_history_table"],
            **machine_settings(args["machines"]),
            "notice_topic_arn": args["notice_topic_arn"],
            "time_window": timedelta(hours=settings.time_window_hours),
            **settings.recipe,
            "closing_grace_seconds": args["closing_grace_seconds"],
            "lake_shards": args["lake_shards"],
            "allowed_lateness": timedelta(hours=args["allowed_lateness_hours"]),
        }


def _side_by_side(settings: ProcessingSettings, functions: FunctionDefaults) -> int:
    """How many units of a backfill run at once: of the runs reserved for processing one is left to the schedule."""
    reserved = functions.get("reserved_concurrency", {}).get("processing")
    most = settings.backfill_maximum_concurrency
    return most if reserved is None else max(1, min(most, reserved - 1))


def _lake_statements(bucket_arn: pulumi.Input[str], *, counts_events: bool) -> list[Statement]:
    events = [f"{EVENTS_PREFIX}*"] if counts_events else []
    outputs = [*_OUTPUTS, *([f"{EVENT_DAYS_PREFIX}*"] if counts_events else [])]
    return [
        listing("ListRawAndProcessed", bucket_arn, _RAW, _COMPACTED, _REPLACED, _DAMAGED, "processed/*", *events),
        allow(
            "ListEarlierDocuments",
            ["s3:ListBucketVersions"],
            [bucket_arn],
            {"StringLike": {"s3:prefix": list(_DOCUMENTS)}},
        ),
        allow("ReadEarlierDocuments", ["s3:GetObjectVersion"], objects(bucket_arn, *_DOCUMENTS)),
        allow("SetDamageAside", ["s3:PutObject"], objects(bucket_arn, _DAMAGED)),
        allow("ReadRaw", ["s3:GetObject"], objects(bucket_arn, _RAW, *events)),
        allow("KeepReplaced", ["s3:GetObject", "s3:PutObject"], objects(bucket_arn, _REPLACED)),
        allow("Compact", ["s3:GetObject", "s3:PutObject"], objects(bucket_arn, _COMPACTED)),
        # A delete marker: the version below it can be restored, and its bytes are kept under replaced/.
        allow("RemoveCompactedRaw", ["s3:DeleteObject"], objects(bucket_arn, _RAW)),
        # Features too: replacing an object only as it was seen (If-Match) takes permission to read it.
        allow("ReadOwnOutputs", ["s3:GetObject"], objects(bucket_arn, *outputs)),
        allow("WriteProcessed", ["s3:PutObject"], objects(bucket_arn, *outputs)),
    ]
