"""Queues between the rules and the functions: a buffer for each kind of message, and one queue for what failed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.naming import namespace
from infra.policies import compact_json

_DAY = 24 * 60 * 60
_DELIVERIES = 5
# AWS advises six times the function's timeout: time for a run, for throttled attempts before it, and some to spare.
_TIMEOUTS = 6

KeyArn = pulumi.Input[str] | None  # without one, SQS encrypts with a key of its own


class Queue(NamedTuple):
    """What others need of a queue."""

    name: pulumi.Output[str]
    url: pulumi.Output[str]
    arn: pulumi.Output[str]


def dead_letter_queue(
    name: str, parent: pulumi.Resource, kms_key_arn: KeyArn, *, account: Account, buffers: Sequence[str]
) -> Queue:
    """The queue of what failed, kept for 14 days, the most that SQS offers; only `buffers` may give up to it."""
    sources = [account.arn("sqs", _physical(buffer)) for buffer in buffers]
    return _queue(
        name,
        parent,
        kms_key_arn,
        message_retention_seconds=14 * _DAY,
        redrive_allow_policy=compact_json({"redrivePermission": "byQueue", "sourceQueueArns": sources}),
    )


def buffer_queue(
    name: str, parent: pulumi.Resource, kms_key_arn: KeyArn, *, dead_letters: Queue, timeout: int, window: int
) -> Queue:
    """A queue that a function of this timeout reads in batches gathered over `window` seconds."""
    return _queue(
        name,
        parent,
        kms_key_arn,
        message_retention_seconds=4 * _DAY,
        receive_wait_time_seconds=20,
        visibility_timeout_seconds=_TIMEOUTS * timeout + window,
        redrive_policy=compact_json({"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": _DELIVERIES}),
    )


def undelivered_queue(name: str, parent: pulumi.Resource) -> Queue:
    """The queue of events that rules could not deliver, kept for 14 days.

    SQS's own key encrypts it: the stack's key would have to let EventBridge, for any rule of the account, use it.
    """
    return _queue(name, parent, None, message_retention_seconds=14 * _DAY)


def _queue(name: str, parent: pulumi.Resource, kms_key_arn: KeyArn, **settings: Any) -> Queue:  # noqa: ANN401 - arguments of the resource, which checks them
    queue = aws.sqs.Queue(
        name,
        name=_physical(name),
        kms_master_key_id=kms_key_arn,
        kms_data_key_reuse_period_seconds=None if kms_key_arn is None else 300,
        sqs_managed_sse_enabled=True if kms_key_arn is None else None,
        opts=pulumi.ResourceOptions(parent=parent),
        **settings,
    )
    return Queue(queue.name, queue.url, queue.arn)


def _physical(name: str) -> str:
    """The name in AWS, made here because the dead-letter queue and its buffers name each other."""
    return f"{namespace()}-{name}"
