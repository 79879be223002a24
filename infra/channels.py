"""What is measured, as an object of the data lake that functions and commands read."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws

from infra.bucket import UNTAGGED
from infra.policies import Statement, allow, objects
from mlops_core.lake import CHANNELS_PREFIX, channels_key
from mlops_core.telemetry import Channels


class ChannelDocumentArgs(TypedDict):
    """What the document of channels is made of."""

    channels: Channels
    bucket_name: pulumi.Input[str]
    """The data lake."""


class ChannelDocument(pulumi.ComponentResource):
    """The document of the stack's channels. Another set of channels is another object, and earlier ones are kept.

    Example:
        >>> document = ChannelDocument("channels", {"channels": CHANNELS, "bucket_name": lake.bucket_name})
        >>> pulumi.export("channels_key", document.key)

    """

    key: pulumi.Output[str]

    def __init__(self, name: str, args: ChannelDocumentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:lake:ChannelDocument", name, None, opts)
        document = aws.s3.BucketObjectv2(
            f"{name}-document",
            bucket=args["bucket_name"],
            key=channels_key(args["channels"].hash),
            content=args["channels"].document.decode(),
            content_type="application/json",
            override_provider=UNTAGGED,
            # Functions of the update before read theirs until they are replaced, and models name theirs for ever.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.key = document.key
        self.register_outputs({"key": self.key})


def read_channels(bucket_arn: pulumi.Input[str]) -> Statement:
    """What every function may do that knows what is measured."""
    return allow("ReadChannels", ["s3:GetObject"], objects(bucket_arn, f"{CHANNELS_PREFIX}*"))
