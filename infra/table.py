"""A DynamoDB table as ours are: paid by the request, restorable to any second of 35 days, protected on demand."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class TableOptions(TypedDict):
    """What the tables of a stack have in common."""

    protect: NotRequired[bool]
    """Refuse to delete the table, and keep it when the stack is destroyed (default: no)."""
    kms_key_arn: NotRequired[pulumi.Input[str] | None]
    """Key that encrypts it; without it DynamoDB's own key does."""


def string_keyed_table(
    name: str,
    options: TableOptions,
    parent: pulumi.Resource,
    *,
    hash_key: str,
    range_key: str | None = None,
    expires: str | None = None,
    has_stream: bool = False,
) -> aws.dynamodb.Table:
    """A table whose keys are strings; an item is deleted after the Unix time that its attribute `expires` holds.

    has_stream: whether each change is kept for a day as a record of the item before and after it.
    """
    protect, key = options.get("protect", False), options.get("kms_key_arn")
    keys = [hash_key] if range_key is None else [hash_key, range_key]
    return aws.dynamodb.Table(
        name,
        attributes=[{"name": key, "type": "S"} for key in keys],
        hash_key=hash_key,
        range_key=range_key,
        billing_mode="PAY_PER_REQUEST",
        point_in_time_recovery={"enabled": True},
        stream_enabled=True if has_stream else None,
        stream_view_type="NEW_AND_OLD_IMAGES" if has_stream else None,
        ttl=None if expires is None else {"attribute_name": expires, "enabled": True},
        server_side_encryption=None if key is None else {"enabled": True, "kms_key_arn": key},
        deletion_protection_enabled=protect,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect, retain_on_delete=protect),
    )
