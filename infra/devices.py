"""What real machines may do: one policy for all of their certificates, and the group of those that this stack knows.

Machines come and go during the life of a stack, and their certificates are made from requests whose keys never
leave them, so neither is a resource of the program: `mlops machines` adds, rotates and revokes them.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import current_account
from infra.policies import compact_json

THING_NAME = "${iot:Connection.Thing.ThingName}"
"""Replaced by the broker: the thing that a connection's certificate is attached to. Without one nothing matches."""


class DevicesArgs(TypedDict):
    """What the access of machines is made of."""

    topic_prefix: str
    basic_ingest_rules: NotRequired[Sequence[str]]
    """Names of topic rules that machines may publish to directly, past the broker's price (default: none)."""


class Devices(pulumi.ComponentResource):
    """A policy under which a machine connects as itself and publishes under its own prefix, and nothing else.

    A thing's name is the machine's id. Connecting takes a certificate that is active, attached to that thing and
    attached to this policy, and the thing's name for a client id. No retained messages, no subscriptions, no shadows.
    What it publishes there that is no channel of the stack is quarantined.

    Example:
        >>> devices = Devices("devices", {"topic_prefix": "acme/machine"})
        >>> pulumi.export("device_policy_name", devices.policy_name)

    """

    policy_name: pulumi.Output[str]
    group_name: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    """Host that machines connect to by MQTT over TLS, port 8883."""

    def __init__(self, name: str, args: DevicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:devices:Devices", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = current_account(self)
        own = f"{args['topic_prefix']}/{THING_NAME}/*"
        own_topics = [own, *(f"$aws/rules/{rule}/{own}" for rule in args.get("basic_ingest_rules", ()))]
        # The broker's policies know no Sid.
        connect = {
            "Effect": "Allow",
            "Action": ["iot:Connect"],
            "Resource": [account.arn("iot", f"client/{THING_NAME}")],
            "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}},
        }
        publish = {
            "Effect": "Allow",
            "Action": ["iot:Publish"],
            "Resource": [account.arn("iot", f"topic/{topic}") for topic in own_topics],
        }
        policy = aws.iot.Policy(
            f"{name}-policy",
            policy=compact_json({"Version": "2012-10-17", "Statement": [connect, publish]}),
            opts=child,
        )
        group = aws.iot.ThingGroup(
            f"{name}-machines",
            properties={
                "description": f"Machines that publish under {args['topic_prefix']}",
                # An absent block would come back as an empty one, and be a change on every update.
                "attribute_payload": {"attributes": {"topic_prefix": args["topic_prefix"]}},
            },
            opts=child,
        )
        self.policy_name = policy.name
        self.group_name = group.name
        self.endpoint = aws.iot.get_endpoint_output(
            endpoint_type="iot:Data-ATS", opts=pulumi.InvokeOutputOptions(parent=self)
        ).endpoint_address
        self.register_outputs(
            {"policy_name": self.policy_name, "group_name": self.group_name, "endpoint": self.endpoint}
        )
