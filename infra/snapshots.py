"""How the fleet's page is kept as a file: a function that reads the stack on a schedule and writes one object."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NotRequired

import pulumi

from infra.access import FunctionSize, LakeAccess, SharedFunctions
from infra.function import FunctionDefaults, PythonFunction, function_name
from infra.policies import allow, listing, objects
from infra.schedule import FunctionSchedule
from mlops_core.lake import (
    CHANNELS_PREFIX,
    CHECKPOINT_KEY,
    COMPACTED_PREFIX,
    FEATURES_PREFIX,
    FLEET_PREFIX,
    MODELS_PREFIX,
    NEWEST_KEY,
    PAGE_KEY,
    QUARANTINE_PREFIX,
    RAW_PREFIX,
)

_LISTED: Final = (
    CHECKPOINT_KEY,
    NEWEST_KEY,
    *(
        f"{prefix}*"
        for prefix in (
            FEATURES_PREFIX, RAW_PREFIX, COMPACTED_PREFIX, FLEET_PREFIX, MODELS_PREFIX, QUARANTINE_PREFIX,
        )
    ),
)  # fmt: skip
"""What the page is read from."""


class PageSnapshotArgs(LakeAccess, FunctionSize, SharedFunctions):
    """What snapshots are made of."""

    table_names: Mapping[str, pulumi.Input[str]]
    """The tables that are read, by the fields of the function's settings that name them."""
    table_arns: Sequence[pulumi.Input[str]]
    feature_lengths_hours: Sequence[int]
    silent_after_hours: int
    """Hours after which a channel that says nothing is silent."""
    schedule_expression: str
    """How often the page is kept: rate(...), cron(...) or at(...)."""
    enabled: NotRequired[bool]
    """Whether the schedule runs (default: yes)."""


class PageSnapshot(pulumi.ComponentResource):
    """The function that keeps the page, and its schedule. The lake's bucket is private: who may read it may see it.

    Example:
        >>> page = PageSnapshot("page", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn,
        ...     "table_names": {
        ...         "alarms_table": "alarms", "label_history_table": "labels", "machines_table": "machines",
        ...         "machine_state_table": "states", "dynamodb_table_name": "features",
        ...         "predictions_table": "predictions",
        ...     },
        ...     "table_arns": ["arn:aws:dynamodb:eu-west-1:123456789012:table/*"],
        ...     "feature_lengths_hours": [1, 6, 24], "silent_after_hours": 1,
        ...     "schedule_expression": "rate(1 hour)", "timeout_seconds": 300, "memory_mb": 1024,
        ... })
        >>> pulumi.export("snapshot_function_name", page.function.name)

    """

    def __init__(self, name: str, args: PageSnapshotArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:page:PageSnapshot", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        functions: FunctionDefaults = {**args.get("functions", {})}
        self.function = PythonFunction(
            function_name(name, "snapshot"),
            {
                **functions,
                "function": "snapshot",
                "settings": {
                    "stack_name": pulumi.get_stack(),
                    "data_lake_bucket": args["bucket_name"],
                    "channels_key": args.get("channels_key"),
                    **args["table_names"],
                    "feature_lengths": tuple(timedelta(hours=hours) for hours in args["feature_lengths_hours"]),
                    "silent_after": timedelta(hours=args["silent_after_hours"]),
                },
                "statements": [
                    listing("ListStored", args["bucket_arn"], *_LISTED),
                    allow("ReadStored", ["s3:GetObject"], objects(args["bucket_arn"], *_LISTED, f"{CHANNELS_PREFIX}*")),
                    allow("ReadTables", ["dynamodb:Scan"], args["table_arns"]),
                    allow("KeepPage", ["s3:PutObject"], objects(args["bucket_arn"], PAGE_KEY)),
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
                "expression": args["schedule_expression"],
                "maximum_event_age_seconds": 3600,
                "enabled": args.get("enabled", True),
            },
            child,
        )
        self.register_outputs({"function_name": self.function.name, "schedule_name": self.schedule.name})
