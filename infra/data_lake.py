"""The bucket that holds all data: raw readings, failure events, quarantine, features, and later models."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.access import LakeAccess
from infra.account import current_account
from infra.bucket import PrivateBucket
from infra.channels import ChannelDocument
from infra.policies import Statement
from mlops_core.lake import (
    BACKFILLS_PREFIX,
    COMPACTED_PREFIX,
    EVENTS_PREFIX,
    PAGE_KEY,
    QUARANTINE_PREFIX,
    RAW_PREFIX,
    REPLACED_PREFIX,
    TRAINING_PREFIX,
)
from mlops_core.telemetry import CHANNELS, Channels

Rule = aws.s3.BucketLifecycleConfigurationRuleArgsDict

_RECEIVED = (RAW_PREFIX, REPLACED_PREFIX, EVENTS_PREFIX, QUARANTINE_PREFIX)
# Readings as received, as compacted, and the bytes that compaction replaced; failure events are their labels.
_READINGS = (RAW_PREFIX, COMPACTED_PREFIX, REPLACED_PREFIX, EVENTS_PREFIX)
_ABANDONED_UPLOAD_DAYS = 7
_NONCURRENT_DAYS = 30
_INFREQUENT_ACCESS_DAYS = 90
_ACCESS_LOG_DAYS = 400
_TRAINING_DAYS = 90  # as long as Step Functions keeps the execution that they belong to; what was decided is in models/
_PAGE_DAYS = 7  # of a snapshot that none has replaced; one that was replaced outlives every link to it
_BACKFILL_DAYS = 30  # within which one that failed can be begun again


class DataLakeArgs(TypedDict):
    """What a data lake is made of; everything has a safe default."""

    bucket_name: NotRequired[str | None]
    """Name of the bucket; without it Pulumi makes a unique one."""
    raw_retention_days: NotRequired[int]
    """Days after which readings (raw/, compacted/, replaced/) and events/ expire; 0 (the default) keeps them."""
    quarantine_retention_days: NotRequired[int]
    """Days after which quarantine/ expires; 0 (the default) keeps it."""
    kms_key_arn: NotRequired[pulumi.Input[str] | None]
    """Key that encrypts the objects; without it S3's own keys do."""
    access_logging: NotRequired[bool]
    """Keep server access logs in a bucket of their own (default: no)."""
    channels: NotRequired[Channels]
    """What is measured (default: the channels out of the box)."""
    protect: NotRequired[bool]
    """Refuse to delete the bucket, and keep it when the stack is destroyed (default: no, and it is emptied)."""


class DataLake(pulumi.ComponentResource):
    """A private, encrypted, versioned bucket that expires what has served its time.

    Example:
        >>> lake = DataLake("data-lake", {"raw_retention_days": 365, "quarantine_retention_days": 90})
        >>> pulumi.export("data_lake_bucket", lake.bucket_name)

    """

    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    access: LakeAccess
    """Given to the components whose functions read or write it."""

    def __init__(self, name: str, args: DataLakeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:lake:DataLake", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = PrivateBucket(
            name,
            {
                "bucket_name": args.get("bucket_name"),
                "kms_key_arn": args.get("kms_key_arn"),
                "protect": args.get("protect", False),
                "statements": _write_once,
            },
            child,
        )
        self.bucket_name = bucket.bucket_name
        self.bucket_arn = bucket.bucket_arn
        document = ChannelDocument(
            f"{name}-channels",
            {"channels": args.get("channels", CHANNELS), "bucket_name": bucket.bucket_name},
            child,
        )
        self.access = {
            "bucket_name": bucket.bucket_name,
            "bucket_arn": bucket.bucket_arn,
            "channels_key": document.key,
        }
        _lifecycle(f"{name}-lifecycle", bucket, _lake_rules(args), child)
        if args.get("access_logging", False):
            self._log_access(name, protect=args.get("protect", False))
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})

    def _log_access(self, name: str, *, protect: bool) -> None:
        child = pulumi.ResourceOptions(parent=self)
        account = current_account(self)

        def delivery(log_bucket_arn: pulumi.Output[str]) -> list[Statement]:
            return [
                Statement(
                    Sid="DeliverAccessLogs",
                    Effect="Allow",
                    Principal={"Service": "logging.s3.amazonaws.com"},
                    Action=["s3:PutObject"],
                    Resource=[pulumi.Output.concat(log_bucket_arn, "/*")],
                    Condition={
                        "ArnEquals": {"aws:SourceArn": self.bucket_arn},
                        "StringEquals": {"aws:SourceAccount": account.id},
                    },
                )
            ]

        logs = PrivateBucket(f"{name}-access-logs", {"protect": protect, "statements": delivery}, child)
        _lifecycle(f"{name}-access-logs-lifecycle", logs, [_expiration("", _ACCESS_LOG_DAYS)], child)
        aws.s3.BucketLogging(
            f"{name}-logging",
            bucket=self.bucket_name,
            target_bucket=logs.bucket_name,
            target_prefix="data-lake/",
            opts=child,
        )


def _write_once(bucket_arn: pulumi.Output[str]) -> list[Statement]:
    """What was received is created and never replaced: a put that would overwrite (no If-None-Match) is refused."""
    return [
        Statement(
            Sid="ReceivedIsWrittenOnce",
            Effect="Deny",
            Principal="*",
            Action=["s3:PutObject"],
            Resource=[pulumi.Output.concat(bucket_arn, f"/{prefix}*") for prefix in _RECEIVED],
            # The parts of a large upload carry no condition; the request that completes it does.
            Condition={"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        )
    ]


def _lake_rules(args: DataLakeArgs) -> list[Rule]:
    raw_days, quarantine_days = args.get("raw_retention_days", 0), args.get("quarantine_retention_days", 0)
    rules: list[Rule] = [
        *(_expiration(prefix, raw_days) for prefix in _READINGS if raw_days),
        *([_expiration(QUARANTINE_PREFIX, quarantine_days)] if quarantine_days else []),
        _expiration(TRAINING_PREFIX, _TRAINING_DAYS),
        _expiration(BACKFILLS_PREFIX, _BACKFILL_DAYS),
        {**_expiration(PAGE_KEY, _PAGE_DAYS), "noncurrent_version_expiration": {"noncurrent_days": 2}},
    ]
    if raw_days == 0 or raw_days > _INFREQUENT_ACCESS_DAYS:
        rules.append(
            {
                "id": "replaced-seldom-read",
                "status": "Enabled",
                "filter": {"prefix": REPLACED_PREFIX},
                "transitions": [{"days": _INFREQUENT_ACCESS_DAYS, "storage_class": "STANDARD_IA"}],
            }
        )
    return rules


def _expiration(prefix: str, days: int) -> Rule:
    name = prefix.rstrip("/") or "everything"
    return {"id": f"{name}-expires", "status": "Enabled", "filter": {"prefix": prefix}, "expiration": {"days": days}}


def _lifecycle(name: str, bucket: PrivateBucket, rules: list[Rule], opts: pulumi.ResourceOptions) -> None:
    leftovers: Rule = {
        "id": "leftovers",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": _ABANDONED_UPLOAD_DAYS},
        "noncurrent_version_expiration": {"noncurrent_days": _NONCURRENT_DAYS},
    }
    aws.s3.BucketLifecycleConfiguration(name, bucket=bucket.bucket_name, rules=[leftovers, *rules], opts=opts)
