"""Buckets, objects, tables and the data catalogue."""

from collections.abc import Mapping
from typing import Any

from infra.local.engine.archives import content_bytes
from infra.local.engine.resources.kind import (
    ACCOUNT_ID,
    REGION,
    FollowUp,
    Kind,
    Values,
    arn,
    inside,
    named_outputs,
)

_BUCKET = {
    "id": "{bucket}",
    "arn": "arn:aws:s3:::{bucket}",
    "region": REGION,
    "bucketDomainName": "{bucket}.s3.amazonaws.com",
    "bucketRegionalDomainName": f"{{bucket}}.s3.{REGION}.amazonaws.com",
}
_DATABASE = {"id": f"{ACCOUNT_ID}:{{name}}", "arn": arn("glue", "database/{name}"), "catalogId": ACCOUNT_ID}
_CATALOGUE_TABLE = {
    "id": f"{ACCOUNT_ID}:{{databaseName}}:{{name}}",
    "arn": arn("glue", "table/{databaseName}/{name}"),
    "catalogId": ACCOUNT_ID,
}


def _bucket_setting(operation: str, rename: Mapping[str, str] | None = None) -> Kind:
    return Kind("s3", operation, {"id": "{bucket}"}, rename=rename or {})


def _notification_inputs(inputs: Values) -> dict[str, Any]:
    """EventBridge is an empty block in the API, a switch in Pulumi."""
    rest = {key: value for key, value in inputs.items() if key != "eventbridge"}
    return {**rest, "eventBridgeConfiguration": {}} if inputs.get("eventbridge") else rest


def _logging_inputs(inputs: Values) -> dict[str, Any]:
    target = {key: value for key, value in inputs.items() if key != "bucket"}
    return {"bucket": inputs["bucket"], "bucketLoggingStatus": {"loggingEnabled": target}}


# Of an object: its content goes as the body, and it has no tags.
_NOT_SENT = frozenset({"source", "content", "overrideProvider"})


def _object_inputs(inputs: Values) -> dict[str, Any]:
    body = content_bytes(inputs["source"]) if "source" in inputs else str(inputs.get("content", "")).encode()
    return {**{key: value for key, value in inputs.items() if key not in _NOT_SENT}, "body": body}


def _table_inputs(inputs: Values) -> dict[str, Any]:
    keys = [{"attributeName": inputs["hashKey"], "keyType": "HASH"}]
    if inputs.get("rangeKey"):
        keys.append({"attributeName": inputs["rangeKey"], "keyType": "RANGE"})
    return {**{key: value for key, value in inputs.items() if key not in {"hashKey", "rangeKey"}}, "keySchema": keys}


_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_DATABASE_INPUTS = ("name", "description", "locationUri", "parameters")
_TABLE_INPUTS = ("name", "description", "owner", "tableType", "parameters", "partitionKeys", "storageDescriptor")

KINDS: Mapping[str, Kind] = {
    "aws:s3/bucket:Bucket": Kind(
        "s3",
        "create_bucket",
        _BUCKET,
        named="bucket",
        ignore=frozenset({"forceDestroy"}),
        then={
            "tags": FollowUp(
                "put_bucket_tagging",
                lambda tags, made: {
                    "Bucket": made.inputs["bucket"],
                    "Tagging": {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]},
                },
            )
        },
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _bucket_setting("put_bucket_versioning"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket_setting(
        "put_public_access_block", inside("PublicAccessBlockConfiguration", _BLOCKS)
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket_setting(
        "put_bucket_ownership_controls", {"rule": "OwnershipControls.Rules"}
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket_setting(
        "put_bucket_encryption", {"rules": "ServerSideEncryptionConfiguration.Rules"}
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket_setting(
        "put_bucket_lifecycle_configuration", {"rules": "LifecycleConfiguration.Rules"}
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_setting("put_bucket_policy"),
    "aws:s3/bucketNotification:BucketNotification": Kind(
        "s3",
        "put_bucket_notification_configuration",
        {"id": "{bucket}"},
        rename={"eventBridgeConfiguration": "NotificationConfiguration.EventBridgeConfiguration"},
        reshape=_notification_inputs,
    ),
    "aws:s3/bucketLogging:BucketLogging": Kind("s3", "put_bucket_logging", {"id": "{bucket}"}, reshape=_logging_inputs),
    "aws:s3/bucketObjectv2:BucketObjectv2": Kind(
        "s3",
        "put_object",
        {"id": "{key}", "arn": "arn:aws:s3:::{bucket}/{key}"},
        lambda made: {"etag": made.response["ETag"].strip('"'), "versionId": made.response.get("VersionId", "")},
        ignore=frozenset({"sourceHash", "etag", "forceDestroy", "tags"}),
        reshape=_object_inputs,
    ),
    "aws:dynamodb/table:Table": Kind(
        "dynamodb",
        "create_table",
        named_outputs("dynamodb", "table/"),
        lambda made: {"streamArn": made.response["TableDescription"].get("LatestStreamArn", "")},
        named="name",
        rename={
            "name": "TableName",
            "attributes": "AttributeDefinitions",
            "attributes.name": "AttributeName",
            "attributes.type": "AttributeType",
            **{key: f"StreamSpecification.{key[0].upper()}{key[1:]}" for key in ("streamEnabled", "streamViewType")},
            "serverSideEncryption": "SSESpecification",
            "serverSideEncryption.kmsKeyArn": "KMSMasterKeyId",
        },
        reshape=_table_inputs,
        then={
            "pointInTimeRecovery": FollowUp(
                "update_continuous_backups",
                lambda recovery, made: {
                    "TableName": made.inputs["name"],
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": bool(recovery["enabled"])},
                },
            ),
            "ttl": FollowUp(
                "update_time_to_live",
                lambda ttl, made: {
                    "TableName": made.inputs["name"],
                    "TimeToLiveSpecification": {
                        "AttributeName": ttl["attributeName"],
                        "Enabled": bool(ttl["enabled"]),
                    },
                },
            ),
        },
    ),
    "aws:glue/catalogDatabase:CatalogDatabase": Kind(
        "glue", "create_database", _DATABASE, named="name", rename=inside("DatabaseInput", _DATABASE_INPUTS)
    ),
    "aws:glue/catalogTable:CatalogTable": Kind(
        "glue", "create_table", _CATALOGUE_TABLE, named="name", rename=inside("TableInput", _TABLE_INPUTS)
    ),
}
