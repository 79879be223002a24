"""Arguments that several components take: access to one another's resources, and what their functions share."""

from typing import NotRequired, TypedDict

import pulumi

from infra.function import FunctionDefaults


class LakeAccess(TypedDict):
    """The data lake."""

    bucket_name: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]
    channels_key: NotRequired[pulumi.Input[str]]
    """The document of channels in the lake (default: those out of the box)."""


class LabelHistoryAccess(TypedDict):
    """The table of failures, repairs and returns to service."""

    label_history_table: pulumi.Input[str]
    label_history_arn: pulumi.Input[str]


class FeaturesAccess(TypedDict):
    """The table of each machine's newest features, which says what machines there are."""

    realtime_features_table: pulumi.Input[str]
    realtime_features_arn: pulumi.Input[str]


class SharedFunctions(TypedDict):
    """What functions share; the key encrypts a component's tables and queues too, the queue takes runs that failed."""

    functions: NotRequired[FunctionDefaults]


class FunctionSize(TypedDict):
    """Time and memory of a function."""

    timeout_seconds: int
    memory_mb: int
